"""Curves of what is worn: clothes, glasses, jewellery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfx.calibration.portraits.clothes_curves import Clothes, build_clothes
from sfx.calibration.portraits.curve_tools import Points, ellipse, moved, near, symmetric, through
from sfx.calibration.portraits.geometry import EarringStyle, Geometry, GlassesStyle
from sfx.calibration.portraits.hat_curves import HatCurves, build_hat
from sfx.calibration.portraits.head_curves import Ear, HeadCurves
from sfx.calibration.portraits.placement import Placement

TRIM_WIDTH = 9.5
"""Width of the band along a neckline, canvas units; half of it lies on the clothes."""
RING_WIDTH = 3.4
"""Of a hoop as it is painted, canvas units; half a unit more than between the outlines that a sketch shows."""
HOOK_WIDTH = 1.8
"""Of the line from which a drop hangs, canvas units."""
CHAIN_WIDTH = 3.4
"""Of a necklace, canvas units: one of 2.3 stayed a pale band in the demo, which is unsure of a pixel or two."""


@dataclass(frozen=True)
class GlassesCurves:
    """Glasses on the canvas; one-piece ones have a single lens and no bridge."""

    lenses: tuple[Points, ...]
    """Closed, the picture's left one first."""
    bridge: Points | None
    temples: tuple[Points, ...]
    brow_bar: Points | None


@dataclass(frozen=True)
class Earring:
    """One earring on the canvas."""

    outlines: tuple[Points, ...]
    """Closed shapes from top to bottom; a hoop has an outer and an inner ring."""
    hook: Points | None
    """The line from which a drop hangs."""
    hoop: bool

    @property
    def ring(self) -> Points:
        """The line midway between a hoop's outlines, closed."""
        outer, inner = self.outlines
        return (outer + inner) / 2


@dataclass(frozen=True)
class WearCurves:
    """Everything worn; None for what is not."""

    clothes: Clothes | None
    glasses: GlassesCurves | None
    left_earring: Earring | None
    right_earring: Earring | None
    necklace: Points | None
    pendant: Points | None
    hat: HatCurves | None


def _lens(geometry: Geometry, centre_x: float, centre_y: float) -> Points:
    """The right-hand lens in the head's frame, 48 points."""
    glasses = geometry.glasses
    width, height = glasses.half_width, glasses.half_height
    shape = ellipse(0.0, 0.0, width, height, glasses.squareness, 48)
    x, y = shape[:, 0] / width, shape[:, 1] / height
    if glasses.style is GlassesStyle.AVIATOR:
        shape[:, 0] += width * 0.16 * y * (1.0 - 0.4 * x)
        shape[:, 1] += height * 0.14 * (y > 0) * y * (0.4 + x)
        shape[:, 1] += height * 0.16 * (y < 0) * (-y)
    elif glasses.style is GlassesStyle.CAT_EYE:
        lift = np.clip(x, 0.0, 1.0) ** 2 * (y < 0.25)
        shape[:, 0] += width * 0.10 * lift
        shape[:, 1] -= height * 0.40 * lift
    else:
        shape[:, 0] *= 1.0 - 0.06 * np.clip(y, 0.0, 1.0)
    return moved(shape, centre_x, centre_y)


def _glasses(geometry: Geometry, place: Placement) -> GlassesCurves | None:
    glasses, head, eyes = geometry.glasses, geometry.head, geometry.eyes
    if glasses.style is GlassesStyle.NONE:
        return None
    centre_y = eyes.y + 3.0
    width, height = glasses.half_width, glasses.half_height
    temples = []
    if glasses.style is GlassesStyle.ONE_PIECE:
        reach = min(eyes.spacing + width, head.half_width + 1.0)
        half = near(
            [
                (0.0, centre_y - height * 0.86),
                (reach * 0.5, centre_y - height * 0.98),
                (reach * 0.96, centre_y - height * 0.86),
                (reach * 1.02, centre_y - height * 0.1),
                (reach * 0.90, centre_y + height * 0.72),
                (reach * 0.52, centre_y + height * 1.02),
                (reach * 0.24, centre_y + height * 0.66),
                (0.0, centre_y + height * 0.12),
            ],
            samples=8,
        )
        visor = np.concatenate([half, (half * (-1.0, 1.0))[-2:0:-1]])
        for side in (-1.0, 1.0):
            arm = np.array(
                [(reach * 0.99, centre_y - height * 0.35), (head.half_width + 3.0, centre_y - 3.0)]
            )
            temples.append(place.project(arm * (side, 1.0), np.array([0.25, -0.1])))
        return GlassesCurves((place.on_face(visor, 0.05),), None, tuple(temples), None)
    centre_x = eyes.spacing + 0.8
    lens = _lens(geometry, centre_x, centre_y)
    inside = centre_x - width
    for side in (-1.0, 1.0):
        arm = np.array(
            [(centre_x + width * 0.99, centre_y - height * 0.45), (head.half_width + 3.0, centre_y - 5.0)]
        )
        temples.append(place.project(arm * (side, 1.0), np.array([0.3, -0.1])))
    rise = height * (0.30 if glasses.style is not GlassesStyle.AVIATOR else 0.2)
    bridge = near(
        [
            (-inside - 1.0, centre_y - rise + 2.0),
            (-inside * 0.4, centre_y - rise - 1.5),
            (inside * 0.4, centre_y - rise - 1.5),
            (inside + 1.0, centre_y - rise + 2.0),
        ]
    )
    bar = None
    if glasses.style is GlassesStyle.AVIATOR:
        level = centre_y - height * 0.86
        bar = place.on_face(
            through([(-inside - 5.0, level), (0.0, level - 1.0), (inside + 5.0, level)]), 0.12
        )
    return GlassesCurves(
        lenses=(place.on_face(lens * (-1.0, 1.0), 0.05), place.on_face(lens, 0.05)),
        bridge=place.on_face(bridge, 0.12),
        temples=tuple(temples),
        brow_bar=bar,
    )


def _earring(geometry: Geometry, ear: Ear | None) -> Earring | None:
    """Hangs at the ear's lobe, straight down whatever the head's tilt."""
    wear, scale = geometry.wear, geometry.pose.scale
    if ear is None or wear.earring is EarringStyle.NONE:
        return None
    x, y = float(ear.lobe[0, 0]), float(ear.lobe[0, 1])
    size = wear.earring_size * scale
    if wear.earring is EarringStyle.STUD:
        radius = 2.6 + 1.6 * size / 10.0
        return Earring((ellipse(x, y, radius, radius, 0.0, 24),), None, False)
    if wear.earring is EarringStyle.HOOP:
        radius = 6.0 + size * 0.5
        outer = ellipse(x, y + radius, radius * 0.82, radius, 0.0, 40)
        thickness = RING_WIDTH - 0.5
        inner = ellipse(x, y + radius, radius * 0.82 - thickness, radius - thickness, 0.0, 40)
        return Earring((outer, inner), None, True)
    length = 6.0 + size * 1.3
    hook = np.array([(x, y - 1.0), (x, y + length * 0.55)])
    width = 3.0 + 0.22 * size
    drop = near(
        [
            (x, y + length * 0.42),
            (x + width * 0.55, y + length * 0.75),
            (x + width, y + length * 1.12),
            (x, y + length * 1.48),
            (x - width, y + length * 1.12),
            (x - width * 0.55, y + length * 0.75),
        ],
        closed=True,
        samples=6,
    )
    bead = ellipse(x, y, 2.2, 2.2, 0.0, 20)
    return Earring((bead, drop), hook, False)


def _necklace(geometry: Geometry, place: Placement) -> tuple[Points | None, Points | None]:
    head, wear = geometry.head, geometry.wear
    if wear.necklace <= 0:
        return None, None
    low = head.shoulder + 5.0 + 13.0 * wear.necklace
    width = head.neck_half_width
    chain = place.upright(
        near(
            symmetric(
                [
                    (0.0, low),
                    (width * 0.42, low - 3.5),
                    (width * 0.82, head.shoulder - 1.0),
                    (width * 1.03, head.shoulder - 12.0),
                ]
            ),
            samples=8,
        )
    )
    pendant = None
    if wear.pendant:
        middle = place.upright([(0.0, low)])[0]
        pendant = ellipse(float(middle[0]), float(middle[1]) + 3.4, 4.2, 4.8, 0.0, 24)
    return chain, pendant


def build_wear(geometry: Geometry, place: Placement, head: HeadCurves) -> WearCurves:
    """Everything worn, on the canvas."""
    necklace, pendant = _necklace(geometry, place)
    return WearCurves(
        clothes=build_clothes(geometry, place),
        glasses=_glasses(geometry, place),
        left_earring=_earring(geometry, head.left_ear),
        right_earring=_earring(geometry, head.right_ear),
        necklace=necklace,
        pendant=pendant,
        hat=build_hat(geometry, place),
    )
