"""Curves of clothes, by their neckline. Control points are the right half's, x from the body's axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfx.calibration.portraits.curve_tools import Points, near, symmetric, through
from sfx.calibration.portraits.geometry import Geometry, Neckline
from sfx.calibration.portraits.placement import Placement

Control = list[tuple[float, float]]


@dataclass(frozen=True)
class Clothes:
    """Clothes on the canvas."""

    shape: Points
    """Closed, down to below the canvas."""
    neckline: Points
    hem: Points | None
    """A line beside the neckline: ribbing, or the fold of a turtleneck."""
    flaps: tuple[Points, ...]
    """Closed collar flaps of a shirt."""
    folds: tuple[Points, ...]


def build_clothes(geometry: Geometry, place: Placement) -> Clothes | None:
    """The curves on the canvas; None for bare shoulders."""
    if geometry.wear.neckline is Neckline.BARE:
        return None
    inner, shoulder = _inner_edge(geometry), geometry.head.shoulder
    neckline = symmetric(near(inner, samples=8))
    right = near([inner[-1], *_outer_edge(geometry)], samples=8)[1:]
    shape = np.concatenate([neckline, right, (right * (-1.0, 1.0))[::-1]])
    hem = _hem(geometry, inner)
    fold = through([(66.0, shoulder + 12.0), (76.0, shoulder + 26.0), (80.0, shoulder + 44.0)], samples=6)
    return Clothes(
        shape=place.upright(shape),
        neckline=place.upright(neckline),
        hem=None if hem is None else place.upright(hem),
        flaps=tuple(place.upright(flap) for flap in _flaps(geometry)),
        folds=(place.upright(fold * (-1.0, 1.0)), place.upright(fold)),
    )


def _inner_edge(geometry: Geometry) -> Control:
    """From the middle of the neckline to the shoulder."""
    head, wear = geometry.head, geometry.wear
    width, shoulder, depth = head.neck_half_width, head.shoulder, wear.neckline_depth
    if wear.neckline is Neckline.TURTLENECK:
        top = _turtleneck_top(geometry)
        return [
            (0.0, top + 11.0),
            (width * 0.5, top + 9.0),
            (width * 0.9, top + 2.0),
            (width * 1.03, top - 3.0),
        ]
    if wear.neckline in (Neckline.V, Neckline.SHIRT):
        fall = _pointed_fall(geometry)
        return [
            (0.0, shoulder + fall),
            (width * 0.35, shoulder + fall * 0.55),
            (width * 0.85, shoulder + 6.0),
            (width * 1.15, shoulder - 6.0),
        ]
    fall = (10.0 if wear.neckline is Neckline.CREW else 30.0) + 8.0 * depth
    spread = 1.16 if wear.neckline is Neckline.CREW else 1.42
    return [
        (0.0, shoulder + fall),
        (width * 0.45 * spread, shoulder + fall * 0.90),
        (width * 0.85 * spread, shoulder + fall * 0.36),
        (width * spread, shoulder - 3.0 + 5.0 * (spread - 1.16) / 0.26),
    ]


def _outer_edge(geometry: Geometry) -> Control:
    """From beside the neck over the shoulder and arm to below the canvas."""
    width, shoulder = geometry.head.neck_half_width, geometry.head.shoulder
    outer = [
        (width * 1.75, shoulder + 5.0),
        (104.0, shoulder + 15.0),
        (138.0, shoulder + 28.0),
        (190.0, 350.0),
    ]
    if geometry.wear.neckline is not Neckline.TURTLENECK:
        return outer
    return [(width * 1.06, _turtleneck_top(geometry) + 6.0), (width * 1.14, shoulder - 2.0), *outer]


def _hem(geometry: Geometry, inner: Control) -> Points | None:
    width, shoulder = geometry.head.neck_half_width, geometry.head.shoulder
    if geometry.wear.neckline is Neckline.SHIRT:
        return None
    if geometry.wear.neckline is Neckline.TURTLENECK:
        fold = [(0.0, shoulder + 11.0), (width * 0.6, shoulder + 8.0), (width * 1.14, shoulder - 2.0)]
        return through(symmetric(fold))
    return symmetric(near([(x * 1.07, y + 5.0) for x, y in inner], samples=8))


def _flaps(geometry: Geometry) -> tuple[Points, ...]:
    if geometry.wear.neckline is not Neckline.SHIRT:
        return ()
    width, shoulder, fall = geometry.head.neck_half_width, geometry.head.shoulder, _pointed_fall(geometry)
    flap = np.array(
        [
            (width * 1.04, shoulder - 13.0),
            (width * 1.38, shoulder + 2.0),
            (width * 1.06, shoulder + fall * 0.92),
            (width * 0.78, shoulder + fall * 0.98),
            (2.0, shoulder + fall * 0.72 + 4.0),
            (width * 0.55, shoulder + 8.0),
        ]
    )
    # Twice the same point pulls the curve near it: the corners of a collar.
    smooth = near(np.repeat(flap, 2, axis=0), closed=True, samples=4)
    return smooth * (-1.0, 1.0), smooth


def _turtleneck_top(geometry: Geometry) -> float:
    return geometry.head.shoulder - 14.0 - 17.0 * geometry.wear.neckline_depth


def _pointed_fall(geometry: Geometry) -> float:
    """How far a V or a shirt's opening reaches below the shoulder."""
    return 26.0 + 26.0 * geometry.wear.neckline_depth
