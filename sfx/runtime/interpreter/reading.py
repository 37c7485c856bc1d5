"""One door for every drawing: a file or an array in, strokes on the canvas out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfx.errors import InputError
from sfx.runtime.interpreter import svg_safety
from sfx.runtime.interpreter.drawings import Picture, open_picture, picture_from_array
from sfx.runtime.interpreter.ink import find_ink
from sfx.runtime.interpreter.strokes import Sketch
from sfx.runtime.interpreter.svg_reading import read_svg
from sfx.runtime.interpreter.vectorise import vectorise

_SNIFFED_BYTES = 4096


def read_drawing(source: str | Path | NDArray[np.generic]) -> Sketch:
    """Read a drawing to strokes on the canvas, placed as on its page, never distorted.

    `source` is a PNG, JPEG, WebP, BMP, TIFF, GIF or SVG file, known by its content and not its name; or an
    array (h, w) or (h, w, 1..4) of bool, uint8, uint16 or floats in 0..1. Ink may be dark on light or light
    on dark, in any colour, drawn with any pen, scanned or photographed. Strokes of an SVG with labelled
    groups have labels. Raises InputError, in one line that names the file, for what is not a line drawing.
    """
    if isinstance(source, np.ndarray):
        return _trace(picture_from_array(source))
    path = Path(source)
    if not path.is_file():
        raise InputError(
            f"{path}: expected a drawing, found {'a folder' if path.is_dir() else 'no such file'}"
        )
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
            if not _looks_like_xml(start):
                return _trace(open_picture(path))
            # One byte over the limit is enough to be refused.
            data = start + file.read(svg_safety.MAX_FILE_BYTES + 1 - len(start))
    except OSError as error:
        raise InputError(f"{path}: expected a readable drawing, found: {error}") from error
    return read_svg(data, str(path))


def _trace(picture: Picture) -> Sketch:
    return vectorise(find_ink(picture), picture.source_size, picture.name)


def _looks_like_xml(start: bytes) -> bool:
    # UTF-16 puts zero bytes between the letters.
    text = start.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    return text.replace(b"\0", b"").lstrip().startswith(b"<")
