"""Many lines as one array, measured along their way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ways:
    """Lines one behind the other.

    points: float64 (n, 2). along: float64 (n,), every point's place on the way along all lines. begin, length: float64
    (p,), of every line.
    """

    points: Points
    along: NDArray[np.float64]
    begin: NDArray[np.float64]
    length: NDArray[np.float64]

    def at(self, places: NDArray[np.float64]) -> Points:
        """Points float64 (k, 2) at places (k,) of the way."""
        return np.stack([np.interp(places, self.along, self.points[:, axis]) for axis in (0, 1)], 1)


def measured(points: Points, counts: NDArray[np.int64]) -> Ways:
    """Measure p lines of `counts` points each, at least one, end to end in `points` (n, 2)."""
    first = np.cumsum(counts) - counts
    steps = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    steps[first] = 1.0  # from one line to the next: no way along either, but it keeps their places apart
    along = np.cumsum(steps)
    begin = along[first]
    return Ways(points, along, begin, along[first + counts - 1] - begin)


def ranks(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... within each of groups of `counts` members, one group behind the other."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
