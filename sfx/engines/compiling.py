"""Compiling a bundle's graphs to engines: ONNX -> plan file -> manifest entry. Needs no torch.

A new plan is written under a new name and the manifest is replaced in one step, so an interrupted build
leaves the old engine as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfx.engines.bundle import Bundle, sha256
from sfx.engines.compiled import BuildOptions, build_key, stale_reason
from sfx.engines.cuda import Gpu
from sfx.engines.files import write_whole
from sfx.engines.manifest import MANIFEST, BundleFile, GraphEntry, PlanEntry
from sfx.engines.manifest_reading import read_manifest
from sfx.engines.tensorrt_builder import build_plan
from sfx.engines.tensorrt_library import LIBRARIES, Library
from sfx.errors import BundleError, InputError

PLANS = "engines"
"""Directory of the plan files and the timing cache in a bundle."""

Progress = Callable[[str], None]


def compile_bundle(
    path: Path, targets: tuple[str, ...], options: BuildOptions, progress: Progress = lambda _: None
) -> Bundle:
    """Compile every graph of the bundle at `path` for every target, unless an engine with the same key is there.

    targets: "tensorrt", "tensorrt-rtx". Raises EngineError naming graph and layer where a build fails,
    MissingPackageError, InputError; KeyboardInterrupt where Ctrl-C stopped it. What was built stays.
    """
    bundle = _open(path, progress)
    for name in targets:
        target = _Target.ready(name, options)
        for graph in bundle.manifest.graphs:
            old = bundle.manifest.plan(graph.name, name)
            if old is not None and old.key == target.key(graph):
                progress(f"{graph.name}: the {name} engine is up to date")
                continue
            progress(f"{graph.name}: compiling for {name}{target.why_again(old, graph)}")
            bundle = _enter(bundle, _build(bundle, graph, target, progress), old)
    return bundle


def _open(path: Path, progress: Progress) -> Bundle:
    """The bundle without engines whose files are gone or damaged: they are to be made anew, not to be in the way."""
    bundle = Bundle(path, read_manifest(path))
    sound = []
    for plan in bundle.manifest.plans:
        try:
            bundle.checked(plan.file)
            sound.append(plan)
        except BundleError as error:
            progress(f"{plan.graph}: without the {plan.target} engine that is there: {error}")
    bundle = replace(bundle, manifest=replace(bundle.manifest, plans=tuple(sound)))
    bundle.expect_files()
    return bundle


@dataclass(frozen=True)
class _Target:
    """A library as it is here, and what it is to build for."""

    library: Library
    module: Any
    options: BuildOptions

    @classmethod
    def ready(cls, name: str, options: BuildOptions) -> _Target:
        if name not in LIBRARIES:
            raise InputError(f"target: expected one of {', '.join(LIBRARIES)}, found '{name}'")
        library = LIBRARIES[name]
        module = library.load()
        return cls(library, module, replace(options, capabilities=_capabilities(library, options)))

    @property
    def version(self) -> str:
        return str(self.module.__version__)

    def key(self, graph: GraphEntry) -> str:
        return build_key(graph, self.library, self.version, self.options)

    def why_again(self, old: PlanEntry | None, graph: GraphEntry) -> str:
        if old is None:
            return ""
        reason = stale_reason(old, graph, self.version, None)
        if reason is None and old.capabilities != self.options.capabilities:
            reason = f"built for SM {', '.join(old.capabilities) or '8.0 and later'}"
        return f" again ({reason or 'built with other options'})"


def _capabilities(library: Library, options: BuildOptions) -> tuple[str, ...]:
    """What an engine will be built for. TensorRT needs the GPU itself; raises EngineError where there is none."""
    if library.target == "tensorrt-rtx":
        return options.capabilities
    here = Gpu.open(0).capability_text
    if options.capabilities and options.capabilities != (here,):
        raise InputError(
            f"compute capability: TensorRT builds for the GPU that is here, SM {here}; found "
            f"{', '.join(options.capabilities)}. Use --target tensorrt-rtx to build for others"
        )
    return (here,)


def _build(bundle: Bundle, graph: GraphEntry, target: _Target, progress: Progress) -> PlanEntry:
    """Build one engine and write its plan file; the manifest does not know it yet."""
    folder = bundle.path / PLANS
    timing = _timing_cache(folder, target)
    onnx, told = bundle.checked(graph.file), lambda step: progress(f"{graph.name}: {step}")
    plan, timings = build_plan(target.module, onnx, graph, target.options, _read(timing), told)
    key = target.key(graph)
    file = folder / f"{graph.name}-{target.library.target}-{key[:12]}.plan"
    write_whole(file, plan)
    if timing is not None and timings:
        write_whole(timing, timings)
    return PlanEntry(
        graph=graph.name,
        target=target.library.target,
        file=BundleFile(f"{PLANS}/{file.name}", file.stat().st_size, sha256(file)),
        onnx_sha256=graph.file.sha256,
        version=target.version,
        capabilities=target.options.capabilities,
        max_batch=target.options.max_batch,
        key=key,
    )


def _timing_cache(folder: Path, target: _Target) -> Path | None:
    """TensorRT times kernels and keeps what it found; TensorRT-RTX leaves that to the machine that runs."""
    if target.library.target == "tensorrt-rtx":
        return None
    return folder / f"timing-{target.version}-sm{target.options.capabilities[0]}.cache"


def _read(path: Path | None) -> bytes:
    return path.read_bytes() if path is not None and path.is_file() else b""


def _enter(bundle: Bundle, plan: PlanEntry, old: PlanEntry | None) -> Bundle:
    """Put `plan` into the manifest in the place of `old`, then delete the old file."""
    others = tuple(entry for entry in bundle.manifest.plans if entry != old)
    manifest = replace(bundle.manifest, plans=(*others, plan))
    write_whole(bundle.path / MANIFEST, manifest.to_json().encode())
    if old is not None and old.file.path != plan.file.path:
        (bundle.path / old.file.path).unlink(missing_ok=True)
    return Bundle.open(bundle.path)
