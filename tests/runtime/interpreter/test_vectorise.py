from pathlib import Path

import numpy as np
import pytest
from drawn import arc, curve, dense, draw, face, photographed
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from sfx.errors import InputError
from sfx.runtime.interpreter import Sketch, read_drawing, vectorise
from sfx.runtime.interpreter.drawings import picture_from_array
from sfx.runtime.interpreter.ink import find_ink

EXAMPLES = Path(__file__).parents[4] / "shared" / "examples"


def hatching(seed: int, strokes: int = 220, size: int = 512) -> np.ndarray:
    """An edge map's thicket: short wavy lines one pixel wide, many of them meeting."""
    rng = np.random.default_rng(seed)
    paths = []
    for _ in range(strokes):
        start = rng.uniform(10, 246, 2)
        turns = rng.normal(0, 0.5, 6).cumsum() + rng.uniform(0, 6.3)
        steps = rng.uniform(3, 9) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        paths.append(curve(*map(tuple, (start + np.vstack([np.zeros(2), steps.cumsum(axis=0)])).tolist())))
    return draw(paths, size, 1, smooth=False)


def plain_example(number: int) -> np.ndarray:
    path = EXAMPLES / f"sketch_{number}.png"
    if not path.is_file():
        pytest.skip("the published examples are not here")
    return np.where(np.asarray(Image.open(path)) > 0, 0, 255).astype(np.uint8)


DRAWINGS = {
    "face, one pixel": lambda: draw(face(), 512, 1, smooth=False),
    "face, two pixels": lambda: draw(face(), 512, 2, smooth=False),
    "face, smooth": lambda: draw(face(), 512, 2.5),
    "face, 300 px": lambda: draw(face(), 300, 1, smooth=False),
    "face, 2048 px": lambda: draw(face(), 2048, 9),
    "face, wide page": lambda: draw(face(), (1600, 900), 4),
    "face, photographed": lambda: photographed(draw(face(), (2250, 3000), 12)),
    "thicket 1": lambda: hatching(1),
    "thicket 2": lambda: hatching(2, 400),
    "example 1": lambda: plain_example(1),
    "example 3": lambda: plain_example(3),
}


def on_square(mask: np.ndarray) -> np.ndarray:
    """A working mask laid in the middle of the square canvas, as a sketch is."""
    side = max(mask.shape)
    square = np.zeros((side, side), bool)
    top, left = (side - mask.shape[0]) // 2, (side - mask.shape[1]) // 2
    square[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return square


def distances_to(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask)


@pytest.mark.parametrize("name", DRAWINGS)
def test_strokes_cover_the_skeleton_and_add_nothing(name):
    ink = find_ink(picture_from_array(DRAWINGS[name]()))
    skeleton = on_square(skeletonize(ink))
    drawn = vectorise(ink).mask(512, 1)
    assert (distances_to(drawn)[skeleton] <= 1.5).mean() >= 0.98
    assert distances_to(skeleton)[drawn].max() <= 2.0


@pytest.mark.parametrize("pen", [6, 10, 14])
def test_a_thick_brush_is_traced_along_its_middle(pen):
    paths = [arc(128, 128, 90, 90, 0, 300), curve((60, 60), (128, 90), (196, 60)), arc(128, 170, 40, 22)]
    points = np.concatenate([s.points for s in read_drawing(draw(paths, 512, pen)).strokes])
    truth = dense(paths)
    assert cKDTree(truth).query(points)[0].max() < 2.5
    assert np.quantile(cKDTree(points).query(truth)[0], 0.97) < 2


@pytest.mark.parametrize("pen", [2, 5, 9])
def test_a_rough_brush_leaves_no_whiskers(pen):
    rng = np.random.default_rng(0)
    smooth = draw([curve((20, 120), (90, 60), (170, 190), (236, 120))], 512, pen).astype(float)
    rough = ndimage.gaussian_filter(
        smooth + ndimage.gaussian_filter(rng.normal(0, 1, smooth.shape), 1.2) * 120, 0.7
    )
    assert len(vectorise(rough < 128).strokes) <= 1 + (ndimage.label(rough < 128, np.ones((3, 3)))[1] - 1)


def agreement(one: Sketch, other: Sketch, within: float) -> float:
    masks = one.mask(1024, 1), other.mask(1024, 1)
    return min(float((distances_to(b)[a] <= within * 4).mean()) for a, b in (masks, masks[::-1]))


@pytest.mark.parametrize("pen", [1.0, 2.0, 4.0])
def test_the_pixel_size_of_a_drawing_does_not_matter(pen):
    reference = read_drawing(draw(face(), 512, pen))
    for size in (300, 1024, 2048):
        sketch = read_drawing(draw(face(), size, pen * size / 512))
        assert agreement(sketch, reference, 1.0) > 0.99, size
        assert abs(len(sketch.strokes) - len(reference.strokes)) <= 6, size


@pytest.mark.parametrize("seed", [1, 2])
def test_the_pixel_size_of_a_thicket_does_not_matter(seed):
    picture = Image.fromarray(hatching(seed))
    reference = read_drawing(np.asarray(picture))
    for size in (768, 1024, 2048):
        larger = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
        assert agreement(read_drawing(larger), reference, 1.0) > 0.99, size


@pytest.mark.parametrize("size", [250, 300, 400])
def test_a_dense_edge_map_made_small_is_still_a_drawing(size):
    dense_map = Image.fromarray(hatching(2, 400))
    for kernel in (Image.Resampling.BOX, Image.Resampling.BICUBIC):
        small = read_drawing(np.asarray(dense_map.resize((size, size), kernel)))
        # Lines that fall together when made small stay together, but none leaves its place.
        assert agreement(small, read_drawing(np.asarray(dense_map)), 2.0) > 0.97


def line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, float)


@pytest.mark.parametrize("pen", [1, 2, 5, 10])
def test_lines_that_cross_go_on_straight(pen):
    sketch = vectorise(
        draw([line((60, 40), (180, 220)), line((40, 160), (220, 90))], 512, pen, smooth=False) < 128
    )
    assert len(sketch.strokes) == 2
    lengths = sorted(stroke.length for stroke in sketch.strokes)
    assert lengths == pytest.approx([np.hypot(180, 70), np.hypot(120, 180)], rel=0.04)


@pytest.mark.parametrize("pen", [1, 3, 8])
def test_a_line_that_ends_on_another_leaves_it_whole(pen):
    sketch = vectorise(
        draw([line((30, 120), (226, 120)), line((128, 122), (140, 230))], 512, pen, smooth=False) < 128
    )
    assert sorted(round(stroke.length, -1) for stroke in sketch.strokes) == [110, 200]


@pytest.mark.parametrize("pen", [1, 2, 4])
def test_a_sharp_corner_ends_a_stroke_and_a_bend_does_not(pen):
    corner = vectorise(draw([line((40, 60), (128, 200), (216, 60))], 512, pen, smooth=False) < 128)
    assert len(corner.strokes) == 2
    tips = np.concatenate([stroke.points[[0, -1]] for stroke in corner.strokes])
    assert np.hypot(*(tips - [128, 200]).T).min() < 2 + pen / 2
    bend = vectorise(draw([arc(128, 128, 80, 60, 10, 250)], 512, pen, smooth=False) < 128)
    assert len(bend.strokes) == 1


@pytest.mark.parametrize("radius", [4, 10, 60])
def test_a_loop_stays_one_closed_stroke(radius):
    sketch = vectorise(draw([arc(128, 128, radius, radius)], 512, 2) < 128)
    assert [stroke.closed for stroke in sketch.strokes] == [True]
    assert sketch.strokes[0].length == pytest.approx(2 * np.pi * radius, rel=0.08)


def test_small_gaps_are_bridged_and_larger_ones_are_not():
    ink = np.zeros((512, 512), bool)
    ink[200, 50:450] = True
    narrow = ink.copy()
    narrow[200, 250:253] = False
    assert len(vectorise(narrow).strokes) == 1
    wide = ink.copy()
    wide[200, 250:258] = False
    assert len(vectorise(wide).strokes) == 2


def test_ends_side_by_side_are_no_gap():
    ink = np.zeros((512, 512), bool)
    ink[200, 50:250] = True
    ink[203, 50:250] = True
    assert len(vectorise(ink).strokes) == 2


def test_a_broken_ring_closes_over_its_gap():
    ink = draw([arc(128, 128, 60, 60)], 512, 2) < 128
    ink[255, 370:] = False
    assert [stroke.closed for stroke in vectorise(ink).strokes] == [True]


def test_positions_are_better_than_a_pixel():
    path = arc(127.3, 130.6, 80.2, 71.7)
    points = vectorise(draw([path], 512, 3) < 128).strokes[0].points
    angles = np.arctan2((points[:, 1] - 130.6) / 71.7, (points[:, 0] - 127.3) / 80.2)
    exact = np.stack([127.3 + 80.2 * np.cos(angles), 130.6 + 71.7 * np.sin(angles)], axis=1)
    # A working pixel is half a unit.
    assert np.hypot(*(points - exact).T).mean() < 0.15


def test_points_lie_a_unit_apart():
    for stroke in read_drawing(draw(face(), 512, 2)).strokes:
        steps = np.hypot(*np.diff(stroke.path, axis=0).T)
        assert steps.max() < 1.6
        assert stroke.points.dtype == np.float32


def test_a_painted_patch_is_drawn_by_its_outline():
    drawing = draw(face(), 512, 2).copy()
    rows, columns = np.mgrid[0:512, 0:512]
    drawing[np.hypot((columns - 204) / 26, (rows - 240) / 18) < 1] = 0
    mask = read_drawing(drawing).mask(512, 1)
    assert not mask[232:249, 190:219].any()
    assert mask[215:265, 170:240].any()


def test_a_dot_is_a_short_stroke():
    ink = draw([line((40, 40), (200, 60))], 512, 2) < 128
    ink[300:302, 300:302] = True
    sketch = vectorise(ink)
    assert len(sketch.strokes) == 2
    dot = min(sketch.strokes, key=lambda stroke: stroke.length)
    assert dot.length <= 1
    np.testing.assert_allclose(dot.points.mean(axis=0), [150.5, 150.5], atol=0.5)


def test_a_mask_of_another_size_is_traced_on_the_same_canvas():
    for size in (200, 256, 700, 1500):
        ink = draw([line((40, 40), (200, 60))], size, max(1, size / 250), smooth=False) < 128
        points = vectorise(ink).strokes[0].points
        ends = points[np.argsort(points[:, 0])][[0, -1]]
        np.testing.assert_allclose(ends, [[40, 40], [200, 60]], atol=1.6)


def test_the_placement_is_that_of_the_source():
    ink = draw([line((40, 40), (200, 60))], 512, 2) < 128
    assert vectorise(ink).placement.scale == 0.5
    assert vectorise(ink, (3000, 3000)).placement.scale == pytest.approx(256 / 3000)


@pytest.mark.parametrize(
    ("ink", "found"),
    [
        (np.zeros((512, 512), bool), "blank page"),
        (np.zeros((512, 512), np.uint8), "uint8"),
        (np.zeros((4, 4, 4), bool), r"\(4, 4, 4\)"),
    ],
)
def test_what_is_no_ink_is_refused(ink, found):
    with pytest.raises(InputError, match=found):
        vectorise(ink, name="mine")
