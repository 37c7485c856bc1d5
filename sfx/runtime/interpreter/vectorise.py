"""From ink to strokes: thinned, joined where the pen went on, cut where it turned, smoothed to sub-pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfx.errors import InputError
from sfx.runtime.interpreter.drawings import WORKING_SIDE
from sfx.runtime.interpreter.joining import join_chains
from sfx.runtime.interpreter.levels import bounds
from sfx.runtime.interpreter.skeleton import SkeletonGraph, skeleton_graph
from sfx.runtime.interpreter.smoothing import find_corners, gather, resample, smooth, split_at
from sfx.runtime.interpreter.solids import ink_depth, solid_patches
from sfx.runtime.interpreter.strokes import Placement, Sketch, Stroke

Mask = NDArray[np.bool_]

POINT_SPACING = 2.0
"""Distance between a stroke's points, in working pixels: one canvas unit."""

WIDEST_PEN = 26
"""Mean width of ink, in working pixels, above which it is no line: a twentieth of the page."""

SILHOUETTE_LINES = 0.6
"""Lines for each pixel of a patch's rim, in pixels, below which a drawing is a silhouette."""

DOT = np.array([[-0.5, 0.0], [0.5, 0.0]])
"""The stroke that stands for a single dot, around its middle, in working pixels."""


def vectorise(ink: Mask, source_size: tuple[int, int] | None = None, name: str = "drawing") -> Sketch:
    """Trace an ink mask bool (h, w), True on ink, to strokes.

    Any size: the mask is brought to the working size first. `source_size` is (width, height) of the picture
    the mask was taken from, for the sketch's placement, by default the mask's own. Raises InputError, which
    calls the drawing `name`, where no ink is left or the ink is one filled silhouette.
    """
    mask = np.asarray(ink)
    if mask.ndim != 2 or mask.dtype != np.bool_ or mask.size == 0:
        raise InputError(f"{name}: expected an ink mask bool (h, w), found {mask.dtype} {mask.shape}")
    placement = Placement.fit(*(source_size or (mask.shape[1], mask.shape[0])))
    thinned = _thin(_to_working_size(mask))
    if thinned.is_silhouette():
        raise InputError(f"{name}: expected a line drawing, found a filled silhouette")
    strokes = _strokes(thinned)
    if not strokes:
        raise InputError(f"{name}: expected a line drawing, found a blank page")
    return Sketch(tuple(strokes), placement, traced=True)


def trace_ink(ink: Mask) -> list[Stroke]:
    """The strokes of an ink mask bool (h, w) with max(h, w) == WORKING_SIDE, whatever the ink shows."""
    return _strokes(_thin(ink))


def _to_working_size(mask: Mask) -> Mask:
    scale = WORKING_SIDE / max(mask.shape)
    if scale == 1:
        return mask
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    kernel = Image.Resampling.HAMMING if scale < 1 else Image.Resampling.BICUBIC
    grey = Image.fromarray(mask.view(np.uint8) * np.uint8(255)).resize(size, kernel, reducing_gap=3.0)
    # A line one source pixel wide has been averaged down to its share of a working pixel.
    return np.asarray(np.asarray(grey) >= 255 * min(0.5, 0.4 * scale))


@dataclass(frozen=True, eq=False)
class _Thinned:
    """Ink with its painted patches, `solid` bool (h, w), emptied to their rims; and that ink's skeleton."""

    ink: Mask
    solid: Mask
    graph: SkeletonGraph

    def is_silhouette(self) -> bool:
        """Whether there is hardly anything besides patches, or all of it is wider than any pen."""
        if self.ink.sum() + self.solid.sum() > WIDEST_PEN * len(self.graph.pixels):
            return True
        in_patch = self.solid[self.graph.pixels[:, 1], self.graph.pixels[:, 0]]
        lines = self.ink & ~self.solid
        return bool(
            self.solid.sum() > 2 * lines.sum() and (~in_patch).sum() < SILHOUETTE_LINES * in_patch.sum()
        )


def _thin(ink: Mask) -> _Thinned:
    # Only where there is ink: 7.4 instead of 9.1 ms for held-out drawings, whose ink takes three quarters of a page.
    box = bounds(ink, 1)
    part = ink[box]
    depth = ink_depth(part)
    solid, rim = solid_patches(part, depth)
    if solid.any():
        part = (part & ~solid) | rim
        depth = ink_depth(part)
    graph = skeleton_graph(part, depth)
    rows, columns = box
    graph = replace(graph, pixels=graph.pixels + np.array([columns.start, rows.start], np.int32))
    return _Thinned(_placed(part, box, ink.shape), _placed(solid, box, ink.shape), graph)


def _placed(part: Mask, box: tuple[slice, slice], shape: tuple[int, ...]) -> Mask:
    page = np.zeros(shape, np.bool_)
    page[box] = part
    return page


def _strokes(thinned: _Thinned) -> list[Stroke]:
    ink, graph = thinned.ink, thinned.graph
    to_canvas = Placement.fit(ink.shape[1], ink.shape[0])
    points = _on_the_line(graph, ink)
    joined = join_chains(graph, points)
    paths = gather(
        [points[path.indices] for path in joined], [path.closed and len(path.indices) > 3 for path in joined]
    )
    # Corners are looked for on a line free of pixel steps, but cut from one that is not rounded off yet.
    corners = find_corners(smooth(paths, 3))
    drawn = resample(smooth(split_at(paths, corners), 6), POINT_SPACING)
    pieces = [*zip(drawn.split(), drawn.closed.tolist(), strict=True)]
    pieces += [(centre + DOT, False) for centre in points[graph.dots]]
    return [Stroke(to_canvas.to_canvas(piece).astype(np.float32), closed) for piece, closed in pieces]


def _on_the_line(graph: SkeletonGraph, ink: Mask) -> NDArray[np.float64]:
    """The skeleton's pixels moved to the middle of the line, float64 (n, 2) in working pixels.

    A line of even width has its skeleton half a pixel aside; the ink's centre of mass among a pixel and
    its eight neighbours has not.
    """
    padded = np.pad(ink, 1)
    x, y = graph.pixels[:, 0] + 1, graph.pixels[:, 1] + 1
    mass = np.zeros(len(x))
    shift = np.zeros((len(x), 2))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            present = padded[y + down, x + right]
            mass += present
            shift += present[:, None] * np.array([right, down])
    shift /= np.maximum(mass, 1)[:, None]
    # At a line's end the ink lies to one side only, which says nothing of the line's middle.
    tips = np.array([end for chain in graph.chains for end in (chain[0], chain[-1])], np.int64)
    shift[tips[graph.node_of[tips] < 0]] = 0.0
    return graph.pixels + 0.5 + shift
