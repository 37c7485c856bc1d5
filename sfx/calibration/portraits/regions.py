"""Which part of the portrait every pixel shows, and masks for weighting losses and measuring colours."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curves import Curves, build
from sfx.calibration.portraits.geometry import Geometry
from sfx.calibration.portraits.painter import IndexPainter, path_of

Mask = NDArray[np.bool_]


class Region(IntEnum):
    """The large parts that hide each other; features lie on them."""

    BACKGROUND = 0
    HAIR = 1
    NECK = 2
    CLOTHES = 3
    LEFT_EAR = 4
    RIGHT_EAR = 5
    FACE = 6
    HAT = 7


def region_of(curves: Curves, size: int) -> NDArray[np.uint8]:
    """(size, size) of `Region`, painted in the order of the picture without anti-aliasing."""
    painter = IndexPainter(size)
    head, hair, wear = curves.head, curves.hair, curves.wear
    face = path_of(head.face)
    clothes = None if wear.clothes is None else path_of(wear.clothes.shape)

    for shape in hair.back:
        painter.fill(path_of(shape), Region.HAIR)
    if hair.bun is not None:
        painter.fill(path_of(hair.bun), Region.HAIR)
    painter.fill(path_of(head.neck), Region.NECK)
    if wear.clothes is not None:
        painter.fill(clothes, Region.CLOTHES)
        for flap in wear.clothes.flaps:
            painter.fill(path_of(flap), Region.CLOTHES)
    for shape in hair.locks:
        painter.fill(path_of(shape), Region.HAIR)
    painter.fill(face, Region.FACE)
    for shape in hair.front:
        painter.fill(path_of(shape), Region.HAIR, outside=None if hair.front_hides_clothes else clothes)
    if not curves.geometry.hair.covers_ears:
        for ear, region in ((head.left_ear, Region.LEFT_EAR), (head.right_ear, Region.RIGHT_EAR)):
            if ear is not None:
                painter.fill(path_of(ear.outline), region, outside=face)
    if wear.hat is not None:
        for shape in wear.hat.shapes:
            painter.fill(path_of(shape), Region.HAT)
    return painter.indices()


@dataclass(frozen=True, eq=False)
class Parts:
    """Boolean masks of shape (size, size). Except for `hair` under a hat they show what is visible.

    `skin` is face, ears and neck without features; `mouth` holds lips and opening; `glasses` the frames
    and, of dark ones, the lenses; features hidden by hair, hats or dark lenses are absent.
    """

    skin: Mask
    hair: Mask
    background: Mask
    clothes: Mask
    neck: Mask
    left_ear: Mask
    right_ear: Mask
    left_eye: Mask
    right_eye: Mask
    brows: Mask
    nose: Mask
    mouth: Mask
    mouth_opening: Mask
    teeth: Mask
    beard: Mask
    glasses: Mask
    earrings: Mask
    necklace: Mask
    hat: Mask

    def as_dict(self) -> dict[str, Mask]:
        """Masks by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def parts(geometry: Geometry, size: int = 256) -> Parts:
    """Masks of the visible parts of `picture(geometry, ..., size)`."""
    curves = build(geometry)
    features, wear, beard = curves.features, curves.wear, curves.beard
    region = region_of(curves, size)
    on_face = region == Region.FACE

    def drawn(*shapes: NDArray[np.float64] | None, line: float = 0.0, closed: bool = True) -> Mask:
        painter = IndexPainter(size)
        for shape in shapes:
            if shape is None:
                continue
            if line:
                painter.line(path_of(shape, closed), 1, line)
            else:
                painter.fill(path_of(shape), 1)
        return painter.indices() > 0

    nothing = np.zeros((size, size), dtype=np.bool_)
    frames, lenses = nothing, nothing
    if wear.glasses is not None:
        width = max(geometry.glasses.thickness * geometry.pose.scale, 256.0 / size)
        frames = drawn(*wear.glasses.lenses, line=width)
        frames |= drawn(wear.glasses.bridge, wear.glasses.brow_bar, line=width, closed=False)
        arms = drawn(*wear.glasses.temples, line=width, closed=False)
        frames |= arms & ~np.isin(region, (Region.HAIR, Region.HAT, Region.LEFT_EAR, Region.RIGHT_EAR))
        if geometry.glasses.dark:
            lenses = drawn(*wear.glasses.lenses)
    glasses = frames | lenses
    bare_face = on_face & ~glasses

    earrings = nothing
    for earring in (wear.left_earring, wear.right_earring):
        if earring is not None:
            if earring.hoop:
                middle = (earring.outlines[0] + earring.outlines[1]) / 2
                earrings = earrings | drawn(middle, line=max(2.7, 256.0 / size))
            else:
                earrings = earrings | drawn(*earring.outlines)
                if earring.hook is not None:
                    earrings |= drawn(earring.hook, line=max(1.2, 256.0 / size), closed=False)
    necklace = nothing
    if wear.necklace is not None:
        chain = drawn(wear.necklace, line=max(2.3, 256.0 / size), closed=False)
        necklace = (chain | drawn(wear.pendant)) & (region == Region.NECK)

    left_eye = drawn(features.left_eye.outline) & bare_face
    right_eye = drawn(features.right_eye.outline) & bare_face
    brows = drawn(features.left_brow.outline, features.right_brow.outline) & bare_face
    mouth = drawn(features.mouth.outline) & bare_face
    opening = drawn(features.mouth.opening) & mouth
    growth = drawn(beard.shape, beard.moustache) & ~mouth & ~np.isin(region, (Region.HAIR, Region.HAT))
    covered = left_eye | right_eye | brows | mouth | growth | glasses | earrings | necklace
    flesh = np.isin(region, (Region.FACE, Region.NECK, Region.LEFT_EAR, Region.RIGHT_EAR))
    return Parts(
        skin=flesh & ~covered,
        hair=(region == Region.HAIR) & ~glasses & ~earrings,
        background=(region == Region.BACKGROUND) & ~glasses & ~earrings,
        clothes=(region == Region.CLOTHES) & ~growth & ~earrings,
        neck=(region == Region.NECK) & ~growth,
        left_ear=region == Region.LEFT_EAR,
        right_ear=region == Region.RIGHT_EAR,
        left_eye=left_eye,
        right_eye=right_eye,
        brows=brows,
        nose=drawn(features.nose.lower) & bare_face,
        mouth=mouth,
        mouth_opening=opening,
        teeth=drawn(features.mouth.teeth) & opening,
        beard=growth,
        glasses=glasses & (region != Region.HAT),
        earrings=earrings,
        necklace=necklace,
        hat=region == Region.HAT,
    )
