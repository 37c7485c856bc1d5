"""Paints skin: neck, ears, the face's modelling, nose."""

from __future__ import annotations

import numpy as np

from sfx.calibration.portraits.colours import WHITE, adjusted, mix
from sfx.calibration.portraits.curve_tools import smoothstep, through
from sfx.calibration.portraits.head_curves import Ear
from sfx.calibration.portraits.painter import linear, path_of
from sfx.calibration.portraits.scene import Scene


def paint_neck(scene: Scene) -> None:
    """Neck and shoulders, with the shadow that the head throws."""
    painter, tones, look = scene.painter, scene.tones, scene.appearance
    head = scene.geometry.head
    centre = float(np.mean(scene.curves.head.neck[:, 0]))
    reach = head.neck_half_width * 1.5
    lit = 0.5 + 0.5 * look.light_x
    shader = linear(
        (centre - reach, 0.0),
        (centre + reach, 0.0),
        [
            mix(tones.base, tones.deep, 0.16 + 0.34 * lit),
            mix(tones.base, tones.shade, 0.5),
            mix(tones.base, tones.deep, 0.50 - 0.34 * lit),
        ],
        [0.0, 0.5, 1.0],
    )
    painter.fill(scene.neck, tones.base, shader=shader)
    with painter.inside(scene.neck):
        drop = 12.0 * scene.unit
        painter.fill(
            scene.shifted(scene.curves.head.face, -4.0 * look.light_x, drop), tones.deep, 0.62, blur=6.0
        )
        for tendon in scene.curves.head.neck_tendons:
            painter.line(path_of(tendon, closed=False), tones.deep, 4.0, 0.22, blur=2.5)
        x, y = scene.curves.place.upright([(0.0, head.shoulder + 18.0)])[0]
        painter.blob(float(x), float(y), 46.0, 16.0, tones.light, 0.4)


def paint_ear(scene: Scene, ear: Ear) -> None:
    """One ear, outside the face."""
    painter, tones = scene.painter, scene.tones
    outline = path_of(ear.outline)
    with painter.outside(scene.face):
        painter.fill(outline, mix(tones.base, tones.shade, 0.35))
        with painter.inside(outline):
            centre = ear.outline.mean(axis=0)
            hollow = centre + (ear.outline - centre) * 0.55
            painter.fill(path_of(hollow), tones.deep, 0.55, blur=2.0)
            painter.line(path_of(ear.inner, closed=False), tones.deep, 1.6, 0.7, blur=0.6)
            painter.line(outline, tones.light, 2.2, 0.35, blur=0.8)
            painter.line(scene.face, tones.deep, 4.0, 0.35, blur=1.8)


def paint_face_base(scene: Scene) -> None:
    """The face without features: light from one side, rounded edges, cheeks."""
    painter, tones, look = scene.painter, scene.tones, scene.appearance
    head, eyes, mouth = scene.geometry.head, scene.geometry.eyes, scene.geometry.mouth
    light = look.light_x
    left, right = scene.at(-head.half_width, 100.0)[0], scene.at(head.half_width, 100.0)[0]
    towards, away = (right, left) if light > 0 else (left, right)
    strength = look.light * (0.35 + 0.65 * abs(light))
    shader = linear(
        (towards, 92.0),
        (away, 176.0),
        [mix(tones.base, tones.light, 0.75), tones.base, mix(tones.base, tones.shade, 0.15 + 0.7 * strength)],
        [0.0, 0.45, 1.0],
    )
    painter.fill(scene.face, tones.base, shader=shader)
    with painter.inside(scene.face):
        painter.line(scene.face, tones.shade, 15.0, 0.55, blur=7.0)
        side = scene.shifted(scene.curves.head.face, 9.0 * light, -7.0)
        painter.line(side, tones.deep, 13.0, 0.20 * strength, blur=7.0)
        x, y = scene.at(7.0 * light, 82.0)
        painter.blob(x, y, 46.0, 32.0, tones.light, 0.75)
        for way in (-1.0, 1.0):
            facing = 0.5 + 0.5 * way * light
            x, y = scene.at(way * (eyes.spacing + 8.0), 158.0)
            painter.blob(x, y, 24.0, 17.0, tones.blush, 0.5 * look.blush)
            x, y = scene.at(way * (eyes.spacing + 9.0), 147.0)
            painter.blob(x, y, 19.0, 10.0, tones.light, 0.35 + 0.35 * facing, angle=-18.0 * way)
            x, y = scene.at(way * eyes.spacing, eyes.y - 7.0)
            painter.blob(x, y, 27.0, 14.0, tones.shade, 0.55)
            x, y = scene.at(way * (eyes.spacing - 15.0), eyes.y - 5.0)
            painter.blob(x, y, 10.0, 15.0, tones.deep, 0.26)
            x, y = scene.at(way * eyes.spacing, eyes.y + 13.0)
            painter.blob(x, y, 19.0, 6.0, tones.shade, 0.35 + 0.3 * look.wrinkles)
        x, y = scene.at(0.0, mouth.y + mouth.lower_lip + mouth.open * 0.7 + 5.0)
        painter.blob(x, y, mouth.half_width * 0.9, 6.5, tones.deep, 0.42)
        x, y = scene.at(4.0 * light, head.chin - 12.0)
        painter.blob(x, y, 17.0, 10.0, tones.light, 0.6)
        _marks(scene)


def _marks(scene: Scene) -> None:
    """Wrinkles, freckles and stubble: they come from the appearance, not from the sketch."""
    painter, tones, look = scene.painter, scene.tones, scene.appearance
    mouth, eyes, head = scene.geometry.mouth, scene.geometry.eyes, scene.geometry.head
    smile = max(0.0, mouth.smile)
    fold = max(look.wrinkles, 0.30 * smile)
    for way in (-1.0, 1.0):
        if fold > 0.05:
            points = through(
                [
                    scene.at(
                        way * (scene.geometry.nose.half_width + 5.0), scene.geometry.nose.base - 3.0, 0.1
                    ),
                    scene.at(way * (mouth.half_width + 3.0), mouth.y - 17.0, 0.08),
                    scene.at(way * (mouth.half_width + 9.0), mouth.y - 7.0, 0.05),
                    scene.at(way * (mouth.half_width + 10.5), mouth.y + 0.0, 0.05),
                ],
                samples=6,
            )
            painter.line(path_of(points, closed=False), tones.deep, 2.2, 0.42 * fold, blur=1.7)
        if look.wrinkles > 0:
            for k in (-1.0, 0.0, 1.0):
                corner = eyes.spacing + eyes.half_width + 4.0
                points = np.array(
                    [
                        scene.at(way * corner, eyes.y + 2.5 * k),
                        scene.at(way * (corner + 7.0), eyes.y + 5.5 * k),
                    ]
                )
                painter.line(path_of(points, closed=False), tones.deep, 1.0, 0.4 * look.wrinkles, blur=0.6)
            points = np.array(
                [
                    scene.at(way * (eyes.spacing - 10.0), eyes.y + 12.0),
                    scene.at(way * eyes.spacing, eyes.y + 15.0),
                    scene.at(way * (eyes.spacing + 11.0), eyes.y + 12.0),
                ]
            )
            painter.line(path_of(points, closed=False), tones.deep, 1.2, 0.45 * look.wrinkles, blur=0.8)
    if look.wrinkles > 0:
        for k in (0.0, 8.0):
            curve = [(-30.0, 1.5), (-15.0, -1.0), (0.0, 0.3), (15.0, -1.0), (30.0, 1.5)]
            points = through([scene.at(x, 80.0 + k + y) for x, y in curve], samples=6)
            painter.line(path_of(points, closed=False), tones.deep, 1.4, 0.22 * look.wrinkles, blur=1.2)
    if look.freckles > 0:
        spots = np.random.default_rng(7).normal(0.0, 1.0, (30, 2))
        for k, (dx, dy) in enumerate(spots):
            way = -1.0 if k % 2 else 1.0
            x, y = scene.at(way * (24.0 + 11.0 * float(dx)), 151.0 + 6.5 * float(dy), 0.1)
            painter.disc(x, y, 0.85, 0.8, tones.deep, 0.42 * look.freckles)
    rough = look.stubble * float(smoothstep(5.0, 5.9, scene.geometry.brows.thickness))
    if rough > 0:
        tint = mix(adjusted(look.hair, lightness=0.8), tones.deep, 0.45)
        x, y = scene.at(0.0, head.chin - 18.0)
        painter.blob(x, y, head.half_width * 0.92, 44.0, tint, 0.42 * rough, core=0.35)


def paint_nose(scene: Scene) -> None:
    """A soft nose: the side away from the light, the wings, the shade under the tip, a highlight."""
    painter, tones, look = scene.painter, scene.tones, scene.appearance
    nose = scene.curves.features.nose
    light, radius = look.light_x, nose.tip_radius
    x, y = nose.tip
    with painter.inside(scene.face):
        for index, way in enumerate((-1.0, 1.0)):
            away = max(0.0, -way * light)
            painter.line(
                path_of(nose.sides[index][4:], closed=False),
                tones.shade,
                6.0,
                0.30 + 0.5 * away * look.light,
                blur=2.8,
            )
        painter.line(path_of(nose.ridge, closed=False), tones.light, 4.5, 0.55, blur=2.2)
        width = scene.geometry.nose.half_width * scene.unit
        painter.blob(x, y + radius * 1.45, width * 1.35, radius * 0.9, tones.deep, 0.62)
        painter.blob(
            x,
            y - radius * 0.1,
            width * 1.25,
            radius * 1.5,
            mix(tones.base, tones.blush, 0.3 + 0.4 * look.blush),
            0.55,
        )
        for wing in nose.wings:
            painter.line(path_of(wing[8:], closed=False), tones.deep, 1.8, 0.55, blur=0.9)
        painter.line(path_of(nose.base, closed=False), tones.deep, 1.7, 0.7, blur=0.8)
        for nostril in nose.nostrils:
            painter.fill(path_of(nostril), tones.line, 0.85, blur=0.6)
        painter.blob(
            x + light * radius * 0.25,
            y - radius * 0.35,
            radius * 0.85,
            radius * 0.7,
            mix(tones.light, WHITE, 0.35),
            0.75,
        )
