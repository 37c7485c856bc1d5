"""Reading a label sketch: a picture that holds class ids, as values, as palette entries or as colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfx.errors import InputError
from sfx.labels import CLASSES, MAX_LABEL
from sfx.runtime.pictures import open_image, to_rgb

Labels = NDArray[np.uint8]

_COLOURS = np.array([entry.colour for entry in CLASSES], np.uint8)
LEGEND_WIDTH = 0.58
"""Width of an overlay's legend as a share of the drawing's side, to its right."""
LEGEND_RULE = (220, 220, 220)
"""Colour of the line between an overlay's drawing and its legend."""
_SATURATED = 40
"""Spread between a colour's largest and smallest channel from which it codes a class and is no shade of ink."""


def read_label_map(path: Path | str, size: int = 256, kind: str = "auto") -> Labels:
    """Read a sketch as class ids (size, size) uint8, 0 being background.

    Resized with NEAREST, as the original does. With `kind` "auto" what `find_label_map` finds, with "labels"
    values or palette indices are taken as ids whatever they look like.

    Raises InputError for a plain drawing, ids above 22, or a sketch that is only background.
    """
    path = Path(path)
    image = open_image(path)
    labels = _labels(image, forced=kind == "labels")
    if labels is None and kind == "labels":
        raise InputError(
            f"{path}: expected a label map (class ids 0..{MAX_LABEL}), found {_described(image)}"
        )
    if labels is None:
        raise InputError(
            f"{path}: expected a label map (class ids 0..{MAX_LABEL}), found a plain drawing; "
            "sfx.interpret makes one of it"
        )
    return resized_labels(labels, size, path)


def find_label_map(path: Path) -> Labels | None:
    """The class ids (H, W) that a picture holds, at its own size; None for a plain drawing.

    Taken for a label map: one channel with values 0..22; a palette picture whose colours are the class
    colours of `sfx.labels`, or whose indices are ids 0..22 with colours of their own; an RGB picture made
    of class colours only; an overlay of `sfx interpret`. Raises InputError where the file is no picture.
    """
    return _labels(open_image(path), forced=False)


def resized_labels(labels: Labels, size: int, path: Path) -> Labels:
    """Class ids (H, W) of the file `path` as (size, size). Raises InputError where only background is left."""
    resized = np.asarray(Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST))
    if not resized.any():
        raise InputError(f"{path}: expected a label map with strokes, found only background")
    return resized


def colour_label_map(labels: Labels) -> NDArray[np.uint8]:
    """(H, W) class ids as an (H, W, 3) RGB picture in the class colours, on white."""
    return _COLOURS[labels]


def _labels(image: Image.Image, *, forced: bool) -> Labels | None:
    """(H, W) class ids, or None where the picture does not hold any."""
    if image.mode == "P":
        by_colour = _from_colours(image)
        return by_colour if by_colour is not None else _from_palette(image, forced=forced)
    if image.mode == "1":
        # Two values: ink and paper. As ids they would make a sketch of a single left eye.
        return np.asarray(image).astype(np.uint8) if forced else None
    if image.mode in ("L", "LA", "F") or image.mode.startswith("I"):
        values = np.asarray(image.getchannel(0) if image.mode == "LA" else image)
        return values.astype(np.uint8) if _are_ids(values) else None
    by_colour = _from_colours(image)
    return by_colour if by_colour is not None else _from_overlay(image)


def _are_ids(values: NDArray[np.generic]) -> bool:
    return bool(values.size) and bool(values.min() >= 0) and bool(values.max() <= MAX_LABEL)


def _from_palette(image: Image.Image, *, forced: bool) -> Labels | None:
    indices = np.asarray(image)
    if not _are_ids(indices):
        return None
    if not forced:
        # A black-and-white or grey drawing saved with a palette has small indices too, but shades of grey.
        used = [index for index in np.unique(indices) if index]
        palette = np.asarray(image.convert("RGB").getpalette() or image.getpalette("RGB") or [], np.int16)
        colours = palette.reshape(-1, 3)[[index for index in used if 3 * index + 2 < palette.size]]
        if not len(colours) or np.mean(np.ptp(colours, axis=1) >= _SATURATED) < 0.5:
            return None
    return indices.astype(np.uint8)


def _from_colours(image: Image.Image) -> Labels | None:
    """Class ids where every pixel has a class colour, else None."""
    labels, known = _by_colour(np.asarray(to_rgb(image)))
    return labels if known.all() else None


def _from_overlay(image: Image.Image) -> Labels | None:
    """Class ids of the drawing beside an overlay's legend, 0 for other colours; None where it is no overlay."""
    side = image.height
    if image.width != side + round(LEGEND_WIDTH * side):
        return None
    pixels = np.asarray(to_rgb(image))
    if not (pixels[:, side] == LEGEND_RULE).all():
        return None
    labels, known = _by_colour(pixels[:, :side])
    return np.where(known, labels, 0).astype(np.uint8)


def _by_colour(picture: NDArray[np.uint8]) -> tuple[Labels, NDArray[np.bool_]]:
    """For RGB pixels (H, W, 3) the class ids of their colours (H, W), and where they are class colours at all."""
    pixels = picture.astype(np.int32)
    codes = (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]
    known = _COLOURS.astype(np.int32)
    known_codes = (known[:, 0] << 16) | (known[:, 1] << 8) | known[:, 2]
    order = np.argsort(known_codes)
    places = np.searchsorted(known_codes[order], codes).clip(0, len(order) - 1)
    labels = order[places]
    return labels.astype(np.uint8), known_codes[labels] == codes


def _described(image: Image.Image) -> str:
    if image.mode in ("L", "P", "1"):
        return f"values up to {int(np.asarray(image).max())}"
    return f"a {image.mode} picture in other colours than the classes have"
