"""Painted patches: a pupil, a lens or hair filled with ink is drawn by its outline, as its meaning is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

MIN_CORE_DEPTH = 5
"""Depth in ink below which nothing is a patch, in pixels: a blob 9 pixels across is a dot of the pen."""

MAX_PEN_HALF_WIDTH = 8
"""Where only patches are drawn, their own depth is no pen's: a pen 16 pixels wide marks 3 % of the page."""


def ink_depth(ink: Mask) -> NDArray[np.int32]:
    """Distance of every ink pixel to paper, int32 (h, w), 1 at the ink's edge; diagonal steps count 1 too."""
    padded = ndimage.distance_transform_cdt(np.pad(ink, 1), metric="chessboard")
    return np.asarray(padded[1:-1, 1:-1], np.int32)


def solid_patches(ink: Mask, depth: NDArray[np.int32]) -> tuple[Mask, Mask]:
    """The patches of ink (h, w) too wide to be strokes, and their rims, one pen wide: two bool (h, w).

    `depth` is the ink's `ink_depth`.

    A patch is at least three times as thick as this drawing's pen, and compact: what is that thick and long
    is a broad stroke, such as a painted eyebrow.
    """
    none = np.zeros_like(ink)
    if not ink.any():
        return none, none
    pen = min(_pen_half_width(depth), MAX_PEN_HALF_WIDTH)
    core_depth = max(MIN_CORE_DEPTH, int(np.ceil(3 * pen)) + 1)
    core = depth >= core_depth
    if not core.any():
        return none, none
    # The square in which chessboard distance counts is what leads back from the core to the patch's rim.
    grown = ndimage.grey_dilation(core.view(np.uint8), size=(2 * core_depth - 1, 2 * core_depth - 1)) > 0
    patches, count = ndimage.label(grown & ink)
    areas = np.bincount(patches.ravel(), minlength=count + 1)
    deepest = np.zeros(count + 1, np.int64)
    np.maximum.at(deepest, patches[core], depth[core])
    # A square has area / depth^2 = 4, a bar four times as long as wide 16.
    compact = (areas <= 16 * np.square(deepest)) | (deepest > 20)
    compact[0] = False
    solid = compact[patches]
    return solid, solid & (depth <= max(1, min(3, round(2 * pen))))


def _pen_half_width(depth: NDArray[np.int32]) -> float:
    """Median depth along the middle of all strokes, in pixels."""
    padded = np.pad(depth, 1)
    middle = depth > 0
    for other in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        middle &= depth >= other
    return float(np.median(depth[middle]))
