"""A thin layer over skia: filled and stroked point arrays, soft blobs, clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.colours import Colour
from sfx.errors import MissingPackageError

try:
    import skia
except ImportError:  # said when something is to be drawn: descriptions work without it
    skia = None

_STACKED_BLUR = 1.7
"""Up to this blur a soft line is three hard ones: ten times as fast as a blur of its bounding box."""

Path = Any
"""A skia.Path; the package has no type information."""


def path_of(points: NDArray[np.floating[Any]], closed: bool = True) -> Path:
    """A skia path through the points."""
    return skia.Path.Polygon(list(map(skia.Point, points[:, 0].tolist(), points[:, 1].tolist())), closed)


def _require_skia() -> None:
    if skia is None:
        raise MissingPackageError("drawing portraits needs skia-python: pip install 'sfx[portraits]'")


def _colour(colour: Colour, alpha: float = 1.0) -> int:
    red, green, blue = (int(min(max(c, 0.0), 1.0) * 255.0 + 0.5) for c in colour)
    return int(skia.Color(red, green, blue, int(min(max(alpha, 0.0), 1.0) * 255.0 + 0.5)))


@lru_cache(maxsize=64)
def _blur(sigma: float) -> Any:
    return skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, sigma)


def linear(
    start: tuple[float, float],
    end: tuple[float, float],
    colours: Sequence[Colour],
    positions: Sequence[float] | None = None,
    alphas: Sequence[float] | None = None,
) -> Any:
    """A linear gradient between two points of the canvas."""
    opacity = alphas or [1.0] * len(colours)
    return skia.GradientShader.MakeLinear(
        [skia.Point(*start), skia.Point(*end)],
        [_colour(c, a) for c, a in zip(colours, opacity, strict=True)],
        list(positions or []),
    )


class Painter:
    """Draws on a square RGB canvas in units of 256; every colour is sRGB, blurs and widths are in units."""

    def __init__(self, size: int) -> None:
        _require_skia()
        self._pixels = np.zeros((size, size, 4), dtype=np.uint8)
        self._surface = skia.Surface(self._pixels, colorType=skia.kRGBA_8888_ColorType)
        self._canvas = self._surface.getCanvas()
        self._canvas.scale(size / 256.0, size / 256.0)

    def pixels(self) -> NDArray[np.uint8]:
        """(size, size, 3) RGB."""
        return np.ascontiguousarray(self._pixels[..., :3])

    def fill_all(self, shader: Any) -> None:
        """The whole canvas with a gradient."""
        self._canvas.drawPaint(skia.Paint(Shader=shader))

    def fill(
        self, shape: Path, colour: Colour, alpha: float = 1.0, blur: float = 0.0, shader: Any = None
    ) -> None:
        """A filled shape, or a gradient inside it."""
        paint = skia.Paint(AntiAlias=True, Color=_colour(colour, alpha))
        if blur:
            paint.setMaskFilter(_blur(round(blur, 1)))
        if shader is not None:
            paint.setShader(shader)
        self._canvas.drawPath(shape, paint)

    def line(self, line: Path, colour: Colour, width: float, alpha: float = 1.0, blur: float = 0.0) -> None:
        """A stroke with round ends and, where asked, soft sides."""
        if 0.0 < blur <= _STACKED_BLUR:
            share = 1.0 - (1.0 - min(alpha, 0.98)) ** (1.0 / 3.0)
            for spread in (2.1, 0.7, -0.7):
                self._stroke(line, colour, max(width + spread * blur, 0.35 * width), share, 0.0)
        else:
            self._stroke(line, colour, width, alpha, blur)

    def _stroke(self, line: Path, colour: Colour, width: float, alpha: float, blur: float) -> None:
        paint = skia.Paint(
            AntiAlias=True,
            Color=_colour(colour, alpha),
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap,
            StrokeJoin=skia.Paint.kRound_Join,
        )
        if blur:
            paint.setMaskFilter(_blur(round(blur, 1)))
        self._canvas.drawPath(line, paint)

    def disc(
        self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour, alpha: float = 1.0
    ) -> None:
        """An ellipse with a hard edge."""
        paint = skia.Paint(AntiAlias=True, Color=_colour(colour, alpha))
        self._canvas.drawOval(
            skia.Rect.MakeLTRB(x - radius_x, y - radius_y, x + radius_x, y + radius_y), paint
        )

    def blob(
        self,
        x: float,
        y: float,
        radius_x: float,
        radius_y: float,
        colour: Colour,
        alpha: float,
        angle: float = 0.0,
        core: float = 0.0,
    ) -> None:
        """A soft ellipse that fades to nothing at its radii; `core` is the share that stays full."""
        full, half, none = _colour(colour, alpha), _colour(colour, alpha * 0.46), _colour(colour, 0.0)
        middle = core + (1.0 - core) * 0.48
        shader = skia.GradientShader.MakeRadial(
            skia.Point(0, 0), 1.0, [full, full, half, none], [0.0, core, middle, 1.0]
        )
        self._canvas.save()
        self._canvas.translate(x, y)
        if angle:
            self._canvas.rotate(angle)
        self._canvas.scale(radius_x, radius_y)
        self._canvas.drawCircle(0, 0, 1, skia.Paint(AntiAlias=True, Shader=shader))
        self._canvas.restore()

    @contextmanager
    def inside(self, shape: Path) -> Iterator[None]:
        """What is drawn within the block stays inside the shape."""
        self._canvas.save()
        self._canvas.clipPath(shape, skia.ClipOp.kIntersect, True)
        yield
        self._canvas.restore()

    @contextmanager
    def outside(self, shape: Path) -> Iterator[None]:
        """What is drawn within the block stays outside the shape."""
        self._canvas.save()
        self._canvas.clipPath(shape, skia.ClipOp.kDifference, True)
        yield
        self._canvas.restore()


class IndexPainter:
    """Draws small integers without anti-aliasing: region and label maps. Coordinates are in units of 256."""

    def __init__(self, size: int) -> None:
        _require_skia()
        self._pixels = np.zeros((size, size), dtype=np.uint8)
        # skia draws into the array itself: an index is an alpha value that replaces the one below.
        self._surface = skia.Surface(self._pixels, colorType=skia.kAlpha_8_ColorType)
        self._canvas = self._surface.getCanvas()
        self._canvas.scale(size / 256.0, size / 256.0)

    def fill(self, shape: Path, index: int, outside: Path | None = None) -> None:
        """The inside of a shape, except what lies inside `outside`."""
        if outside is not None:
            self._canvas.save()
            self._canvas.clipPath(outside, skia.ClipOp.kDifference, False)
        self._canvas.drawPath(shape, self._paint(index))
        if outside is not None:
            self._canvas.restore()

    def line(self, line: Path, index: int, width: float) -> None:
        """A stroke `width` units wide."""
        paint = self._paint(index)
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
        self._canvas.drawPath(line, paint)

    @staticmethod
    def _paint(index: int) -> Any:
        return skia.Paint(
            AntiAlias=False, Color=skia.Color(0, 0, 0, int(index)), BlendMode=skia.BlendMode.kSrc
        )

    def indices(self) -> NDArray[np.uint8]:
        """(size, size) of what was drawn so far, 0 where nothing was."""
        return self._pixels.copy()
