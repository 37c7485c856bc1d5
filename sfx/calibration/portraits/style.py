"""How a sketch of a portrait is drawn: from a few clean lines to a dense edge map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar

import numpy as np

from sfx.calibration.portraits.geometry import Geometry


class EyeDrawing(Enum):
    """How much of an eye is drawn."""

    OUTLINE = "outline"
    LIDS = "lids"
    """Outline and the fold above the lid."""
    IRIS = "iris"
    """Outline, fold, iris and pupil."""
    LINE = "line"
    """The upper lid alone."""


class NoseDrawing(Enum):
    """Which lines of the nose are drawn."""

    FULL = "full"
    CLOSED = "closed"
    LOWER = "lower"
    BASE = "base"
    SIDE = "side"
    """One side and the base, as in a three-quarter hint."""


class MouthDrawing(Enum):
    """Which lines of the mouth are drawn; the opening of an open mouth is always drawn."""

    FULL = "full"
    OUTER = "outer"
    FEW_LINES = "few-lines"


@dataclass(frozen=True)
class SketchStyle:
    """Everything that two sketches of one portrait may differ in.

    `wobble` is the drift of a hand in canvas units; `missing` the probability of leaving out a line
    that a reader can do without; `dense` adds what an edge detector finds: broken strands along the hair,
    double contours, folds, nostrils. Equal styles draw equal strokes.
    """

    eyes: EyeDrawing = EyeDrawing.OUTLINE
    nose: NoseDrawing = NoseDrawing.LOWER
    mouth: MouthDrawing = MouthDrawing.FULL
    brow_lines: bool = False
    """A line instead of a closed shape."""
    ear_folds: bool = False
    clothes: bool = True
    neck: bool = True
    hems: bool = False
    """Seams beside the neckline."""
    thick_frames: bool = False
    """Both edges of the frames of glasses."""
    lobe_dab: bool = False
    dense: bool = False
    wobble: float = 0.35
    missing: float = 0.0
    seed: int = 0

    CLEAN: ClassVar[SketchStyle]
    EDGES: ClassVar[SketchStyle]

    def exact(self) -> SketchStyle:
        """The same way of drawing, by a hand that neither drifts nor leaves out lines, clothes or neck."""
        return replace(self, wobble=0.0, missing=0.0, clothes=True, neck=True)


SketchStyle.CLEAN = SketchStyle()
SketchStyle.EDGES = SketchStyle(
    eyes=EyeDrawing.IRIS,
    nose=NoseDrawing.CLOSED,
    ear_folds=True,
    hems=True,
    thick_frames=True,
    dense=True,
    wobble=0.45,
)


def _one_of(rng: np.random.Generator, choices: tuple[tuple[Enum, float], ...]) -> Enum:
    weights = np.array([weight for _, weight in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]


def sample_style(rng: np.random.Generator, geometry: Geometry | None = None) -> SketchStyle:
    """A style as people and edge detectors have.

    With a geometry, hair with many visible strands is mostly sketched densely and smooth hair mostly
    clean, so that a dense sketch tells what its picture shows; without one 3 of 10 styles are dense.
    """
    dense = 0.3
    if geometry is not None:
        strands = geometry.hair.strands
        dense = 0.16 if strands <= 0 else 0.35 + 0.4 * strands
    edges = bool(rng.random() < dense)
    if edges:
        eyes = _one_of(rng, ((EyeDrawing.IRIS, 0.75), (EyeDrawing.LIDS, 0.25)))
        nose = _one_of(rng, ((NoseDrawing.CLOSED, 0.35), (NoseDrawing.FULL, 0.25), (NoseDrawing.LOWER, 0.4)))
        mouth: Enum = MouthDrawing.FULL
    else:
        eyes = _one_of(
            rng,
            (
                (EyeDrawing.OUTLINE, 0.42),
                (EyeDrawing.LIDS, 0.18),
                (EyeDrawing.IRIS, 0.34),
                (EyeDrawing.LINE, 0.06),
            ),
        )
        nose = _one_of(
            rng,
            (
                (NoseDrawing.FULL, 0.26),
                (NoseDrawing.CLOSED, 0.12),
                (NoseDrawing.LOWER, 0.28),
                (NoseDrawing.BASE, 0.16),
                (NoseDrawing.SIDE, 0.18),
            ),
        )
        mouth = _one_of(
            rng,
            ((MouthDrawing.FULL, 0.62), (MouthDrawing.OUTER, 0.2), (MouthDrawing.FEW_LINES, 0.18)),
        )
    assert isinstance(eyes, EyeDrawing)
    assert isinstance(nose, NoseDrawing)
    assert isinstance(mouth, MouthDrawing)
    return SketchStyle(
        eyes=eyes,
        nose=nose,
        mouth=mouth,
        brow_lines=not edges and bool(rng.random() < 0.22),
        ear_folds=bool(rng.random() < (0.7 if edges else 0.3)),
        clothes=bool(rng.random() < 0.93),
        neck=bool(rng.random() < 0.96),
        hems=bool(rng.random() < (0.7 if edges else 0.3)),
        thick_frames=bool(rng.random() < (0.7 if edges else 0.2)),
        lobe_dab=bool(rng.random() < 0.05),
        dense=edges,
        wobble=float(rng.uniform(0.1, 0.7)) if edges else float(rng.uniform(0.05, 1.1)),
        missing=float(rng.uniform(0.0, 0.12)) if rng.random() < 0.35 else 0.0,
        seed=int(rng.integers(0, 2**31)),
    )
