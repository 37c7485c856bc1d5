"""Curves of beards and moustaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfx.calibration.portraits.curve_tools import Points, blend, near, resampled, smoothstep, symmetric
from sfx.calibration.portraits.geometry import BeardStyle, Geometry
from sfx.calibration.portraits.placement import Placement


@dataclass(frozen=True)
class BeardCurves:
    """Shapes on the canvas; the mouth is drawn over them."""

    shape: Points | None
    """Closed: cheeks, jaw and chin."""
    upper_edge: Points | None
    """The edge on the cheeks, from the left to the right of the picture."""
    moustache: Points | None
    """Closed."""
    hairs: tuple[Points, ...]
    """Short lines inside, the same for every seed; sketches with strands draw them."""


def _moustache(geometry: Geometry) -> Points:
    mouth, nose = geometry.mouth, geometry.nose
    thickness = geometry.beard.moustache
    reach = mouth.half_width + 4.0 + 3.2 * max(0.0, mouth.smile)
    lip = mouth.y + 0.8 * max(0.0, mouth.smile) - mouth.open * 0.32 - mouth.upper_lip
    top = max(nose.base + 6.0, lip - thickness)
    corner = mouth.y - 5.2 * mouth.smile + 1.0
    right = [
        (0.0, top + 1.2),
        (reach * 0.22, top - 0.4),
        (reach * 0.60, min((top + corner) * 0.5 - 2.2, corner - 6.0)),
        (reach * 0.92, corner - 4.0),
        (reach * 1.0, corner + 1.2),
        (reach * 0.82, corner - 0.6),
        (reach * 0.42, lip + 2.0),
        (0.0, lip + 2.6),
    ]
    left = [(-x, y) for x, y in right[1:-1]][::-1]
    return near([*right, *left], closed=True, samples=6)


def _full(geometry: Geometry) -> tuple[Points, Points]:
    """The closed shape and its upper edge, in the head's frame."""
    head, mouth, nose, beard = geometry.head, geometry.mouth, geometry.nose, geometry.beard
    width, chin = head.half_width, head.chin
    jaw = width * (0.72 + 0.14 * head.jaw)
    cheek_y = 176.0 - 14.0 * beard.cheek
    reach = mouth.half_width + 7.0
    edge_half = near(
        [
            (0.0, nose.base + 9.0),
            (reach * 0.45, nose.base + 9.0),
            (reach * 0.95, mouth.y - 13.0),
            (reach * 1.22, cheek_y + 3.0),
            (width * 0.82, cheek_y - 16.0),
            (width - 8.5, 138.0),
            (width - 7.0, 124.0),
        ],
        samples=7,
    )
    edge = symmetric(edge_half)
    drop = beard.length
    chin_width = head.chin_half_width
    jaw_half = near(
        [
            (width + 0.5, 124.0),
            (width + 1.2, 140.0),
            (width * 0.965 + 1.6, 163.0),
            (jaw + 2.6, chin - 37.0 + drop * 0.15),
            (chin_width + (jaw - chin_width) * 0.56 + 1.0, chin - 13.0 + drop * 0.55),
            (chin_width * 0.72, chin + 1.5 + drop * 0.95),
            (0.0, chin + 3.0 + drop),
        ],
        samples=7,
    )
    return np.concatenate([edge, jaw_half, (jaw_half * (-1.0, 1.0))[-2::-1]]), edge


def _goatee(geometry: Geometry) -> Points:
    head, mouth, beard = geometry.head, geometry.mouth, geometry.beard
    reach = mouth.half_width * 0.92 + 3.0
    lip = mouth.y + mouth.open * 0.7 + mouth.lower_lip
    low = head.chin + 2.0 + beard.length
    right = [
        (0.0, lip + 3.0),
        (reach * 0.42, lip + 4.0),
        (reach * 0.90, mouth.y + 2.0),
        (reach * 1.06, mouth.y - 3.0),
        (reach * 1.12, mouth.y + 6.0),
        (reach * 0.94, head.chin - 17.0),
        (reach * 0.66, low - 6.0),
        (reach * 0.30, low),
        (0.0, low + 0.5),
    ]
    left = [(-x, y) for x, y in right[1:-1]][::-1]
    return near([*right, *left], closed=True, samples=7)


def _hairs(edge: Points, jaw: Points) -> list[Points]:
    """Short lines between the upper edge and the jaw."""
    count = 26
    first, second = resampled(edge, count), resampled(jaw, count)
    lines = []
    for index in range(1, count - 1):
        low = 0.30 + 0.22 * (index % 3)
        for start in (low, low + 0.42 if low < 0.5 else low - 0.28):
            amount = np.linspace(start, min(start + 0.2, 0.97), 5)
            lines.append(
                blend(
                    np.repeat(first[index : index + 1], 5, 0),
                    np.repeat(second[index : index + 1], 5, 0),
                    amount,
                )
            )
    return lines


def build_beard(geometry: Geometry, place: Placement) -> BeardCurves:
    """The beard on the canvas; every part None without one."""
    beard = geometry.beard

    def placed(points: Points) -> Points:
        """Around the mouth on the front of the face, at the chin and the ears towards its outline."""
        low = smoothstep(geometry.mouth.y, geometry.head.chin, points[:, 1])
        return place.project(points, (place.face_depth(points) ** 1.5 + 0.05) * (1.0 - 0.3 * low))

    moustache = placed(_moustache(geometry)) if beard.moustache > 0 else None
    if beard.style in (BeardStyle.NONE, BeardStyle.MOUSTACHE):
        return BeardCurves(None, None, moustache, ())
    if beard.style is BeardStyle.GOATEE:
        return BeardCurves(placed(_goatee(geometry)), None, moustache, ())
    shape, edge = _full(geometry)
    outline = place.on_outline(shape)
    inside = placed(edge)
    count = len(edge)
    # The outer row follows the jaw, the inner one the cheeks.
    jaw = outline[count:][::-1]
    return BeardCurves(
        shape=np.concatenate([inside, outline[count:]]),
        upper_edge=inside,
        moustache=moustache,
        hairs=tuple(_hairs(inside, jaw)),
    )
