"""Drawing many faces from files: what `sfx run` does once its arguments are settled."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from sfx.config import ModelConfig
from sfx.errors import InputError, SfxError
from sfx.runtime import codes as codes_of
from sfx.runtime.ahead import Ahead
from sfx.runtime.codes import Codes
from sfx.runtime.label_maps import colour_label_map
from sfx.runtime.pairing import FACE, Job
from sfx.runtime.pictures import fit_appearance, read_picture, shrink, write_array, write_picture
from sfx.runtime.pipeline import Pipeline, Pixels, Use
from sfx.runtime.sketches import ReadSketch, SketchReader, Tell

PREVIEW = "_preview.png"
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
    preview: bool = False
    """Draw previews in the place of faces: of a quarter of their side, or of half of it where `size` is larger."""
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

    @property
    def ending(self) -> str:
        """Ending of a face's name in a folder: a preview does not take the place of a face."""
        return PREVIEW if self.preview else FACE

    def preview_name(self, config: ModelConfig) -> str | None:
        """The smallest preview that is as large as `size`, or None for faces."""
        if not self.preview:
            return None
        return next(name for name, side in config.preview_sides.items() if side >= (self.size or 0))

    def companions(self) -> tuple[str, ...]:
        """Endings of the files that are written beside each face."""
        wanted = (
            (self.couple, COUPLE),
            (self.save_codes, CODES),
            (self.save_reference, REFERENCE),
            (self.save_interpreted, INTERPRETED),
        )
        return tuple(ending for asked, ending in wanted if asked)


def check_size(size: int | None, side: int) -> None:
    """Raise InputError unless `size` is None or divides `side`, a picture's, and is no less than 16."""
    if size is not None and (size < 16 or size > side or side % size):
        sizes = ", ".join(str(side >> shift) for shift in range(side.bit_length() - 4))
        raise InputError(f"size: expected one of {sizes}, found {size}")


def draw_faces(
    pipeline: Pipeline, jobs: Sequence[Job], options: Options, tell: Tell = lambda _: None
) -> Generator[Job, None, None]:
    """Draw and write the face of every job, in order; yields each job once its files are on disk.

    While a batch is written, the engines draw the next one, and the files of the one after it are read and
    interpreted: until the last job was yielded the pipeline belongs to this call, and to no other thread. Engines that
    it made are freed after the last face that needs them.
    A reference that serves many sketches in a row is read and encoded once. `tell` gets a line where the
    interpreter is loaded, and for each drawing that hardly looks like a face. Raises InputError for the first
    picture that cannot be used, once the faces before it were yielded.
    """
    config = pipeline.config
    check_size(options.size, max(config.preview_sides.values()) if options.preview else config.output_size)
    # Faces a second against one step after the other, two cores, medians of interleaved rounds: from label maps 1.12
    # times as many with the demo model, as many from drawings (1.00), four at a time (0.99) and at full size (0.98):
    # there the engines keep both cores busy. What it is for is a GPU, or more cores, that would wait for files.
    with Ahead(_read_batches(jobs, options, config)) as batches:
        pipeline.expect(*_uses(jobs, options, config))
        pipeline.engine("sketch_encoder")  # the first that a face needs, while its files are read
        with Ahead(_draw_batches(pipeline, batches, options)) as drawn:
            for face in itertools.chain.from_iterable(drawn):
                for line in face.source.told:
                    tell(line)
                _write(face, options)
                yield face.source.job


@dataclass(frozen=True, eq=False)
class _Reference:
    """A reference as the model sees it, (side, side, 3) uint8; the same object for the same file in a row."""

    picture: Pixels


@dataclass(frozen=True, eq=False)
class _Source:
    """What a face is drawn from, and what there was to tell while it was read."""

    job: Job
    sketch: ReadSketch
    reference: _Reference | None
    told: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Face:
    """A face (side, side, 3) uint8 with the codes (n_styles, width) that it was drawn from."""

    source: _Source
    picture: Pixels
    codes: Codes


def _read_batches(
    jobs: Sequence[Job], options: Options, config: ModelConfig
) -> Generator[list[_Source], None, None]:
    """Read the files of every batch; where one cannot be used, the batch ends before it, and its error follows."""
    told: list[str] = []
    reference_of = lru_cache(options.batch)(
        lambda path: _Reference(fit_appearance(read_picture(path), config.appearance_size))
    )
    reader = SketchReader(config.encoder_size, options.input_kind, told.append)
    with contextlib.closing(reader):
        for first in range(0, len(jobs), options.batch):
            batch = []
            try:
                for job in jobs[first : first + options.batch]:
                    sketch = _read_sketch(reader, job.sketch, told)
                    reference = None if options.random is not None else reference_of(_reference_path(job))
                    batch.append(_Source(job, sketch, reference, tuple(told)))
                    told.clear()
            except SfxError:
                if batch:
                    yield batch
                raise
            yield batch


def _read_sketch(reader: SketchReader, path: Path, told: list[str]) -> ReadSketch:
    sketch = reader.read(path)
    if sketch.doubts:
        doubts = ", ".join(sketch.doubts)
        told.append(f"Warning: {path}: {doubts}; --save-interpreted shows how it was understood")
    return sketch


def _reference_path(job: Job) -> Path:
    if job.appearance is None:
        raise InputError(f"{job.sketch}: expected a reference picture or a random appearance, found neither")
    return job.appearance


def _draw_batches(
    pipeline: Pipeline, batches: Iterable[list[_Source]], options: Options
) -> Generator[list[_Face], None, None]:
    """Draw the faces of every batch."""
    encoded = lru_cache(options.batch)(lambda reference: pipeline.encode_appearance(reference.picture))
    preview = options.preview_name(pipeline.config)
    drawn = 0
    for batch in batches:
        label_maps = np.stack([source.sketch.labels for source in batch])
        codes = pipeline.encode_sketch(label_maps, options.truncation)
        if options.random is not None:
            w = _random_w(pipeline, options.random, drawn, len(batch))
            codes = pipeline.combine_random(codes, w)
        else:
            appearance_codes = np.concatenate([encoded(source.reference) for source in batch])
            codes = pipeline.combine(codes, appearance_codes)
        if options.mixing is not None:
            # One injected w for all, as the original does.
            w = pipeline.random_w(options.mixing.seed)
            codes = codes_of.mix(codes, w, options.mixing.layers, options.mixing.alpha)
        pictures = pipeline.synthesize(codes) if preview is None else pipeline.preview(codes, preview)
        yield [_Face(*parts) for parts in zip(batch, pictures, codes, strict=True)]
        drawn += len(batch)


def _random_w(pipeline: Pipeline, random: RandomAppearance, first: int, count: int) -> Codes:
    """The appearances (count or 1, width) of faces number `first` and on."""
    rows = slice(0, 1) if random.fixed else slice(first, first + count)
    return pipeline.map(codes_of.random_z(random.seed, first + count, pipeline.config.style_width)[rows])


def _uses(jobs: Sequence[Job], options: Options, config: ModelConfig) -> list[Use]:
    """The engines that the jobs need, and how often each will be called."""
    batch = max(1, min(options.batch, len(jobs)))
    calls = math.ceil(len(jobs) / batch)
    drawing = options.preview_name(config) or "synthesis"
    uses = [Use("sketch_encoder", batch, calls), Use(drawing, batch, calls)]
    if options.random is None:
        uses.append(Use("appearance_encoder", calls=len({job.appearance for job in jobs})))
    return uses


def _write(face: _Face, options: Options) -> None:
    job, sketch = face.source.job, face.source.sketch
    reference = None if face.source.reference is None else face.source.reference.picture
    shown = shrink(face.picture, options.size or face.picture.shape[0])
    write_picture(job.out, shown)
    side = shown.shape[0]
    if options.couple:
        panels = [_panel(colour_label_map(sketch.labels), side), shown]
        if reference is not None:
            panels.append(fit_appearance(reference, side))
        write_picture(job.beside(COUPLE), np.concatenate(panels, axis=1))
    if options.save_codes:
        write_array(job.beside(CODES), face.codes)
    if options.save_reference and reference is not None:
        write_picture(job.beside(REFERENCE), reference)
    if options.save_interpreted and sketch.strokes is not None:
        # Imports the tracer's packages, which a label map does without.
        from sfx.runtime.interpreter.overlay import overlay

        write_picture(job.beside(INTERPRETED), overlay(sketch.strokes))


def _panel(picture: Pixels, side: int) -> Pixels:
    """A square picture at another side with hard edges kept: class colours must not blend."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST))
