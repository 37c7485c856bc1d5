"""A sketch's strokes as a label map: one class per pixel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.geometry import Geometry
from sfx.calibration.portraits.hand import LabelledStroke
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.painter import IndexPainter, path_of
from sfx.calibration.portraits.strokes import strokes
from sfx.calibration.portraits.style import SketchStyle
from sfx.labels import MAX_LABEL

_SWAPPED = (
    (Label.LEFT_EYE, Label.RIGHT_EYE),
    (Label.LEFT_BROW, Label.RIGHT_BROW),
    (Label.LEFT_EAR, Label.RIGHT_EAR),
)
"""Classes that exchange their meaning in a mirror."""

_ON_TOP = (
    Label.HAT,
    Label.NECKLACE,
    Label.NOSE,
    Label.MOUTH,
    Label.LEFT_BROW,
    Label.RIGHT_BROW,
    Label.GLASSES,
    Label.LEFT_EYE,
    Label.RIGHT_EYE,
    Label.EARRING,
)
"""Classes of features, from the lowest to the highest; all others lie below them."""


def draw_strokes(drawn: Iterable[LabelledStroke], size: int = 256, width: float = 1.0) -> NDArray[np.uint8]:
    """(size, size) class ids of strokes `width` pixels wide, features above outlines, no anti-aliasing."""
    painter = IndexPainter(size)
    height: dict[int, int] = {label: level + 1 for level, label in enumerate(_ON_TOP)}
    for stroke in sorted(drawn, key=lambda item: height.get(item.label, 0)):
        painter.line(path_of(stroke.points, stroke.closed), stroke.label, width * 256.0 / size)
    return painter.indices()


def label_map(
    geometry: Geometry, style: SketchStyle = SketchStyle.CLEAN, size: int = 256, width: float = 1.0
) -> NDArray[np.uint8]:
    """The sketch of a portrait, (size, size) class ids; `width` in pixels. Needs skia-python."""
    return draw_strokes(strokes(geometry, style), size, width)


def mirrored_label_map(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mirror image, (..., width), with the classes of left and right eye, brow and ear exchanged."""
    exchange = np.arange(MAX_LABEL + 1, dtype=np.uint8)
    for left, right in _SWAPPED:
        exchange[left], exchange[right] = right, left
    return np.ascontiguousarray(exchange[labels[..., ::-1]])
