import io
import struct
import zlib

import numpy as np
import pytest
from drawn import draw, face
from PIL import Image

from sfx.errors import InputError
from sfx.runtime.interpreter import Sketch, read_drawing
from sfx.runtime.interpreter.drawings import open_picture, picture_from_array


@pytest.fixture(scope="module")
def drawing() -> np.ndarray:
    return draw(face(), (600, 480), 2.5)


@pytest.fixture(scope="module")
def plain(drawing) -> Sketch:
    return read_drawing(drawing)


def agreement(one: Sketch, other: Sketch) -> float:
    """The smaller share of one sketch's pixels that has the other's within one canvas unit."""
    masks = one.mask(256, 1), other.mask(256, 1)
    shares = []
    for mask, reference in (masks, masks[::-1]):
        near = np.pad(reference, 1)
        near = np.any(
            [near[1 + dy : 257 + dy, 1 + dx : 257 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)], axis=0
        )
        shares.append(float(near[mask].mean()))
    return min(shares)


def as_transparent(drawing: np.ndarray, ink: int = 0) -> Image.Image:
    grey = np.full_like(drawing, ink)
    return Image.fromarray(np.dstack([grey, grey, grey, 255 - drawing]))


def as_modes(drawing: np.ndarray) -> dict[str, Image.Image]:
    grey = Image.fromarray(drawing)
    return {
        "1": grey.convert("1", dither=Image.Dither.NONE),
        "L": grey,
        "RGB": grey.convert("RGB"),
        "RGBA": as_transparent(drawing),
        "white ink RGBA": as_transparent(drawing, 255),
        "LA": Image.merge("LA", [Image.new("L", grey.size, 0), Image.fromarray(255 - drawing)]),
        "P": grey.convert("RGB").quantize(16),
        "I;16": Image.fromarray(drawing.astype(np.uint16) * 257),
    }


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "white ink RGBA", "LA", "P", "I;16"])
def test_a_png_of_any_mode_gives_the_same_strokes(mode, drawing, plain, tmp_path):
    path = tmp_path / "drawing.png"
    as_modes(drawing)[mode].save(path)
    assert agreement(read_drawing(path), plain) > 0.99


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("drawing.jpg", "L", {"quality": 60}),
        ("drawing.jpg", "RGB", {"quality": 85}),
        ("drawing.jpg", "CMYK", {"quality": 85}),
        ("drawing.webp", "RGB", {"quality": 70}),
        ("drawing.bmp", "RGB", {}),
        ("drawing.tiff", "I;16", {}),
        ("drawing.tiff", "F", {}),
        ("drawing.tiff", "CMYK", {}),
        ("drawing.tiff", "LAB", {}),
        ("drawing.gif", "P", {}),
    ],
)
def test_every_format_gives_the_same_strokes(name, mode, options, drawing, plain, tmp_path):
    path = tmp_path / name
    grey = Image.fromarray(drawing)
    if mode == "LAB":
        neutral = Image.new("L", grey.size, 0)
        image = Image.merge("LAB", [grey, neutral, neutral])
    elif mode == "F":
        image = Image.fromarray(drawing.astype(np.float32) / 255)
    else:
        image = as_modes(drawing)[mode] if mode in ("P", "I;16") else grey.convert(mode)
    image.save(path, **options)
    assert agreement(read_drawing(path), plain) > 0.98


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation, drawing, plain, tmp_path):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(drawing)
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    stored.save(path, quality=90, exif=exif)
    sketch = read_drawing(path)
    assert agreement(sketch, plain) > 0.98
    assert sketch.placement == plain.placement


def test_the_kind_of_a_file_is_its_content_and_not_its_name(drawing, plain, tmp_path):
    path = tmp_path / "drawing.svg"
    Image.fromarray(drawing).save(path, format="PNG")
    assert agreement(read_drawing(path), plain) == 1.0
    renamed = tmp_path / "drawing.png"
    renamed.write_text(plain.to_svg())
    assert len(read_drawing(str(renamed)).strokes) == len(plain.strokes)


@pytest.mark.parametrize(
    "convert",
    [
        lambda a: a < 128,
        lambda a: a.astype(np.uint16) * 257,
        lambda a: a / 255.0,
        lambda a: (a / 255).astype(np.float32)[:, :, None],
        lambda a: np.dstack([a, a, a]),
        lambda a: np.dstack([np.zeros_like(a), 255 - a]),
        lambda a: np.dstack([np.zeros_like(a)] * 3 + [255 - a]),
        lambda a: a[:, ::-1][:, ::-1],
    ],
)
def test_arrays_of_every_kind_give_the_same_strokes(convert, drawing, plain):
    assert agreement(read_drawing(convert(drawing)), plain) > 0.99


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5, 6, 3), np.uint8), "shape"),
        (np.zeros((100, 100, 5), np.uint8), "shape"),
        (np.zeros((0, 100), np.uint8), "shape"),
        (np.zeros((100, 100), np.int64), "int64"),
        (np.full((100, 100), 2.0), "0..1"),
        (np.full((100, 100), np.nan), "0..1"),
        (np.zeros((20, 20), np.uint8), "at least 32 pixels"),
        (np.zeros((40, 900), np.uint8), "16 times"),
    ],
)
def test_other_arrays_are_refused(array, message):
    with pytest.raises(InputError, match=message):
        read_drawing(array)


@pytest.mark.parametrize(
    ("width", "height"), [(200, 200), (333, 207), (1200, 900), (900, 1600), (4000, 3000)]
)
def test_a_page_is_fitted_without_distortion_and_its_margins_kept(width, height):
    sketch = read_drawing(
        draw(face(), (width, height), max(1.5, min(width, height) / 250), smooth=width < 2000)
    )
    scale = 256 / max(width, height)
    assert sketch.placement.scale == pytest.approx(scale)
    # The face itself spans x 30..226 and y 42..252 of the square that `draw` centres on the page.
    shrink = min(width, height) / max(width, height)
    expected = np.array([[30, 42], [226, 252]]) * shrink + 128 * (1 - shrink)
    points = np.concatenate([stroke.points for stroke in sketch.strokes])
    # A unit and a half, or at 200 pixels a pixel and a half.
    np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], expected, atol=2)


def test_a_working_picture_keeps_the_sources_aspect():
    picture = picture_from_array(np.full((300, 1200), 255, np.uint8))
    assert picture.pixels.shape == (128, 512)
    assert picture.source_size == (1200, 300)
    assert picture.reduction == pytest.approx(1200 / 512)


def png_header(width: int, height: int) -> bytes:
    """A valid PNG start that claims a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(9000, 9000), (60000, 60000)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(width, height, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(width, height))
    with pytest.raises(InputError, match=r"bomb\.png: expected .* at most 64 megapixels"):
        read_drawing(path)


def test_files_that_are_no_drawing_are_refused_in_one_line(drawing, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(drawing).save(buffer, "PNG")
    contents = {
        "text.png": b"hello, this is text",
        "empty.png": b"",
        "cut.png": buffer.getvalue()[:3000],
        "huge.png": b"\x89PNG\r\n\x1a\n" + bytes(64 * 2**20),
        "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    }
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            read_drawing(path)
        assert str(error.value).startswith(f"{path}: expected ")
        assert "\n" not in str(error.value)
        assert "found" in str(error.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_drawing(tmp_path / "missing.png")
    with pytest.raises(InputError, match="a folder"):
        read_drawing(tmp_path)


def test_a_cut_out_sheet_is_laid_on_its_own_colour(drawing, plain, tmp_path):
    alpha = np.zeros_like(drawing)
    alpha[20:-20, 20:-20] = 255
    path = tmp_path / "sheet.png"
    Image.fromarray(np.dstack([drawing, drawing, drawing, alpha])).save(path)
    assert agreement(read_drawing(path), plain) > 0.98


def test_a_large_jpeg_is_decoded_small(tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(draw(face(), (3000, 4000), 12, smooth=False)).save(path)
    picture = open_picture(path)
    assert picture.pixels.shape == (512, 384)
    assert picture.source_size == (3000, 4000)
