"""The outlines that separate the large regions, cut where what lies on the other side changes.

A curve of a region is visible where the region lies directly inside it and another one directly outside;
both are looked up in a segmentation of twice the canvas's resolution, the points stay those of the curve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import Points, normals, resampled_every, signed_area
from sfx.calibration.portraits.curves import Curves
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.regions import Region
from sfx.calibration.portraits.visibility import RawStroke, lookup, on_canvas

_PROBE = 1.1
"""Units beside the curve at which the regions are looked up: two pixels of the segmentation."""
_STEP = 1.6
"""Distance of points along an outline, canvas units."""
_SHORTEST = 4
"""Runs of fewer points are noise of the look-up and are given to their neighbours."""

_NOTHING = 0

_FACE_TABLE: Mapping[Region, int] = {
    Region.BACKGROUND: Label.FACE_CONTOUR,
    Region.LEFT_EAR: Label.FACE_CONTOUR,
    Region.RIGHT_EAR: Label.FACE_CONTOUR,
    Region.HAIR: Label.FACE_HAIR,
    Region.NECK: Label.FACE_NECK,
    Region.CLOTHES: Label.FACE_CLOTHES,
}
_HAIR_TABLE: Mapping[Region, int] = {
    Region.BACKGROUND: Label.HAIR,
    Region.FACE: Label.FACE_HAIR,
    Region.NECK: Label.HAIR,
    Region.CLOTHES: Label.HAIR,
    Region.LEFT_EAR: Label.HAIR,
    Region.RIGHT_EAR: Label.HAIR,
}
_NECK_TABLE: Mapping[Region, int] = {
    Region.BACKGROUND: Label.NECK,
    Region.HAIR: Label.NECK,
    Region.LEFT_EAR: Label.NECK,
    Region.RIGHT_EAR: Label.NECK,
}
_CLOTHES_TABLE: Mapping[Region, int] = {
    Region.BACKGROUND: Label.CLOTHES,
    Region.HAIR: Label.CLOTHES,
    Region.NECK: Label.CLOTHES,
}
_HAT_TABLE: Mapping[Region, int] = {region: Label.HAT for region in Region if region is not Region.HAT}


def _ear_table(label: int) -> Mapping[Region, int]:
    return {Region.BACKGROUND: label, Region.HAIR: label, Region.NECK: label, Region.CLOTHES: label}


def _labels_along(
    curve: Points, region: Region, table: Mapping[Region, int], segmentation: NDArray[np.uint8]
) -> NDArray[np.int64]:
    outward = normals(curve, closed=True) * (1.0 if signed_area(curve) > 0 else -1.0)
    inside = lookup(segmentation, curve - outward * _PROBE)
    outside = lookup(segmentation, curve + outward * _PROBE)
    by_region = np.zeros(256, dtype=np.int64)
    for other, label in table.items():
        by_region[other] = label
    labels = np.where((inside == region) & (outside != region), by_region[outside], _NOTHING)
    labels[~on_canvas(curve)] = _NOTHING
    return labels


def _runs(labels: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(start, stop) of equal labels along an open sequence."""
    changes = np.flatnonzero(np.diff(labels)) + 1
    edges = [0, *changes.tolist(), len(labels)]
    return list(pairwise(edges))


def split_by_label(curve: Points, labels: NDArray[np.int64]) -> Iterator[RawStroke]:
    """(points, label, closed) of the runs of a closed curve's labels; _NOTHING is left out."""
    if np.all(labels == labels[0]):
        if labels[0] != _NOTHING:
            yield curve, int(labels[0]), True
        return
    start = int(np.flatnonzero(labels != np.roll(labels, 1))[0])
    curve, labels = np.roll(curve, -start, axis=0), np.roll(labels, -start)
    runs = _runs(labels)
    for index, (first, last) in enumerate(runs):
        if last - first < _SHORTEST and len(runs) > 1:
            before, after = runs[index - 1], runs[(index + 1) % len(runs)]
            donor = before if before[1] - before[0] >= after[1] - after[0] else after
            labels[first:last] = labels[donor[0]]
    for first, last in _runs(labels):
        if labels[first] != _NOTHING and last - first >= _SHORTEST:
            # One point more, so that neighbouring strokes meet.
            stop = min(last + 1, len(curve)) if last < len(curve) else last
            yield curve[first:stop], int(labels[first]), False


def outline_strokes(
    curves: Curves, segmentation: NDArray[np.uint8], clothes: bool = True, neck: bool = True
) -> Iterator[RawStroke]:
    """(points, label, closed) of every visible outline between regions."""
    head, hair, wear = curves.head, curves.hair, curves.wear
    outlines: list[tuple[Points, Region, Mapping[Region, int]]] = [
        (shape, Region.HAIR, _HAIR_TABLE) for shape in (*hair.back, *hair.locks, *hair.front)
    ]
    if hair.bun is not None:
        outlines.append((hair.bun, Region.HAIR, _HAIR_TABLE))
    outlines.append((head.face, Region.FACE, _FACE_TABLE))
    if neck:
        outlines.append((head.neck, Region.NECK, _NECK_TABLE))
    if clothes and wear.clothes is not None:
        outlines.append((wear.clothes.shape, Region.CLOTHES, _CLOTHES_TABLE))
        outlines.extend((flap, Region.CLOTHES, _CLOTHES_TABLE) for flap in wear.clothes.flaps)
    if head.left_ear is not None:
        outlines.append((head.left_ear.outline, Region.LEFT_EAR, _ear_table(Label.LEFT_EAR)))
    if head.right_ear is not None:
        outlines.append((head.right_ear.outline, Region.RIGHT_EAR, _ear_table(Label.RIGHT_EAR)))
    if wear.hat is not None:
        outlines.extend((shape, Region.HAT, _HAT_TABLE) for shape in wear.hat.shapes[:-1])
    for shape, region, table in outlines:
        closed = np.concatenate([shape, shape[:1]])
        curve = resampled_every(closed, _STEP)[:-1]
        labels = _labels_along(curve, region, table, segmentation)
        if hair.outer is not None and any(shape is back for back in hair.back):
            # Hair over the ears shares its outer edge with what hangs behind: one line, not two.
            labels[_close_to(curve, hair.outer)] = _NOTHING
        yield from split_by_label(curve, labels)


def _close_to(curve: Points, other: Points) -> NDArray[np.bool_]:
    dense = resampled_every(other, _STEP)
    gap = np.hypot(curve[:, None, 0] - dense[None, :, 0], curve[:, None, 1] - dense[None, :, 1])
    return np.asarray(gap.min(axis=1) < _STEP)
