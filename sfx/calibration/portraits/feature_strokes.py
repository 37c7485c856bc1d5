"""The lines of eyes, brows, nose and mouth, before anything hides them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import Points
from sfx.calibration.portraits.curves import Curves
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.style import EyeDrawing, MouthDrawing, NoseDrawing, SketchStyle
from sfx.calibration.portraits.visibility import RawStroke, visible_runs


def eye_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    """Outlines, and what the style adds: folds, irises, pupils."""
    for eye, label in (
        (curves.features.left_eye, Label.LEFT_EYE),
        (curves.features.right_eye, Label.RIGHT_EYE),
    ):
        if style.eyes is EyeDrawing.LINE:
            yield eye.upper, label, False
            continue
        yield eye.outline, label, True
        if style.eyes in (EyeDrawing.LIDS, EyeDrawing.IRIS):
            yield eye.crease, label, False
        if style.eyes is EyeDrawing.IRIS:
            angle = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
            circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            iris = circle * eye.iris_radius + eye.iris
            # The lids hide the top and the bottom of the iris.
            top = np.interp(iris[:, 0], *_increasing(eye.upper))
            bottom = np.interp(iris[:, 0], *_increasing(eye.lower))
            visible = (iris[:, 1] > top + 0.3) & (iris[:, 1] < bottom - 0.3)
            yield from _pieces_of_ring(iris, visible, label)
            if style.dense:
                yield circle * (np.array(eye.iris_radius) * 0.44) + eye.iris, label, True


def _pieces_of_ring(ring: Points, visible: NDArray[np.bool_], label: int) -> Iterator[RawStroke]:
    if visible.all():
        yield ring, label, True
        return
    start = int(np.flatnonzero(~visible)[0])
    ring = np.roll(ring, -start, axis=0)
    for first, last in visible_runs(np.roll(visible, -start)):
        yield ring[first:last], label, False


def _increasing(line: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(line[:, 0])
    return line[order, 0], line[order, 1]


def brow_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    """A closed shape or a line for each brow."""
    for brow, label in (
        (curves.features.left_brow, Label.LEFT_BROW),
        (curves.features.right_brow, Label.RIGHT_BROW),
    ):
        if style.brow_lines:
            yield brow.centre, label, False
        else:
            yield brow.outline, label, True


def nose_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    """The nose as the style draws it; nostrils in dense sketches."""
    nose = curves.features.nose
    if style.nose is NoseDrawing.FULL:
        yield nose.full, Label.NOSE, False
    elif style.nose is NoseDrawing.CLOSED:
        skip = 6
        yield nose.full[skip:-skip], Label.NOSE, True
    elif style.nose is NoseDrawing.LOWER:
        yield nose.lower, Label.NOSE, False
    elif style.nose is NoseDrawing.BASE:
        margin = len(nose.wings[0]) - 12
        yield nose.lower[margin:-margin], Label.NOSE, False
    else:
        away = 0 if curves.geometry.pose.yaw > 0 else 1
        yield nose.sides[away][6:], Label.NOSE, False
        yield nose.lower, Label.NOSE, False
    if style.dense or style.nose is NoseDrawing.CLOSED:
        for nostril in nose.nostrils:
            yield nostril[: len(nostril) // 2 + 4], Label.NOSE, False


def mouth_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    """Lips, the line between or the opening, and the teeth's edge."""
    mouth = curves.features.mouth
    count = len(mouth.upper)
    if style.mouth is MouthDrawing.FEW_LINES:
        yield mouth.upper_inner, Label.MOUTH, False
        if mouth.opening is not None:
            yield mouth.lower_inner, Label.MOUTH, False
        yield mouth.lower[int(count * 0.3) : int(count * 0.7)], Label.MOUTH, False
        if curves.geometry.mouth.bow > 0.6:
            yield mouth.upper[int(count * 0.28) : int(count * 0.72)], Label.MOUTH, False
    else:
        yield mouth.outline, Label.MOUTH, True
        if style.mouth is MouthDrawing.FULL or mouth.opening is not None:
            yield mouth.upper_inner, Label.MOUTH, False
        if mouth.opening is not None:
            yield mouth.lower_inner, Label.MOUTH, False
    if mouth.teeth is not None and (style.mouth is MouthDrawing.FULL or style.dense):
        edge = mouth.teeth[count:][::-1]
        yield edge[4:-4], Label.MOUTH, False
