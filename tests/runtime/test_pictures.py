"""Pictures of every kind come in upright and right; what is no picture is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfx.errors import InputError
from sfx.runtime.pictures import fit_appearance, read_picture, shrink, write_array, write_picture
from sfx.samples import sample_appearance

PHOTO = sample_appearance(size=48)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "P"])
def test_colour_modes_keep_their_colours(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(PHOTO)
    path = save(tmp_path / "a.tif", image.quantize(256) if mode == "P" else image.convert(mode))
    assert np.abs(read_picture(path).astype(int) - PHOTO).mean() < 6


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    grey = np.asarray(Image.fromarray(PHOTO).convert("L"))
    path = save(tmp_path / "a.png", Image.fromarray(grey.astype(np.uint16) * 257))
    found = read_picture(path)
    assert found.shape == (48, 48, 3)
    assert np.abs(found[..., 0].astype(int) - grey).max() <= 1


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    rgba[0, 1] = (0, 0, 0, 128)
    found = read_picture(save(tmp_path / "a.png", Image.fromarray(rgba)))
    assert found[0, 0].tolist() == [10, 20, 30]
    assert abs(int(found[0, 1, 0]) - 127) <= 1
    assert found[3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int, tmp_path: Path) -> None:
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:8, :8] = 255
    image = Image.fromarray(upright)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transpose that makes what the tag says to undo
    stored = image.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read_picture(save(tmp_path / "a.png", stored, exif=exif))
    np.testing.assert_array_equal(found, upright)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    text, cut = tmp_path / "a.png", tmp_path / "cut.png"
    text.write_text("no picture")
    whole = save(tmp_path / "whole.png", Image.fromarray(PHOTO)).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    cases = [
        (tmp_path / "nowhere.png", "expected a picture file, found nothing"),
        (tmp_path, "expected a picture file, found a folder"),
        (text, r"expected a picture \(PNG, .*\), found something else"),
        (cut, "expected a whole picture, found damage"),
    ]
    for path, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            read_picture(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = save(tmp_path / "bomb.png", Image.new("1", (9000, 9000)))
    with pytest.raises(InputError, match="expected a picture of at most 64 megapixels, found 9000 x 9000"):
        read_picture(path)
    with (tmp_path / "long.png").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(InputError, match="expected a picture of at most 64 MB, found 65 MB"):
        read_picture(tmp_path / "long.png")


def test_appearance_is_resized_as_the_original_does() -> None:
    expected = np.asarray(Image.fromarray(PHOTO).resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(fit_appearance(PHOTO, 32), expected)


def test_shrinking_pools_within_a_level_of_the_float_picture() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(-1.1, 1.1, (64, 64, 3))
    whole = ((image.clip(-1, 1) + 1) / 2 * 255).astype(np.uint8)
    pooled = image.clip(-1, 1).reshape(16, 4, 16, 4, 3).mean((1, 3))
    expected = ((pooled + 1) / 2 * 255).astype(np.uint8)
    assert np.abs(shrink(whole, 16).astype(int) - expected).max() <= 1
    assert shrink(whole, 64) is whole
    assert shrink(np.full((8, 8, 3), 255, np.uint8), 2).max() == 255


def test_written_pictures_are_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "a.png"
    write_picture(path, PHOTO)
    np.testing.assert_array_equal(read_picture(path), PHOTO)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(InputError, match=r"a\.png: expected to write it, found: no space left"):
        write_picture(path, PHOTO)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["a.png"]


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file name ending in .*\.png.*, found '\.xyz'"):
        write_picture(tmp_path / "a.xyz", PHOTO)


def test_arrays_are_written_plain(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).standard_normal((10, 32)).astype(np.float32)
    write_array(tmp_path / "codes.npy", codes)
    np.testing.assert_array_equal(np.load(tmp_path / "codes.npy", allow_pickle=False), codes)
