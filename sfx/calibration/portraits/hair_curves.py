"""Curves of the hair: what hangs behind the neck, what frames the face, and the way the strands run.

Everything is built with the parting at x >= 0 and mirrored at the end where `Hair.parting` is negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import (
    Points,
    arc_length,
    blend,
    ellipse,
    mirrored_x,
    moved,
    near,
    normals,
    resampled,
    smoothstep,
)
from sfx.calibration.portraits.geometry import Fringe, Geometry, Hair, HairStyle, HatStyle
from sfx.calibration.portraits.hairline import TUCKED, hairline
from sfx.calibration.portraits.placement import Placement
from sfx.calibration.portraits.strands import (
    curl_rows,
    curl_strands,
    fan_flow,
    parted_flow,
    sample_strands,
    scallops,
)

_EDGE_POINTS = 120
_HANGING = frozenset({HairStyle.BOB, HairStyle.LONG})


@dataclass(frozen=True)
class HairCurves:
    """Shapes and lines of the hair on the canvas."""

    back: tuple[Points, ...]
    """Closed, behind neck and clothes."""
    locks: tuple[Points, ...]
    """Closed, before the clothes and behind the face."""
    front: tuple[Points, ...]
    """Closed, before the face."""
    front_hides_clothes: bool
    """False where the front hair falls behind the shoulders."""
    inner: Points | None
    """The edge towards the face, an open line from left to right of the picture."""
    outer: Points | None
    """The edge away from the face."""
    flow: tuple[Points, ...]
    """Lines that the strands follow, from the root on; evenly spread, the same for every seed."""
    strands: tuple[Points, ...]
    """The visible single strands; empty where `Hair.strands` is 0."""
    bun: Points | None

    @classmethod
    def none(cls) -> HairCurves:
        """A head without hair."""
        return cls((), (), (), True, None, None, (), (), None)


def _under_hat(geometry: Geometry) -> Hair:
    hair = geometry.hair
    if geometry.wear.hat is HatStyle.NONE:
        return hair
    return replace(
        hair,
        top_volume=min(hair.top_volume, 3.0),
        side_volume=min(hair.side_volume, 9.0),
        bun=0.0,
        sweep=0.0,
    )


def _outer_edge(geometry: Geometry, hair: Hair) -> Points:
    """The edge away from the face, from the left lower end over the crown to the right lower end."""
    width, top = geometry.head.half_width, geometry.head.top
    side, crown = hair.side_volume, hair.top_volume
    if hair.style in _HANGING and hair.covers_ears:
        end = hair.length
        lower = [
            (width + side + hair.flare, end),
            (width + side + hair.flare * 0.55 + 1.0, end - 16.0),
            (width + side + 2.0, min(end - 34.0, 172.0)),
            (width + side + 1.0, 128.0),
        ]
    elif hair.style is HairStyle.CURLY and hair.covers_ears:
        end = hair.length
        lower = [
            (width * 0.80, end + 4.0),
            (width + side * 0.55, end - 3.0),
            (width + side * 1.02, end - 24.0),
            (width + side * 1.12, min(end - 46.0, 134.0)),
        ]
    elif hair.style in TUCKED:
        lower = [(width + 0.5, 122.0), (width + 1.0 + 0.55 * side, 112.0)]
    else:
        end = hair.sideburn
        lower = [
            (width - 0.6, end),
            (width + 0.6 + 0.25 * side, end - 12.0),
            (width + 0.7 * side, end - 24.0),
        ]
    upper = [
        (width * 0.985 + side, 94.0),
        (width * 0.90 + side * 0.95, 66.0 - 0.25 * crown),
        (width * 0.66 + side * 0.6, top + 8.0 - crown * 0.72),
        (width * 0.30 + side * 0.15, top - 2.5 - crown * 0.97),
    ]
    right = [*lower, *upper]
    left = [(-x, y) for x, y in right]
    if hair.sweep:
        left = [
            (x - 0.12 * hair.sweep * (y < 80), y - hair.sweep * float(np.interp(y, [top, 90.0], [1.0, 0.0])))
            for x, y in left
        ]
    middle = [(0.0, top - 3.5 - crown - 0.45 * hair.sweep)]
    return resampled(near([*left, *middle, *right[::-1]], samples=8), _EDGE_POINTS)


def _shares(edge: Points) -> NDArray[np.float64]:
    """How far along the edge each point is, 0..1."""
    along = arc_length(edge)
    return np.asarray(along / along[-1])


def _wavy(edge: Points, hair: Hair, closed: bool = False) -> Points:
    """The edge with waves (from the temples down), the scallops of curls, or the tufts of short hair."""
    if hair.tufts > 0:
        # As long for all heads, as the number of scallops is the same. Tips are 11: the demo did not learn 19.
        along = 320.0 * _shares(edge)
        phase = along / 29.0 + 0.35 * np.sin(along / 23.0)
        part = phase - np.floor(phase)
        # Rises slowly and falls fast: a row of tips that all point away from the parting.
        tip = np.where(part < 0.78, part / 0.78, (1.0 - part) / 0.22) ** 1.4 - 0.35
        above = smoothstep(112.0, 78.0, edge[:, 1])
        return np.asarray(edge + normals(edge, closed) * (hair.tufts * tip * above)[:, None])
    if hair.curl > 0:
        bump = np.abs(np.sin(_shares(edge) * scallops(hair) * np.pi)) ** 0.8 - 0.45
        return np.asarray(edge + normals(edge, closed) * (hair.curl * bump)[:, None])
    if hair.wave > 0:
        strength = hair.wave * smoothstep(84.0, 150.0, edge[:, 1])
        swing = strength * np.sin(edge[:, 1] * (2 * np.pi / hair.wave_length) + 1.0)
        return edge + np.stack([np.sign(edge[:, 0]) * swing, np.zeros_like(swing)], axis=1)
    return edge


def _closed_between(inner: Points, outer: Points, rounded: float) -> Points:
    """The shape between both edges; its lower ends bulge down by `rounded`."""
    right = moved(blend(inner[-1:], outer[-1:], 0.5), 0.0, rounded)
    left = moved(blend(inner[:1], outer[:1], 0.5), 0.0, rounded)
    right_end = near(np.concatenate([inner[-1:], right, outer[-1:]]), samples=4)[1:-1]
    left_end = near(np.concatenate([outer[:1], left, inner[:1]]), samples=4)[1:-1]
    return np.concatenate([inner, right_end, outer[::-1], left_end])


def _back_shape(geometry: Geometry, hair: Hair, outer: Points) -> Points | None:
    """What hangs behind the neck, closed, or None."""
    width = geometry.head.half_width
    if hair.style not in _HANGING and not (hair.style is HairStyle.CURLY and hair.length > 150.0):
        return None
    if hair.covers_ears:
        bottom = near(
            [
                outer[-1],
                (width * 0.55, hair.length + 4.0),
                (0.0, hair.length + 2.0),
                (-width * 0.55, hair.length + 4.0),
                outer[0],
            ],
            samples=6,
        )
        return np.concatenate([outer, bottom[1:-1]])
    side = hair.side_volume
    right = [
        (width * 0.9, 84.0),
        (width + side * 0.7 - 1.0, 112.0),
        (width + side + 2.0, 150.0),
        (width + side + 2.0 + hair.flare * 0.3, 182.0),
        (width + side + hair.flare, hair.length),
        (width * 0.5, hair.length + 5.0),
        (0.0, hair.length + 3.0),
    ]
    left = [(-x, y) for x, y in right[:-1]]
    return _wavy(near([*right, *left[::-1]], closed=True, samples=10), replace(hair, curl=0.0))


def _side_locks(geometry: Geometry, hair: Hair) -> list[Points]:
    """Hair tucked behind the ears that falls in front of the shoulders; or a ponytail over one shoulder."""
    head = geometry.head
    width, neck = head.half_width, head.neck_half_width
    if hair.style is HairStyle.PONYTAIL:
        tail = [
            (neck * 0.7, 160.0),
            (neck + 20.0, 180.0),
            (neck + 36.0, 208.0),
            (neck + 37.0, 238.0),
            (neck + 20.0, 272.0),
            (neck + 10.0, 240.0),
            (neck + 2.0, 212.0),
        ]
        return [near(tail, closed=True, samples=8) * (-1.0, 1.0)]
    if hair.style is HairStyle.LONG and hair.in_front and not hair.covers_ears:
        outer = width + hair.side_volume
        lock = near(
            [
                (width - 12.0, 142.0),
                (outer + 2.0, 150.0),
                (outer + 2.0 + hair.flare * 0.3, 184.0),
                (outer + hair.flare, hair.length),
                (neck + 14.0, hair.length + 6.0),
                (neck + 9.0, 226.0),
                (width - 14.0, 186.0),
            ],
            closed=True,
            samples=10,
        )
        lock = _wavy(lock, replace(hair, curl=0.0))
        return [lock, mirrored_x(lock)]
    return []


def _receding(geometry: Geometry, hair: Hair) -> list[Points]:
    """Hair at the sides alone."""
    width, side = geometry.head.half_width, hair.side_volume
    end = hair.sideburn
    rise = 84.0 - 20.0 * hair.temple
    patch = near(
        [
            (width - 7.0, end - 3.0),
            (width - 2.0, end),
            (width + 0.6 + side * 0.25, end - 12.0),
            (width + side * 0.7, 112.0),
            (width * 0.985 + side * 0.8, 96.0),
            (width * 0.94 + side * 0.5, rise + 6.0),
            (width * 0.88, rise - 8.0),
            (width * 0.86, rise + 3.0),
            (width * 0.875, 100.0),
            (width * 0.86, 108.0),
            (width - 8.5, 119.0),
        ],
        closed=True,
        samples=9,
    )
    return [patch, mirrored_x(patch)]


def _each(lines: Sequence[Points], move: Callable[[Points], Points]) -> tuple[Points, ...]:
    """Every line moved, all in one call: curly hair has a hundred."""
    if not lines:
        return ()
    ends = np.cumsum([len(line) for line in lines])[:-1]
    return tuple(np.split(move(np.concatenate(lines)), ends))


def build_hair(geometry: Geometry, place: Placement) -> HairCurves:
    """All curves of the hair, on the canvas."""
    hair = _under_hat(geometry)
    if hair.style is HairStyle.BALD:
        return HairCurves.none()
    hand = 1.0 if hair.parting >= 0 else -1.0
    canonical = replace(hair, parting=abs(hair.parting))

    def on_canvas(points: Points, depth: float = 0.0) -> Points:
        return place.project(points * (hand, 1.0), depth)

    def hanging(points: Points) -> Points:
        """Upper part with the head, lower ends with the body."""
        flipped = points * (hand, 1.0)
        return blend(
            place.project(flipped, -0.25), place.upright(flipped), smoothstep(150.0, 240.0, flipped[:, 1])
        )

    if hair.style is HairStyle.RECEDING:
        patches = tuple(on_canvas(patch, -0.05) for patch in _receding(geometry, canonical))
        return replace(HairCurves.none(), front=patches)

    width = geometry.head.half_width
    outer = _wavy(_outer_edge(geometry, canonical), canonical)
    inner = hairline(geometry, canonical, _EDGE_POINTS)
    if canonical.covers_ears and canonical.wave > 0:
        inner = _wavy(inner, replace(canonical, wave=canonical.wave * 0.5))
    back = _back_shape(geometry, canonical, outer)
    parted = canonical.fringe in (Fringe.SWEPT, Fringe.CURTAIN) or canonical.style in _HANGING
    parted = parted and canonical.fringe is not Fringe.BLUNT
    crown_x = canonical.parting * width * 0.4
    flow = parted_flow(inner, outer) if parted else fan_flow(inner, outer, crown_x)
    if canonical.curl > 0:
        flow = curl_rows(inner, outer, canonical)
        strands = curl_strands(flow, canonical)
    else:
        strands = sample_strands(flow, canonical)

    def front_on_canvas(points: Points) -> Points:
        """The hairline lies on the face's front, everything else on the silhouette."""
        across = np.clip(np.abs(points[:, 0]) / width, 0.0, 1.0)
        low = smoothstep(geometry.head.top - 4.0, geometry.head.top + 34.0, points[:, 1])
        depth = 0.62 * (1.0 - across**3) * low
        flipped = points * (hand, 1.0)
        head = place.project(flipped, depth)
        return blend(head, place.upright(flipped), smoothstep(165.0, 250.0, flipped[:, 1]))

    rounded = 5.0 if canonical.covers_ears else 2.0
    bun = None
    if canonical.bun > 0:
        shape = ellipse(
            0.0,
            geometry.head.top - canonical.top_volume - canonical.bun * 0.55,
            canonical.bun * 1.12,
            canonical.bun,
            0.0,
            56,
        )
        bun = on_canvas(_wavy(shape, replace(canonical, wave=0.0), closed=True), -0.6)
    return HairCurves(
        back=() if back is None else (front_on_canvas(back) if canonical.covers_ears else hanging(back),),
        locks=tuple(hanging(lock) for lock in _side_locks(geometry, canonical)),
        front=(front_on_canvas(_closed_between(inner, outer, rounded)),),
        front_hides_clothes=canonical.in_front or not canonical.covers_ears,
        inner=front_on_canvas(inner),
        outer=front_on_canvas(outer),
        flow=_each(flow, front_on_canvas),
        strands=_each(strands, front_on_canvas),
        bun=bun,
    )
