"""The lines of hair, beard, ears, glasses, jewellery and clothes, before anything hides them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sfx.calibration.portraits.curves import Curves
from sfx.calibration.portraits.label_ids import Label
from sfx.calibration.portraits.regions import Region
from sfx.calibration.portraits.style import SketchStyle
from sfx.calibration.portraits.visibility import RawStroke


def glasses_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    """Rims, bridge and bar; the temples are cut on their own."""
    glasses = curves.wear.glasses
    if glasses is None:
        return
    for lens in glasses.lenses:
        thickness = curves.geometry.glasses.thickness * curves.geometry.pose.scale
        if style.thick_frames and thickness > 2.0:
            centre = lens.mean(axis=0)
            reach = np.ptp(lens, axis=0) / 2
            yield centre + (lens - centre) * (1.0 + thickness / 2 / reach), Label.GLASSES, True
            yield centre + (lens - centre) * (1.0 - thickness / 2 / reach), Label.GLASSES, True
        else:
            yield lens, Label.GLASSES, True
    for line in (glasses.bridge, glasses.brow_bar):
        if line is not None:
            yield line, Label.GLASSES, False


def jewellery_lines(curves: Curves) -> Iterator[RawStroke]:
    """Both earrings."""
    wear = curves.wear
    for earring in (wear.left_earring, wear.right_earring):
        if earring is not None:
            for outline in earring.outlines:
                yield outline, Label.EARRING, True
            if earring.hook is not None:
                yield earring.hook, Label.EARRING, False


def strand_lines(curves: Curves) -> Iterator[RawStroke]:
    """Single strands of the hair."""
    for strand in curves.hair.strands:
        yield strand, Label.HAIR, False


def beard_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    """Edges of beard and moustache, and single hairs where hair is drawn in detail."""
    beard = curves.beard
    if beard.upper_edge is not None and beard.shape is not None:
        edge = beard.upper_edge
        yield edge, Label.HAIR, False
        if curves.geometry.beard.length > 3.0:
            rest = beard.shape[len(edge) :]
            yield rest[len(rest) // 5 : -len(rest) // 5], Label.HAIR, False
        if style.dense or curves.geometry.hair.strands > 0:
            for line in beard.hairs:
                yield line, Label.HAIR, False
    elif beard.shape is not None:
        yield beard.shape, Label.HAIR, True
    if beard.moustache is not None:
        yield beard.moustache, Label.HAIR, True


def ear_lines(curves: Curves, style: SketchStyle) -> Iterator[tuple[RawStroke, Region]]:
    """The folds inside the ears, each with the region that it lies in."""
    ears = (
        (curves.head.left_ear, Label.LEFT_EAR, Region.LEFT_EAR),
        (curves.head.right_ear, Label.RIGHT_EAR, Region.RIGHT_EAR),
    )
    for ear, label, region in ears:
        if ear is not None and style.ear_folds:
            yield (ear.inner, label, False), region


def clothes_lines(curves: Curves, style: SketchStyle) -> Iterator[RawStroke]:
    """Collar flaps, hems and folds; the outline comes with the regions."""
    worn = curves.wear.clothes
    if worn is None or not style.clothes:
        return
    for flap in worn.flaps:
        yield flap, Label.CLOTHES, True
    if worn.hem is not None and style.hems:
        yield worn.hem, Label.CLOTHES, False
    if style.dense:
        for fold in worn.folds:
            yield fold, Label.CLOTHES, False


def necklace_lines(curves: Curves) -> Iterator[RawStroke]:
    """The chain and its pendant."""
    if curves.wear.necklace is not None:
        yield curves.wear.necklace, Label.NECKLACE, False
    if curves.wear.pendant is not None:
        yield curves.wear.pendant, Label.NECKLACE, True


def lobe_line(curves: Curves) -> Iterator[RawStroke]:
    """A dab at the first visible ear's lobe, as the published sketches have."""
    for ear in (curves.head.left_ear, curves.head.right_ear):
        if ear is not None:
            yield ear.lobe + np.array([[-1.5, -3.0], [-0.5, 0.0], [-1.5, 3.0]]), Label.EAR_LOBE, False
            return
