"""Latency of a bundle: by stage and by case, interleaved with its peers in one run.

Cases: `interactive`, a new sketch with kept appearance codes, is what a person who draws waits for;
`first`, a new sketch and a new photo; `preview` and `half_preview`, a new sketch drawn at a part of its side.
In a round every case and peer has its turn, one after the other, so that a slow moment of the machine falls on all
of them; ratios are taken within rounds. A turn is two runs, of which the second counts: the first brings back
what the others' turns drove out of the caches and out of mapped memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from sfx.benchmarks.arithmetic import multiply_adds
from sfx.benchmarks.environment import describe
from sfx.benchmarks.folder import FolderRun, run_folder
from sfx.benchmarks.machine import Ceilings, measure_ceilings
from sfx.config import PREVIEWS
from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.recorded import difference
from sfx.errors import EngineError
from sfx.runtime.codes import Codes
from sfx.runtime.pictures import shrink
from sfx.runtime.pipeline import Pipeline, Pixels
from sfx.samples import sample_pairs
from sfx.signal_to_noise import psnr

STAGES = ("sketch_encoder", "appearance_encoder", "synthesis")
QUALITY_FACES = 4

T = TypeVar("T")
StageTimes = dict[str, float]
"""Stage to seconds, of one run of a case, in the order they ran."""


@dataclass(frozen=True)
class Runner:
    """A case that can be run once: what it is, and a call that times its stages."""

    name: str
    batch: int
    backend: str
    device: str
    precision: str
    run: Callable[[], StageTimes]


@dataclass(frozen=True)
class Case:
    """What a runner took: per round the seconds of each stage, and their sum."""

    runner: Runner
    stages: Mapping[str, Sequence[float]]
    totals: Sequence[float]


@dataclass(frozen=True)
class Quality:
    """How far another precision's pictures are from the first one's, or previews from faces: sample faces, in bytes."""

    precision: str
    against: str
    psnr_db: float
    largest_difference: int


@dataclass(frozen=True)
class Plan:
    """What to measure beside the cases at the pipeline's own precision."""

    batches: Sequence[int] = (1,)
    iterations: int = 20
    warmup: int = 3
    peers: bool = False
    all_peers: bool = False
    """With `peers`, all of them and not the eager original alone."""
    also_precisions: Sequence[str] = ()
    """Precisions of further cases, whose pictures are held against the first one's."""
    folder: int = 0
    """Pairs of a folder to draw through files; 0 for none."""


@dataclass(frozen=True)
class Report:
    """Everything `sfx bench` measured."""

    environment: Mapping[str, object]
    bundle: Mapping[str, object]
    cases: Sequence[Case]
    cold_start_ms: float
    peak_rss_mb: float
    original_peak_rss_mb: float | None = None
    """The eager original's, in a fresh process that draws one face; None without peers."""
    multiply_adds: Mapping[str, int] = field(default_factory=dict)
    """Of each stage, for one face."""
    ceilings: Sequence[Ceilings] = ()
    quality: Sequence[Quality] = ()
    folder: FolderRun | None = None
    left_out: Sequence[str] = ()
    """Peers that could not run, and why."""


def run_bench(pipeline: Pipeline, plan: Plan) -> Report:
    """Run every case in interleaved rounds, then a cold start in a fresh process.

    Raises EngineError where the fresh process fails, MissingPackageError where peers need `sfx[export]`.
    """
    bundle, choice = pipeline.bundle, pipeline.choice
    others = [
        Pipeline(bundle, choose(choice.backend, str(choice.device), precision))
        for precision in plan.also_precisions
    ]
    pipelines = [pipeline, *others]
    runners = [
        runner for batch in plan.batches for one in pipelines for runner in pipeline_runners(one, batch)
    ]
    left_out: list[str] = []
    if plan.peers:
        from sfx.benchmarks.peers import peer_runners

        for batch in plan.batches:
            found, missing = peer_runners(pipeline, batch, every=plan.all_peers)
            runners += found
            left_out += [line for line in missing if line not in left_out]
    cases = run_rounds(runners, plan.iterations, plan.warmup)
    quality = [_quality(pipeline, other) for other in others]
    quality += [_preview_quality(pipeline, name) for name in previews_of(bundle)]
    for other in others:
        other.close()
    folder = run_folder(pipeline, plan.folder, max(plan.batches)) if plan.folder else None
    ceilings = (
        [measure_ceilings(one.choice.precision) for one in pipelines] if choice.device.kind == "cpu" else []
    )
    cold_start_ms, peak_rss_mb = cold_start(pipeline)
    original = fresh_process("sfx.benchmarks.original", str(bundle.path)) if plan.peers else None
    return Report(
        environment=describe(),
        bundle=about_bundle(pipeline),
        cases=cases,
        cold_start_ms=cold_start_ms,
        peak_rss_mb=peak_rss_mb,
        original_peak_rss_mb=original["peak_rss_mb"] if original else None,
        multiply_adds=_work(bundle),
        ceilings=ceilings,
        quality=quality,
        folder=folder,
        left_out=left_out,
    )


def about_bundle(pipeline: Pipeline) -> dict[str, object]:
    """What the report says of the model; no path of this machine, since reports are shown around."""
    manifest = pipeline.bundle.manifest
    lowering = manifest.lowering
    return {
        "name": pipeline.bundle.path.resolve().name,
        "output_size": pipeline.config.output_size,
        "source_sha256": manifest.source.get("sha256"),
        "parameters": sum(graph.parameters for graph in manifest.graphs),
        "int8_layers": sum(graph.int8_layers for graph in manifest.graphs),
        "int8_psnr_db": None if lowering is None else min(price.psnr_db for price in lowering.prices),
    }


def _quality(first: Pipeline, other: Pipeline) -> Quality:
    """The same sample faces by both."""
    expected, found = _sample_faces(first), _sample_faces(other)
    return Quality(
        other.choice.precision,
        first.choice.precision,
        psnr(expected, found, 255.0),
        int(difference(expected, found)),
    )


def _preview_quality(pipeline: Pipeline, name: str) -> Quality:
    """Previews against the faces averaged to their side, as `--size` gives them."""
    side, precision = pipeline.config.preview_sides[name], pipeline.choice.precision
    samples = list(_sample_codes(pipeline))
    expected = np.stack([shrink(face, side) for codes in samples for face in pipeline.synthesize(codes)])
    found = np.concatenate([pipeline.preview(codes, name) for codes in samples])
    return Quality(
        f"{precision} as {name.replace('_', ' ')}s",
        f"{precision} averaged to {side} px",
        psnr(expected, found, 255.0),
        int(difference(expected, found)),
    )


def _sample_faces(pipeline: Pipeline) -> Pixels:
    return np.concatenate([pipeline.synthesize(codes) for codes in _sample_codes(pipeline)])


def _sample_codes(pipeline: Pipeline) -> Iterator[Codes]:
    config = pipeline.config
    label_maps, photos = sample_pairs(QUALITY_FACES, config.encoder_size, config.appearance_size)
    for sketch, photo in zip(label_maps, photos, strict=True):
        yield pipeline.combine(pipeline.encode_sketch(sketch), pipeline.encode_appearance(photo))


def run_rounds(runners: Sequence[Runner], iterations: int, warmup: int) -> list[Case]:
    """`warmup` rounds that are thrown away, then `iterations` rounds that count; of each turn the second run does."""
    times: list[list[StageTimes]] = [[] for _ in runners]
    for round_number in range(warmup + iterations):
        for runner, kept in zip(runners, times, strict=True):
            runner.run()
            taken = runner.run()
            if round_number >= warmup:
                kept.append(taken)
    return [
        Case(
            runner,
            {stage: [one[stage] for one in kept] for stage in kept[0]},
            [sum(one.values()) for one in kept],
        )
        for runner, kept in zip(runners, times, strict=True)
    ]


def pipeline_runners(pipeline: Pipeline, batch: int) -> list[Runner]:
    """The cases `interactive` and `first` of a bundle, and those of the previews that it has, at one batch size."""
    config = pipeline.config
    label_maps, photos = sample_pairs(batch, config.encoder_size, config.appearance_size)
    kept = pipeline.encode_appearance(photos)

    def with_kept_appearance(stage: str, draw: Callable[[Codes], Pixels]) -> Callable[[], StageTimes]:
        def case() -> StageTimes:
            watch = Stopwatch()
            sketch_codes = watch.stage("sketch_encoder", lambda: pipeline.encode_sketch(label_maps))
            codes = watch.stage("combine", lambda: pipeline.combine(sketch_codes, kept))
            watch.stage(stage, lambda: draw(codes))
            return watch.times

        return case

    def first() -> StageTimes:
        watch = Stopwatch()
        appearance_codes = watch.stage("appearance_encoder", lambda: pipeline.encode_appearance(photos))
        sketch_codes = watch.stage("sketch_encoder", lambda: pipeline.encode_sketch(label_maps))
        codes = watch.stage("combine", lambda: pipeline.combine(sketch_codes, appearance_codes))
        watch.stage("synthesis", lambda: pipeline.synthesize(codes))
        return watch.times

    cases = {"interactive": with_kept_appearance("synthesis", pipeline.synthesize), "first": first}
    for name in previews_of(pipeline.bundle):
        cases[name] = with_kept_appearance(name, partial(pipeline.preview, name=name))
    choice = pipeline.choice
    about = (batch, choice.backend, str(choice.device), choice.precision)
    return [Runner(name, *about, case) for name, case in cases.items()]


def previews_of(bundle: Bundle) -> list[str]:
    """The previews that a bundle's synthesis draws: one of an earlier sfx lacks some. Each is a case, and its stage."""
    return [spec.name for spec in bundle.manifest.graph("synthesis").outputs if spec.name in PREVIEWS]


def _work(bundle: Bundle) -> dict[str, int]:
    """Multiply-adds of each stage for one face."""
    work = {graph: multiply_adds(bundle, graph) for graph in STAGES}
    return work | {name: multiply_adds(bundle, "synthesis", output=name) for name in previews_of(bundle)}


class Stopwatch:
    """Times calls by name."""

    def __init__(self) -> None:
        self.times: StageTimes = {}

    def stage(self, name: str, call: Callable[[], T]) -> T:
        """Run `call`, and keep its seconds under `name`."""
        started = time.perf_counter()
        result = call()
        self.times[name] = time.perf_counter() - started
        return result


def cold_start(pipeline: Pipeline) -> tuple[float, float]:
    """Milliseconds from the start of a fresh process to its first face, and that process's peak memory in MB.

    Of the second such process: the first leaves compiled models behind, where that was not done before.
    """
    choice = pipeline.choice
    arguments = [str(pipeline.bundle.path), choice.backend, str(choice.device), choice.precision]
    fresh_process("sfx.benchmarks.cold_start", *arguments)
    started = time.perf_counter()
    told = fresh_process("sfx.benchmarks.cold_start", *arguments)
    return (time.perf_counter() - started) * 1e3, told["peak_rss_mb"]


def fresh_process(module: str, *arguments: str) -> dict[str, float]:
    """Run a module that draws one face in a process of its own; returns the JSON that it prints."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"{module}: expected a fresh process to draw a face, found: {last}")
    told: dict[str, float] = json.loads(process.stdout)
    return told
