"""Drawings made by the tests: a face of smooth curves at any size, pen width, colour and paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Path = NDArray[np.float64]


def arc(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0) -> Path:
    """An arc of an ellipse in canvas units, angles in degrees clockwise from the right."""
    angles = np.radians(np.linspace(start, stop, 90))
    return np.stack([cx + rx * np.cos(angles), cy + ry * np.sin(angles)], axis=1)


def curve(*points: tuple[float, float]) -> Path:
    """A smooth curve through points (Catmull-Rom)."""
    knots = np.array([points[0], *points, points[-1]], float)
    pieces = []
    t = np.linspace(0, 1, 12, endpoint=False)[:, None]
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    return np.concatenate([*pieces, knots[-1:]])


def face() -> list[Path]:
    """A face of 22 strokes on the canvas of 256 units: curves, corners, closed loops, crossings, T-joints."""
    return [
        arc(128, 120, 62, 78, -160, -20),  # hairline's outer arc
        curve((66, 100), (70, 150), (95, 195), (128, 205), (160, 195), (186, 150), (190, 100)),
        curve((75, 110), (95, 70), (128, 62), (160, 70), (181, 110)),
        arc(102, 120, 14, 6),
        arc(154, 120, 14, 6),
        arc(102, 120, 4, 4),
        arc(154, 120, 4, 4),
        curve((84, 106), (100, 100), (118, 105)),
        curve((138, 105), (156, 100), (172, 106)),
        curve((124, 115), (122, 140), (114, 154), (122, 160), (134, 160), (142, 154), (134, 140), (132, 115)),
        curve((104, 178), (116, 174), (128, 176), (140, 174), (152, 178)),
        curve((104, 178), (128, 181), (152, 178)),
        curve((104, 178), (128, 190), (152, 178)),
        arc(61, 130, 8, 16, 80, 290),
        arc(195, 130, 8, 16, -110, 100),
        curve((104, 200), (104, 225), (92, 240)),
        curve((152, 200), (152, 225), (164, 240)),
        np.array([[92.0, 232.0], [128.0, 252.0], [164.0, 232.0]]),  # a collar with a sharp point
        curve((60, 70), (40, 120), (46, 180), (38, 220)),
        curve((196, 70), (216, 120), (210, 180), (218, 220)),
        curve((30, 246), (60, 236), (92, 238)),
        curve((164, 238), (200, 236), (226, 246)),
    ]


def dense(paths: list[Path]) -> Path:
    """Points on the paths at most a quarter of a unit apart."""
    pieces = []
    for path in paths:
        steps = np.hypot(*np.diff(path, axis=0).T)
        along = np.concatenate([[0.0], steps.cumsum()])
        at = np.linspace(0, along[-1], int(along[-1] * 4) + 2)
        pieces.append(np.stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)], axis=1))
    return np.concatenate(pieces)


def draw(
    paths: list[Path], size: int | tuple[int, int] = 512, pen: float = 2.0, smooth: bool = True
) -> NDArray[np.uint8]:
    """Draw paths on white: uint8 (h, w), ink 0; `pen` in pixels, anti-aliased where `smooth`.

    A page that is not square has the canvas fitted into its middle.
    """
    width, height = (size, size) if isinstance(size, int) else size
    factor = 4 if smooth else 1
    scale = min(width, height) / 256 * factor
    shift = ((width * factor - 256 * scale) / 2, (height * factor - 256 * scale) / 2)
    picture = Image.new("L", (width * factor, height * factor), 255)
    canvas = ImageDraw.Draw(picture)
    line_width = max(1, round(pen * factor))
    radius = line_width / 2
    for path in paths:
        points = path * scale + shift
        canvas.line(np.floor(points).ravel().tolist(), fill=0, width=line_width, joint="curve")
        if line_width > 2:
            for x, y in (points[0], points[-1]):
                canvas.ellipse([x - radius, y - radius, x + radius, y + radius], fill=0)
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX) if smooth else picture, np.uint8)


def photographed(drawing: NDArray[np.uint8], seed: int = 0, noise: float = 6.0) -> NDArray[np.uint8]:
    """A phone photo of a drawing on paper: RGB, warm light falling off, a soft shadow, sensor noise."""
    rng = np.random.default_rng(seed)
    height, width = drawing.shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    light = 0.95 - 0.35 * (0.6 * x + 0.4 * y)
    edge = 1 / (1 + np.exp(-(x + 0.3 * y - 0.75) * 40))
    light = light * (1 - 0.3 * edge)
    ink = 60 + (drawing / 255) * 175
    page = ink[:, :, None] * light[:, :, None] * np.array([1.0, 0.97, 0.9])
    return np.clip(page + rng.normal(0, noise, (height, width, 1)), 0, 255).astype(np.uint8)


def ruled(
    drawing: NDArray[np.uint8], spacing: float, level: int = 215, grid: bool = True
) -> NDArray[np.uint8]:
    """The drawing on ruled paper: faint lines every `spacing` pixels, also upright ones where `grid`."""
    page = drawing.copy()
    for at in np.arange(spacing / 2, page.shape[0], spacing).astype(int):
        page[at : at + max(1, page.shape[0] // 400)] = np.minimum(
            page[at : at + max(1, page.shape[0] // 400)], level
        )
    if grid:
        for at in np.arange(spacing / 2, page.shape[1], spacing).astype(int):
            columns = page[:, at : at + max(1, page.shape[1] // 400)]
            columns[:] = np.minimum(columns, level)
    return page
