"""Whether a drawing means the same whatever file it comes in: small, large, or as vector strokes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sfx.benchmarks.confusion import FAMILY_OF
from sfx.runtime.interpreter import Interpreter
from sfx.runtime.interpreter.strokes import Placement, Sketch, Stroke

if TYPE_CHECKING:
    from sfx.export.interpreter.drawing import Drawing

SIDE = 512
"""Side in pixels of the picture that the others are compared with."""
OTHER_SIDES = (300, 1024, 2048)
PEN = 1.0
"""Width of the pen in canvas units, of which a side has 256: 2 pixels at 512, as the published sketches have."""


@dataclass(frozen=True)
class Agreement:
    """One drawing in one form against its 512 px picture, as shares of its ink."""

    style: str
    form: str
    same: float
    """Pixels whose nearest stroke got the same class."""
    mapped: float
    """Of the pixels that both label maps ink, as the model reads them, those with the same class."""
    near: float
    """Pixels whose class this form has at them or not further than a pen's width away: where lines of two classes
    touch, a pixel is as much of one as of the other."""
    right: float
    """Pixels whose family is right in this form."""


def agreements(interpreter: Interpreter, drawings: dict[str, list[Drawing]]) -> Iterator[Agreement]:
    """Interpret drawings by style as PNG of several sizes and as vector strokes. Needs skia-python."""
    for style, members in drawings.items():
        for drawing in members:
            truth = drawing.label_map(SIDE, 2)
            ink = truth > 0
            reference = interpreter.interpret(_picture(drawing, SIDE))
            wanted = _labels_at(reference, ink)
            forms = {f"{side} px": interpreter.interpret(_picture(drawing, side)) for side in OTHER_SIDES}
            forms["svg"] = interpreter.interpret(_vectors(drawing))
            for form, sketch in forms.items():
                found = _labels_at(sketch, ink)
                same = found == wanted
                near = has_nearby(found, wanted, ink)
                right = FAMILY_OF[found] == FAMILY_OF[truth[ink]]
                mapped = same_in_maps(reference, sketch)
                yield Agreement(
                    style, form, float(same.mean()), mapped, float(near.mean()), float(right.mean())
                )


def _labels_at(sketch: Sketch, ink: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The class of the nearest stroke at every inked pixel (P,)."""
    from scipy import ndimage

    strokes = sketch.stroke_map(SIDE, 1)
    row, column = ndimage.distance_transform_edt(strokes < 0, return_distances=False, return_indices=True)
    label = np.array([stroke.label or 0 for stroke in sketch.strokes], np.uint8)
    return np.asarray(label[strokes[row, column]][ink])


def same_in_maps(first: Sketch, second: Sketch) -> float:
    """The share of the pixels inked in both label maps that have the same class there."""
    one, other = first.label_map(), second.label_map()
    both = (one > 0) & (other > 0)
    return float((one == other)[both].mean())


def has_nearby(
    found: NDArray[np.uint8], wanted: NDArray[np.uint8], ink: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether the class wanted at each of P inked pixels is found within a pen's width: bool (P,).

    found, wanted: class ids uint8 (P,); ink: bool (SIDE, SIDE), where those pixels lie, row by row.
    """
    from scipy import ndimage

    picture = np.zeros(ink.shape, np.uint8)
    picture[ink] = found
    result = np.zeros(len(wanted), np.bool_)
    for label in np.intersect1d(wanted, found):
        distance = ndimage.distance_transform_edt(picture != label)[ink]
        result |= (wanted == label) & (distance <= PEN * SIDE / 256)
    return result


def _vectors(drawing: Drawing) -> Sketch:
    """The strokes as an SVG file would hand them over."""
    paths = [drawing.path(index) for index in range(len(drawing.labels))]
    return Sketch(tuple(Stroke(path) for path in paths), Placement.fit(256, 256))


def _picture(drawing: Drawing, side: int) -> NDArray[np.uint8]:
    """Black anti-aliased lines on white, uint8 (side, side, 3)."""
    import skia

    scale = side / 256
    surface = skia.Surface(side, side)
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorWHITE)
    pen = skia.Paint(
        AntiAlias=True,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=PEN * scale,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )
    for index in range(len(drawing.labels)):
        first, *others = (drawing.path(index) * scale).tolist()
        path = skia.Path()
        path.moveTo(*first)
        for point in others:
            path.lineTo(*point)
        canvas.drawPath(path, pen)
    return np.ascontiguousarray(surface.makeImageSnapshot().toarray()[..., :3])


def by_form(agreed: list[Agreement]) -> dict[str, dict[str, float | int]]:
    """Means over the drawings by style and form, as JSON content."""
    groups: dict[str, list[Agreement]] = {}
    for one in agreed:
        groups.setdefault(f"{one.style}, {one.form}", []).append(one)
    return {
        name: {
            "drawings": len(members),
            "same": float(np.mean([one.same for one in members])),
            "mapped": float(np.mean([one.mapped for one in members])),
            "near": float(np.mean([one.near for one in members])),
            "right": float(np.mean([one.right for one in members])),
        }
        for name, members in groups.items()
    }
