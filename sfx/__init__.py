"""sfx: a semantic sketch and a photo in, a face out, at drawing speed.

import sfx

model = sfx.load("engines")
appearance = model.encode_appearance(sfx.read_picture("reference.png"))
face = model.draw(sfx.read_label_map("sketch.png"), appearance)
sfx.write_picture("face.png", face)

drawing = sfx.interpret("drawing.png")       # a plain drawing: strokes with classes and confidences
face = model.draw(drawing.label_map(256), appearance)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfx.errors import (
    BundleError,
    CheckpointError,
    EngineError,
    InputError,
    MissingPackageError,
    ParityError,
    SfxError,
)

if TYPE_CHECKING:
    from sfx.runtime.interpreter import Interpreter, Sketch, Stroke, interpret, read_drawing
    from sfx.runtime.label_maps import read_label_map
    from sfx.runtime.pictures import read_picture, write_picture
    from sfx.runtime.pipeline import Pipeline, load

__version__ = "0.1.0"

__all__ = [
    "BundleError",
    "CheckpointError",
    "EngineError",
    "InputError",
    "Interpreter",
    "MissingPackageError",
    "ParityError",
    "Pipeline",
    "SfxError",
    "Sketch",
    "Stroke",
    "interpret",
    "load",
    "read_drawing",
    "read_label_map",
    "read_picture",
    "write_picture",
]

_PLACES = {
    "Interpreter": "sfx.runtime.interpreter",
    "Pipeline": "sfx.runtime.pipeline",
    "Sketch": "sfx.runtime.interpreter",
    "Stroke": "sfx.runtime.interpreter",
    "interpret": "sfx.runtime.interpreter",
    "load": "sfx.runtime.pipeline",
    "read_drawing": "sfx.runtime.interpreter",
    "read_label_map": "sfx.runtime.label_maps",
    "read_picture": "sfx.runtime.pictures",
    "write_picture": "sfx.runtime.pictures",
}


def __getattr__(name: str) -> object:
    """Import the runtime when it is first used (PEP 562): `sfx --help` needs neither numpy nor Pillow."""
    if name in _PLACES:
        import importlib

        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'sfx' has no attribute '{name}'")
