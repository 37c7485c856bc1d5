"""A drawing as strokes: what every later step of the interpreter reads and writes.

The canvas is a square of 256 units, the size of the label map that the model reads; x runs right, y runs
down, and (0, 0) is the outer corner of the top left pixel, so pixel centres lie at half units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sfx.errors import InputError
from sfx.labels import MAX_LABEL
from sfx.runtime.interpreter.inking import Line, ink_lines

CANVAS_UNITS = 256.0
"""Side of the square canvas, in units."""
END = 2.0
"""Length of a stroke's open ends, in canvas units, that are drawn below all other strokes."""


@dataclass(frozen=True)
class Placement:
    """Where the source lies on the canvas: canvas = source * scale + (offset_x, offset_y).

    Source coordinates are pixels (or an SVG's user pixels) with the origin at the outer corner of the
    first one; the scale is the same in x and y, so nothing is ever distorted.
    """

    scale: float
    offset_x: float
    offset_y: float

    @classmethod
    def fit(cls, width: float, height: float) -> Placement:
        """Fit a page of `width` x `height` source units on the canvas, its shorter side centred."""
        if not (width > 0 and height > 0):
            raise InputError(f"page size: expected two positive numbers, found {width} x {height}")
        scale = CANVAS_UNITS / max(width, height)
        return cls(scale, (CANVAS_UNITS - width * scale) / 2, (CANVAS_UNITS - height * scale) / 2)

    def to_canvas(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Source points (n, 2) as canvas points (n, 2)."""
        return np.asarray(points, np.float64) * self.scale + (self.offset_x, self.offset_y)

    def to_source(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Canvas points (n, 2) as source points (n, 2)."""
        return (np.asarray(points, np.float64) - (self.offset_x, self.offset_y)) / self.scale


@dataclass(frozen=True, eq=False)
class Stroke:
    """One pen movement: points float32 (n >= 2, 2) as (x, y) in canvas units, in drawing order.

    A closed stroke does not repeat its first point. `label` is a class id 1..22, or None where nothing has
    decided yet; `confidence` is 0..1, or None. The points cannot be written to. Raises InputError where a
    value does not hold.
    """

    points: NDArray[np.float32]
    closed: bool = False
    label: int | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        points = np.array(self.points, np.float32)
        if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < 2:
            raise InputError(f"stroke points: expected shape (n >= 2, 2), found {points.shape}")
        if not np.isfinite(points).all():
            raise InputError("stroke points: expected finite numbers, found NaN or infinity")
        if self.label is not None and not 1 <= self.label <= MAX_LABEL:
            raise InputError(f"stroke label: expected 1..{MAX_LABEL} or None, found {self.label}")
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise InputError(f"stroke confidence: expected 0..1 or None, found {self.confidence}")
        points.flags.writeable = False
        object.__setattr__(self, "points", points)

    @property
    def path(self) -> NDArray[np.float32]:
        """The points as drawn, float32 (n, 2): a closed stroke ends with its first point again."""
        return np.concatenate([self.points, self.points[:1]]) if self.closed else self.points

    @property
    def length(self) -> float:
        """Length along the path, in canvas units."""
        steps = np.diff(self.path, axis=0)
        return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


@dataclass(frozen=True, eq=False)
class Sketch:
    """A whole drawing: its strokes on the canvas, and where the source's pixels lie on that canvas."""

    strokes: tuple[Stroke, ...]
    placement: Placement
    traced: bool = False
    """Whether the strokes were traced from pixels; else they are a pen's own."""

    def stroke_map(self, size: int = 256, width: float | None = None) -> NDArray[np.int32]:
        """Draw the strokes: int32 (size, size), the index of the stroke at a pixel, -1 where none is.

        `width` is the pen's width in pixels of the result, by default one canvas unit and at least 1. A pixel is inked
        where its middle is under the pen. Where strokes cross, the later one stays on top; where one ends at another,
        the other does.
        """
        if size < 1:
            raise InputError(f"size: expected a positive number of pixels, found {size}")
        scale = size / CANVAS_UNITS
        lines = [
            Line(stroke.path.astype(np.float64) * scale, 0.0 if stroke.closed else END * scale)
            for stroke in self.strokes
        ]
        return ink_lines(lines, size, max(1.0, round(scale) if width is None else width))

    def mask(self, size: int = 256, width: float | None = None) -> NDArray[np.bool_]:
        """Draw the strokes as ink: bool (size, size), True on ink. `width` as in `stroke_map`."""
        return self.stroke_map(size, width) >= 0

    def label_map(self, size: int = 256, width: float | None = None) -> NDArray[np.uint8]:
        """Draw the labelled strokes: uint8 (size, size) of class ids, 0 where nothing is drawn.

        Strokes without a label are left out. `width` as in `stroke_map`.
        """
        labelled = tuple(stroke for stroke in self.strokes if stroke.label is not None)
        labels = np.array([*(stroke.label for stroke in labelled), 0], np.uint8)
        # The background's index is -1, which picks the 0 at the end.
        return labels[replace(self, strokes=labelled).stroke_map(size, width)]

    def without_labels(self) -> Sketch:
        """The same strokes as a plain drawing: no label, no confidence."""
        plain = tuple(replace(stroke, label=None, confidence=None) for stroke in self.strokes)
        return replace(self, strokes=plain)

    def to_svg(self) -> str:
        """The sketch as an SVG document with one group a class; `read_drawing` reads it back."""
        from sfx.runtime.interpreter.svg_writing import sketch_to_svg

        return sketch_to_svg(self)


def draw_paths(
    paths: Sequence[NDArray[np.float32]], size: int, width: float | None = None
) -> NDArray[np.int32]:
    """Draw polylines (n, 2) in canvas units: int32 (size, size), the path's index, -1 where none is.

    This is the ink that the network was trained on. It depends on where a line's points lie, by up to a pixel.
    """
    scale = size / CANVAS_UNITS
    pen = max(1, round(scale if width is None else width))
    picture = Image.new("I", (size, size), -1)
    draw = ImageDraw.Draw(picture)
    for index, path in enumerate(paths):
        # Pillow truncates towards zero, which would shift points left of the canvas into it. An even pen
        # is centred on a pixel's corner, an odd one on its centre.
        pixels = np.floor(path * scale + (0.0 if pen % 2 else 0.5))
        draw.line(pixels.ravel().tolist(), fill=index, width=pen, joint="curve" if pen > 2 else None)
    return np.asarray(picture, np.int32)
