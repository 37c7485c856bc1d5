"""Sketches as JSON: strokes with their classes, for programs and for people who correct them by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from sfx.errors import InputError
from sfx.labels import CLASSES
from sfx.runtime.interpreter.strokes import CANVAS_UNITS, Placement, Sketch, Stroke

SCHEMA = 1
"""Version of the layout; other versions are refused."""
MAX_BYTES = 32 << 20
MAX_POINTS = 1_000_000


def sketch_to_json(sketch: Sketch) -> str:
    """The sketch as JSON text: points in canvas units, rounded to 0.001; one line a stroke."""
    head = {
        "schema": SCHEMA,
        "canvas": int(CANVAS_UNITS),
        "placement": {
            "scale": sketch.placement.scale,
            "offset_x": sketch.placement.offset_x,
            "offset_y": sketch.placement.offset_y,
        },
    }
    lines = ",\n".join(json.dumps(_stroke_json(stroke)) for stroke in sketch.strokes)
    return json.dumps(head, indent=2)[:-2] + f',\n  "strokes": [\n{lines}\n  ]\n}}\n'


def _stroke_json(stroke: Stroke) -> dict[str, Any]:
    return {
        "label": stroke.label,
        "class": None if stroke.label is None else CLASSES[stroke.label].name,
        "confidence": None if stroke.confidence is None else round(stroke.confidence, 4),
        "closed": stroke.closed,
        "points": [[round(x, 3), round(y, 3)] for x, y in stroke.points.tolist()],
    }


def sketch_from_json(data: bytes, name: str) -> Sketch:
    """Read what `sketch_to_json` wrote; `name` is what messages call it.

    `label` decides, null standing for a stroke that the interpreter shall name; `class` is for the reader's
    eye. Raises InputError, which names the key, for other content.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"{name}: expected at most {MAX_BYTES >> 20} MB of JSON, found {len(data) >> 20} MB")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: expected strokes as JSON, found damage: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise InputError(f"{name}: expected strokes as JSON of schema {SCHEMA}, found {found!r}")
    listed = content.get("strokes")
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{name}: key 'strokes': expected a list of strokes, found none")
    strokes = tuple(_stroke(item, name, f"strokes[{index}]") for index, item in enumerate(listed))
    if sum(len(stroke.points) for stroke in strokes) > MAX_POINTS:
        raise InputError(f"{name}: expected at most {MAX_POINTS} points, found more")
    return Sketch(strokes, _placement(content.get("placement"), name))


def _placement(value: object, name: str) -> Placement:
    keys = ("scale", "offset_x", "offset_y")
    if not isinstance(value, dict) or not all(isinstance(value.get(key), int | float) for key in keys):
        raise InputError(f"{name}: key 'placement': expected the numbers {', '.join(keys)}, found {value!r}")
    return Placement(*(float(value[key]) for key in keys))


def _stroke(item: object, name: str, key: str) -> Stroke:
    if not isinstance(item, dict):
        raise InputError(f"{name}: key '{key}': expected an object, found {type(item).__name__}")
    label, confidence, closed = item.get("label"), item.get("confidence"), item.get("closed", False)
    if not (label is None or type(label) is int):
        raise InputError(f"{name}: key '{key}.label': expected a class id or null, found {label!r}")
    if not (confidence is None or type(confidence) in (int, float)):
        raise InputError(f"{name}: key '{key}.confidence': expected a number or null, found {confidence!r}")
    if type(closed) is not bool:
        raise InputError(f"{name}: key '{key}.closed': expected true or false, found {closed!r}")
    try:
        points = np.array(item.get("points"), np.float32)
        return Stroke(points, closed, label, confidence)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{name}: key '{key}.points': expected a list of [x, y], found: {error}") from error
    except InputError as error:
        raise InputError(f"{name}: key '{key}': {error}") from error
