"""A hand that draws lines: it drifts, and now and then leaves one out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import Points, arc_length
from sfx.calibration.portraits.curves import CANVAS
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.style import SketchStyle
from sfx.calibration.portraits.visibility import RawStroke

_CELL = 24.0
"""Canvas units over which the drift changes."""
_OPTIONAL = frozenset(
    {Label.NECK, Label.CLOTHES, Label.HAIR, Label.NECKLACE, Label.LEFT_EAR, Label.RIGHT_EAR}
)
_SILHOUETTE = 60.0
"""Lines of hair longer than this (canvas units) are its silhouette, which no reader could guess."""


@dataclass(frozen=True, eq=False)
class LabelledStroke:
    """One line of a sketch: float32 points (n, 2) on the 256-unit canvas, and the class it draws."""

    points: NDArray[np.float32]
    label: int
    closed: bool


class Hand:
    """Draws the lines of one sketch.

    The drift is a smooth field over the canvas, not a walk of its own for every line: lines that meet keep
    meeting, so that a change of class along a contour leaves no gap which would give it away.
    """

    def __init__(self, style: SketchStyle) -> None:
        self._style = style
        self._rng = np.random.default_rng(style.seed)
        knots = int(CANVAS / _CELL) + 3
        self._field = self._rng.normal(0.0, style.wobble, (knots, knots, 2))

    def draw(self, stroke: RawStroke) -> LabelledStroke | None:
        """The line as drawn, or None where it is left out."""
        points, label, closed = stroke
        if label in _OPTIONAL and self._rng.random() < self._style.missing:
            silhouette = label == Label.HAIR and float(arc_length(points)[-1]) > _SILHOUETTE
            if not silhouette:
                return None
        if self._style.wobble > 0:
            points = points + self._drift(points)
        return LabelledStroke(points.astype(np.float32), int(label), closed)

    def _drift(self, points: Points) -> Points:
        """The field at the points: bilinear between knots, with eased weights."""
        last = len(self._field) - 2
        place = np.clip(points / _CELL + 0.5, 0.0, last + 0.999)
        cell = place.astype(np.int64)
        part = place - cell
        part = part * part * (3.0 - 2.0 * part)
        x, y = cell[:, 0], cell[:, 1]
        across, down = part[:, :1], part[:, 1:]
        upper = self._field[y, x] * (1.0 - across) + self._field[y, x + 1] * across
        lower = self._field[y + 1, x] * (1.0 - across) + self._field[y + 1, x + 1] * across
        return np.asarray(upper * (1.0 - down) + lower * down)
