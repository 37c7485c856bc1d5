"""Curves of hats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sfx.calibration.portraits.curve_tools import Points, near, symmetric, through
from sfx.calibration.portraits.geometry import Geometry, HatStyle
from sfx.calibration.portraits.placement import Placement

_Place = Callable[[Points], Points]


@dataclass(frozen=True)
class HatCurves:
    """A hat on the canvas, drawn from the first shape to the last."""

    shapes: tuple[Points, ...]
    lines: tuple[Points, ...]


def _beanie(width: float, low: float, top: float, place: _Place) -> HatCurves:
    cuff = 20.0
    dome_half = near(
        [
            (0.0, top - 4.0),
            (width * 0.42, top - 2.0),
            (width * 0.80, top + 12.0),
            (width * 1.0, top + 40.0),
            (width * 1.02, low - cuff + 8.0),
        ],
        samples=8,
    )
    upper = near(
        [
            (-width * 1.01, low - cuff + 8.0),
            (-width * 0.5, low - cuff - 2.0),
            (width * 0.5, low - cuff - 2.0),
            (width * 1.01, low - cuff + 8.0),
        ],
        samples=8,
    )
    dome = np.concatenate([symmetric(dome_half), upper[::-1][1:-1]])
    lower = near(
        [(width * 1.04, low + 9.0), (width * 0.5, low), (-width * 0.5, low), (-width * 1.04, low + 9.0)],
        samples=8,
    )
    band = np.concatenate([upper, lower])
    ribs = [
        place(
            through(
                [
                    (x * width, low - cuff * 0.86 + abs(x) ** 3 * 8.0),
                    (x * width * 1.02, low - cuff * 0.2 + abs(x) ** 3 * 8.0),
                ],
                samples=5,
            )
        )
        for x in np.linspace(-0.86, 0.86, 9)
    ]
    return HatCurves((place(dome), place(band)), tuple(ribs))


def _brimmed(width: float, low: float, top: float, place: _Place) -> HatCurves:
    dome_half = near(
        [
            (0.0, top + 5.0),
            (width * 0.32, top - 1.0),
            (width * 0.72, top + 5.0),
            (width * 0.86, top + 34.0),
            (width * 0.95, low - 8.0),
        ],
        samples=8,
    )
    dome = np.concatenate([symmetric(dome_half), [(width * 0.5, low - 2.0), (-width * 0.5, low - 2.0)]])
    brim = near(
        [
            (0.0, low - 16.0),
            (width * 0.9, low - 13.0),
            (width * 1.42, low - 10.0),
            (width * 1.56, low - 2.0),
            (width * 1.05, low + 5.0),
            (0.0, low + 7.0),
            (-width * 1.05, low + 5.0),
            (-width * 1.56, low - 2.0),
            (-width * 1.42, low - 10.0),
            (-width * 0.9, low - 13.0),
        ],
        closed=True,
        samples=8,
    )
    band = near([(-width * 0.93, low - 25.0), (0.0, low - 31.0), (width * 0.93, low - 25.0)], samples=8)
    return HatCurves((place(dome), place(brim)), (place(band),))


def _cap(width: float, low: float, top: float, place: _Place) -> HatCurves:
    dome_half = near(
        [
            (0.0, top - 2.0),
            (width * 0.42, top),
            (width * 0.82, top + 15.0),
            (width * 0.99, top + 42.0),
            (width * 0.99, low + 6.0),
        ],
        samples=8,
    )
    dome = np.concatenate([symmetric(dome_half), [(width * 0.6, low + 1.0), (-width * 0.6, low + 1.0)]])
    visor = near(
        [
            (-width * 0.78, low - 5.0),
            (-width * 0.44, low - 16.0),
            (0.0, low - 19.0),
            (width * 0.44, low - 16.0),
            (width * 0.78, low - 5.0),
            (width * 1.0, low + 7.0),
            (width * 0.62, low + 10.0),
            (0.0, low + 5.0),
            (-width * 0.62, low + 10.0),
            (-width * 1.0, low + 7.0),
        ],
        closed=True,
        samples=8,
    )
    seam = through([(0.0, top + 3.0), (0.0, low - 18.0)], samples=8)
    side_seams = [
        through(
            [(side * 4.0, top + 3.0), (side * width * 0.42, top + 24.0), (side * width * 0.58, low - 14.0)],
            samples=8,
        )
        for side in (-1.0, 1.0)
    ]
    return HatCurves((place(dome), place(visor)), tuple(place(line) for line in (seam, *side_seams)))


def build_hat(geometry: Geometry, place: Placement) -> HatCurves | None:
    """The hat on the canvas, or None."""
    head, wear = geometry.head, geometry.wear
    if wear.hat is HatStyle.NONE:
        return None
    width = head.half_width + 8.0
    low, top = wear.hat_y, head.top - 15.0 - wear.hat_height

    def placed(points: Points) -> Points:
        """The front edge lies on the forehead, the dome on the silhouette."""
        across = np.clip(np.abs(points[:, 0]) / width, 0.0, 1.0)
        return place.project(points, 0.55 * (1.0 - across**2) * (points[:, 1] > top + 24.0))

    makers = {HatStyle.BEANIE: _beanie, HatStyle.BRIMMED: _brimmed, HatStyle.CAP: _cap}
    return makers[wear.hat](width, low, top, placed)
