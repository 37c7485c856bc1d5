"""What an edge detector adds to a sketch: broken strands, double contours, shadows' edges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import Points, arc_length, blend, moved, resampled_every
from sfx.calibration.portraits.curves import Curves
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.regions import Region
from sfx.calibration.portraits.style import SketchStyle
from sfx.calibration.portraits.visibility import RawStroke, lookup, on_canvas

_BROKEN = (7.0, 26.0)
"""Shortest and longest edge along the hair, canvas units."""


def _broken(line: Points, rng: np.random.Generator) -> Iterator[Points]:
    """Pieces of a line with gaps between them and a little noise."""
    points = resampled_every(line, 1.6)
    position = int(rng.uniform(0.0, 8.0))
    while position < len(points) - 4:
        count = int(rng.uniform(*_BROKEN) / 1.6)
        piece = points[position : position + count]
        if len(piece) >= 4:
            noise = rng.normal(0.0, 0.35, piece.shape)
            noise[1:-1] = (noise[:-2] + noise[1:-1] + noise[2:]) / 3.0
            yield piece + noise + rng.normal(0.0, 0.5, (1, 2))
        position += count + int(rng.uniform(3.0, 16.0) / 1.6)


def _hair_edges(curves: Curves, rng: np.random.Generator) -> Iterator[Points]:
    """Broken edges along the flow of hair with visible strands; smooth hair has none."""
    hair = curves.hair
    amount = curves.geometry.hair.strands
    if amount <= 0 or not hair.flow:
        return
    lines = list(hair.flow)
    half = len(lines) // 2
    for index in range(len(lines) - 1):
        if index + 1 != half:
            count = round(3 * amount)
            for part in (np.arange(count) + 0.5) / max(count, 1):
                if len(lines[index]) == len(lines[index + 1]):
                    yield from _broken(blend(lines[index], lines[index + 1], float(part)), rng)
    for shape in (*hair.back, *hair.locks):
        centre_x = float(shape[:, 0].mean())
        for shrink in (0.95, 0.90, 0.85, 0.79, 0.72, 0.64)[: 2 + int(4 * amount)]:
            inner = shape.copy()
            inner[:, 0] = centre_x + (inner[:, 0] - centre_x) * shrink
            inner[:, 1] += 3.0
            yield from _broken(inner, rng)


def dense_strokes(curves: Curves, segmentation: NDArray[np.uint8], style: SketchStyle) -> Iterator[RawStroke]:
    """(points, label, closed) of the additional lines of a dense sketch."""
    rng = np.random.default_rng(style.seed + 1)
    for edge in _hair_edges(curves, rng):
        inside = on_canvas(edge) & (lookup(segmentation, edge) == Region.HAIR)
        if inside.all():
            yield edge, Label.HAIR, False
    mouth = curves.features.mouth
    shadow = moved(mouth.lower[12:-12], 0.0, 2.2)
    if float(arc_length(shadow)[-1]) > 8.0 and rng.random() < 0.6:
        yield shadow, Label.MOUTH, False
    for earring in (curves.wear.left_earring, curves.wear.right_earring):
        if earring is not None and not earring.hoop:
            for outline in earring.outlines:
                centre = outline.mean(axis=0)
                if float(np.ptp(outline[:, 1])) > 7.0:
                    yield centre + (outline - centre) * 0.5, Label.EARRING, True
    if rng.random() < 0.5:  # the shadow of the chin on the neck
        face = curves.head.face
        chin = moved(face[int(len(face) * 0.44) : int(len(face) * 0.58)], 0.0, 5.0)
        inside = on_canvas(chin) & (lookup(segmentation, chin) == Region.NECK)
        if inside.sum() > 6:
            yield chin[inside], Label.FACE_NECK, False
