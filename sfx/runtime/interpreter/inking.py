"""Strokes as ink on pixels: the same pixels whatever points a line is given by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUDGE = 1e-3
"""Shift in pixels, right and down: a line halfway between two rows of pixels inks the one that `floor` names."""

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """A polyline on pixels: points float64 (n >= 2, 2), a closed one ending with its first point.

    `end` is the length of its open ends, in pixels, that lie below all other ink.
    """

    points: Points
    end: float


def ink_lines(lines: Sequence[Line], size: int, width: float) -> NDArray[np.int32]:
    """Draw lines with a round pen: int32 (size, size), the line's index, -1 where there is none.

    A pixel is inked where its middle is within half the pen's width, in pixels, of the line; a dot between all middles
    inks the pixel it lies in. Where lines cross, the later one stays on top; where one ends at another, the other does:
    a line that ends there may reach its edge, its middle, or a little beyond, and would take a pixel of it in one form
    of a drawing and not in the next.
    """
    picture = np.full(size * size, -1, np.int32)
    if not lines:
        return picture.reshape(size, size)
    segments, owner, is_end = _pieces(lines, width / 2 if width > 2 else 0.5)
    pixels, segment = _covered(segments + NUDGE, width / 2)
    missed = np.flatnonzero(np.bincount(owner[segment], minlength=len(lines)) == 0)
    if len(missed):
        dots = np.searchsorted(owner, missed)
        pixels = np.concatenate([pixels, np.floor(segments[dots, 0]).astype(np.int64)])
        segment = np.concatenate([segment, dots])
    inside = ((pixels >= 0) & (pixels < size)).all(1)
    pixels, segment = pixels[inside], segment[inside]
    # Where an index comes twice, NumPy keeps the last value. Later lines come later, and ends before all the rest.
    order = np.lexsort((owner[segment], ~is_end[segment]))
    picture[(pixels[:, 1] * size + pixels[:, 0])[order]] = owner[segment][order]
    return picture.reshape(size, size)


def _pieces(lines: Sequence[Line], longest: float) -> tuple[Points, NDArray[np.int32], NDArray[np.bool_]]:
    """Segments (m, 2 ends, 2) of the lines, of at most that length; whose (m,); whether of its ends (m,)."""
    sizes = np.array([len(line.points) for line in lines])
    points = np.concatenate([line.points for line in lines])
    first = np.cumsum(sizes) - sizes
    steps = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    steps[first] = 1.0  # from one line to the next: no way along either, but it keeps their distances apart
    along = np.cumsum(steps)
    begin, length = along[first], along[first + sizes - 1] - along[first]
    counts = np.maximum(np.ceil(length / longest), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(lines), dtype=np.int32), counts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    step = (length / counts)[owner]
    ends = [
        np.stack([np.interp(begin[owner] + place * step, along, points[:, axis]) for axis in (0, 1)], 1)
        for place in (rank, rank + 1)
    ]
    middle = (rank + 0.5) * step
    end = np.array([line.end for line in lines])[owner]
    return np.stack(ends, 1), owner, (middle < end) | (middle > length[owner] - end)


def _covered(segments: Points, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (k, 2) whose middle is within `reach` of a segment, and the segment (k,)."""
    begin, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    squared = np.square(way).sum(1)
    middle = begin + way / 2
    furthest = np.floor(reach + np.sqrt(squared.max()) / 2 + 0.5)
    around = np.arange(-furthest, furthest + 1)
    pixels = np.floor(middle)[:, None] + np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    across, down = (pixels[:, :, axis] + (0.5 - begin[:, axis, None]) for axis in (0, 1))
    share = (across * way[:, :1] + down * way[:, 1:]) / np.maximum(squared, 1e-12)[:, None]
    np.clip(share, 0.0, 1.0, out=share)
    near = (across - share * way[:, :1]) ** 2 + (down - share * way[:, 1:]) ** 2 <= reach**2
    return pixels[near].astype(np.int64), np.nonzero(near)[0]
