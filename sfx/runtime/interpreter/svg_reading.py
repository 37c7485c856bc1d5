"""SVG to strokes: a drawing program's lines keep their identity, and nothing is traced that need not be.

A shape with a stroke is one stroke a subpath, along the middle of its line, whatever its fill. A shape with
only a fill is ink that some program expanded or traced, so it is painted as ink and vectorised: thin shapes
give their centre line, wide ones their outline. A shape that covers the page is paper.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import svgelements
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sfx.errors import InputError
from sfx.labels import CLASSES, MAX_LABEL
from sfx.runtime.interpreter.drawings import WORKING_SIDE
from sfx.runtime.interpreter.strokes import CANVAS_UNITS, Placement, Sketch, Stroke
from sfx.runtime.interpreter.svg_paths import MAX_POINTS, flatten
from sfx.runtime.interpreter.svg_safety import parse_safely
from sfx.runtime.interpreter.svg_writing import CONFIDENCE_ATTRIBUTE, INKSCAPE, LABEL_ATTRIBUTE, class_slug
from sfx.runtime.interpreter.vectorise import trace_ink

MAX_STROKES = 20_000

PAPER_SHARE = 0.9
"""A filled shape over this share of the page is paper, not ink."""

Points = NDArray[np.float64]

_LABEL_OF_SLUG = {class_slug(label_class): label_class.id for label_class in CLASSES[1:]}
_BAD_GEOMETRY = (ValueError, TypeError, AttributeError, IndexError, KeyError, ArithmeticError, RecursionError)


@dataclass(frozen=True, eq=False)
class _Shape:
    """A visible shape: its subpaths on the canvas as (points, closed), its paint, and what its groups say."""

    subpaths: list[tuple[Points, bool]]
    stroked: bool
    colour: tuple[int, int, int]
    label: int | None
    confidence: float | None


def read_svg(data: bytes, name: str) -> Sketch:
    """Read an SVG document; `name` is what messages call it. Strokes in labelled groups have that label.

    A group is labelled by `data-label` (a class id), or by an `id` or Inkscape layer name that is a class's
    name. Dashes, clips, masks, text and embedded pictures are left aside. Raises InputError where the
    document is unsafe, too large, or holds no strokes.
    """
    root = parse_safely(data, name)
    document = _parse_geometry(root, name)
    placement = _page(document, root, name)
    shapes = list(_shapes(document, placement, name))
    paper, shapes = _take_paper(shapes, placement)
    # Ink in the paper's own colour hides what lies under it; a drawing all in white is meant for a dark page.
    visible = [shape for shape in shapes if not _alike(shape.colour, paper)] or shapes
    strokes: list[Stroke] = []
    for shape in visible:
        if shape.stroked:
            for points, closed in shape.subpaths:
                strokes += _stroke_pieces(points, closed, shape)
                if len(strokes) > MAX_STROKES:
                    raise InputError(f"{name}: expected at most {MAX_STROKES} strokes, found more")
    strokes += _filled_strokes([shape for shape in visible if not shape.stroked])
    if not strokes:
        raise InputError(f"{name}: expected a drawing with lines, found no path, line or shape on the page")
    return Sketch(tuple(strokes), placement)


def _parse_geometry(root: ElementTree.Element, name: str) -> svgelements.SVG:
    try:
        document = svgelements.SVG.parse(io.BytesIO(ElementTree.tostring(root)))
    except _BAD_GEOMETRY as error:
        raise InputError(f"{name}: expected valid SVG shapes, found: {error}") from error
    if not isinstance(document, svgelements.SVG):
        raise InputError(f"{name}: expected an SVG document, found nothing to draw")
    return document


def _page(document: svgelements.SVG, root: ElementTree.Element, name: str) -> Placement:
    """The page on the canvas: the viewport, or where the file gives none, the drawing and a margin."""
    sides = [root.attrib.get("width", ""), root.attrib.get("height", "")]
    if "viewBox" in root.attrib or all(side and not side.endswith("%") for side in sides):
        width, height = float(document.width), float(document.height)
        if not (width > 0 and height > 0 and math.isfinite(width * height)):
            raise InputError(f"{name}: expected a page with an area, found {width:g} x {height:g}")
        return Placement.fit(width, height)
    bounds = document.bbox()
    if bounds is None:
        raise InputError(f"{name}: expected a drawing with lines, found no path, line or shape on the page")
    left, top, right, bottom = (float(bound) for bound in bounds)
    margin = 0.05 * max(right - left, bottom - top, 1e-6)
    tight = Placement.fit(right - left + 2 * margin, bottom - top + 2 * margin)
    return Placement(
        tight.scale,
        tight.offset_x - (left - margin) * tight.scale,
        tight.offset_y - (top - margin) * tight.scale,
    )


def _shapes(document: svgelements.SVG, placement: Placement, name: str) -> Iterator[_Shape]:
    total = 0
    stack: list[tuple[object, int | None]] = [(document, None)]
    while stack:
        element, inherited = stack.pop()
        label = _own_label(element, inherited)
        if isinstance(element, svgelements.Shape):
            try:
                subpaths = list(flatten(svgelements.Path(element), placement))
            except _BAD_GEOMETRY as error:
                raise InputError(f"{name}: expected valid SVG shapes, found: {error}") from error
            total += sum(len(points) for points, _ in subpaths)
            if total > MAX_POINTS:
                raise InputError(f"{name}: expected at most {MAX_POINTS} points, found more")
            shape = _painted(element, subpaths, label)
            if shape is not None:
                yield shape
        elif isinstance(element, list):
            stack += [(child, label) for child in reversed(element)]


def _own_label(element: object, inherited: int | None) -> int | None:
    attributes = getattr(element, "values", {}).get("attributes") or {}
    written = str(attributes.get(LABEL_ATTRIBUTE, "")).strip()
    if written.isdecimal():
        return int(written) if 1 <= int(written) <= MAX_LABEL else None
    for value in (attributes.get("id"), attributes.get(f"{{{INKSCAPE}}}label")):
        words = re.sub(r"[^a-z0-9]+", "-", str(value or "").lower()).strip("-")
        # Programs number copies of a name: "mouth-2", "mouth_1_".
        label = _LABEL_OF_SLUG.get(words) or _LABEL_OF_SLUG.get(re.sub(r"-\d+$", "", words))
        if label is not None:
            return label
    return inherited


def _painted(
    element: svgelements.Shape, subpaths: list[tuple[Points, bool]], label: int | None
) -> _Shape | None:
    """The shape as it shows on the page, or None where it is hidden or has no paint."""
    values = element.values
    if str(values.get("visibility", "visible")) in ("hidden", "collapse") or _is_zero(values.get("opacity")):
        return None
    stroke = _paint(element.stroke, values, "stroke")
    colour = stroke or _paint(element.fill, values, "fill")
    if colour is None or not subpaths:
        return None
    confidence = (values.get("attributes") or {}).get(CONFIDENCE_ATTRIBUTE)
    try:
        sure = None if confidence is None else min(1.0, max(0.0, float(confidence)))
    except ValueError:
        sure = None
    return _Shape(subpaths, stroke is not None, colour, label, sure)


def _paint(
    colour: svgelements.Color | None, values: dict[str, object], kind: str
) -> tuple[int, int, int] | None:
    if _is_zero(values.get(f"{kind}-opacity")) or (kind == "stroke" and _is_zero(values.get("stroke-width"))):
        return None
    if str(values.get(kind, "")).startswith("url("):
        return (0, 0, 0)  # A gradient: its colours are not looked up, it is ink.
    if colour is None or colour.value is None or colour.alpha == 0:
        return None
    return (int(colour.red), int(colour.green), int(colour.blue))


def _is_zero(value: object) -> bool:
    found = re.match(r"\s*([0-9.eE+-]+)", str(value)) if value is not None else None
    try:
        return found is not None and float(found.group(1)) == 0
    except ValueError:
        return False


def _take_paper(shapes: list[_Shape], placement: Placement) -> tuple[tuple[int, int, int], list[_Shape]]:
    """The page's colour, and the shapes that are not the page itself."""
    paper = (255, 255, 255)
    others: list[_Shape] = []
    width = CANVAS_UNITS - 2 * max(0.0, placement.offset_x)
    height = CANVAS_UNITS - 2 * max(0.0, placement.offset_y)
    for shape in shapes:
        points = np.clip(np.concatenate([points for points, _ in shape.subpaths]), 0, CANVAS_UNITS)
        extent = points.max(axis=0) - points.min(axis=0)
        fills_page = bool(extent.prod() >= PAPER_SHARE * width * height) and len(shape.subpaths) == 1
        if fills_page and not shape.stroked and not others:
            paper = shape.colour
        else:
            others.append(shape)
    return paper, others


def _alike(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 24


def _stroke_pieces(points: Points, closed: bool, shape: _Shape) -> list[Stroke]:
    """The parts of a subpath that lie on the canvas, as strokes."""
    inside = ((points >= 0) & (points <= CANVAS_UNITS)).all(axis=1)
    if inside.all():
        return [Stroke(points.astype(np.float32), closed, shape.label, shape.confidence)]
    if closed:
        first_outside = int(np.argmin(inside))
        points = np.roll(points, -first_outside, axis=0)
        inside = np.roll(inside, -first_outside)
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    return [
        Stroke(points[start:stop].astype(np.float32), False, shape.label, shape.confidence)
        for start, stop in bounds.reshape(-1, 2).tolist()
        if stop - start >= 2
    ]


def _filled_strokes(shapes: list[_Shape]) -> list[Stroke]:
    """Strokes of shapes that have only a fill: their ink, one label at a time, traced."""
    strokes: list[Stroke] = []
    for label in dict.fromkeys(shape.label for shape in shapes):
        ink = np.zeros((WORKING_SIDE, WORKING_SIDE), np.bool_)
        for shape in shapes:
            if shape.label == label:
                ink |= _fill(shape.subpaths)
        strokes += [Stroke(s.points, s.closed, label) for s in trace_ink(ink)]
    return strokes


def _fill(subpaths: list[tuple[Points, bool]]) -> NDArray[np.bool_]:
    """Paint subpaths by the non-zero rule on the working canvas: bool (512, 512)."""
    winding = np.zeros((WORKING_SIDE, WORKING_SIDE), np.int32)
    for points, _ in subpaths:
        if len(points) < 3:
            continue
        pixels = points * (WORKING_SIDE / CANVAS_UNITS)
        picture = Image.new("1", (WORKING_SIDE, WORKING_SIDE))
        ImageDraw.Draw(picture).polygon(np.floor(pixels).ravel().tolist(), fill=1)
        x, y = pixels.T
        turned = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
        winding += np.asarray(picture, np.int32) * (1 if turned >= 0 else -1)
    return np.asarray(winding != 0)
