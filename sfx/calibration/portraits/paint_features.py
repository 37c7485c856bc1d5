"""Paints eyes, brows, mouth and beard."""

from __future__ import annotations

import numpy as np

from sfx.calibration.portraits.colours import WHITE, Colour, adjusted, lifted, lightness_of, mix, to_oklch
from sfx.calibration.portraits.curve_tools import moved
from sfx.calibration.portraits.feature_curves import Eye
from sfx.calibration.portraits.painter import linear, path_of
from sfx.calibration.portraits.scene import Scene

_LASH: Colour = (0.10, 0.07, 0.075)
_EYE_WHITE: Colour = (0.975, 0.965, 0.955)
_TEETH: Colour = (0.985, 0.975, 0.955)
_MOUTH_INSIDE: Colour = (0.36, 0.09, 0.10)
_TONGUE: Colour = (0.80, 0.38, 0.38)


def paint_eye(scene: Scene, eye: Eye) -> None:
    """White, iris, pupil, catch-light, lashes, and the fold of the lid."""
    painter, tones, look = scene.painter, scene.tones, scene.appearance
    outline = path_of(eye.outline)
    x, y = eye.iris
    radius_x, radius_y = eye.iris_radius
    unit = scene.unit
    painter.line(
        path_of(eye.crease, closed=False), tones.line, 1.3, 0.25 + 0.45 * scene.geometry.eyes.crease, blur=0.6
    )
    painter.line(path_of(eye.lower[2:-1], closed=False), tones.deep, 1.6, 0.7, blur=0.7)
    painter.fill(outline, mix(_EYE_WHITE, tones.shade, 0.07))
    with painter.inside(outline):
        ring = adjusted(look.eye, lightness=0.58)
        painter.disc(x, y, radius_x, radius_y, ring)
        painter.disc(x, y, radius_x * 0.86, radius_y * 0.86, look.eye)
        painter.blob(x, y + radius_y * 0.45, radius_x * 0.8, radius_y * 0.6, lifted(look.eye, 0.16), 0.8)
        painter.disc(x, y, radius_x * 0.44, radius_y * 0.44, (0.05, 0.04, 0.045))
        painter.line(
            path_of(moved(eye.upper, 0.0, 1.2 * unit), closed=False),
            (0.22, 0.15, 0.17),
            4.2 * unit,
            0.42,
            blur=1.3,
        )
    light = 1.0 if look.light_x > 0 else -1.0
    painter.disc(x + light * radius_x * 0.34, y - radius_y * 0.36, 1.9 * unit, 1.9 * unit, WHITE, 0.96)
    with painter.inside(outline):
        painter.disc(x - light * radius_x * 0.36, y + radius_y * 0.36, 1.0 * unit, 1.0 * unit, WHITE, 0.5)
    painter.fill(path_of(eye.lash), mix(_LASH, scene.hair_dark, 0.12))


def paint_brows(scene: Scene) -> None:
    """Brows in the hair's colour, a little darker, never lighter than the skin can carry."""
    painter = scene.painter
    hair = scene.appearance.hair
    colour = adjusted(hair, lightness=0.78 if lightness_of(hair) > 0.35 else 0.95)
    if to_oklch(hair)[1] > 0.075 and not 20.0 < to_oklch(hair)[2] < 95.0:  # dyed
        colour = (0.23, 0.16, 0.14)
    contrast = lightness_of(colour) - lightness_of(scene.tones.base)
    if contrast > -0.12:
        colour = mix(colour, adjusted(scene.tones.base, lightness=0.55, chroma=0.8), 0.65)
    colour = mix(colour, scene.tones.base, 0.10)
    for brow in (scene.curves.features.left_brow, scene.curves.features.right_brow):
        shape = path_of(brow.outline)
        painter.fill(shape, colour, 0.45, blur=1.3)
        painter.fill(shape, colour, 0.86, blur=0.4)


def paint_mouth(scene: Scene) -> None:
    """Lips, and between open ones teeth, tongue and the dark."""
    painter, tones, look = scene.painter, scene.tones, scene.appearance
    mouth = scene.curves.features.mouth
    unit, light = scene.unit, look.light_x
    x, y = mouth.middle
    lip = look.lip
    upper_lip = adjusted(lip, lightness=0.90, chroma=1.05)
    width = scene.geometry.mouth.half_width * unit
    for corner in (mouth.upper[0], mouth.upper[-1]):
        painter.blob(float(corner[0]), float(corner[1]), 4.5, 4.0, tones.deep, 0.55)
    painter.blob(x, y - (scene.geometry.mouth.upper_lip + 7.0) * unit, 4.5, 6.0, tones.shade, 0.5)
    if mouth.opening is not None:
        opening = path_of(mouth.opening)
        painter.fill(path_of(mouth.outline), lip)
        painter.fill(opening, _MOUTH_INSIDE)
        with painter.inside(opening):
            low = float(mouth.lower_inner[:, 1].max())
            painter.blob(x, low + 1.0, width * 0.62, 5.0 * unit, _TONGUE, 0.9, core=0.3)
            if mouth.teeth is not None:
                painter.fill(path_of(mouth.teeth), _TEETH)
            painter.line(path_of(mouth.upper_inner, closed=False), _MOUTH_INSIDE, 2.6, 0.30, blur=1.0)
    upper = path_of(np.concatenate([mouth.upper, mouth.upper_inner[-2:0:-1]]))
    lower = path_of(np.concatenate([mouth.lower_inner, mouth.lower[-2:0:-1]]))
    top, bottom = float(mouth.upper[:, 1].min()), float(mouth.lower[:, 1].max())
    painter.fill(
        upper, upper_lip, shader=linear((0.0, top), (0.0, y + 1.0), [lip, adjusted(lip, lightness=0.84)])
    )
    shine = lifted(lip, 0.07)
    painter.fill(
        lower,
        lip,
        shader=linear(
            (0.0, y + mouth.gap),
            (0.0, bottom),
            [adjusted(lip, lightness=0.95), shine, adjusted(lip, lightness=0.92)],
            [0.0, 0.4, 1.0],
        ),
    )
    with painter.inside(lower):
        painter.blob(
            x + light * 4.0,
            y + mouth.gap + (bottom - y - mouth.gap) * 0.42,
            width * 0.42,
            2.4 * unit,
            lifted(lip, 0.20),
            0.6,
        )
    if mouth.opening is None:
        painter.line(
            path_of(mouth.upper_inner, closed=False), adjusted(lip, lightness=0.55, chroma=0.9), 1.4, 0.9
        )


def paint_beard(scene: Scene) -> None:
    """Beard and moustache: a soft body with a firmer core, so that its edge fades into the skin."""
    painter, look = scene.painter, scene.appearance
    beard = scene.curves.beard
    colour = mix(scene.hair_dark, look.hair, 0.35)
    if beard.shape is not None:
        shape = path_of(beard.shape)
        low = float(beard.shape[:, 1].max())
        painter.fill(shape, colour, 0.55, blur=2.2)
        painter.fill(
            shape,
            colour,
            0.9,
            blur=0.8,
            shader=linear(
                (0.0, low - 70.0), (0.0, low), [colour, mix(colour, look.hair, 0.6)], alphas=[0.85, 0.95]
            ),
        )
        with painter.inside(shape):
            x, y = scene.at(5.0 * look.light_x, scene.geometry.head.chin - 8.0)
            painter.blob(x, y, 24.0, 14.0, scene.hair_light, 0.4)
            if scene.geometry.hair.strands:
                for line in beard.hairs:
                    painter.line(path_of(line, closed=False), scene.hair_dark, 1.0, 0.5)
    if beard.moustache is not None:
        shape = path_of(beard.moustache)
        painter.fill(shape, colour, 0.5, blur=1.6)
        painter.fill(shape, colour, 0.92, blur=0.5)
