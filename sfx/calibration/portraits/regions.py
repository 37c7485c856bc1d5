"""Which of the large parts of a portrait every pixel shows."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.curves import Curves
from sfx.calibration.portraits.painter import IndexPainter, path_of


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
