"""The edge of the hair towards the face: fringe, parting, temples and the sides."""

from __future__ import annotations

from sfx.calibration.portraits.curve_tools import Points, near, resampled
from sfx.calibration.portraits.geometry import Fringe, Geometry, Hair, HairStyle

Control = list[tuple[float, float]]

TUCKED = frozenset({HairStyle.BOB, HairStyle.LONG, HairStyle.BUN, HairStyle.PONYTAIL})
"""Styles whose hair, where it does not cover the ears, runs behind them."""


def _forehead(geometry: Geometry, hair: Hair) -> Control:
    """Control points from the left to the right temple."""
    width = geometry.head.half_width
    line, depth = hair.hairline, hair.fringe_depth
    part = hair.parting * width * 0.62
    if hair.fringe is Fringe.BLUNT:
        edge = 86.0 + 14.0 * depth
        return [
            (-width * 0.90, edge + 8.0),
            (-width * 0.80, edge + 1.5),
            (-width * 0.56, edge - 0.5),
            (-width * 0.30, edge + 0.5),
            (-width * 0.10, edge - 2.2),
            (width * 0.16, edge + 0.3),
            (width * 0.42, edge - 1.0),
            (width * 0.62, edge + 0.5),
            (width * 0.80, edge + 1.5),
            (width * 0.90, edge + 8.0),
        ]
    if hair.fringe is Fringe.SWEPT:
        return [
            (-width * 0.90, 106.0),
            (-width * 0.84, 94.0 + 8.0 * depth),
            (-width * 0.56, line + 20.0 + 12.0 * depth),
            (-width * 0.10, line + 15.0 + 8.0 * depth),
            (part - 16.0, line + 6.0),
            (part, line - 3.0),
            (part, line - 3.0),
            (part + 10.0, line + 3.0),
            (width * 0.70, line + 13.0),
            (width * 0.86, 94.0),
        ]
    if hair.fringe is Fringe.CURTAIN:
        part *= 0.4
        low = 92.0 + 12.0 * depth
        return [
            (-width * 0.92, low + 12.0),
            (-width * 0.82, low + 3.0),
            (-width * 0.56, low - 9.0),
            (part - 17.0, line + 14.0),
            (part - 4.0, line + 3.0),
            (part, line - 6.0),
            (part, line - 6.0),
            (part + 4.0, line + 3.0),
            (part + 17.0, line + 14.0),
            (width * 0.56, low - 9.0),
            (width * 0.82, low + 3.0),
            (width * 0.92, low + 12.0),
        ]
    if hair.style in (HairStyle.BOB, HairStyle.LONG):
        return [
            (-width * 0.88, 100.0),
            (-width * 0.74, line + 17.0),
            (part - 26.0, line + 4.5),
            (part - 5.0, line - 0.5),
            (part, line - 5.0),
            (part, line - 5.0),
            (part + 5.0, line - 0.5),
            (part + 24.0 * (1.0 - 0.4 * hair.parting), line + 5.0),
            (width * 0.78, line + 17.0),
            (width * 0.88, 100.0),
        ]
    recess = 7.0 * (1.0 - hair.temple)
    return [
        (-width * 0.85, 102.0),
        (-width * 0.815, 91.0 - recess),
        (-width * 0.73, line + 15.0 - recess),
        (-width * 0.52, line + 3.0 - recess * 0.7),
        (-width * 0.20, line - 1.0),
        (width * 0.20, line - 1.0),
        (width * 0.52, line + 3.0 - recess * 0.7),
        (width * 0.73, line + 15.0 - recess),
        (width * 0.815, 91.0 - recess),
        (width * 0.85, 102.0),
    ]


def _side(geometry: Geometry, hair: Hair) -> Control:
    """Control points of the right side from the temple down to the end."""
    width = geometry.head.half_width
    if hair.style in (HairStyle.BOB, HairStyle.LONG) and hair.covers_ears:
        cheek = width * (1.0 - 0.15 * hair.temple)
        end = hair.length
        return [
            (cheek - 1.0, 122.0),
            (cheek, 150.0),
            (cheek - 1.0, min(end - 30.0, 184.0)),
            (cheek - 2.0 + hair.flare * 0.25, end - 12.0),
            (cheek - 1.0 + hair.flare * 0.5, end),
        ]
    if hair.style is HairStyle.CURLY and hair.covers_ears:
        cheek = width * (0.985 - 0.06 * hair.temple)
        return [
            (cheek - 1.0, 120.0),
            (cheek, 142.0),
            (cheek - 1.0, hair.length - 16.0),
            (cheek - 4.0, hair.length),
        ]
    if hair.style in TUCKED:
        return [(width * 0.90, 108.0), (width * 0.945, 114.0), (width - 1.0, 121.0)]
    end = hair.sideburn
    return [(width - 9.5, 108.0), (width - 9.0, end - 14.0), (width - 7.0, end - 2.0), (width - 3.0, end)]


def hairline(geometry: Geometry, hair: Hair, count: int) -> Points:
    """`count` points from the left lower end over the forehead to the right lower end, head's frame."""
    side = _side(geometry, hair)
    left = [(-x, y) for x, y in side[::-1]]
    control = [*left, *_forehead(geometry, hair), *side]
    return resampled(near(control, samples=8), count)
