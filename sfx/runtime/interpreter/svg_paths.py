"""The geometry of one SVG shape as polylines on the canvas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import svgelements
from numpy.typing import NDArray

from sfx.runtime.interpreter.measuring import ranks
from sfx.runtime.interpreter.strokes import Placement

POINT_SPACING = 1.5
"""Widest distance between a stroke's points, in canvas units; a program's own points are kept."""

MIN_SPACING = 0.01
"""Points nearer to each other than this are one point, in canvas units."""

MAX_CURVE_POINTS = 5000
"""Points along one curve, at most: one of 30 times the canvas's side."""

MAX_POINTS = 300_000
"""Points of a whole drawing, at most: a dense edge map has 6000."""

FARTHEST = 1e5
"""Coordinates beyond this are damaged, in canvas units."""

Points = NDArray[np.float64]


def flatten(path: svgelements.Path, placement: Placement) -> Iterator[tuple[Points, bool]]:
    """Every subpath as canvas points (n >= 2, 2) at most POINT_SPACING apart, and whether it is closed.

    A program's own points are kept. Raises ValueError for coordinates that no drawing has.
    """
    vertices: list[tuple[float, float]] = []
    for segment in path:
        closes = isinstance(segment, svgelements.Close)
        if isinstance(segment, svgelements.Move):
            yield from _finish(vertices, False, placement)
            vertices = []
        elif segment.start is not None and segment.end is not None:
            if not vertices:
                vertices.append((segment.start.x, segment.start.y))
            if not closes and not isinstance(segment, svgelements.Line):
                vertices += _curve(segment, placement.scale)
            vertices.append((segment.end.x, segment.end.y))
        if len(vertices) > MAX_POINTS:
            raise ValueError(f"a line of more than {MAX_POINTS} points")
        if closes:
            yield from _finish(vertices, True, placement)
            vertices = []
    yield from _finish(vertices, False, placement)


def _curve(segment: svgelements.Curve, scale: float) -> list[tuple[float, float]]:
    """Points inside a curved segment, near enough to each other to draw straight lines between them."""
    coarse = np.asarray(segment.npoint(np.linspace(0.0, 1.0, 9)), np.float64)
    length = float(np.hypot(*np.diff(coarse, axis=0).T).sum()) * scale
    if not np.isfinite(length):
        raise ValueError("coordinates that are no numbers")
    steps = min(MAX_CURVE_POINTS, int(np.ceil(length / POINT_SPACING)))
    if steps < 2:
        return []
    inner = segment.npoint(np.linspace(0.0, 1.0, steps + 1)[1:-1])
    return [(float(x), float(y)) for x, y in inner]


def _finish(
    vertices: list[tuple[float, float]], closed: bool, placement: Placement
) -> Iterator[tuple[Points, bool]]:
    if not vertices:
        return
    points = placement.to_canvas(np.array(vertices, np.float64))
    if not np.isfinite(points).all() or np.abs(points).max() > FARTHEST:
        raise ValueError("coordinates far off the page, or no numbers")
    distance = np.hypot(*np.diff(points, axis=0).T)
    points = points[np.concatenate([[True], distance > MIN_SPACING])]
    # Many programs end a loop on its first point instead of closing it.
    if len(points) > 3 and np.hypot(*(points[-1] - points[0])) <= MIN_SPACING:
        points, closed = points[:-1], True
    if len(points) == 1:
        points = points + np.array([[-0.25, 0.0], [0.25, 0.0]])  # A dot, drawn by a round line cap.
    closed = closed and len(points) > 2
    yield _subdivided(points, closed), closed


def _subdivided(points: Points, closed: bool) -> Points:
    """Points added on straight lines longer than POINT_SPACING; all given ones stay."""
    following = np.roll(points, -1, axis=0)
    parts = np.ceil(np.hypot(*(following - points).T) / POINT_SPACING).astype(np.int64).clip(min=1)
    if not closed:
        parts[-1] = 1
    share = ranks(parts) / np.repeat(parts, parts)
    begin = np.repeat(points, parts, axis=0)
    return np.asarray(begin + share[:, None] * (np.repeat(following, parts, axis=0) - begin))
