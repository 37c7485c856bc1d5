"""Curves of the head without hair: face outline, ears, neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfx.calibration.portraits.curve_tools import Points, near, through
from sfx.calibration.portraits.geometry import Geometry, Neckline
from sfx.calibration.portraits.placement import Placement


@dataclass(frozen=True)
class Ear:
    """One ear; the outline reaches under the face."""

    outline: Points
    inner: Points
    """The fold inside, an open line."""
    lobe: Points
    """(1, 2): where an earring hangs."""


@dataclass(frozen=True)
class HeadCurves:
    """Closed outlines and open lines on the canvas. "left" is the subject's left."""

    face: Points
    left_ear: Ear | None
    right_ear: Ear | None
    neck: Points
    """Closed, with the shoulders' skin, down to below the canvas."""
    neck_tendons: tuple[Points, Points]


def face_outline(geometry: Geometry) -> Points:
    """Closed outline of face and skull in the head's frame, from the top clockwise, 180 points."""
    head = geometry.head
    width, top, chin = head.half_width, head.top, head.chin
    temple_width = width * (0.945 + 0.05 * head.temple)
    jaw_width = width * (0.72 + 0.14 * head.jaw)
    chin_width = head.chin_half_width
    skull = 122.0 - top
    right = np.array(
        [
            (0.0, top),
            (width * 0.42, top + skull * 0.055),
            (width * 0.76, top + skull * 0.245),
            (temple_width * 0.975, top + skull * 0.56),
            (temple_width, 112.0),
            (width, 138.0),
            (width * 0.955, 163.0),
            (jaw_width, chin - 38.0 + 3.0 * head.jaw),
            (chin_width + (jaw_width - chin_width) * 0.53, chin - 15.5),
            (chin_width * 0.70, chin - 2.6),
            (0.0, chin),
        ]
    )
    left = right[1:-1][::-1] * (-1.0, 1.0)
    return through(np.concatenate([right, left]), closed=True, samples=9)


def _ear(geometry: Geometry, place: Placement, side: float) -> Ear | None:
    """The ear at x * side > 0, or None where the head's turning hides it."""
    head = geometry.head
    turned_away = max(0.0, geometry.pose.yaw * side)
    out = (9.0 + 7.5 * head.ear_out) * head.ear_size * (1.0 - 1.15 * turned_away)
    if out < 3.0:
        return None
    height = 23.0 * head.ear_size
    edge = head.half_width - 1.5
    y = head.ear_y
    shape = near(
        [
            (edge - 9, y - height * 0.55),
            (edge + out * 0.10, y - height * 0.98),
            (edge + out * 0.85, y - height * 1.12),
            (edge + out * 1.28, y - height * 0.52),
            (edge + out * 1.02, y + height * 0.18),
            (edge + out * 0.66, y + height * 0.62),
            (edge + out * 0.42, y + height * 1.02),
            (edge - out * 0.05, y + height * 1.06),
            (edge - 9, y + height * 0.62),
        ],
        closed=True,
        samples=7,
    )
    fold = near(
        [
            (edge + out * 0.22, y - height * 0.50),
            (edge + out * 0.58, y - height * 0.74),
            (edge + out * 0.86, y - height * 0.40),
            (edge + out * 0.62, y + height * 0.05),
            (edge + out * 0.34, y + height * 0.12),
            (edge + out * 0.30, y + height * 0.40),
        ],
        samples=5,
    )
    flip = (side, 1.0)
    depth = -0.15
    lobe = np.array([(edge + out * 0.30, y + height * 0.84)])
    return Ear(
        outline=place.project(shape * flip, depth),
        inner=place.project(fold * flip, depth),
        lobe=place.project(lobe * flip, depth),
    )


def _neck(geometry: Geometry) -> tuple[Points, tuple[Points, Points]]:
    """The neck with shoulders, closed, and the two tendons, in the body's frame."""
    head = geometry.head
    width, shoulder = head.neck_half_width, head.shoulder
    column = [
        (width * 0.96, 150.0),
        (width * 0.94, 190.0),
        (width * 0.97, shoulder - 18.0),
        (width * 1.10, shoulder - 3.0),
    ]
    if geometry.wear.neckline is Neckline.BARE:
        right = [
            *column,
            (width * 1.6, shoulder + 6.0),
            (width * 2.5, shoulder + 13.0),
            (width * 3.4, shoulder + 26.0),
            (width * 4.1, 340.0),
        ]
    else:
        right = [*column, (width * 1.5, shoulder + 9.0), (width * 1.7, shoulder + 30.0), (width * 1.7, 340.0)]
    side = through(right, samples=8)
    outline = np.concatenate([side * (-1.0, 1.0), side[::-1]])
    tendon = through(
        [(width * 0.62, shoulder - 24.0), (width * 0.42, shoulder - 2.0), (9.0, shoulder + 22.0)]
    )
    return outline, (tendon, tendon * (-1.0, 1.0))


def build_head(geometry: Geometry, place: Placement) -> HeadCurves:
    """All curves of the head, on the canvas."""
    neck, tendons = _neck(geometry)
    return HeadCurves(
        face=place.on_outline(face_outline(geometry)),
        left_ear=_ear(geometry, place, 1.0),
        right_ear=_ear(geometry, place, -1.0),
        neck=place.upright(neck),
        neck_tendons=(place.upright(tendons[0]), place.upright(tendons[1])),
    )
