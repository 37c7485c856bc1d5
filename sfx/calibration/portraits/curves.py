"""Every curve of a portrait on the 256-unit canvas, built once and shared by picture, strokes and masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sfx.calibration.portraits.beard_curves import BeardCurves, build_beard
from sfx.calibration.portraits.feature_curves import FeatureCurves, build_features
from sfx.calibration.portraits.geometry import Geometry
from sfx.calibration.portraits.hair_curves import HairCurves, build_hair
from sfx.calibration.portraits.head_curves import HeadCurves, build_head
from sfx.calibration.portraits.placement import Placement
from sfx.calibration.portraits.wear_curves import WearCurves, build_wear

CANVAS = 256.0
"""Side of the square that all points refer to."""


@dataclass(frozen=True, eq=False)
class Curves:
    """All shapes and lines of one portrait."""

    geometry: Geometry
    place: Placement
    head: HeadCurves
    features: FeatureCurves
    hair: HairCurves
    beard: BeardCurves
    wear: WearCurves


@lru_cache(maxsize=8)
def build(geometry: Geometry) -> Curves:
    """The curves of a portrait; the last few are kept, so that asking again costs nothing."""
    place = Placement(geometry)
    head = build_head(geometry, place)
    return Curves(
        geometry=geometry,
        place=place,
        head=head,
        features=build_features(geometry, place),
        hair=build_hair(geometry, place),
        beard=build_beard(geometry, place),
        wear=build_wear(geometry, place, head),
    )
