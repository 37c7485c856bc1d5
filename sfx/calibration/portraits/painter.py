"""A thin layer over skia: filled and stroked point arrays, soft blobs, clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.portraits.colours import Colour
from sfx.calibration.portraits.curve_tools import Points
from sfx.errors import MissingPackageError

try:
    import skia
except ImportError as error:
    raise MissingPackageError("drawing portraits needs skia-python: pip install 'sfx[portraits]'") from error

Path = Any
"""A skia.Path; the package has no type information."""


def path_of(points: Points, closed: bool = True) -> Path:
    """A skia path through the points."""
    return skia.Path.Polygon([skia.Point(x, y) for x, y in points.tolist()], closed)


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

    def __init__(self, size: int, anti_alias: bool = True) -> None:
        self._surface = skia.Surface(size, size)
        self._canvas = self._surface.getCanvas()
        self._canvas.scale(size / 256.0, size / 256.0)
        self._anti_alias = anti_alias

    def pixels(self) -> NDArray[np.uint8]:
        """(size, size, 3) RGB."""
        image = self._surface.makeImageSnapshot().toarray(colorType=skia.kRGB_888x_ColorType)
        return np.ascontiguousarray(image[..., :3])

    def fill_all(self, shader: Any) -> None:
        """The whole canvas with a gradient."""
        self._canvas.drawPaint(skia.Paint(Shader=shader))

    def fill(
        self, shape: Path, colour: Colour, alpha: float = 1.0, blur: float = 0.0, shader: Any = None
    ) -> None:
        """A filled shape, or a gradient inside it."""
        paint = skia.Paint(AntiAlias=self._anti_alias, Color=_colour(colour, alpha))
        if blur:
            paint.setMaskFilter(_blur(round(blur, 1)))
        if shader is not None:
            paint.setShader(shader)
        self._canvas.drawPath(shape, paint)

    def line(self, line: Path, colour: Colour, width: float, alpha: float = 1.0, blur: float = 0.0) -> None:
        """A stroke with round ends."""
        paint = skia.Paint(
            AntiAlias=self._anti_alias,
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
        paint = skia.Paint(AntiAlias=self._anti_alias, Color=_colour(colour, alpha))
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
        self._canvas.clipPath(shape, skia.ClipOp.kIntersect, self._anti_alias)
        yield
        self._canvas.restore()

    @contextmanager
    def outside(self, shape: Path) -> Iterator[None]:
        """What is drawn within the block stays outside the shape."""
        self._canvas.save()
        self._canvas.clipPath(shape, skia.ClipOp.kDifference, self._anti_alias)
        yield
        self._canvas.restore()


class IndexPainter:
    """Draws small integers without anti-aliasing: region and label maps. Coordinates are in units of 256."""

    def __init__(self, size: int) -> None:
        self._surface = skia.Surface(size, size)
        self._canvas = self._surface.getCanvas()
        self._canvas.scale(size / 256.0, size / 256.0)
        self._canvas.clear(skia.Color(0, 0, 0))

    def fill(self, shape: Path, index: int, outside: Path | None = None) -> None:
        """The inside of a shape, except what lies inside `outside`."""
        if outside is not None:
            self._canvas.save()
            self._canvas.clipPath(outside, skia.ClipOp.kDifference, False)
        self._canvas.drawPath(shape, skia.Paint(AntiAlias=False, Color=skia.Color(int(index), 0, 0)))
        if outside is not None:
            self._canvas.restore()

    def line(self, line: Path, index: int, width: float) -> None:
        """A stroke `width` units wide."""
        paint = skia.Paint(
            AntiAlias=False,
            Color=skia.Color(int(index), 0, 0),
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap,
            StrokeJoin=skia.Paint.kRound_Join,
        )
        self._canvas.drawPath(line, paint)

    def indices(self) -> NDArray[np.uint8]:
        """(size, size) of what was drawn, 0 where nothing was."""
        image = self._surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
        return np.ascontiguousarray(image[..., 0])
