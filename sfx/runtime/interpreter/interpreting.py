"""The interpreter: strokes in, strokes with a meaning out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sfx.engines.backends import AUTO, Choice, choose
from sfx.engines.bundle import Bundle
from sfx.engines.engine import Engine
from sfx.runtime.interpreter.cutting import cut
from sfx.runtime.interpreter.deciding import Piece, decide
from sfx.runtime.interpreter.drawings import WORKING_SIDE
from sfx.runtime.interpreter.evidence import gather_evidence, spread, with_heard
from sfx.runtime.interpreter.framing import Frame, closer
from sfx.runtime.interpreter.reading import read_drawing
from sfx.runtime.interpreter.sides import set_sides
from sfx.runtime.interpreter.strokes import CANVAS_UNITS, Sketch, Stroke, draw_paths
from sfx.runtime.interpreter.vectorise import trace_ink

GRAPH = "interpreter"
CLOSER_LOOK = 0.8
"""Mean confidence below which the drawing is looked at again, enlarged and centred; costs another 25 ms."""
MODEL = Path(__file__).with_name("model")
"""The bundle that ships with the package: the graph `interpreter`, its manifest and its proof."""


class Interpreter:
    """Gives the strokes of drawings their classes. Its engine is made when first used, and freed by `close()`.

    It runs on any backend of `sfx.engines`; left alone it takes the CPU, where the network takes some 20 ms.
    """

    def __init__(self, choice: Choice | None = None, bundle: Bundle | None = None) -> None:
        self.choice = choice or choose(device="cpu")
        self.bundle = bundle or Bundle.open(MODEL)
        self._engine: Engine | None = None

    def interpret(self, drawing: Sketch | str | Path | NDArray[np.generic]) -> Sketch:
        """A drawing (a sketch, or whatever `read_drawing` takes) with a class and a confidence on every stroke.

        A stroke that has a label keeps it, as a person's correction; the others get one, and fall into
        several strokes where their meaning changes on the way. They are ordered by class, as the layers of the
        written SVG are, so that lines cross alike in every form. Vectors keep their strokes, but are looked at as the
        picture that they make. Raises InputError, BundleError or EngineError.
        """
        sketch = drawing if isinstance(drawing, Sketch) else read_drawing(drawing)
        if all(stroke.label is not None for stroke in sketch.strokes):
            return sketch
        picture = _as_picture(sketch)
        look = self._best_look(picture)
        understood = _with_classes(picture, look.pieces)
        if picture is sketch:
            return understood
        return _with_classes(sketch, _decide_for_vectors(sketch, look, understood))

    def _best_look(self, sketch: Sketch) -> _Look:
        """What the strokes without a label mean, with all strokes in view; from nearby, if that tells more."""
        look = self._look(sketch, Frame())
        frame = closer(sketch.strokes) if look.certainty < CLOSER_LOOK else None
        return (
            look if frame is None else max(look, self._look(sketch, frame), key=lambda each: each.certainty)
        )

    def _look(self, sketch: Sketch, frame: Frame) -> _Look:
        paths = [stroke.path for stroke in frame.seen(sketch.strokes)]
        scores = self.scores(draw_paths(paths, int(CANVAS_UNITS)) >= 0)
        return _Look(frame, scores, decide(gather_evidence(frame.seen(_unknown(sketch)), scores)))

    def scores(self, ink: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Ink bool (256, 256) -> what the network says of every inked pixel, uint8 (22, 256, 256)."""
        if self._engine is None:
            self._engine = self.choice.load(self.bundle, GRAPH)
        return np.asarray(self._engine({"ink": ink[None].astype(np.uint8)})["scores"][0])

    def close(self) -> None:
        """Free the engine; it is made anew if the interpreter is used again."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def interpret(
    drawing: Sketch | str | Path | NDArray[np.generic], *, backend: str = AUTO, device: str = "cpu"
) -> Sketch:
    """Interpret one drawing; for many, keep an `Interpreter`. Arguments as `Interpreter.interpret` and `sfx.load`."""
    with Interpreter(choose(backend, device)) as interpreter:
        return interpreter.interpret(drawing)


@dataclass(frozen=True, eq=False)
class _Look:
    """What the network said of a drawing, uint8 (22, 256, 256), seen from where, and what that makes of its strokes.

    The pieces are numbered by the strokes that had no label.
    """

    frame: Frame
    scores: NDArray[np.uint8]
    pieces: list[Piece]

    @property
    def certainty(self) -> float:
        """Mean confidence by length."""
        lengths = [piece.last - piece.first for piece in self.pieces]
        return float(np.average([piece.confidence for piece in self.pieces], weights=lengths))


def _decide_for_vectors(sketch: Sketch, look: _Look, understood: Sketch) -> list[Piece]:
    """What vectors mean whose picture was looked at and understood: the same, wherever their strokes allow it."""
    strokes = look.frame.seen(_unknown(sketch))
    scores = spread(look.scores)
    heard = with_heard(scores, replace(understood, strokes=look.frame.seen(understood.strokes)))
    return decide(gather_evidence(strokes, scores), gather_evidence(strokes, heard))


def _as_picture(sketch: Sketch) -> Sketch:
    """The strokes drawn and traced; the sketch itself where they were traced before, or all lie beside the page."""
    strokes = () if sketch.traced else tuple(trace_ink(sketch.mask(WORKING_SIDE)))
    return replace(sketch, strokes=strokes, traced=True) if strokes else sketch


def _unknown(sketch: Sketch) -> tuple[Stroke, ...]:
    return tuple(stroke for stroke in sketch.strokes if stroke.label is None)


def _with_classes(sketch: Sketch, pieces: list[Piece]) -> Sketch:
    known = tuple(stroke for stroke in sketch.strokes if stroke.label is not None)
    strokes = (*known, *set_sides(cut(_unknown(sketch), pieces, known)))
    return replace(sketch, strokes=tuple(sorted(strokes, key=lambda stroke: stroke.label or 0)))
