"""All strokes of a drawing at once, as one array: smoothed, split at corners, and resampled."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfx.runtime.interpreter.measuring import Points, measured, ranks

CORNER_REACH = 6
"""Length of the two arms between which a corner's angle is measured, in points (pixels)."""

CORNER_TURN = np.radians(48.0)
"""A pen that turns this much between the arms may have made a corner."""

CORNER_SHARPNESS = np.radians(30.0)
"""How much more a corner turns than the line one arm before and after it: a small circle turns evenly."""


@dataclass(frozen=True, eq=False)
class Paths:
    """Paths one behind the other: points float64 (n, 2), counts int64 (p,), closed bool (p,).

    Closed paths do not repeat their first point.
    """

    points: Points
    counts: NDArray[np.int64]
    closed: NDArray[np.bool_]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Index of every path's first point: int64 (p,)."""
        return np.cumsum(self.counts) - self.counts

    def position(self) -> NDArray[np.int64]:
        """Every point's index within its path: int64 (n,)."""
        return ranks(self.counts)

    def neighbour(self, step: int) -> NDArray[np.int64]:
        """Index of the point `step` further along each point's path: around a closed one, else to its end."""
        counts = np.repeat(self.counts, self.counts)
        target = self.position() + step
        within = np.where(
            np.repeat(self.closed, self.counts), target % counts, np.clip(target, 0, counts - 1)
        )
        return np.repeat(self.starts, self.counts) + within

    def split(self) -> list[Points]:
        """Each path's points."""
        return np.split(self.points, np.cumsum(self.counts)[:-1]) if len(self.counts) else []


def smooth(paths: Paths, rounds: int) -> Paths:
    """Average every point with its neighbours by (1, 2, 1) / 4, `rounds` times; ends of open paths stay."""
    before, after = paths.neighbour(-1), paths.neighbour(1)
    here = np.arange(len(paths.points))
    fixed = (before == here) | (after == here)
    points = paths.points
    for _ in range(rounds):
        averaged = 0.5 * points + 0.25 * (points[before] + points[after])
        averaged[fixed] = points[fixed]
        points = averaged
    return Paths(points, paths.counts, paths.closed)


def find_corners(paths: Paths) -> NDArray[np.bool_]:
    """Points at which a path turns sharply: bool (n,). Never within an arm's length of an open end."""
    before, after = paths.neighbour(-CORNER_REACH), paths.neighbour(CORNER_REACH)
    arriving = paths.points - paths.points[before]
    leaving = paths.points[after] - paths.points
    cross = arriving[:, 0] * leaving[:, 1] - arriving[:, 1] * leaving[:, 0]
    turn = np.abs(np.arctan2(cross, (arriving * leaving).sum(axis=1)))
    counts = np.repeat(paths.counts, paths.counts)
    position = paths.position()
    closed = np.repeat(paths.closed, paths.counts)
    inside = np.where(
        closed,
        counts > 4 * CORNER_REACH,
        (position >= CORNER_REACH) & (position < counts - CORNER_REACH),
    )
    turn = np.where(inside, turn, 0.0)
    sharpness = turn - 0.5 * (turn[before] + turn[after])
    candidates = np.flatnonzero((turn > CORNER_TURN) & (sharpness > CORNER_SHARPNESS))
    corners = np.zeros(len(turn), np.bool_)
    steps = [paths.neighbour(step) for step in range(-CORNER_REACH, CORNER_REACH + 1) if step]
    for point in candidates.tolist():
        around = [int(step[point]) for step in steps]
        if turn[point] >= turn[around].max() and not corners[around].any():
            corners[point] = True
    return corners


def split_at(paths: Paths, corners: NDArray[np.bool_]) -> Paths:
    """Cut paths at the marked points, which then belong to both sides.

    A closed path with one corner stays closed and starts there; with more it becomes open pieces.
    """
    if not corners.any():
        return paths
    pieces: list[Points] = []
    closed: list[bool] = []
    cuts_of = np.split(corners, np.cumsum(paths.counts)[:-1])
    for points, is_closed, marked in zip(paths.split(), paths.closed.tolist(), cuts_of, strict=True):
        cuts = np.flatnonzero(marked)
        if len(cuts) == 0 or (is_closed and len(cuts) == 1):
            pieces.append(np.roll(points, -int(cuts[0]), axis=0) if len(cuts) else points)
            closed.append(is_closed)
            continue
        if is_closed:
            points = np.roll(points, -int(cuts[0]), axis=0)
            points = np.concatenate([points, points[:1]])
            bounds = [*(cuts - cuts[0]).tolist(), len(points) - 1]
        else:
            bounds = [0, *cuts.tolist(), len(points) - 1]
        pieces += [points[a : b + 1] for a, b in itertools.pairwise(bounds)]
        closed += [False] * (len(bounds) - 1)
    return gather(pieces, closed)


def gather(pieces: list[Points], closed: list[bool]) -> Paths:
    """Put paths one behind the other."""
    counts = np.array([len(piece) for piece in pieces], np.int64)
    return Paths(np.concatenate(pieces) if pieces else np.zeros((0, 2)), counts, np.array(closed, np.bool_))


def resample(paths: Paths, spacing: float) -> Paths:
    """Points at equal distances of about `spacing` along every path, ends and first points kept.

    An open path gets at least 2 points, a closed one at least 4.
    """
    if not len(paths.counts):
        return paths
    looped = [
        np.concatenate([points, points[:1]]) if is_closed else points
        for points, is_closed in zip(paths.split(), paths.closed.tolist(), strict=True)
    ]
    ring = gather(looped, paths.closed.tolist())
    ways = measured(ring.points, ring.counts)
    intervals = np.maximum(np.round(ways.length / spacing), np.where(paths.closed, 4, 1)).astype(np.int64)
    counts = intervals + ~paths.closed
    target = np.repeat(ways.begin, counts) + ranks(counts) * np.repeat(ways.length / intervals, counts)
    # Rounding must not carry a path's last point over into the next path.
    target = np.minimum(target, np.repeat(ways.begin + ways.length, counts))
    return Paths(ways.at(target), counts, paths.closed)
