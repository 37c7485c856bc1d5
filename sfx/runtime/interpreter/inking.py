"""Strokes as ink on pixels: the same pixels whatever points a line is given by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfx.runtime.interpreter.measuring import Points, measured, ranks

NUDGE = 1e-3
"""Shift in pixels, right and down: a line halfway between two rows of pixels inks the one that `floor` names."""

AT_ONCE = 20_000
"""Segments drawn at once, of which a dense drawing has as many; a hostile one has millions."""


@dataclass(frozen=True, eq=False)
class Line:
    """A polyline on pixels: points float64 (n >= 2, 2), a closed one ending with its first point.

    `end` is the length of its open ends, in pixels, that lie below all other ink.
    """

    points: Points
    end: float


def ink_lines(lines: Sequence[Line], size: int, width: float) -> NDArray[np.int32]:
    """Draw lines with a round pen: int32 (size, size), the line's index, -1 where there is none.

    A pixel is inked where its middle is within half the pen's width, in pixels and at least 1, of the line. Where lines
    cross, the later one stays on top; where one ends at another, the other does: a line that ends there may reach its
    edge, its middle, or a little beyond, and would take a pixel of it in one form of a drawing and not in the next.
    """
    picture = np.full(size * size, -1, np.int32)
    if not lines:
        return picture.reshape(size, size)
    longest, reach = (width / 2 if width > 2 else 0.5), width / 2
    segments, owner, is_end = _pieces(lines, longest)
    segments = segments + NUDGE
    on_page = (np.abs(segments - size / 2) < size / 2 + reach + longest).all((1, 2))
    for layer in (on_page & is_end, on_page & ~is_end):
        chosen = np.flatnonzero(layer)
        for some in np.array_split(chosen, 1 + len(chosen) // AT_ONCE):
            pixels, segment = _covered(segments[some], reach, longest)
            inside = ((pixels >= 0) & (pixels < size)).all(1)
            column, row = pixels[inside].T
            # Where an index comes twice, NumPy keeps the last value, which is the later line's.
            picture[row * size + column] = owner[some[segment[inside]]]
    return picture.reshape(size, size)


def _pieces(lines: Sequence[Line], longest: float) -> tuple[Points, NDArray[np.int32], NDArray[np.bool_]]:
    """Segments (m, 2 ends, 2) of the lines, of at most that length; whose (m,); whether of its ends (m,)."""
    sizes = np.array([len(line.points) for line in lines])
    ways = measured(np.concatenate([_clear_of_borders(line.points) for line in lines]), sizes)
    counts = np.maximum(np.ceil(ways.length / longest), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(lines), dtype=np.int32), counts)
    rank = ranks(counts)
    step = (ways.length / counts)[owner]
    ends = [ways.at(ways.begin[owner] + place * step) for place in (rank, rank + 1)]
    middle = (rank + 0.5) * step
    end = np.array([line.end for line in lines])[owner]
    return np.stack(ends, 1), owner, (middle < end) | (middle > ways.length[owner] - end)


def _clear_of_borders(points: Points) -> Points:
    """The points; of a line that is shorter than a pixel and might miss all middles, moved to that of its own."""
    low, high = points.min(0), points.max(0)
    if (high - low).max() >= 1.0:
        return points
    middle = (low + high) / 2
    return np.asarray(points + (np.floor(middle) + 0.5 - middle))


def _covered(segments: Points, reach: float, longest: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (k, 2) whose middle is within `reach` of a segment no longer than `longest`, and the segment (k,)."""
    begin, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    furthest = np.floor(reach + longest / 2 + 0.5)
    around = np.arange(-furthest, furthest + 1)
    pixels = np.floor(begin + way / 2)[:, None] + np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    across, down = (pixels[:, :, axis] + (0.5 - begin[:, axis, None]) for axis in (0, 1))
    share = (across * way[:, :1] + down * way[:, 1:]) / np.maximum(np.square(way).sum(1), 1e-12)[:, None]
    np.clip(share, 0.0, 1.0, out=share)
    near = (across - share * way[:, :1]) ** 2 + (down - share * way[:, 1:]) ** 2 <= reach**2
    return pixels[near].astype(np.int64), np.nonzero(near)[0]
