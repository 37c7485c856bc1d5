"""Pictures on disk: opened under limits, brought to upright 8-bit RGB, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sfx.errors import InputError

MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
"""A 64-megapixel photo decodes to 192 MB; beyond that a small file could fill the memory."""
READ_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""What people draw and photograph in; JPEG includes the MPO of some phones. Other formats stay shut: Pillow
hands some of them (EPS) to other programs."""
READ_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
WRITE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@contextlib.contextmanager
def opened(path: Path, what: str = "picture") -> Iterator[Image.Image]:
    """A picture file, opened but not decoded, once its sizes are found within the limits.

    What goes wrong inside the block while it is decoded is damage. Raises InputError, which calls the file
    a `what`, where it is missing, no picture, damaged, or beyond the limits.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: expected a {what} file, found {'a folder' if path.is_dir() else 'nothing'}"
        )
    try:
        megabytes = path.stat().st_size / 2**20
        if megabytes > MAX_FILE_BYTES >> 20:
            raise InputError(
                f"{path}: expected a {what} of at most {MAX_FILE_BYTES >> 20} MB, found {megabytes:.0f} MB"
            )
        with warnings.catch_warnings():
            # Pillow warns of large pictures, which are refused here, and of odd metadata, which nothing reads.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=READ_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise InputError(
                        f"{path}: expected a {what} of at most {MAX_PIXELS // 10**6} megapixels, "
                        f"found {image.width} x {image.height}"
                    )
                yield image
    except UnidentifiedImageError as error:
        kinds = ", ".join(READ_FORMATS)
        raise InputError(f"{path}: expected a {what} ({kinds}), found something else") from error
    except Image.DecompressionBombError as error:
        # Pillow's own limit, at 179 megapixels, strikes while the header is read.
        limit = MAX_PIXELS // 10**6
        raise InputError(f"{path}: expected a {what} of at most {limit} megapixels, found more") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        # Pillow's decoders raise SyntaxError and ValueError on damaged headers, OSError on damaged data.
        raise InputError(f"{path}: expected a whole {what}, found damage: {error}") from error


def open_image(path: Path) -> Image.Image:
    """A picture file decoded, in any Pillow mode, turned upright by its EXIF orientation. Raises InputError."""
    with opened(path) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode as 8-bit RGB: 16-bit values scaled, transparency laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow's own conversion clips 16-bit values at 255 instead of scaling them.
        values = np.asarray(image).astype(np.float64)
        full = 65535.0 if values.max(initial=0.0) > 255 else 255.0
        image = Image.fromarray(np.clip(values * (255.0 / full), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")


def read_picture(path: Path | str) -> NDArray[np.uint8]:
    """A photo as (H, W, 3) uint8 RGB, upright. Raises InputError."""
    return np.asarray(to_rgb(open_image(Path(path))))


def fit_appearance(photo: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(H, W, 3) resized to (size, size, 3) with PIL's BILINEAR, as the original does; aspect is not kept."""
    image = Image.fromarray(photo).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def shrink(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Average-pool (H, H, 3) to (size, size, 3), where `size` divides H.

    The bytes come truncated from the graph, on average half a level low; adding it back before truncating
    again keeps within one level of pooling the float image, as the original does.
    """
    side = image.shape[0]
    if size == side:
        return image
    block = side // size
    pooled = image.reshape(size, block, size, block, 3).astype(np.float32).mean((1, 3))
    return np.asarray(np.minimum(pooled + 0.5, 255), np.uint8)


def write_picture(path: Path | str, image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB, or (H, W) one channel, in the suffix's format; the file is whole or absent."""
    path = Path(path)
    if path.suffix.lower() not in WRITE_SUFFIXES:
        known = ", ".join(sorted(WRITE_SUFFIXES))
        raise InputError(f"{path}: expected a file name ending in {known}, found '{path.suffix}'")
    options: dict[str, Any] = {"quality": 95} if path.suffix.lower() != ".png" else {"compress_level": 4}
    with _replacing(path) as part:
        Image.fromarray(image).save(part, **options)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy; the file is whole or absent."""
    with _replacing(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; the file is whole or absent."""
    with _replacing(path) as part:
        part.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that takes its place if the block ends well."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".sfx-", suffix=path.suffix)
    except OSError as error:
        raise InputError(f"{path}: expected a place to write to, found: {error}") from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        # mkstemp makes files for their owner only; a picture gets the rights of any new file.
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: expected to write it, found: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
