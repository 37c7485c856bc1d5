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
    pieces = [_pieces(line, width / 2) for line in lines]
    if not pieces:
        return picture.reshape(size, size)
    owner = np.repeat(np.arange(len(lines), dtype=np.int32), [len(of_line) for of_line, _ in pieces])
    segments = np.concatenate([of_line for of_line, _ in pieces])
    is_end = np.concatenate([ends for _, ends in pieces])
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


def _pieces(line: Line, longest: float) -> tuple[Points, NDArray[np.bool_]]:
    """A line as segments (m, 2 ends, 2) of at most that length, and whether they are of its ends (m,)."""
    points = line.points
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    place = np.linspace(0.0, along[-1], max(1, int(np.ceil(along[-1] / longest))) + 1)
    at = np.stack([np.interp(place, along, points[:, axis]) for axis in (0, 1)], 1)
    middle = (place[1:] + place[:-1]) / 2
    return np.stack([at[:-1], at[1:]], 1), (middle < line.end) | (middle > along[-1] - line.end)


def _covered(segments: Points, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (k, 2) whose middle is within `reach` of a segment that is no longer than that, and the segment (k,)."""
    begin, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    around = np.arange(-np.ceil(2 * reach), np.ceil(2 * reach) + 1)
    pixels = np.floor(begin)[:, None] + np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    offset = pixels + 0.5 - begin[:, None]
    share = (offset @ way[:, :, None])[:, :, 0] / np.maximum(np.square(way).sum(1), 1e-12)[:, None]
    beside = offset - share.clip(0.0, 1.0)[:, :, None] * way[:, None]
    near = np.square(beside).sum(2) <= reach**2
    return pixels[near].astype(np.int64), np.nonzero(near)[0]
