"""Paints hair: the mass, its roundness, soft bands along the flow, and sharp strands where there are any."""

from __future__ import annotations

import numpy as np

from sfx.calibration.portraits.colours import adjusted, mix
from sfx.calibration.portraits.curve_tools import Points, blend, moved
from sfx.calibration.portraits.painter import linear, path_of
from sfx.calibration.portraits.scene import Scene


def paint_back_hair(scene: Scene) -> None:
    """Hair behind the neck, and a bun behind the crown."""
    painter, hair = scene.painter, scene.curves.hair
    dark = scene.hair_dark
    deeper = adjusted(dark, lightness=0.90)
    for shape in hair.back:
        path = path_of(shape)
        painter.fill(path, dark, shader=linear((0.0, 60.0), (0.0, 250.0), [dark, deeper]))
        with painter.inside(path):
            painter.line(path, scene.appearance.hair, 12.0, 0.6, blur=5.0)
            painter.fill(scene.shifted(scene.curves.head.face, 0.0, 8.0), deeper, 0.6, blur=8.0)
    if hair.bun is not None:
        _mass(scene, hair.bun)
        centre = hair.bun.mean(axis=0)
        path = path_of(hair.bun)
        with painter.inside(path):
            ring = centre + (hair.bun - centre) * 0.52
            painter.line(path_of(moved(ring, 0.0, 2.0)), scene.hair_dark, 3.5, 0.4, blur=1.8)


def paint_locks(scene: Scene) -> None:
    """Hair before the shoulders."""
    painter = scene.painter
    for lock in scene.curves.hair.locks:
        if scene.clothes is not None:
            painter.fill(
                scene.shifted(lock, 1.5, 3.0),
                adjusted(scene.appearance.clothes, lightness=0.6),
                0.35,
                blur=3.0,
            )
        _mass(scene, lock)
        half = len(lock) // 2
        path = path_of(lock)
        with painter.inside(path):
            middle = blend(lock[:half], lock[: half - 1 : -1][: len(lock[:half])], 0.5)
            painter.line(path_of(middle, closed=False), scene.hair_light, 7.0, 0.35, blur=3.0)


def _mass(scene: Scene, shape: Points) -> None:
    """A body of hair lit from one side, darker towards its edge."""
    painter, look = scene.painter, scene.appearance
    path = path_of(shape)
    left, right = float(shape[:, 0].min()), float(shape[:, 0].max())
    top, bottom = float(shape[:, 1].min()), min(float(shape[:, 1].max()), 256.0)
    towards, away = (right, left) if look.light_x > 0 else (left, right)
    reach = 0.5 + 0.5 * abs(look.light_x)
    middle = (left + right) / 2
    shader = linear(
        (middle + (towards - middle) * reach, top),
        (middle + (away - middle) * reach, top + (bottom - top) * 0.85),
        [mix(look.hair, scene.hair_light, 0.6), look.hair, mix(look.hair, scene.hair_dark, 0.75)],
        [0.0, 0.45, 1.0],
    )
    painter.fill(path, look.hair, shader=shader)
    with painter.inside(path):
        painter.line(path, scene.hair_dark, 8.0, 0.45, blur=3.5)


def paint_hair_shadow(scene: Scene) -> None:
    """The shadow that the front hair throws on the face."""
    painter, look = scene.painter, scene.appearance
    with painter.inside(scene.face):
        for shape in scene.curves.hair.front:
            painter.fill(scene.shifted(shape, -2.5 * look.light_x, 5.5), scene.tones.deep, 0.55, blur=4.0)


def paint_front_hair(scene: Scene) -> None:
    """Hair before the face."""
    painter, hair = scene.painter, scene.curves.hair
    for shape in hair.front:
        if hair.inner is None or hair.outer is None:
            _mass(scene, shape)
            continue
        path = path_of(shape)
        if hair.front_hides_clothes or scene.clothes is None:
            if scene.clothes is not None and scene.geometry.hair.covers_ears:
                with painter.inside(scene.clothes):
                    painter.fill(
                        scene.shifted(shape, 0.0, 3.0),
                        adjusted(scene.appearance.clothes, lightness=0.6),
                        0.3,
                        blur=3.0,
                    )
            _front_body(scene, shape, path, hair.inner, hair.outer)
        else:
            with painter.outside(scene.clothes):
                _front_body(scene, shape, path, hair.inner, hair.outer)


def _front_body(scene: Scene, shape: Points, path: object, inner: Points, outer: Points) -> None:
    painter, look = scene.painter, scene.appearance
    _mass(scene, shape)
    with painter.inside(path):
        painter.line(path_of(inner, closed=False), scene.hair_dark, 7.0, 0.55, blur=3.2)
        curly = scene.geometry.hair.curl > 0
        if curly:
            for line in scene.curves.hair.flow:
                painter.line(path_of(line, closed=False), scene.hair_dark, 2.6, 0.34, blur=1.2)
        else:
            for index, line in enumerate(scene.curves.hair.flow):
                bright = index % 2 == 0
                painter.line(
                    path_of(line[2:], closed=False),
                    scene.hair_light if bright else scene.hair_dark,
                    4.2 if bright else 3.0,
                    0.22 if bright else 0.30,
                    blur=1.6,
                )
        # The shine follows the roundness of the head, about two thirds of the way to the crown.
        count = len(inner)
        centre = int(count * (0.5 + 0.13 * look.light_x))
        reach = int(count * 0.17)
        part = slice(max(centre - reach, 0), centre + reach)
        band = blend(inner[part], outer[part], 0.60)
        taper = np.linspace(-1.0, 1.0, len(band))
        band = band + np.stack([np.zeros_like(taper), 2.0 * taper**2], axis=1)
        painter.line(path_of(band, closed=False), scene.hair_shine, 9.0, 0.30 if curly else 0.42, blur=4.5)
        painter.line(path_of(band[3:-3], closed=False), scene.hair_shine, 4.0, 0.26, blur=2.2)
        for index, strand in enumerate(scene.curves.hair.strands):
            light = index % 3 == 0
            painter.line(
                path_of(strand, closed=False),
                scene.hair_light if light else adjusted(scene.hair_dark, lightness=0.90),
                0.8 + 0.4 * (index % 2),
                0.55 if light else 0.5,
            )
