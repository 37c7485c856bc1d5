"""Anything that a person may give as a sketch, as the label map that the model reads.

A label map as it is; strokes from JSON or SVG with the labels they carry; and whatever is left, a plain
drawing in pixels or lines, through the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sfx.errors import InputError
from sfx.runtime.label_maps import Labels, find_label_map, read_label_map, resized_labels

if TYPE_CHECKING:
    from sfx.runtime.interpreter.interpreting import Interpreter
    from sfx.runtime.interpreter.strokes import Sketch

_SNIFFED_BYTES = 256

Tell = Callable[[str], None]
"""Told one line at a time what a person should know while the work goes on."""


@dataclass(frozen=True, eq=False)
class ReadSketch:
    """A sketch as class ids uint8 (size, size); its strokes and what looks wrong with them, where it has strokes."""

    labels: Labels
    strokes: Sketch | None = None
    doubts: tuple[str, ...] = ()


class SketchReader:
    """Reads sketches of any kind; the interpreter is loaded when the first one needs it.

    It runs on the CPU wherever the model runs, `tell` gets a line that says so: it takes 20 ms there.
    """

    def __init__(self, size: int, kind: str = "auto", tell: Tell = lambda _: None) -> None:
        self._size = size
        self._kind = kind
        self._tell = tell
        self._interpreter: Interpreter | None = None

    def read(self, path: Path) -> ReadSketch:
        """Read one file. Raises InputError where it holds neither labels nor a drawing, or not what `kind` says.

        kind: "labels" for class ids whatever they look like, "drawing" for ink whatever it looks like,
        "auto" to tell by the content.
        """
        if self._kind == "labels" and not holds_strokes(path):
            return ReadSketch(read_label_map(path, self._size, "labels"))
        if self._kind == "auto" and not holds_strokes(path):
            labels = find_label_map(path)
            if labels is not None:
                return ReadSketch(resized_labels(labels, self._size, path))
        return self._from_strokes(path)

    def _from_strokes(self, path: Path) -> ReadSketch:
        from sfx.runtime.interpreter.plausibility import doubts

        sketch = read_strokes(path)
        if self._kind == "drawing":
            sketch = sketch.without_labels()
        if any(stroke.label is None for stroke in sketch.strokes):
            if self._kind == "labels":
                raise InputError(f"{path}: expected strokes with labels, found some without")
            sketch = self.interpreter.interpret(sketch)
        labels = sketch.label_map(self._size)
        if not labels.any():
            raise InputError(f"{path}: expected strokes on the page, found all of them beside it")
        return ReadSketch(labels, sketch, doubts(sketch))

    @property
    def interpreter(self) -> Interpreter:
        """The interpreter, made at its first use."""
        if self._interpreter is None:
            from sfx.runtime.interpreter.interpreting import Interpreter

            self._interpreter = Interpreter()
            self._tell(f"interpreter, {self._interpreter.choice}")
        return self._interpreter

    def close(self) -> None:
        """Free the interpreter's engine."""
        if self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None


def read_strokes(path: Path) -> Sketch:
    """The strokes of a JSON file of `sfx interpret`, or of any drawing. Raises InputError."""
    from sfx.runtime.interpreter.json_files import MAX_BYTES, sketch_from_json
    from sfx.runtime.interpreter.reading import read_drawing

    if not _start(path).startswith(b"{"):
        return read_drawing(path)
    with path.open("rb") as file:
        return sketch_from_json(file.read(MAX_BYTES + 1), str(path))


def holds_strokes(path: Path) -> bool:
    """Whether a file is JSON or XML by its first character; no picture begins like that."""
    return _start(path)[:1] in (b"{", b"<")


def _start(path: Path) -> bytes:
    if not path.is_file():
        return b""  # whoever reads it next says what is wrong
    with path.open("rb") as file:
        return file.read(_SNIFFED_BYTES).removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip()
