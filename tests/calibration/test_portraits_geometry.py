"""Descriptions of portraits: sampling, the numeric vector, mirroring. None of it draws."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sfx.calibration.portraits import (
    BeardStyle,
    EarringStyle,
    Fringe,
    Geometry,
    Glasses,
    GlassesStyle,
    HairStyle,
    HatStyle,
    Neckline,
    geometry_vector,
    geometry_vector_names,
    hair_curves,
    mirrored,
    sample_appearance,
    sample_geometry,
    sample_style,
)
from sfx.calibration.portraits.colours import from_oklch, lightness_of, to_oklch
from sfx.calibration.portraits.curve_tools import arc_length, normals


@pytest.fixture(scope="module")
def many() -> list[Geometry]:
    return [sample_geometry(np.random.default_rng(seed)) for seed in range(1500)]


def test_equal_seeds_give_equal_descriptions() -> None:
    for sample in (sample_geometry, sample_appearance, sample_style):
        assert sample(np.random.default_rng(5)) == sample(np.random.default_rng(5))
        assert sample(np.random.default_rng(5)) != sample(np.random.default_rng(6))


@pytest.mark.parametrize(
    ("low", "high", "holds"),
    [
        (0.19, 0.31, lambda g: g.glasses.style is not GlassesStyle.NONE),
        (0.06, 0.15, lambda g: g.glasses.dark),
        (0.02, 0.06, lambda g: g.glasses.style is GlassesStyle.ONE_PIECE),
        (0.23, 0.36, lambda g: g.wear.earring is not EarringStyle.NONE),
        (0.05, 0.12, lambda g: g.wear.hat is not HatStyle.NONE),
        (0.08, 0.19, lambda g: g.wear.necklace > 0),
        (0.08, 0.20, lambda g: g.beard.style is not BeardStyle.NONE),
        (0.05, 0.12, lambda g: g.hair.style in (HairStyle.BALD, HairStyle.RECEDING)),
        (0.24, 0.40, lambda g: g.hair.fringe is not Fringe.NONE),
        (0.28, 0.42, lambda g: g.mouth.open > 0),
        (0.79, 0.91, lambda g: g.wear.neckline is not Neckline.BARE),
    ],
)
def test_everything_worn_is_as_frequent_as_meant(
    many: list[Geometry], low: float, high: float, holds: object
) -> None:
    assert callable(holds)
    share = sum(bool(holds(geometry)) for geometry in many) / len(many)
    assert low < share < high


def test_most_mouths_are_neutral_or_smile(many: list[Geometry]) -> None:
    smiles = np.array([geometry.mouth.smile for geometry in many])
    assert smiles.min() >= -0.15
    assert (smiles > 0.1).mean() > 0.75


def test_parameters_of_a_face_vary_together(many: list[Geometry]) -> None:
    bearded = [g for g in many if g.beard.style is not BeardStyle.NONE]
    others = [g for g in many if g.beard.style is BeardStyle.NONE]

    def mean(group: list[Geometry], read: object) -> float:
        assert callable(read)
        return float(np.mean([read(geometry) for geometry in group]))

    assert mean(bearded, lambda g: g.brows.thickness) > mean(others, lambda g: g.brows.thickness) + 0.5
    assert (
        mean(bearded, lambda g: g.head.neck_half_width) > mean(others, lambda g: g.head.neck_half_width) + 2
    )
    assert mean(bearded, lambda g: g.eyes.lashes) < mean(others, lambda g: g.eyes.lashes) - 0.1


def test_what_is_not_worn_has_no_numbers(many: list[Geometry]) -> None:
    for geometry in many:
        if geometry.glasses.style is GlassesStyle.NONE:
            assert geometry.glasses == Glasses()
        if geometry.hair.strands == 0:
            assert geometry.hair.strand_seed == 0


def test_skin_tones_are_even_from_very_light_to_very_dark() -> None:
    tones = [lightness_of(sample_appearance(np.random.default_rng(seed)).skin) for seed in range(1200)]
    counts, _ = np.histogram(tones, bins=5, range=(0.41, 0.92))
    assert counts.min() > 0.10 * len(tones)
    assert min(tones) < 0.45
    assert max(tones) > 0.88


def test_vector_names_its_entries(many: list[Geometry]) -> None:
    names = geometry_vector_names()
    assert len(set(names)) == len(names)
    assert "hair.strand_seed" not in names
    for geometry in many[:50]:
        vector = geometry_vector(geometry)
        assert vector.dtype == np.float32
        assert vector.shape == (len(names),)
        values = dict(zip(names, vector.tolist(), strict=True))
        assert values["head.jaw"] == pytest.approx(geometry.head.jaw, rel=1e-6)
        assert values[f"hair.style={geometry.hair.style.value}"] == 1.0
        assert sum(value for name, value in values.items() if name.startswith("hair.style=")) == 1.0


def test_mirroring_twice_changes_nothing(many: list[Geometry]) -> None:
    for geometry in many[:100]:
        assert mirrored(mirrored(geometry)) == geometry
    turned = replace(many[0], pose=replace(many[0].pose, yaw=0.5))
    assert mirrored(turned).pose.yaw == -0.5


def test_colour_conversion_round_trips() -> None:
    for colour in ((0.9, 0.7, 0.6), (0.2, 0.3, 0.8), (0.05, 0.05, 0.05), (1.0, 1.0, 1.0)):
        assert from_oklch(*to_oklch(colour)) == pytest.approx(colour, abs=1e-4)


def test_dense_styles_go_with_visible_strands() -> None:
    smooth = replace(Geometry(), hair=replace(Geometry().hair, strands=0.0))
    strands = replace(Geometry(), hair=replace(Geometry().hair, strands=0.9))

    def dense(geometry: Geometry) -> float:
        return float(np.mean([sample_style(np.random.default_rng(k), geometry).dense for k in range(400)]))

    assert dense(strands) > dense(smooth) + 0.3


def test_descriptions_need_no_skia_and_drawing_says_what_is_missing() -> None:
    program = (
        "import sys; sys.modules['skia'] = None\n"
        "import numpy as np\n"
        "from sfx.calibration.portraits import *\n"
        "from sfx.errors import MissingPackageError\n"
        "rng = np.random.default_rng(0)\n"
        "geometry, appearance = sample_geometry(rng), sample_appearance(rng)\n"
        "geometry_vector(geometry)\n"
        "for draw in (lambda: picture(geometry, appearance), lambda: label_map(geometry), lambda: parts(geometry)):\n"
        "    try:\n"
        "        draw()\n"
        "    except MissingPackageError as error:\n"
        "        assert \"pip install 'sfx[portraits]'\" in str(error), error\n"
        "    else:\n"
        "        raise SystemExit('no error')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_calibration_loads_no_drawing() -> None:
    program = "import sys, sfx.calibration; assert 'skia' not in sys.modules and 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_any_portrait_tells_the_colours_of_what_it_does_not_wear() -> None:
    looks = [sample_appearance(np.random.default_rng(seed)) for seed in range(600)]
    hair, frame, behind, lens = (
        np.array([to_oklch(getattr(look, name)) for look in looks])
        for name in ("hair", "frame", "background", "lens")
    )
    assert np.corrcoef(hair[:, 0], frame[:, 0])[0, 1] > 0.9
    assert (frame[:, 0] < 0.6).all()
    assert np.corrcoef(behind[:, 0], lens[:, 0])[0, 1] > 0.8
    assert (lens[:, 0] < 0.45).all()


def test_silver_goes_with_cool_clothes_and_gold_with_others() -> None:
    looks = [sample_appearance(np.random.default_rng(seed)) for seed in range(600)]
    silver = np.array([to_oklch(look.metal)[1] < 0.06 for look in looks])
    assert 0.2 < silver.mean() < 0.4
    clothes = np.array([to_oklch(look.clothes) for look in looks])
    blue = (clothes[:, 1] > 0.05) & (np.abs(clothes[:, 2] % 360.0 - 240.0) < 50.0)
    assert silver[blue].all()
    assert not silver[(clothes[:, 1] < 0.015) | (np.abs(clothes[:, 2] % 360.0 - 60.0) < 50.0)].any()


def waved(geometry: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The hair's edge when smooth, (n, 2), and how far outward of it the hair is drawn, (n,)."""
    hair = replace(geometry.hair, parting=abs(geometry.hair.parting))
    smooth = hair_curves._outer_edge(geometry, hair)
    return smooth, ((hair_curves._wavy(smooth, hair) - smooth) * normals(smooth)).sum(1)


@pytest.mark.parametrize("covers_ears", [False, True])
def test_curls_have_as_many_scallops_on_every_head(many: list[Geometry], covers_ears: bool) -> None:
    """So that a scallop is at its share of the edge, whatever the edge's length."""
    curly = [
        geometry
        for geometry in many
        if geometry.hair.style is HairStyle.CURLY
        and geometry.hair.covers_ears is covers_ears
        and geometry.wear.hat is HatStyle.NONE
    ]
    assert len(curly) > 20
    lengths, counts = set(), set()
    for geometry in curly:
        smooth, away = waved(geometry)
        counts.add(int(((away[1:] > 0) & (away[:-1] <= 0)).sum()))
        lengths.add(round(float(arc_length(smooth)[-1])))
    assert max(lengths) - min(lengths) > 40
    assert counts == {14 if covers_ears else 10}


def test_tufts_have_their_tips_at_the_same_shares_of_the_edge_on_every_head(many: list[Geometry]) -> None:
    """So that a tip need not be told from the edge's length, which a pixel changes."""
    tousled = [geometry for geometry in many if geometry.hair.tufts and geometry.wear.hat is HatStyle.NONE]
    assert len(tousled) > 20
    lengths, tips = set(), set()
    for geometry in tousled:
        smooth, away = waved(geometry)
        crown = slice(len(smooth) // 3, 2 * len(smooth) // 3)
        higher = away[1:] > away[:-1]
        tips.add(tuple(np.flatnonzero(higher[crown][:-1] & ~higher[crown][1:])))
        lengths.add(round(float(arc_length(smooth)[-1])))
        assert np.ptp(away[crown]) > 2.5
    assert max(lengths) - min(lengths) > 40
    assert len(tips) == 1
    assert len(next(iter(tips))) == 4
