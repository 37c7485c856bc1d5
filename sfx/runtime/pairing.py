"""Which sketch goes with which reference, and where each face is written: settled before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sfx.errors import InputError
from sfx.runtime.pictures import READ_SUFFIXES, WRITE_SUFFIXES

SKETCH_SUFFIXES = READ_SUFFIXES | {".svg", ".json"}
"""What a folder of sketches may hold: pictures, and strokes as `sfx interpret` writes them."""

FACE = "_face.png"
"""Ending of a face's name in a folder."""


@dataclass(frozen=True)
class Job:
    """One face to draw: its sketch, its reference (None for a random appearance), and the file to write."""

    sketch: Path
    appearance: Path | None
    out: Path

    def beside(self, ending: str) -> Path:
        """A companion of the face: `<sketch stem><ending>` in the same folder."""
        return self.out.with_name(self.sketch.stem + ending)


def plan(
    sketches: Sequence[Path],
    appearance: Path | None,
    out: Path | None,
    companions: Sequence[str] = (),
    ending: str = FACE,
) -> list[Job]:
    """Pair sketches with references and name the outputs.

    sketches: files and folders; a folder stands for its pictures by sorted name. appearance: one file for
    every sketch, or a folder paired by sorted name. out: a file (for one sketch), or a folder for faces called
    `<sketch stem><ending>`; None for the working directory. companions: endings of other files that will be
    written beside each face. Raises InputError where a path is missing, the numbers differ, two faces
    would have one name, or a file that is read would be written.
    """
    files = sketch_files(sketches)
    references = _references(appearance, len(files))
    targets = _targets(files, out, ending)
    jobs = [Job(*parts) for parts in zip(files, references, targets, strict=True)]
    _check_outputs(jobs, companions)
    return jobs


def sketch_files(sketches: Sequence[Path]) -> list[Path]:
    """The files that the arguments name: a folder stands for its sketches by sorted name. Raises InputError."""
    return [file for sketch in sketches for file in picture_files(sketch, SKETCH_SUFFIXES)]


def picture_files(path: Path, suffixes: frozenset[str] = READ_SUFFIXES) -> list[Path]:
    """A picture, or the pictures of a folder by sorted name. Raises InputError where there is none."""
    if path.is_dir():
        found = sorted(
            p for p in path.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")
        )
        if not found:
            raise InputError(f"{path}: expected a folder with pictures, found none in it")
        return found
    if not path.is_file():
        raise InputError(f"{path}: expected a picture or a folder of pictures, found nothing")
    return [path]


def _references(appearance: Path | None, count: int) -> Sequence[Path | None]:
    if appearance is None:
        return [None] * count
    found = picture_files(appearance)
    if not appearance.is_dir():
        return found * count
    if len(found) != count:
        raise InputError(
            f"{appearance}: expected as many references as sketches, found {len(found)} for {count}; "
            "give one file to use it for every sketch"
        )
    return found


def _targets(files: Sequence[Path], out: Path | None, ending: str) -> list[Path]:
    if out is not None and out.suffix.lower() in WRITE_SUFFIXES and not out.is_dir():
        if len(files) != 1:
            raise InputError(f"{out}: expected a folder to write {len(files)} faces to, found a file name")
        return [out]
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder or a file ending in {', '.join(sorted(WRITE_SUFFIXES))}")
    folder = out or Path()
    return [folder / f"{file.stem}{ending}" for file in files]


def _check_outputs(jobs: Sequence[Job], companions: Sequence[str]) -> None:
    read = {path.resolve() for job in jobs for path in (job.sketch, job.appearance) if path is not None}
    written: dict[Path, Path] = {}
    for job in jobs:
        for path in (job.out, *(job.beside(ending) for ending in companions)):
            resolved = path.resolve()
            if resolved in read:
                raise InputError(f"{path}: expected another name than an input's; choose another --out")
            if resolved in written:
                raise InputError(
                    f"{path}: expected one face a name, found it for both {written[resolved]} and {job.sketch}; "
                    "rename one, or run them apart"
                )
            written[resolved] = job.sketch
