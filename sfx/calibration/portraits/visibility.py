"""Which parts of a line can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import Points, resampled_every
from sfx.calibration.portraits.curves import CANVAS, Curves
from sfx.calibration.portraits.painter import IndexPainter, path_of
from sfx.calibration.portraits.regions import Region, region_of

RawStroke = tuple[Points, int, bool]
"""Points (n, 2), label, closed: a line before a hand draws it."""

_SIZE = 512
"""Side of the segmentation in which regions are looked up: two pixels a unit."""
_STEP = 1.2
"""Distance of points along a cut line, canvas units."""
_FEWEST = 3
"""Shorter pieces are dropped."""

ALL_BUT: dict[Region, tuple[Region, ...]] = {
    region: tuple(other for other in Region if other is not region) for region in Region
}
"""What hides a line that lies within one region."""


def lookup(segmentation: NDArray[np.uint8], points: Points) -> NDArray[np.uint8]:
    """The values at points of the canvas; outside the canvas those at its edge."""
    size = segmentation.shape[0]
    index = np.minimum(np.maximum((points * (size / CANVAS)).astype(np.int64), 0), size - 1)
    return np.asarray(segmentation[index[:, 1], index[:, 0]])


def on_canvas(points: Points) -> NDArray[np.bool_]:
    """Which points lie on the canvas."""
    return np.asarray(np.all((points >= 0.0) & (points <= CANVAS - 0.5), axis=1))


def visible_runs(visible: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(start, stop) of the runs of True that are long enough to draw."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], visible.astype(np.int8), [0]])))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, last) for first, last in pairs if last - first >= _FEWEST]


class Visibility:
    """Cuts the lines of one portrait where something hides them."""

    def __init__(self, curves: Curves) -> None:
        self.segmentation = region_of(curves, _SIZE)
        glasses = curves.wear.glasses
        dark = glasses is not None and curves.geometry.glasses.dark
        self._lenses = _mask(glasses.lenses) if glasses is not None and dark else None
        self._beard = None if curves.beard.shape is None else _mask((curves.beard.shape,))

    def cut(
        self, stroke: RawStroke, hidden_by: tuple[Region, ...], under_lenses: bool = False
    ) -> Iterator[RawStroke]:
        """The pieces of a line that lie in none of the regions, nor under dark lenses where so told."""
        points, label, closed = stroke
        line = np.concatenate([points, points[:1]]) if closed else points
        line = resampled_every(line, _STEP)
        visible = on_canvas(line)
        if hidden_by:
            hiding = np.zeros(len(Region), dtype=np.bool_)
            hiding[list(hidden_by)] = True
            visible &= ~hiding[lookup(self.segmentation, line)]
        if under_lenses and self._lenses is not None:
            visible &= lookup(self._lenses, line) == 0
        if visible.all():
            yield (line[:-1] if closed else line), label, closed
            return
        for first, last in visible_runs(visible):
            yield line[first:last], label, False

    def not_under_beard(self, stroke: RawStroke) -> Iterator[RawStroke]:
        """A line of neck or clothes without what a long beard covers."""
        points, label, _ = stroke
        if self._beard is None:
            yield stroke
            return
        visible = lookup(self._beard, points) == 0
        if visible.all():
            yield stroke
            return
        for first, last in visible_runs(visible):
            yield points[first:last], label, False


def _mask(shapes: Iterable[Points]) -> NDArray[np.uint8]:
    painter = IndexPainter(_SIZE)
    for shape in shapes:
        painter.fill(path_of(shape), 1)
    return painter.indices()
