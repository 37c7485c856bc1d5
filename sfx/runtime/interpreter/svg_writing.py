"""Strokes to SVG: one group a class, so that a drawing program shows the classes as layers."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from sfx.labels import CLASSES, LabelClass
from sfx.runtime.interpreter.strokes import CANVAS_UNITS, Sketch, Stroke

LABEL_ATTRIBUTE = "data-label"
"""Attribute of a group that holds the class id of the strokes in it."""

CONFIDENCE_ATTRIBUTE = "data-confidence"
"""Attribute of a stroke that holds its confidence, 0..1."""

INKSCAPE = "http://www.inkscape.org/namespaces/inkscape"
"""Namespace in which Inkscape marks a group as a layer and names it."""

UNLABELLED_ID = "unlabelled"


def class_slug(label_class: LabelClass) -> str:
    """The group id of a class: its name in lower case, hyphenated ("face-contour-background")."""
    words = "".join(letter if letter.isalnum() else " " for letter in label_class.name.lower())
    return "-".join(words.split())


def sketch_to_svg(sketch: Sketch) -> str:
    """Write a sketch as an SVG document of 256 x 256 user units, coordinates rounded to 0.001 unit.

    A group's id is its class's slug and `data-label` its id; strokes without a label stand in a group of
    their own. Within a group, strokes keep their order.
    """
    ElementTree.register_namespace("inkscape", INKSCAPE)
    side = f"{CANVAS_UNITS:g}"
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": side,
            "height": side,
            "viewBox": f"0 0 {side} {side}",
        },
    )
    _add_group(
        root, {"id": UNLABELLED_ID, "stroke": "#000000"}, (s for s in sketch.strokes if s.label is None)
    )
    for label_class in CLASSES[1:]:
        red, green, blue = label_class.colour
        attributes = {
            "id": class_slug(label_class),
            LABEL_ATTRIBUTE: str(label_class.id),
            f"{{{INKSCAPE}}}groupmode": "layer",
            f"{{{INKSCAPE}}}label": label_class.name,
            "stroke": f"#{red:02x}{green:02x}{blue:02x}",
        }
        _add_group(root, attributes, (s for s in sketch.strokes if s.label == label_class.id))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_group(root: ElementTree.Element, attributes: dict[str, str], strokes: Iterable[Stroke]) -> None:
    members = list(strokes)
    if not members:
        return
    style = {"fill": "none", "stroke-width": "1", "stroke-linecap": "round", "stroke-linejoin": "round"}
    group = ElementTree.SubElement(root, "g", {**attributes, **style})
    for stroke in members:
        points = " ".join(f"{x:.3f},{y:.3f}" for x, y in stroke.points.tolist())
        line = ElementTree.SubElement(group, "polygon" if stroke.closed else "polyline", {"points": points})
        if stroke.confidence is not None:
            line.set(CONFIDENCE_ATTRIBUTE, f"{stroke.confidence:.4f}")
