"""A labelled drawing as flat arrays, so that every change to it is a few array operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float32]

SIDE = 256
"""Side of the canvas in units, and of a drawn label map in pixels."""
UNSCORED = 255
"""Label of ink that means nothing: it is drawn, but neither trained on nor counted."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Strokes end to end: a closed one repeats its first point.

    points: float32 (n, 2), x right and y down on the canvas of 256 units. starts: int64 (strokes + 1,), the
    first point of every stroke, and n. labels: uint8 (strokes,), class ids 1..22 or UNSCORED.
    """

    points: Points
    starts: NDArray[np.int64]
    labels: NDArray[np.uint8]

    @classmethod
    def of(cls, paths: Sequence[Points], labels: Iterable[int]) -> Drawing:
        """A drawing from the paths (n, 2) of its strokes."""
        sizes = [len(path) for path in paths]
        points = np.concatenate([*paths, np.zeros((0, 2), np.float32)]).astype(np.float32)
        return cls(
            points, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), np.array([*labels], np.uint8)
        )

    @property
    def stroke_of(self) -> NDArray[np.int64]:
        """(n,) the stroke that a point belongs to."""
        return np.repeat(np.arange(len(self.labels)), np.diff(self.starts))

    @property
    def label_of(self) -> NDArray[np.uint8]:
        """(n,) the label of every point's stroke."""
        return np.repeat(self.labels, np.diff(self.starts))

    def path(self, stroke: int) -> Points:
        """The points (m, 2) of a stroke."""
        return self.points[self.starts[stroke] : self.starts[stroke + 1]]

    def moved(self, points: NDArray[np.floating]) -> Drawing:
        """The same strokes through other points (n, 2)."""
        return Drawing(points.astype(np.float32), self.starts, self.labels)

    def kept(self, keep: NDArray[np.bool_]) -> Drawing:
        """What is left of the strokes where only some points (n,) stay: a stroke falls apart at gaps."""
        stroke = self.stroke_of
        starts_run = keep.copy()
        starts_run[1:] &= ~(keep[:-1] & (stroke[1:] == stroke[:-1]))
        run = np.cumsum(starts_run)[keep] - 1
        sizes = np.bincount(run, minlength=int(starts_run.sum()))
        whole = sizes >= 2
        inside = whole[run] if len(run) else np.zeros(0, np.bool_)
        starts = np.concatenate([[0], np.cumsum(sizes[whole])]).astype(np.int64)
        return Drawing(self.points[keep][inside], starts, self.labels[stroke[starts_run]][whole])

    def only(self, strokes: NDArray[np.bool_]) -> Drawing:
        """The chosen strokes (strokes,)."""
        return self.kept(np.repeat(strokes, np.diff(self.starts)))

    def joined(self, paths: Sequence[Points], labels: Sequence[int]) -> Drawing:
        """This drawing with more strokes on top."""
        more = Drawing.of(paths, labels)
        return Drawing(
            np.concatenate([self.points, more.points]),
            np.concatenate([self.starts, more.starts[1:] + self.starts[-1]]),
            np.concatenate([self.labels, more.labels]),
        )

    def label_map(self, size: int = SIDE, width: int = 1) -> NDArray[np.uint8]:
        """uint8 (size, size): labels along lines `width` pixels wide, 0 on paper; drawn as the runtime draws."""
        picture = Image.new("L", (size, size))
        draw = ImageDraw.Draw(picture)
        pixels = np.floor(self.points * (size / SIDE) + (0.0 if width % 2 else 0.5))
        bounds = self.starts.tolist()
        for first, last, label in zip(bounds, bounds[1:], self.labels.tolist(), strict=False):
            draw.line(pixels[first:last].ravel().tolist(), fill=label, width=width)
        return np.asarray(picture)
