"""The sketch interpreter: from anything a person draws to strokes, and from strokes to label maps.

sketch = interpret("drawing.png")        # a file of any size and kind, or an array
sketch.label_map(256)                    # what the model reads
sketch.to_svg()                          # one group a class, to be corrected in a drawing program
"""

from __future__ import annotations

from sfx.runtime.interpreter.interpreting import Interpreter, interpret
from sfx.runtime.interpreter.reading import read_drawing
from sfx.runtime.interpreter.strokes import CANVAS_UNITS, Placement, Sketch, Stroke
from sfx.runtime.interpreter.vectorise import vectorise

__all__ = [
    "CANVAS_UNITS",
    "Interpreter",
    "Placement",
    "Sketch",
    "Stroke",
    "interpret",
    "read_drawing",
    "vectorise",
]
