"""Curves of the features: eyes, brows, nose, mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfx.calibration.portraits.curve_tools import Points, blend, moved, near, ribbon, symmetric, through
from sfx.calibration.portraits.geometry import Geometry
from sfx.calibration.portraits.placement import Placement


@dataclass(frozen=True)
class Eye:
    """One eye on the canvas. Lids run from the inner to the outer corner."""

    upper: Points
    lower: Points
    outline: Points
    crease: Points
    lash: Points
    """Closed shape of the dark line along the upper lid."""
    iris: tuple[float, float]
    iris_radius: tuple[float, float]
    outward: float
    """+1 where the outer corner is to the right of the picture."""


@dataclass(frozen=True)
class Brow:
    """One eyebrow on the canvas; the centre line runs from the inner to the outer end."""

    outline: Points
    centre: Points


@dataclass(frozen=True)
class NoseCurves:
    """Lines of the nose on the canvas, all from left to right or top to bottom of the picture."""

    lower: Points
    """From wing to wing around the base."""
    base: Points
    """The lowest line alone, a flat U."""
    wings: tuple[Points, Points]
    sides: tuple[Points, Points]
    """From beside the eyes down to the wings."""
    ridge: Points
    nostrils: tuple[Points, Points]
    """Closed."""
    tip: tuple[float, float]
    tip_radius: float
    full: Points
    """From between the brows down one side, around the base, and up the other."""


@dataclass(frozen=True)
class MouthCurves:
    """The lips on the canvas, every line from the left to the right corner of the picture."""

    upper: Points
    upper_inner: Points
    lower_inner: Points
    lower: Points
    teeth: Points | None
    """Closed shape of the upper teeth, before it is clipped to the opening."""
    opening: Points | None
    """Closed shape between open lips."""
    middle: tuple[float, float]
    gap: float
    """Height of the opening at the middle, canvas units."""

    @property
    def outline(self) -> Points:
        """Closed outer contour of both lips."""
        return np.concatenate([self.upper, self.lower[-2:0:-1]])


def _eye(geometry: Geometry, place: Placement, side: float) -> Eye:
    eyes = geometry.eyes
    squint = 1.0 - 0.16 * max(0.0, geometry.mouth.smile)
    round_up = 0.60 + 0.16 * eyes.roundness
    upper = near(
        [
            (-1.0, 0.20),
            (-0.94, 0.04),
            (-0.62, -round_up - 0.16),
            (-0.08, -1.17),
            (0.50, -round_up - 0.34),
            (0.9, -0.28),
            (1.0, -0.03),
        ],
        samples=6,
    )
    lower = near(
        [(-1.0, 0.20), (-0.80, 0.52), (-0.25, 1.06), (0.40, 1.06), (0.84, 0.48), (1.0, -0.03)], samples=6
    )

    def placed(shape: Points) -> Points:
        height = np.where(shape[:, 1] < 0, eyes.upper, eyes.lower * squint)
        x = side * (eyes.spacing + shape[:, 0] * eyes.half_width)
        y = eyes.y + shape[:, 1] * height - eyes.tilt * shape[:, 0]
        return place.on_face(np.stack([x, y], axis=1), -0.04)

    along = np.linspace(0.0, 1.0, len(upper))
    crease = moved(upper[5:] * (1.03, 1.16), 0.02, -0.34 - 0.12 * eyes.crease)
    lid = placed(upper)
    thickness = (0.75 + 1.0 * eyes.lashes) * (0.45 + 1.0 * along) * geometry.pose.scale
    wing_x = lid[-1, 0] - lid[-2, 0]
    wing = lid[-1] + np.array([np.sign(wing_x) * (1.2 + 2.6 * eyes.lashes), -0.6 - 2.2 * eyes.lashes])
    top = lid.copy()
    top[:, 1] -= 1.25 * thickness
    lash = np.concatenate([moved(lid, 0.0, 0.5), wing[None], top[::-1]])
    iris = place.on_face(
        [(side * eyes.spacing + eyes.gaze_x, eyes.y - 0.93 * eyes.upper + 0.80 * eyes.iris + eyes.gaze_y)],
        -0.04,
    )[0]
    radius = eyes.iris * geometry.pose.scale
    narrow = 1.0 - 0.10 * max(0.0, side * geometry.pose.yaw)
    lower_lid = placed(lower)
    return Eye(
        upper=lid,
        lower=lower_lid,
        outline=np.concatenate([lid, lower_lid[-2:0:-1]]),
        crease=placed(crease),
        lash=lash,
        iris=(float(iris[0]), float(iris[1])),
        iris_radius=(radius * narrow, radius),
        outward=side,
    )


def _brow(geometry: Geometry, place: Placement, side: float) -> Brow:
    brows = geometry.brows
    length = brows.half_length
    y = brows.y - 0.5 * side * brows.raised
    centre = through(
        [
            (-length * 0.86, brows.tilt + 0.4),
            (-length * 0.30, -brows.arch * 0.58 + brows.tilt * 0.5),
            (-length + 2 * length * brows.peak, -brows.arch),
            (length * 0.72, -brows.arch * 0.55 - brows.tilt * 0.25),
            (length * 1.05, brows.arch * 0.22 - brows.tilt * 0.5 + 1.6),
        ],
        samples=6,
    )
    along = np.linspace(0.0, 1.0, len(centre))
    profile = np.interp(along, [0.0, 0.06, 0.3, 0.62, 0.86, 1.0], [0.42, 0.74, 1.0, 0.86, 0.5, 0.1])
    shape = ribbon(centre, profile * brows.thickness * 0.5)
    offset = np.array([geometry.eyes.spacing + 1.2, y])

    def placed(points: Points) -> Points:
        return place.on_face((points + offset) * (side, 1.0), 0.02)

    return Brow(outline=placed(shape), centre=placed(centre))


def _nose(geometry: Geometry, place: Placement) -> NoseCurves:
    nose = geometry.nose
    base, width, bridge = nose.base, nose.half_width, nose.bridge
    top = geometry.brows.y + 8.0

    def placed(points: Points) -> Points:
        lift = 0.10 + 0.46 * np.clip((points[:, 1] - top) / (base - top), 0.0, 1.0) ** 1.5
        return place.on_face(points, lift)

    wing = near(
        [
            (width * 0.66, base - 15.0),
            (width * 0.92, base - 13.0),
            (width * 1.13, base - 7.0),
            (width * 1.06, base - 0.5),
            (width * 0.78, base + 2.2),
            (width * 0.60, base + 0.6),
        ],
        samples=6,
    )
    floor = near(
        [
            (width * 0.60, base + 0.6),
            (width * 0.42, base + 0.4),
            (width * 0.28, base + 2.6 + nose.droop * 0.6),
            (0.0, base + 4.4 + nose.droop),
        ],
        samples=6,
    )
    half_floor = floor[::-1]
    lower = np.concatenate([wing * (-1.0, 1.0), symmetric(half_floor)[1:-1], wing[::-1]])
    side = near(
        [
            (bridge + 3.5, top),
            (bridge + 0.6, top + 14.0),
            (bridge - 0.4, base - 36.0),
            (bridge + 1.2, base - 24.0),
            (width * 0.66, base - 15.0),
        ],
        samples=6,
    )
    full = np.concatenate([side * (-1.0, 1.0), lower, side[::-1]])
    nostril = near(
        [
            (width * 0.30, base + 1.7),
            (width * 0.42, base - 1.5),
            (width * 0.66, base - 1.0),
            (width * 0.74, base + 1.0),
            (width * 0.52, base + 1.9),
        ],
        closed=True,
        samples=5,
    )
    tip = placed(np.array([(0.0, base - 6.0 + 0.5 * nose.droop)]))[0]
    return NoseCurves(
        lower=placed(lower),
        base=placed(symmetric(half_floor)),
        wings=(placed(wing * (-1.0, 1.0)), placed(wing)),
        sides=(placed(side * (-1.0, 1.0)), placed(side)),
        ridge=placed(through([(0.0, top), (0.0, base - 34.0), (0.0, base - 12.0)])),
        nostrils=(placed(nostril * (-1.0, 1.0)), placed(nostril)),
        tip=(float(tip[0]), float(tip[1])),
        tip_radius=nose.tip * geometry.pose.scale,
        full=placed(full),
    )


def _mouth(geometry: Geometry, place: Placement) -> MouthCurves:
    mouth = geometry.mouth
    smile, gap = mouth.smile, mouth.open
    width = mouth.half_width + 3.2 * max(0.0, smile)
    middle = mouth.y + 0.8 * max(0.0, smile) - gap * 0.32
    corner = middle - 1.9 - 5.2 * smile + gap * 0.20
    bow = mouth.bow * mouth.upper_lip * 0.42
    thin = 1.0 - 0.22 * max(0.0, smile)
    upper_lip, lower_lip = mouth.upper_lip * thin, mouth.lower_lip * thin

    def row(points: list[tuple[float, float]]) -> Points:
        right = np.array([(x * width, y) for x, y in points])
        curve = near(symmetric(right), samples=7)
        skew = mouth.skew * np.clip(curve[:, 0] / width, -1.0, 1.0)
        return place.on_face(curve - np.stack([np.zeros(len(curve)), skew], axis=1), 0.06)

    between = (middle + corner) / 2
    end = (1.0, corner)
    near_end = (0.93, corner * 0.8 + between * 0.2)
    upper = row(
        [
            (0.0, middle - upper_lip + bow * 1.4),
            (0.13, middle - upper_lip - bow * 0.55),
            (0.27, middle - upper_lip - bow * 0.2),
            (0.62, between - upper_lip * 0.72),
            (0.9, corner - 0.9),
            end,
        ]
    )
    upper_inner = row([(0.0, middle + 0.9), (0.2, middle + 0.5), (0.58, between + 0.35), near_end, end])
    lower_inner = row(
        [
            (0.0, middle + 1.1 + gap * 1.04),
            (0.3, middle + 0.7 + gap),
            (0.66, between + 0.5 + gap * 0.62),
            (0.93, corner + 0.3 + gap * 0.1),
            end,
        ]
    )
    lower = row(
        [
            (0.0, middle + lower_lip * 1.04 + gap * 1.04),
            (0.32, middle + lower_lip * 1.02 + gap),
            (0.68, between + lower_lip * 0.74 + gap * 0.66),
            (0.93, corner + 1.2 + gap * 0.16),
            end,
        ]
    )
    teeth = opening = None
    if gap > 1.0:
        opening = np.concatenate([upper_inner, lower_inner[-2:0:-1]])
        if mouth.teeth > 0:
            edge = blend(upper_inner, lower_inner, min(mouth.teeth, 0.94))
            teeth = np.concatenate([upper_inner - (0.0, 3.0), edge[::-1]])
    centre = place.on_face([(0.0, middle)], 0.06)[0]
    return MouthCurves(
        upper=upper,
        upper_inner=upper_inner,
        lower_inner=lower_inner,
        lower=lower,
        teeth=teeth,
        opening=opening,
        middle=(float(centre[0]), float(centre[1])),
        gap=gap * geometry.pose.scale,
    )


@dataclass(frozen=True)
class FeatureCurves:
    """All features. "left" is the subject's left, on the right of the picture."""

    left_eye: Eye
    right_eye: Eye
    left_brow: Brow
    right_brow: Brow
    nose: NoseCurves
    mouth: MouthCurves


def build_features(geometry: Geometry, place: Placement) -> FeatureCurves:
    """Eyes, brows, nose and mouth, on the canvas."""
    return FeatureCurves(
        left_eye=_eye(geometry, place, 1.0),
        right_eye=_eye(geometry, place, -1.0),
        left_brow=_brow(geometry, place, 1.0),
        right_brow=_brow(geometry, place, -1.0),
        nose=_nose(geometry, place),
        mouth=_mouth(geometry, place),
    )
