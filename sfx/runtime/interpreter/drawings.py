"""Opening a raster drawing of any format and mode, as 8-bit grey or RGB at the working size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sfx.errors import InputError
from sfx.runtime.pictures import MAX_PIXELS, opened

WORKING_SIDE = 512
"""Longest side of a drawing while its ink is found and traced, in pixels.

Twice the canvas's 256 units. One size for every source makes the strokes of one drawing the same whatever
its pixel size, bounds the time, and is the size the published label sketches were drawn at.
"""

MIN_SIDE = 32
"""Longest side below which a picture cannot hold a drawing of a face, in pixels."""
MAX_ASPECT = 16
"""A longer strip would be under 32 pixels high at the working size."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawing's pixels, uint8 (h, w) grey or (h, w, 3) RGB with max(h, w) == WORKING_SIDE.

    `source_size` is (width, height) of the upright source in pixels, `name` what to call it in a message.
    """

    pixels: NDArray[np.uint8]
    source_size: tuple[int, int]
    name: str

    @property
    def reduction(self) -> float:
        """Source pixels per working pixel: above 1 where the source was scaled down."""
        return max(self.source_size) / WORKING_SIDE


def open_picture(path: Path) -> Picture:
    """Read a PNG, JPEG, WebP, BMP, TIFF or GIF file (its first frame), turned upright by its EXIF tag.

    Raises InputError where the file is missing, too large, damaged, or not one of these formats.
    """
    with opened(path, "drawing") as image:
        return _fit(_decode(image, str(path)), str(path))


def picture_from_array(array: NDArray[np.generic], name: str = "array") -> Picture:
    """A drawing held in memory: (h, w), or (h, w, C) with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.

    bool, uint8, uint16, or floats in 0..1. Raises InputError for other shapes, types or values.
    """
    values = np.asarray(array)
    channels = values.shape[2] if values.ndim == 3 else 1
    if values.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or values.size == 0:
        raise InputError(f"{name}: expected a drawing of shape (h, w) or (h, w, 1..4), found {values.shape}")
    if values.dtype == np.bool_:
        levels = values * np.uint8(255)
    elif values.dtype == np.uint8:
        levels = values
    elif values.dtype == np.uint16:
        levels = (values // 257).astype(np.uint8)
    elif np.issubdtype(values.dtype, np.floating):
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise InputError(f"{name}: expected floats in 0..1, found values outside that range")
        levels = np.round(values * 255).astype(np.uint8)
    else:
        raise InputError(f"{name}: expected bool, uint8, uint16 or float pixels, found {values.dtype}")
    _check_size(values.shape[1], values.shape[0], name)
    image = Image.fromarray(
        np.ascontiguousarray(levels[:, :, 0] if channels == 1 and levels.ndim == 3 else levels)
    )
    return _fit(_upright_colours(image, image.size), name)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """An upright 8-bit L or RGB image, perhaps already reduced, and the source's upright size."""

    image: Image.Image
    source_size: tuple[int, int]


def _decode(image: Image.Image, name: str) -> _Decoded:
    width, height = image.size
    _check_size(width, height, name)
    # JPEG decodes at 1/2, 1/4 or 1/8 size for a fraction of the time; still twice the working size.
    image.draft(None, (2 * WORKING_SIDE, 2 * WORKING_SIDE))
    image.load()
    upright = ImageOps.exif_transpose(image)
    turned = (upright.width > upright.height) != (image.width > image.height)
    return _upright_colours(upright, (height, width) if turned else (width, height))


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name}: expected a drawing of at most {MAX_PIXELS // 10**6} megapixels, "
            f"found {width} x {height} ({width * height / 1e6:.0f} megapixels)"
        )
    if max(width, height) < MIN_SIDE:
        raise InputError(
            f"{name}: expected a drawing of at least {MIN_SIDE} pixels a side, found {width} x {height}"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InputError(
            f"{name}: expected a drawing at most {MAX_ASPECT} times as long as wide, found {width} x {height}"
        )


def _upright_colours(image: Image.Image, source_size: tuple[int, int]) -> _Decoded:
    """Any mode as 8-bit L or RGB: deep greys scaled, transparency laid on paper."""
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_deep_grey(image))
    elif image.mode == "LAB":
        image = image.getchannel("L")  # Pillow does not convert LAB without a colour profile.
    if image.has_transparency_data:
        image = _lay_on_paper(image.convert("RGBA"))
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return _Decoded(image, source_size)


def _deep_grey(image: Image.Image) -> NDArray[np.uint8]:
    values = np.asarray(image).astype(np.float32)
    if image.mode == "F":
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        values = np.nan_to_num(values - low, nan=0.0, posinf=0.0, neginf=0.0)
        full = max(high - low, 1e-12)
    else:
        # "I" holds 16-bit files in 32 bits, and at times 8-bit ones.
        full = 65535.0 if values.max(initial=0.0) > 255 else 255.0
    return np.asarray(np.clip(values * (255.0 / full), 0, 255), np.uint8)


def _lay_on_paper(image: Image.Image) -> Image.Image:
    """Lay a transparent drawing on the paper its ink was meant for."""
    small = np.asarray(image.resize((64, 64), Image.Resampling.BOX, reducing_gap=2.0), np.float32)
    alpha = small[:, :, 3] / 255
    if alpha.min() > 0.999:
        return image.convert("RGB")
    opaque_share = float(alpha.mean())
    paper = (255, 255, 255)
    if opaque_share > 0.5:
        # More than ink covers: this is the paper itself with its surroundings cut away.
        colour = np.median(small[alpha > 0.9][:, :3], axis=0) if (alpha > 0.9).any() else np.full(3, 255.0)
        paper = (int(colour[0]), int(colour[1]), int(colour[2]))
    elif opaque_share > 0:
        grey = small[:, :, :3] @ np.array([0.299, 0.587, 0.114], np.float32)
        # Light ink was drawn over something dark; on white it would vanish.
        if float((grey * alpha).sum() / alpha.sum()) > 170:
            paper = (0, 0, 0)
    page = Image.new("RGBA", image.size, (*paper, 255))
    page.alpha_composite(image)
    return page.convert("RGB")


def _fit(decoded: _Decoded, name: str) -> Picture:
    image = decoded.image
    scale = WORKING_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size != image.size:
        # Hamming keeps lines apart as a box does, without its aliasing; cubic keeps small drawings smooth.
        kernel = Image.Resampling.HAMMING if scale < 1 else Image.Resampling.BICUBIC
        image = image.resize(size, kernel, reducing_gap=3.0)
    return Picture(np.asarray(image, np.uint8), decoded.source_size, name)
