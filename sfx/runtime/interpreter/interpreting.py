"""The interpreter: strokes in, strokes with a meaning out."""

from __future__ import annotations

from dataclasses import replace
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
from sfx.runtime.interpreter.evidence import gather_evidence
from sfx.runtime.interpreter.framing import framed
from sfx.runtime.interpreter.reading import read_drawing
from sfx.runtime.interpreter.sides import set_sides
from sfx.runtime.interpreter.strokes import CANVAS_UNITS, Sketch, Stroke, draw_paths

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
        written SVG are, so that lines cross alike in every form. Raises InputError, BundleError or EngineError.
        """
        sketch = drawing if isinstance(drawing, Sketch) else read_drawing(drawing)
        if all(stroke.label is not None for stroke in sketch.strokes):
            return sketch
        known = tuple(stroke for stroke in sketch.strokes if stroke.label is not None)
        unknown = tuple(stroke for stroke in sketch.strokes if stroke.label is None)
        pieces = self._look(sketch.strokes)
        closer = framed(sketch.strokes) if _certainty(pieces) < CLOSER_LOOK else None
        if closer is not None:
            pieces = max(pieces, self._look(closer), key=_certainty)
        strokes = (*known, *set_sides(cut(unknown, pieces, known)))
        return replace(sketch, strokes=tuple(sorted(strokes, key=lambda stroke: stroke.label or 0)))

    def _look(self, strokes: tuple[Stroke, ...]) -> list[Piece]:
        """What the strokes without a label mean, numbered among themselves, with all strokes in view."""
        ink = draw_paths([stroke.path for stroke in strokes], int(CANVAS_UNITS)) >= 0
        unknown = tuple(stroke for stroke in strokes if stroke.label is None)
        return decide(gather_evidence(unknown, self.scores(ink)))

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


def _certainty(pieces: list[Piece]) -> float:
    """Mean confidence by length."""
    return float(
        np.average(
            [piece.confidence for piece in pieces], weights=[piece.last - piece.first for piece in pieces]
        )
    )
