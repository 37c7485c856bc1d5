"""Drawing many faces from files: what `sfx run` does once its arguments are settled."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sfx.errors import InputError
from sfx.runtime import codes as codes_of
from sfx.runtime.codes import Codes
from sfx.runtime.label_maps import colour_label_map
from sfx.runtime.pairing import Job
from sfx.runtime.pictures import fit_appearance, read_picture, shrink, write_array, write_picture
from sfx.runtime.pipeline import Pipeline, Pixels, Use
from sfx.runtime.sketches import ReadSketch, SketchReader, Tell

COUPLE, CODES, REFERENCE, INTERPRETED = "_couple.png", "_codes.npy", "_reference.png", "_interpreted.png"


@dataclass(frozen=True)
class RandomAppearance:
    """Appearance from z ~ N(0, I) instead of a photo: one z a sketch, or with `fixed` one z for all."""

    seed: int
    fixed: bool = False


@dataclass(frozen=True)
class Mixing:
    """Style mixing of the chosen layers with a random w at strength `alpha`."""

    layers: tuple[int, ...]
    seed: int
    alpha: float = 1.0


@dataclass(frozen=True)
class Options:
    """What to make of each sketch beside its face."""

    input_kind: str = "auto"
    size: int | None = None
    """Side to average-pool the face to; None for the model's own."""
    random: RandomAppearance | None = None
    mixing: Mixing | None = None
    truncation: float | None = None
    """Limit on the fine codes in deviations; None for the bundle's own, infinity for none."""
    couple: bool = False
    """Write sketch | face | reference side by side."""
    save_codes: bool = False
    save_reference: bool = False
    save_interpreted: bool = False
    """Write how a drawing was understood; a label map needs no interpreting, and gets no such picture."""
    batch: int = 1
    """Faces that go through the engines together."""

    def companions(self) -> tuple[str, ...]:
        """Endings of the files that are written beside each face."""
        wanted = (
            (self.couple, COUPLE),
            (self.save_codes, CODES),
            (self.save_reference, REFERENCE),
            (self.save_interpreted, INTERPRETED),
        )
        return tuple(ending for asked, ending in wanted if asked)


def check_size(size: int | None, output_size: int) -> None:
    """Raise InputError unless `size` is None or divides the model's output size."""
    if size is not None and (size < 16 or size > output_size or output_size % size):
        sizes = ", ".join(str(output_size >> shift) for shift in range(output_size.bit_length() - 4))
        raise InputError(f"size: expected one of {sizes}, found {size}")


def draw_faces(
    pipeline: Pipeline, jobs: Sequence[Job], options: Options, tell: Tell = lambda _: None
) -> Iterator[Job]:
    """Draw and write the face of every job, in order; yields each job once its files are on disk.

    A reference that serves many sketches in a row is read and encoded once. `tell` gets a line where the
    interpreter is loaded, and for each drawing that hardly looks like a face. Raises InputError for a
    picture that cannot be used; faces before it stay written.
    """
    check_size(options.size, pipeline.config.output_size)
    pipeline.prepare(*_uses(jobs, options))
    appearance = _AppearanceSource(pipeline, options.random)
    reader = SketchReader(pipeline.config.encoder_size, options.input_kind, tell)
    with contextlib.closing(reader):
        for first in range(0, len(jobs), options.batch):
            batch = jobs[first : first + options.batch]
            sketches = [_read(reader, job, tell) for job in batch]
            label_maps = np.stack([sketch.labels for sketch in sketches])
            codes = appearance.onto(pipeline.encode_sketch(label_maps, options.truncation), batch, first)
            if options.mixing is not None:
                # One injected w for all, as the original does.
                w = pipeline.random_w(options.mixing.seed)
                codes = codes_of.mix(codes, w, options.mixing.layers, options.mixing.alpha)
            faces = pipeline.synthesize(codes)
            for job, sketch, face, face_codes in zip(batch, sketches, faces, codes, strict=True):
                reference = appearance.picture(job) if options.couple or options.save_reference else None
                _write(job, sketch, face, face_codes, reference, options)
                yield job


def _read(reader: SketchReader, job: Job, tell: Tell) -> ReadSketch:
    sketch = reader.read(job.sketch)
    if sketch.doubts:
        tell(
            f"Warning: {job.sketch}: {', '.join(sketch.doubts)}; --save-interpreted shows how it was understood"
        )
    return sketch


def _uses(jobs: Sequence[Job], options: Options) -> list[Use]:
    """The engines that the jobs need, and how often each will be called."""
    batch = max(1, min(options.batch, len(jobs)))
    calls = math.ceil(len(jobs) / batch)
    uses = [Use("sketch_encoder", batch, calls), Use("synthesis", batch, calls)]
    if options.random is None:
        uses.append(Use("appearance_encoder", calls=len({job.appearance for job in jobs})))
    return uses


class _AppearanceSource:
    """Gives sketch codes their appearance, keeping the references of the last batch and their codes."""

    def __init__(self, pipeline: Pipeline, random: RandomAppearance | None) -> None:
        self._pipeline = pipeline
        self._random = random
        self._kept: dict[Path, tuple[Pixels, Codes]] = {}

    def onto(self, sketch_codes: Codes, batch: Sequence[Job], first: int) -> Codes:
        """Codes of the batch's faces; `first` is the number of the batch's first job among all."""
        if self._random is not None:
            width = self._pipeline.config.style_width
            rows = slice(0, 1) if self._random.fixed else slice(first, first + len(batch))
            w = self._pipeline.map(codes_of.random_z(self._random.seed, first + len(batch), width)[rows])
            return self._pipeline.combine_random(sketch_codes, w)
        paths = [_reference_of(job) for job in batch]
        self._kept = {path: self._kept.get(path) or self._encoded(path) for path in dict.fromkeys(paths)}
        return self._pipeline.combine(sketch_codes, np.concatenate([self._kept[path][1] for path in paths]))

    def picture(self, job: Job) -> Pixels | None:
        """The reference of a job of the last batch as the model sees it, (side, side, 3) uint8, if it has one."""
        return None if job.appearance is None else self._kept[job.appearance][0]

    def _encoded(self, path: Path) -> tuple[Pixels, Codes]:
        picture = fit_appearance(read_picture(path), self._pipeline.config.appearance_size)
        return picture, self._pipeline.encode_appearance(picture)


def _reference_of(job: Job) -> Path:
    if job.appearance is None:
        raise InputError(f"{job.sketch}: expected a reference picture or a random appearance, found neither")
    return job.appearance


def _write(
    job: Job, sketch: ReadSketch, face: Pixels, codes: Codes, reference: Pixels | None, options: Options
) -> None:
    shown = shrink(face, options.size or face.shape[0])
    write_picture(job.out, shown)
    side = shown.shape[0]
    if options.couple:
        panels = [_panel(colour_label_map(sketch.labels), side), shown]
        if reference is not None:
            panels.append(fit_appearance(reference, side))
        write_picture(job.beside(COUPLE), np.concatenate(panels, axis=1))
    if options.save_codes:
        write_array(job.beside(CODES), codes)
    if options.save_reference and reference is not None:
        write_picture(job.beside(REFERENCE), reference)
    if options.save_interpreted and sketch.strokes is not None:
        # Imports the tracer's packages, which a label map does without.
        from sfx.runtime.interpreter.overlay import overlay

        write_picture(job.beside(INTERPRETED), overlay(sketch.strokes))


def _panel(picture: Pixels, side: int) -> Pixels:
    """A square picture at another side with hard edges kept: class colours must not blend."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST))
