import io
from pathlib import Path

import numpy as np
import pytest
from drawn import dense, draw, face, photographed, ruled
from PIL import Image, ImageDraw
from scipy.spatial import cKDTree
from skimage import data

from sfx.errors import InputError
from sfx.runtime.interpreter import Sketch, read_drawing
from sfx.runtime.interpreter.drawings import picture_from_array
from sfx.runtime.interpreter.ink import find_ink, measure_contrast
from sfx.runtime.interpreter.rulings import without_rulings

EXAMPLES = Path(__file__).parents[4] / "shared" / "examples"


def drawn_points(width: int, height: int) -> np.ndarray:
    """Where `draw` puts the face's lines, in canvas units."""
    shrink = min(width, height) / max(width, height)
    return dense(face()) * shrink + 128 * (1 - shrink)


def recovered(sketch: Sketch, size: tuple[int, int]) -> tuple[float, float]:
    """The share of the drawn face that the strokes run within 1.5 units of, and of the strokes that are it."""
    strokes = np.concatenate([stroke.points for stroke in sketch.strokes])
    truth = drawn_points(*size)
    return (
        float((nearest(truth, strokes) < 1.5).mean()),
        float((nearest(strokes, truth) < 1.8).mean()),
    )


def nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each point to the nearest of the others."""
    return np.asarray(cKDTree(others).query(points)[0])


def assert_recovered(picture: np.ndarray, size: tuple[int, int]) -> None:
    found, true = recovered(read_drawing(picture), size)
    assert found > 0.985, f"only {found:.3f} of the drawing was found"
    assert true > 0.985, f"{1 - true:.3f} of the strokes are none of the drawing"


def coloured(drawing: np.ndarray, ink: tuple[int, int, int], paper: tuple[int, int, int]) -> np.ndarray:
    share = drawing[:, :, None] / 255
    return (share * np.array(paper) + (1 - share) * np.array(ink)).astype(np.uint8)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((0, 0, 0), (255, 255, 255)),
        ((255, 255, 255), (0, 0, 0)),
        ((240, 225, 40), (255, 255, 255)),
        ((230, 30, 30), (0, 0, 0)),
        ((40, 60, 200), (250, 240, 215)),
        ((150, 150, 150), (255, 255, 255)),
        ((245, 245, 245), (40, 70, 50)),
        ((200, 60, 60), (60, 120, 60)),
    ],
)
def test_ink_of_any_colour_on_paper_of_any_colour(ink, paper):
    assert_recovered(coloured(draw(face(), 512, 2), ink, paper), (512, 512))


@pytest.mark.parametrize(
    ("size", "pen"), [(256, 1.2), (512, 1), (512, 3), (512, 8), (1024, 1), (2048, 1), (2048, 20)]
)
def test_pens_from_a_hair_to_a_brush(size, pen):
    assert_recovered(draw(face(), size, pen, smooth=pen > 1), (size, size))


@pytest.mark.parametrize("quality", [30, 60, 90])
def test_jpeg_noise_is_no_ink(quality):
    buffer = io.BytesIO()
    Image.fromarray(draw(face(), 512, 2)).save(buffer, "JPEG", quality=quality)
    assert_recovered(np.asarray(Image.open(buffer)), (512, 512))


def test_dust_is_no_ink():
    drawing = draw(face(), 512, 2).copy()
    specks = np.random.default_rng(0).integers(0, 512, (60, 2))
    drawing[specks[:, 0], specks[:, 1]] = 0
    clean = draw(face(), 512, 2)
    extra = find_ink(picture_from_array(drawing)) & ~find_ink(picture_from_array(clean))
    # A speck that happens to touch a line stays part of it.
    assert extra.sum() <= 6


@pytest.mark.parametrize("size", [(900, 1200), (1200, 900), (2250, 3000)])
@pytest.mark.parametrize("light_ink", [False, True])
def test_a_photo_of_paper_in_uneven_light(size, light_ink):
    photo = photographed(draw(face(), size, min(size) / 200), noise=8)
    assert_recovered(255 - photo if light_ink else photo, size)


@pytest.mark.parametrize(("size", "noise"), [(512, 6), (1000, 12), (2000, 25)])
def test_a_noisy_photo_in_poor_light(size, noise):
    assert_recovered(photographed(draw(face(), (size, size), size / 200), noise=noise), (size, size))


def test_a_photo_of_a_faint_pencil_drawing():
    drawing = 255 - (255 - draw(face(), 1200, 5).astype(int)) * 2 // 5
    assert_recovered(photographed(drawing.astype(np.uint8)), (1200, 1200))


def test_a_photo_of_a_sheet_on_a_dark_table():
    sheet = photographed(draw(face(), (1200, 1200), 6))
    table = np.random.default_rng(1).normal((90, 60, 40), 8, (1700, 1700, 3))
    photo = np.clip(table, 0, 255).astype(np.uint8)
    photo[250:1450, 250:1450] = sheet
    sketch = read_drawing(photo)
    points = np.concatenate([stroke.points for stroke in sketch.strokes])
    on_sheet = (points * 1700 / 256 - 250) * 256 / 1200
    truth = drawn_points(1200, 1200)
    assert (nearest(on_sheet, truth) < 2).mean() > 0.97
    assert (nearest(truth, on_sheet) < 2).mean() > 0.97


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("level", [160, 215])
def test_ruled_paper_is_no_ink(grid, level):
    for size, spacing in (((512, 512), 22), ((900, 1200), 40), ((1600, 1600), 75)):
        page = ruled(draw(face(), size, min(size) / 200), spacing, level, grid)
        assert_recovered(page, size)


@pytest.mark.parametrize("angle", [-5, -1.5, 3])
def test_ruled_paper_photographed_askew(angle):
    page = ruled(draw(face(), (1400, 1400), 8), 56, 195)
    turned = Image.fromarray(page).rotate(angle, Image.Resampling.BICUBIC, fillcolor=240)
    sketch = read_drawing(photographed(np.asarray(turned)))
    radians = np.radians(-angle)
    turn = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    truth = (drawn_points(1400, 1400) - 128) @ turn + 128
    points = np.concatenate([stroke.points for stroke in sketch.strokes])
    assert (nearest(points, truth) < 2).mean() > 0.97
    assert (nearest(truth, points) < 2).mean() > 0.97


def test_a_drawing_without_rulings_is_left_as_it_is():
    levels = measure_contrast(photographed(draw(face(), (1000, 1000), 5))).levels
    np.testing.assert_array_equal(without_rulings(levels), levels)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_page_is_refused(level):
    with pytest.raises(InputError, match="array: expected a line drawing, found a blank page"):
        read_drawing(np.full((500, 400), level, np.uint8))


def test_a_blank_sheet_photographed_is_refused():
    with pytest.raises(InputError, match="blank page"):
        read_drawing(photographed(np.full((900, 1200), 255, np.uint8)))


@pytest.mark.parametrize("name", ["astronaut", "camera", "coffee", "chelsea", "rocket", "coins"])
def test_a_photograph_of_a_scene_is_refused(name):
    with pytest.raises(InputError, match="photograph"):
        read_drawing(getattr(data, name)())


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the published examples are not here")
def test_photographs_of_faces_are_refused():
    for path in sorted(EXAMPLES.glob("appearance_*.png")):
        with pytest.raises(InputError, match="photograph"):
            read_drawing(path)


def test_filled_silhouettes_are_refused():
    rows, columns = np.mgrid[0:600, 0:600]
    head = np.hypot((columns - 300) / 180, (rows - 260) / 230) < 1
    shoulders = np.hypot((columns - 300) / 280, (rows - 640) / 200) < 1
    for ink in (head, head | shoulders, data.horse() == 0):
        with pytest.raises(InputError, match="filled silhouette"):
            read_drawing(np.where(ink, 0, 255).astype(np.uint8))


def test_a_pale_wash_hides_no_lines():
    drawing = coloured(draw(face(), 512, 2), (110, 110, 110), (255, 255, 255))
    drawing[40:300, 200:400] = np.minimum(drawing[40:300, 200:400], 222)
    found, _ = recovered(read_drawing(drawing), (512, 512))
    assert found > 0.98


def test_dense_strands_on_a_small_page_are_no_shading():
    side = 300
    large = Image.new("L", (4 * side, 4 * side), 255)
    pen = ImageDraw.Draw(large)
    pen.ellipse((200, 160, 1000, 1100), outline=0, width=5)
    for x in range(300, 860, 11):
        pen.line((x, 260, x + 60, 620), fill=0, width=5)
    page = np.asarray(large.resize((side, side), Image.Resampling.BOX))
    assert measure_contrast(page).even
