"""A closer look: a small drawing in a corner of its page, brought to the place that faces have in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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


def framed(strokes: Sequence[Stroke]) -> tuple[Stroke, ...] | None:
    """The strokes enlarged (at most three times) and centred on the canvas; None where they lie so already."""
    points = np.concatenate([stroke.points for stroke in strokes])
    low, high = points.min(0), points.max(0)
    scale = min(FILLED / max(float((high - low).max()), 1.0), LARGEST_SCALE)
    shift = np.array(MIDDLE) - scale * (low + high) / 2
    corners = np.stack([low, high])
    if np.abs(corners * scale + shift - corners).max() < SAME:
        return None
    return tuple(
        replace(stroke, points=(stroke.points * scale + shift).astype(np.float32)) for stroke in strokes
    )
