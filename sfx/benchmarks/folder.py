"""A folder of pairs, as `sfx run FOLDER` draws it: faces a second, and memory while it goes on."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sfx.benchmarks.environment import rss_mb
from sfx.runtime.faces import Options, draw_faces
from sfx.runtime.pairing import plan
from sfx.runtime.pipeline import Pipeline, Use
from sfx.samples import sample_appearance, sample_label_map


@dataclass(frozen=True)
class FolderRun:
    """What a folder took: files read, faces drawn and written, engines loaded before the clock started."""

    faces: int
    batch: int
    seconds: float
    rss_mb: tuple[float, ...]
    """Resident memory after each face; 0 where the system does not tell."""

    @property
    def faces_per_second(self) -> float:
        return self.faces / self.seconds

    @property
    def growth_mb(self) -> float:
        """Memory after the last face, above that after the first tenth of them: near 0 where nothing is kept."""
        return self.rss_mb[-1] - self.rss_mb[len(self.rss_mb) // 10]


def run_folder(pipeline: Pipeline, faces: int, batch: int = 1) -> FolderRun:
    """Draw `faces` pairs of sample sketches and photos, each with its own reference, through files."""
    config = pipeline.config
    with tempfile.TemporaryDirectory(prefix="sfx-bench-") as name:
        sketches, photos, out = (Path(name) / part for part in ("sketches", "photos", "faces"))
        for folder in (sketches, photos, out):
            folder.mkdir()
        for seed in range(faces):
            label_map = sample_label_map(seed, config.encoder_size)
            Image.fromarray(label_map).save(sketches / f"{seed:05d}.png")
            Image.fromarray(sample_appearance(seed, config.appearance_size)).save(photos / f"{seed:05d}.png")
        jobs = plan((sketches,), photos, out, ())
        options = Options(input_kind="labels", batch=batch)
        pipeline.prepare(Use("sketch_encoder", batch), Use("synthesis", batch), Use("appearance_encoder"))
        for _ in draw_faces(pipeline, jobs[:batch], options):
            pass
        memory = []
        started = time.perf_counter()
        for _ in draw_faces(pipeline, jobs, options):
            memory.append(rss_mb() or 0.0)
        return FolderRun(faces, batch, time.perf_counter() - started, tuple(memory))
