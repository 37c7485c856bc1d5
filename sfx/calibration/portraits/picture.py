"""The softly shaded portrait."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.appearance import Appearance
from sfx.calibration.portraits.colours import WHITE, mix
from sfx.calibration.portraits.curves import build
from sfx.calibration.portraits.geometry import Geometry
from sfx.calibration.portraits.paint_face import paint_ear, paint_face_base, paint_neck, paint_nose
from sfx.calibration.portraits.paint_features import paint_beard, paint_brows, paint_eye, paint_mouth
from sfx.calibration.portraits.paint_hair import (
    paint_back_hair,
    paint_front_hair,
    paint_hair_shadow,
    paint_locks,
)
from sfx.calibration.portraits.paint_wear import (
    paint_clothes,
    paint_earring,
    paint_glasses,
    paint_hat,
    paint_necklace,
    paint_temples,
)
from sfx.calibration.portraits.painter import Painter, linear
from sfx.calibration.portraits.scene import Scene


def _paint_background(scene: Scene) -> None:
    look = scene.appearance
    reach = 150.0
    dx, dy = math.sin(look.background_angle) * reach, math.cos(look.background_angle) * reach
    scene.painter.fill_all(
        linear((128.0 - dx, 128.0 - dy), (128.0 + dx, 128.0 + dy), [look.background, look.background_end])
    )
    glow = mix(look.background, WHITE, 0.35)
    scene.painter.blob(128.0 + 34.0 * look.light_x, 104.0, 150.0, 150.0, glow, 0.45)


def picture(geometry: Geometry, appearance: Appearance, size: int = 256) -> NDArray[np.uint8]:
    """The portrait as (size, size, 3) RGB, 0..255, anti-aliased; needs skia-python."""
    curves = build(geometry)
    painter = Painter(size)
    scene = Scene(curves, appearance, painter)
    head, features, wear = curves.head, curves.features, curves.wear
    exposed = not geometry.hair.covers_ears
    ears = [ear for ear in (head.right_ear, head.left_ear) if ear is not None]

    _paint_background(scene)
    paint_back_hair(scene)
    paint_neck(scene)
    paint_necklace(scene)
    paint_clothes(scene)
    paint_locks(scene)
    paint_face_base(scene)
    paint_hair_shadow(scene)
    paint_nose(scene)
    paint_beard(scene)
    paint_mouth(scene)
    paint_eye(scene, features.right_eye)
    paint_eye(scene, features.left_eye)
    paint_brows(scene)
    paint_temples(scene)
    paint_front_hair(scene)
    if exposed:
        for ear in ears:
            paint_ear(scene, ear)
    paint_glasses(scene)
    paint_hat(scene)
    paint_earring(scene, wear.right_earring)
    paint_earring(scene, wear.left_earring)
    return painter.pixels()
