"""Masks of what a portrait shows, for weighting losses and for measuring colours and semantics."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curve_tools import Points
from sfx.calibration.portraits.curves import CANVAS, Curves, build
from sfx.calibration.portraits.geometry import Geometry, Neckline
from sfx.calibration.portraits.painter import IndexPainter, path_of
from sfx.calibration.portraits.regions import Region, region_of
from sfx.calibration.portraits.wear_curves import CHAIN_WIDTH, HOOK_WIDTH, RING_WIDTH, TRIM_WIDTH, Earring

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Parts:
    """Boolean masks of shape (size, size) of what is visible.

    `skin` is face, ears and neck without features; `trim` the collar or neckband, a part of `clothes`; `mouth`
    holds lips and opening; `glasses` the frames and, of dark ones, the lenses. What hair, hats or dark lenses
    hide is absent.
    """

    skin: Mask
    hair: Mask
    background: Mask
    clothes: Mask
    trim: Mask
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


class _Masker:
    """Draws single shapes of one portrait as masks."""

    def __init__(self, curves: Curves, size: int) -> None:
        self._curves = curves
        self._size = size
        self._pixel = CANVAS / size
        self.region = region_of(curves, size)

    def within(self, *regions: Region) -> Mask:
        """Where one of the regions is seen."""
        return np.isin(self.region, regions)

    def filled(self, *shapes: Points | None) -> Mask:
        """The insides of closed shapes; None counts as empty."""
        painter = IndexPainter(self._size)
        for shape in shapes:
            if shape is not None:
                painter.fill(path_of(shape), 1)
        return painter.indices() > 0

    def lined(self, *lines: Points | None, width: float, closed: bool = False) -> Mask:
        """Strokes `width` units and at least one pixel wide; None counts as empty."""
        painter = IndexPainter(self._size)
        for line in lines:
            if line is not None:
                painter.line(path_of(line, closed), 1, max(width, self._pixel))
        return painter.indices() > 0

    def glasses(self) -> Mask:
        """Frames, and the lenses of dark glasses."""
        glasses, geometry = self._curves.wear.glasses, self._curves.geometry
        if glasses is None:
            return self.filled()
        width = geometry.glasses.thickness * geometry.pose.scale
        rims = self.lined(*glasses.lenses, width=width, closed=True)
        rims |= self.lined(glasses.bridge, glasses.brow_bar, width=width)
        arms = self.lined(*glasses.temples, width=width)
        rims |= arms & ~self.within(Region.HAIR, Region.HAT, Region.LEFT_EAR, Region.RIGHT_EAR)
        if geometry.glasses.dark:
            rims |= self.filled(*glasses.lenses)
        return rims & ~self.within(Region.HAT)

    def earring(self, earring: Earring | None) -> Mask:
        """One earring: the ring of a hoop, else its shapes and hook."""
        if earring is None:
            return self.filled()
        if earring.hoop:
            return self.lined(earring.ring, width=RING_WIDTH, closed=True)
        return self.filled(*earring.outlines) | self.lined(earring.hook, width=HOOK_WIDTH)

    def trim(self) -> Mask:
        """Collar flaps, or the band along the neckline."""
        clothes = self._curves.wear.clothes
        if clothes is None or self._curves.geometry.wear.neckline is Neckline.TURTLENECK:
            return self.filled()
        if clothes.flaps:
            return self.filled(*clothes.flaps)
        return self.lined(clothes.neckline, width=TRIM_WIDTH)


def parts(geometry: Geometry, size: int = 256) -> Parts:
    """Masks of the visible parts of `picture(geometry, ..., size)`. Needs skia-python."""
    curves = build(geometry)
    features, wear, beard = curves.features, curves.wear, curves.beard
    masker = _Masker(curves, size)
    glasses = masker.glasses()
    bare_face = masker.within(Region.FACE) & ~glasses
    earrings = masker.earring(wear.left_earring) | masker.earring(wear.right_earring)
    chain = masker.lined(wear.necklace, width=CHAIN_WIDTH) | masker.filled(wear.pendant)
    necklace = chain & masker.within(Region.NECK)

    left_eye = masker.filled(features.left_eye.outline) & bare_face
    right_eye = masker.filled(features.right_eye.outline) & bare_face
    brows = masker.filled(features.left_brow.outline, features.right_brow.outline) & bare_face
    mouth = masker.filled(features.mouth.outline) & bare_face
    opening = masker.filled(features.mouth.opening) & mouth
    growth = masker.filled(beard.shape, beard.moustache) & ~mouth & ~masker.within(Region.HAIR, Region.HAT)
    covered = left_eye | right_eye | brows | mouth | growth | glasses | earrings | necklace
    flesh = masker.within(Region.FACE, Region.NECK, Region.LEFT_EAR, Region.RIGHT_EAR)
    clothes = masker.within(Region.CLOTHES) & ~growth & ~earrings
    worn = glasses | earrings
    return Parts(
        skin=flesh & ~covered,
        hair=masker.within(Region.HAIR) & ~worn,
        background=masker.within(Region.BACKGROUND) & ~worn,
        clothes=clothes,
        trim=clothes & masker.trim(),
        neck=masker.within(Region.NECK) & ~growth,
        left_ear=masker.within(Region.LEFT_EAR),
        right_ear=masker.within(Region.RIGHT_EAR),
        left_eye=left_eye,
        right_eye=right_eye,
        brows=brows,
        nose=masker.filled(features.nose.lower) & bare_face,
        mouth=mouth,
        mouth_opening=opening,
        teeth=masker.filled(features.mouth.teeth) & opening,
        beard=growth,
        glasses=glasses,
        earrings=earrings,
        necklace=necklace,
        hat=masker.within(Region.HAT),
    )
