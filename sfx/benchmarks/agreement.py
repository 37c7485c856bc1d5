"""Whether a drawing means the same whatever file it comes in: small, large, or as vector strokes.

A picture of two lines that touch does not tell which of them a pixel at that place is of, nor do vectors and traced
lines lie on the same pixels there. How much of the difference is that, a reader tells who knows every pixel's class,
and differs all the same: see `Knowing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sfx.benchmarks.confusion import FAMILY_OF
from sfx.labels import MAX_LABEL
from sfx.runtime.interpreter import Interpreter
from sfx.runtime.interpreter.evidence import SCORE_STEP
from sfx.runtime.interpreter.levels import nearest
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
    same_at_best: float
    """As `same`, if every pixel's class were known: what is left to tracing."""
    mapped: float
    """Of the pixels that both label maps ink, as the model reads them, those with the same class."""
    mapped_at_best: float
    """As `mapped`, if every pixel's class were known."""
    equal: float
    """Of all pixels of those label maps, ink and paper, those that are equal."""
    near: float
    """Pixels whose class this form has at them or not further than a pen's width away: where lines of two classes
    touch, a pixel is as much of one as of the other."""
    right: float
    """Pixels whose family is right in this form."""


SHARES = ("same", "same_at_best", "mapped", "mapped_at_best", "equal", "near", "right")
"""The fields of an `Agreement` that are shares, of which `by_form` takes means."""


class Knowing(Interpreter):
    """Traces and decides as any interpreter does, from the true class of every pixel instead of a network's guess."""

    def __init__(self, like: Interpreter, drawing: Drawing) -> None:
        super().__init__(like.choice, like.bundle)
        truth = drawing.label_map()
        self._classes: NDArray[np.uint8] = truth[nearest(truth > 0)]

    def scores(self, ink: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Full marks for the class of the nearest line, 8 nats less for the others, nothing beside the ink."""
        ids = np.arange(1, MAX_LABEL + 1, dtype=np.uint8)[:, None, None]
        marks = np.where(self._classes == ids, np.uint8(255), np.uint8(255 - round(8 / SCORE_STEP)))
        return np.where(ink, marks, np.uint8(0))


def agreements(interpreter: Interpreter, drawings: dict[str, list[Drawing]]) -> Iterator[Agreement]:
    """Interpret drawings by style as PNG of several sizes and as vector strokes. Needs skia-python."""
    for style, members in drawings.items():
        for drawing in members:
            truth = drawing.label_map(SIDE, 2)
            ink = truth > 0
            files = {f"{side} px": _picture(drawing, side) for side in (SIDE, *OTHER_SIDES)}
            read, at_best = (
                {form: reader.interpret(file) for form, file in files.items()}
                | {"svg": reader.interpret(_vectors(drawing))}
                for reader in (interpreter, Knowing(interpreter, drawing))
            )
            reference, best_reference = (forms.pop(f"{SIDE} px") for forms in (read, at_best))
            wanted = _labels_at(reference, ink)
            wanted_at_best = _labels_at(best_reference, ink)
            wanted_map, best_map = reference.label_map(), best_reference.label_map()
            for form, sketch in read.items():
                found, found_map = _labels_at(sketch, ink), sketch.label_map()
                best = at_best[form]
                yield Agreement(
                    style,
                    form,
                    same=float((found == wanted).mean()),
                    same_at_best=float((_labels_at(best, ink) == wanted_at_best).mean()),
                    mapped=same_where_inked(wanted_map, found_map),
                    mapped_at_best=same_where_inked(best_map, best.label_map()),
                    equal=float((wanted_map == found_map).mean()),
                    near=float(has_nearby(found, wanted, ink).mean()),
                    right=float((FAMILY_OF[found] == FAMILY_OF[truth[ink]]).mean()),
                )


def _labels_at(sketch: Sketch, ink: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The class of the nearest stroke at every inked pixel (P,)."""
    strokes = sketch.stroke_map(SIDE, 1)
    label = np.array([stroke.label or 0 for stroke in sketch.strokes], np.uint8)
    return np.asarray(label[strokes[nearest(strokes >= 0)]][ink])


def same_where_inked(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """The share of the pixels inked in both label maps (H, W) that have the same class there."""
    both = (first > 0) & (second > 0)
    return float((first == second)[both].mean())


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
            **{share: float(np.mean([getattr(one, share) for one in members])) for share in SHARES},
        }
        for name, members in groups.items()
    }
