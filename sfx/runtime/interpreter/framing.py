"""A closer look: a small drawing in a corner of its page, brought to the place that faces have in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sfx.runtime.interpreter.strokes import Stroke

FILLED = 236.0
"""Longer side of a framed drawing, in canvas units."""
MIDDLE = (128.0, 132.0)
"""Middle of a framed drawing: shoulders reach the lower edge, hair rarely the upper one."""
LARGEST_SCALE = 3.0
"""A single eye must not be taken for a face."""
SAME = 12.0
"""Units that the drawing's corners must move by, or a second look would see the same."""


@dataclass(frozen=True)
class Frame:
    """Where a look sees the canvas: seen = canvas * scale + shift (x, y)."""

    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def seen(self, strokes: Sequence[Stroke]) -> tuple[Stroke, ...]:
        """The strokes as that look sees them."""
        if self == Frame():
            return tuple(strokes)
        return tuple(
            replace(stroke, points=(stroke.points * self.scale + self.shift).astype(np.float32))
            for stroke in strokes
        )


def closer(strokes: Sequence[Stroke]) -> Frame | None:
    """What enlarges the strokes (at most three times) and centres them; None where they lie so already."""
    points = np.concatenate([stroke.points for stroke in strokes])
    low, high = points.min(0), points.max(0)
    scale = min(FILLED / max(float((high - low).max()), 1.0), LARGEST_SCALE)
    shift = np.array(MIDDLE) - scale * (low + high) / 2
    corners = np.stack([low, high])
    if np.abs(corners * scale + shift - corners).max() < SAME:
        return None
    return Frame(scale, (float(shift[0]), float(shift[1])))
