"""Interpreting drawings from files: what `sfx interpret` does once its arguments are settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfx.errors import InputError
from sfx.runtime.interpreter.interpreting import Interpreter
from sfx.runtime.interpreter.json_files import sketch_to_json
from sfx.runtime.interpreter.overlay import overlay
from sfx.runtime.interpreter.plausibility import doubts
from sfx.runtime.interpreter.strokes import Sketch
from sfx.runtime.label_maps import find_label_map
from sfx.runtime.pairing import sketch_files
from sfx.runtime.pictures import write_picture, write_text
from sfx.runtime.sketches import holds_strokes, read_strokes

MIN_SIZE, MAX_SIZE = 64, 4096
OVERLAY = "_overlay.png"


def _write_label_map(path: Path, sketch: Sketch, size: int) -> None:
    write_picture(path, sketch.label_map(size))


def _write_svg(path: Path, sketch: Sketch, _size: int) -> None:
    write_text(path, sketch.to_svg())


def _write_json(path: Path, sketch: Sketch, _size: int) -> None:
    write_text(path, sketch_to_json(sketch))


_WRITERS: dict[str, tuple[str, Callable[[Path, Sketch, int], None]]] = {
    ".png": ("_labels.png", _write_label_map),
    ".svg": ("_layers.svg", _write_svg),
    ".json": ("_strokes.json", _write_json),
}
"""By suffix: the ending of the default name, and what writes it; `sfx run` reads each of them."""


@dataclass(frozen=True)
class Outcome:
    """One drawing's files, and what looks wrong with it."""

    drawing: Path
    written: tuple[Path, ...]
    doubts: tuple[str, ...]


def interpret_files(
    interpreter: Interpreter,
    drawings: Sequence[Path],
    out: Path | None = None,
    *,
    size: int = 256,
    with_overlay: bool = False,
) -> Iterator[Outcome]:
    """Interpret every drawing (files and folders) and write what was found; yields each once it is on disk.

    out: a folder, where each drawing gets a label map `<stem>_labels.png` with `size` pixels a side,
    `<stem>_layers.svg` and `<stem>_strokes.json`; or, for one drawing, a file ending in .png, .svg or .json,
    which is then the only one. None for the working directory. with_overlay: also `<stem>_overlay.png`.
    Raises InputError.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(f"size: expected {MIN_SIZE} to {MAX_SIZE}, found {size}")
    files = sketch_files(drawings)
    targets = [_targets(file, out, len(files), with_overlay) for file in files]
    _check(files, targets)
    for file, written in zip(files, targets, strict=True):
        sketch = interpreter.interpret(_read(file))
        for path in written:
            if path.name.endswith(OVERLAY):
                write_picture(path, overlay(sketch))
            else:
                _WRITERS[path.suffix.lower()][1](path, sketch, size)
        yield Outcome(file, tuple(written), doubts(sketch))


def _read(path: Path) -> Sketch:
    if not holds_strokes(path):
        labels = find_label_map(path)
        if labels is not None and labels.any():
            raise InputError(
                f"{path}: expected a plain drawing, found a label map, which needs no interpreting: "
                "'sfx run' takes it as it is"
            )
    return read_strokes(path)


def _targets(drawing: Path, out: Path | None, count: int, with_overlay: bool) -> list[Path]:
    folder = out or Path()
    names = [drawing.stem + ending for ending, _ in _WRITERS.values()]
    if out is not None and not out.is_dir() and (out.suffix or out.exists()):
        if out.suffix.lower() not in _WRITERS:
            raise InputError(f"{out}: expected a folder or a file ending in {', '.join(_WRITERS)}")
        if count != 1:
            raise InputError(f"{out}: expected a folder to write {count} drawings to, found a file name")
        folder, names = out.parent, [out.name]
    return [folder / name for name in (*names, *([drawing.stem + OVERLAY] if with_overlay else []))]


def _check(files: Sequence[Path], targets: Sequence[Sequence[Path]]) -> None:
    """Raise InputError where two drawings would be written to one file, or over one that is read."""
    read = {file.resolve() for file in files}
    written: dict[Path, Path] = {}
    for file, paths in zip(files, targets, strict=True):
        for path in paths:
            if path.resolve() in read:
                raise InputError(f"{path}: expected another name than an input's; choose another --out")
            if path.resolve() in written:
                raise InputError(
                    f"{path}: expected one drawing a name, found it for both {written[path.resolve()]} and {file}; "
                    "rename one, or interpret them apart"
                )
            written[path.resolve()] = file
