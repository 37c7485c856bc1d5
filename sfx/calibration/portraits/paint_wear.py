"""Paints clothes, glasses, jewellery and hats."""

from __future__ import annotations

import numpy as np

from sfx.calibration.portraits.colours import WHITE, adjusted, lifted, mix
from sfx.calibration.portraits.curve_tools import moved
from sfx.calibration.portraits.geometry import HatStyle, Neckline
from sfx.calibration.portraits.painter import linear, path_of
from sfx.calibration.portraits.scene import Scene
from sfx.calibration.portraits.wear_curves import CHAIN_WIDTH, HOOK_WIDTH, RING_WIDTH, TRIM_WIDTH, Earring


def paint_clothes(scene: Scene) -> None:
    """The body, its neckline and collar."""
    worn = scene.curves.wear.clothes
    if worn is None or scene.clothes is None:
        return
    painter, look, tones = scene.painter, scene.appearance, scene.tones
    base = look.clothes
    dark = adjusted(base, lightness=0.72)
    light = lifted(base, 0.05)
    with painter.inside(scene.neck):
        painter.fill(scene.shifted(worn.shape, 0.0, -3.0), tones.deep, 0.4, blur=2.5)
    left_lit, right_lit = (0.5 - 0.5 * look.light_x), (0.5 + 0.5 * look.light_x)
    shader = linear(
        (40.0, 215.0),
        (216.0, 235.0),
        [mix(base, light, left_lit), base, mix(base, dark, 0.55 * left_lit + 0.1)]
        if look.light_x < 0
        else [mix(base, dark, 0.55 * right_lit + 0.1), base, mix(base, light, right_lit)],
        [0.0, 0.5, 1.0],
    )
    painter.fill(scene.clothes, base, shader=shader)
    neckline = path_of(worn.neckline, closed=False)
    with painter.inside(scene.clothes):
        chin_shadow = scene.shifted(scene.curves.head.face, -3.0 * look.light_x, 14.0)
        painter.fill(chin_shadow, dark, 0.5, blur=6.0)
        for fold in worn.folds:
            painter.line(path_of(fold, closed=False), dark, 4.0, 0.45, blur=2.4)
        if scene.geometry.wear.neckline is Neckline.TURTLENECK:
            painter.line(neckline, light, 5.0, 0.5, blur=2.0)
            if worn.hem is not None:
                painter.line(path_of(worn.hem, closed=False), dark, 3.0, 0.8, blur=1.4)
        elif not worn.flaps:
            painter.line(neckline, look.trim, TRIM_WIDTH)
            if worn.hem is not None:
                painter.line(path_of(worn.hem, closed=False), dark, 1.3, 0.8, blur=0.5)
    for flap in worn.flaps:
        path = path_of(flap)
        painter.fill(scene.shifted(flap, 0.0, 2.5), dark, 0.6, blur=2.0)
        painter.fill(path, look.trim)
        with painter.inside(path):
            painter.line(path, adjusted(look.trim, lightness=0.78), 2.0, 0.6, blur=0.8)


def paint_temples(scene: Scene) -> None:
    """The arms of the glasses, which hair may cover."""
    glasses = scene.curves.wear.glasses
    if glasses is not None:
        width = max(scene.geometry.glasses.thickness * 0.9, 1.6) * scene.unit
        for arm in glasses.temples:
            scene.painter.line(path_of(arm, closed=False), scene.appearance.frame, width)


def paint_glasses(scene: Scene) -> None:
    """Lenses with a reflection, frames, bridge."""
    glasses = scene.curves.wear.glasses
    if glasses is None:
        return
    painter, look = scene.painter, scene.appearance
    thickness = scene.geometry.glasses.thickness * scene.unit
    dark = scene.geometry.glasses.dark
    for lens in glasses.lenses:
        path = path_of(lens)
        left, right = float(lens[:, 0].min()), float(lens[:, 0].max())
        top, bottom = float(lens[:, 1].min()), float(lens[:, 1].max())
        with painter.inside(scene.face):
            painter.line(scene.shifted(lens, 0.0, 2.6), scene.tones.deep, thickness + 1.0, 0.4, blur=1.6)
        if dark:
            painter.fill(
                path,
                look.lens,
                shader=linear(
                    (0.0, top), (0.0, bottom), [adjusted(look.lens, lightness=0.72), lifted(look.lens, 0.10)]
                ),
            )
        else:
            painter.fill(path, WHITE, 0.07)
        with painter.inside(path):
            span = right - left
            for start, width, alpha in ((0.18, 0.17, 1.0), (0.42, 0.07, 0.7)):
                glare = np.array(
                    [
                        (left + span * (start + 0.12), top - 2.0),
                        (left + span * (start + width + 0.12), top - 2.0),
                        (left + span * (start + width - 0.12), bottom + 2.0),
                        (left + span * (start - 0.12), bottom + 2.0),
                    ]
                )
                painter.fill(path_of(glare), WHITE, (0.20 if dark else 0.16) * alpha)
        painter.line(path, look.frame, thickness)
    for line in (glasses.bridge, glasses.brow_bar):
        if line is not None:
            painter.line(path_of(line, closed=False), look.frame, max(thickness * 0.95, 1.5))
    if thickness > 2.2:
        for lens in glasses.lenses:
            rim = lens[int(len(lens) * 0.52) : int(len(lens) * 0.98)]
            painter.line(
                path_of(moved(rim, 0.0, -thickness * 0.15), closed=False),
                lifted(look.frame, 0.22),
                thickness * 0.28,
                0.6,
            )


def paint_earring(scene: Scene, earring: Earring | None) -> None:
    """Metal with a spark."""
    if earring is None:
        return
    painter, metal = scene.painter, scene.appearance.metal
    dark = adjusted(metal, lightness=0.66)
    bright = mix(metal, WHITE, 0.75)
    if earring.hook is not None:
        painter.line(path_of(earring.hook, closed=False), dark, HOOK_WIDTH)
    if earring.hoop:
        painter.line(path_of(earring.ring), dark, RING_WIDTH)
        painter.line(path_of(earring.ring), metal, RING_WIDTH - 1.0)
        painter.line(path_of(earring.ring[18:26], closed=False), bright, 1.2)
        return
    for shape in earring.outlines:
        x, y = shape.mean(axis=0).tolist()
        path = path_of(shape)
        reach = float(np.ptp(shape[:, 1])) / 2
        painter.fill(path, metal)
        with painter.inside(path):
            painter.blob(x + reach * 0.3, y + reach * 0.5, reach, reach, dark, 0.8)
            painter.blob(x - reach * 0.25, y - reach * 0.3, reach * 0.55, reach * 0.55, bright, 1.0)
        painter.line(path, dark, 0.7, 0.8)


def paint_necklace(scene: Scene) -> None:
    """A chain on the skin, with or without a pendant."""
    wear = scene.curves.wear
    if wear.necklace is None:
        return
    painter, metal = scene.painter, scene.appearance.metal
    with painter.inside(scene.neck):
        painter.line(
            path_of(moved(wear.necklace, 0.0, 1.6), closed=False), scene.tones.deep, 2.0, 0.5, blur=1.0
        )
        painter.line(path_of(wear.necklace, closed=False), adjusted(metal, lightness=0.72), CHAIN_WIDTH)
        painter.line(path_of(wear.necklace, closed=False), mix(metal, WHITE, 0.25), 0.5 * CHAIN_WIDTH)
    if wear.pendant is not None:
        paint_earring(scene, Earring((wear.pendant,), None, False))


def paint_hat(scene: Scene) -> None:
    """A hat over the hair, with its shadow."""
    hat = scene.curves.wear.hat
    if hat is None:
        return
    painter, look = scene.painter, scene.appearance
    base = look.hat
    dark, light = adjusted(base, lightness=0.74), lifted(base, 0.07)
    style = scene.geometry.wear.hat
    with painter.inside(scene.face):
        painter.fill(scene.shifted(hat.shapes[-1], -2.0 * look.light_x, 7.0), scene.tones.deep, 0.6, blur=4.5)
    for index, shape in enumerate(hat.shapes):
        path = path_of(shape)
        left, right = float(shape[:, 0].min()), float(shape[:, 0].max())
        ends = (right, left) if look.light_x > 0 else (left, right)
        tone = base if index == 0 else mix(base, dark, 0.25)
        if index == 1 and style is HatStyle.CAP:
            tone = mix(look.trim, tone, 0.3)
        painter.fill(
            path,
            tone,
            shader=linear(
                (ends[0], 20.0),
                (ends[1], 90.0),
                [mix(tone, light, 0.8), tone, mix(tone, dark, 0.7)],
                [0.0, 0.5, 1.0],
            ),
        )
        with painter.inside(path):
            painter.line(path, dark, 7.0, 0.5, blur=3.0)
            if index == 0:
                painter.line(scene.shifted(hat.shapes[1], 0.0, -2.0), dark, 6.0, 0.5, blur=2.5)
                if style is HatStyle.BRIMMED:
                    painter.line(path_of(moved(hat.lines[0], 0.0, 8.0), closed=False), look.trim, 13.0, 0.95)
                if style is HatStyle.CAP:
                    for line in hat.lines:
                        painter.line(path_of(line, closed=False), dark, 1.4, 0.8, blur=0.4)
            elif style is HatStyle.BEANIE:
                for line in hat.lines:
                    painter.line(path_of(line, closed=False), dark, 3.2, 0.6, blur=0.7)
