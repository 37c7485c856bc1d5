"""Pictures of portraits and masks of their parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sfx.calibration.portraits import (
    Appearance,
    BeardStyle,
    EarringStyle,
    Geometry,
    Glasses,
    GlassesStyle,
    HairStyle,
    mirrored,
    parts,
    picture,
    sample_appearance,
    sample_geometry,
)
from sfx.calibration.portraits.__main__ import main

pytest.importorskip("skia")


def person(seed: int) -> tuple[Geometry, Appearance]:
    rng = np.random.default_rng(seed)
    return sample_geometry(rng), sample_appearance(rng)


@pytest.mark.parametrize("size", [64, 200, 256, 512])
def test_picture_has_the_size_asked_for(size: int) -> None:
    drawn = picture(*person(1), size)
    assert drawn.shape == (size, size, 3)
    assert drawn.dtype == np.uint8
    assert drawn.std() > 10


def test_equal_arguments_draw_equal_pictures() -> None:
    for seed in range(6):
        assert np.array_equal(picture(*person(seed), 128), picture(*person(seed), 128))


def test_pictures_of_two_sizes_show_the_same() -> None:
    for seed in range(8):
        small = picture(*person(seed), 128).astype(np.float64)
        large = picture(*person(seed), 256).astype(np.float64)
        halved = large.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
        assert np.abs(small - halved).mean() < 3.0


def test_mirrored_portrait_is_the_mirror_image() -> None:
    for seed in range(12):
        geometry, look = person(seed)
        look = replace(look, freckles=0.0)
        other = replace(look, light_x=-look.light_x, background_angle=-look.background_angle)
        straight = picture(geometry, look, 128).astype(np.float64)
        flipped = picture(mirrored(geometry), other, 128)[:, ::-1].astype(np.float64)
        # Reflections in glass and the sparks of metal keep their side.
        assert np.abs(straight - flipped).mean() < 3.0


def test_no_strand_is_drawn_that_the_geometry_does_not_ask_for() -> None:
    geometry, look = person(0)
    hair = replace(geometry.hair, style=HairStyle.LONG, length=280.0, side_volume=12.0, strands=0.0)
    smooth = picture(replace(geometry, hair=replace(hair, strand_seed=1)), look, 128)
    assert np.array_equal(smooth, picture(replace(geometry, hair=replace(hair, strand_seed=2)), look, 128))
    first = replace(geometry, hair=replace(hair, strands=0.8, strand_seed=1))
    second = replace(geometry, hair=replace(hair, strands=0.8, strand_seed=2))
    assert not np.array_equal(picture(first, look, 128), picture(second, look, 128))


def test_masks_do_not_overlap_where_only_one_thing_can_be_seen() -> None:
    for seed in range(25):
        masks = parts(person(seed)[0], 256)
        exclusive = ("skin", "hair", "background", "clothes", "mouth", "left_eye", "right_eye", "hat")
        total = sum(masks.as_dict()[name].astype(np.int64) for name in exclusive)
        assert np.max(total) == 1
        assert not (masks.mouth_opening & ~masks.mouth).any()
        assert not (masks.teeth & ~masks.mouth_opening).any()
        assert masks.skin.any()
        assert masks.mouth.any()


def test_left_is_the_subjects_left() -> None:
    for seed in range(25):
        masks = parts(person(seed)[0], 128)
        if masks.left_eye.any() and masks.right_eye.any():
            assert np.nonzero(masks.left_eye)[1].mean() > np.nonzero(masks.right_eye)[1].mean() + 20


def test_masks_show_the_colours_of_the_appearance() -> None:
    for seed in range(20):
        geometry, look = person(seed)
        drawn = picture(geometry, look, 256).astype(np.float64) / 255.0
        masks = parts(geometry, 256)
        for mask, colour in ((masks.skin, look.skin), (masks.clothes & ~masks.trim, look.clothes)):
            if mask.sum() > 1500:
                assert np.abs(np.median(drawn[mask], axis=0) - np.array(colour)).max() < 0.16


def test_changing_one_colour_changes_that_part_only() -> None:
    for seed in range(10):
        geometry, look = person(seed)
        geometry = replace(geometry, glasses=Glasses())
        masks = parts(geometry, 256)
        if masks.clothes.sum() < 500:
            continue
        before = picture(geometry, replace(look, clothes=(0.9, 0.1, 0.1)), 256).astype(np.int64)
        after = picture(geometry, replace(look, clothes=(0.1, 0.2, 0.9)), 256).astype(np.int64)
        changed = np.abs(before - after).max(axis=2) > 40
        assert changed[masks.clothes & ~masks.trim].mean() > 0.8
        assert changed[masks.background | masks.left_eye | masks.right_eye | masks.mouth].mean() < 0.03


def test_dark_lenses_hide_the_eyes() -> None:
    geometry, _ = person(3)
    glasses = Glasses(GlassesStyle.SQUARE, 25.0, 19.0, 0.8, 2.0, dark=True)
    hidden = parts(replace(geometry, glasses=glasses), 256)
    seen = parts(replace(geometry, glasses=replace(glasses, dark=False)), 256)
    assert hidden.left_eye.sum() < 0.2 * seen.left_eye.sum()
    assert hidden.glasses.sum() > 3 * seen.glasses.sum()


def test_beard_covers_chin_but_not_mouth() -> None:
    geometry, _ = person(0)
    beard = replace(geometry.beard, style=BeardStyle.FULL, length=10.0, moustache=7.0)
    bearded = parts(replace(geometry, beard=beard), 256)
    shaved = parts(replace(geometry, beard=Geometry().beard), 256)
    assert bearded.beard.sum() > 2000
    assert not shaved.beard.any()
    assert np.array_equal(bearded.mouth, shaved.mouth)


@pytest.mark.parametrize("name", ["earrings", "necklace"])
def test_jewellerys_mask_is_where_jewellery_is_painted(name: str) -> None:
    """In these the loss weighs most, so that a mask beside the metal would teach skin instead."""
    covered, worn = 0, 0
    for seed in range(60):
        geometry, look = person(seed)
        mask = getattr(parts(geometry), name)
        plain = replace(geometry.wear, earring=EarringStyle.NONE, necklace=0.0, pendant=False)
        without = picture(replace(geometry, wear=plain), look, 256).astype(np.float64)
        changed = np.abs(picture(geometry, look, 256) - without).max(axis=2) > 10
        covered += int((changed & mask).sum())
        worn += int(mask.sum())
    assert worn > 500
    assert covered > 0.9 * worn


def test_grid_is_written(tmp_path: Path) -> None:
    target = tmp_path / "grid.png"
    arguments = ["--grid", str(target), "--rows", "2", "--columns", "3", "--size", "64", "--seed", "4"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    with Image.open(target) as image:
        assert image.size == (3 * 2 * 64, 2 * 64)
