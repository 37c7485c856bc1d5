"""A label sketch and an appearance picture that sfx draws by itself.

Plain, seeded line work: what the proof at export, the benchmarks and the demo feed to a model where a
person gives nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

_CANVAS = 512
Point = tuple[float, float]


def sample_label_map(seed: int = 0, size: int = 256) -> NDArray[np.uint8]:
    """A label sketch of a face, (size, size) uint8 class ids; small shifts and shapes follow from `seed`."""
    rng = np.random.default_rng(seed)
    dx, dy = rng.uniform(-8, 8, 2)
    wide = rng.uniform(0.94, 1.06)
    canvas = Image.new("L", (_CANVAS, _CANVAS))
    pen = ImageDraw.Draw(canvas)

    def at(x: float, y: float) -> Point:
        return (256 + dx + (x - 256) * wide, y + dy)

    def line(label: int, *points: Point) -> None:
        pen.line([at(*point) for point in points], fill=label, width=2, joint="curve")

    def arc(label: int, x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360) -> None:
        (left, top), (right, bottom) = at(x - rx, y - ry), at(x + rx, y + ry)
        pen.arc((left, top, right, bottom), start, end, fill=label, width=2)

    arc(15, 256, 230, 160, 190, 165, 375)
    line(15, (101, 280), (92, 420), (150, 430))
    line(15, (411, 280), (420, 420), (362, 430))
    arc(17, 256, 225, 122, 120, 180, 360)
    arc(17, 256, 250, 122, 190, 150, 185)
    arc(17, 256, 250, 122, 190, 355, 390)
    arc(18, 256, 250, 122, 190, 30, 150)
    line(14, (205, 425), (200, 480), (150, 505))
    line(14, (307, 425), (312, 480), (362, 505))
    line(16, (60, 511), (150, 490), (256, 511), (362, 490), (452, 511))
    for side, eye, brow in ((-1, 2, 5), (1, 1, 4)):
        x = 256 + side * 58
        arc(eye, x, 240, 27, 13)
        arc(eye, x, 240, 10, 10)
        arc(brow, x, 215, 34, 22, 205, 335)
    line(6, (240, 250), (236, 310), (225, 328), (256, 338), (287, 328), (276, 310), (272, 250))
    arc(7, 256, 375, 46, 20)
    line(7, (210, 375), (256, 379), (302, 375))
    return np.asarray(canvas.resize((size, size), Image.Resampling.NEAREST)).copy()


def sample_appearance(seed: int = 0, size: int = 512) -> NDArray[np.uint8]:
    """A soft portrait-like picture, (size, size, 3) uint8 RGB; its colours follow from `seed`."""
    rng = np.random.default_rng(seed)
    background, hair, clothes = (tuple(int(v) for v in rng.integers(30, 226, 3)) for _ in range(3))
    skin = tuple(int(v) for v in np.array([224, 172, 138]) * rng.uniform(0.45, 1.1))
    canvas = Image.new("RGB", (_CANVAS, _CANVAS), background)
    pen = ImageDraw.Draw(canvas)
    pen.ellipse((90, 40, 422, 440), fill=hair)
    pen.rectangle((205, 400, 307, 512), fill=skin)
    pen.ellipse((40, 470, 472, 700), fill=clothes)
    pen.ellipse((134, 90, 378, 440), fill=skin)
    for x in (198, 314):
        pen.ellipse((x - 26, 228, x + 26, 252), fill=(240, 240, 240))
        pen.ellipse((x - 10, 230, x + 10, 250), fill=(60, 40, 30))
    pen.ellipse((212, 358, 300, 392), fill=(190, 80, 80))
    soft = canvas.filter(ImageFilter.GaussianBlur(4)).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(soft).copy()


def sample_pairs(count: int, size: int, appearance_size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Label maps (count, size, size) and pictures (count, appearance_size, appearance_size, 3), no two alike."""
    label_maps = np.stack([sample_label_map(seed, size) for seed in range(count)])
    return label_maps, np.stack([sample_appearance(seed, appearance_size) for seed in range(count)])
