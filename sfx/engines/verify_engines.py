"""`sfx verify` for compiled engines: what can be told of them here, and on a GPU each against its ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sfx.engines.backends import Choice, choose
from sfx.engines.bundle import Bundle
from sfx.engines.cache import without_cache
from sfx.engines.comparing import compare
from sfx.engines.compiled import stale_reason
from sfx.engines.cuda import Gpu
from sfx.engines.engine import Array, Device
from sfx.engines.manifest import GraphEntry, PlanEntry
from sfx.engines.recorded import check_alive, tolerance
from sfx.engines.tensorrt_library import LIBRARIES
from sfx.errors import BundleError, EngineError, ParityError


def verify_engines(bundle: Bundle, target: str, proof: Mapping[str, Array]) -> Iterator[str]:
    """Yield one line for each thing found right, and one for each that cannot be checked here, with the reason.

    Raises BundleError for an engine that belongs to another graph, library version or GPU, or that is not
    there; ParityError where an engine misses its tolerance on the recorded inputs.
    """
    missing = _missing(target)
    for graph in bundle.manifest.graphs:
        plan = bundle.manifest.plan(graph.name, target)
        if plan is None:
            raise BundleError(f"{bundle.path}: expected a {target} engine of graph {graph.name}, found none")
        yield _hold_against(plan, graph, target, missing)
        if missing is None:
            yield from _compare(bundle, graph, plan, target, proof)
        else:
            yield f"{plan.file.path}: not run: {missing}"


def _missing(target: str) -> str | None:
    """What keeps engines for `target` from running here."""
    try:
        LIBRARIES[target].load()
        Gpu.open(0)
    except EngineError as error:
        return str(error)
    return None


def _hold_against(plan: PlanEntry, graph: GraphEntry, target: str, missing: str | None) -> str:
    """Hold the manifest's word on an engine against its ONNX file, and against what is here."""
    try:
        version = LIBRARIES[target].load().__version__
    except EngineError:
        version = None
    capability = Gpu.open(0).capability if missing is None else None
    reason = stale_reason(plan, graph, version or plan.version, capability)
    if reason is not None:
        raise BundleError(f"{plan.file.path}: {reason}; 'sfx compile' makes it anew")
    against = f"{target} {version}" if version else f"no {target} here to hold {plan.version} against"
    return f"{plan.file.path}: built from {graph.file.path} ({against})"


def _compare(
    bundle: Bundle, graph: GraphEntry, plan: PlanEntry, target: str, proof: Mapping[str, Array]
) -> Iterator[str]:
    """The engine against its own ONNX file, run as it is on the CPU, on the recorded inputs."""
    feeds = {spec.name: proof[spec.name] for spec in graph.inputs}
    with without_cache():
        expected = _run(choose("openvino", "cpu"), bundle, graph, feeds, len(next(iter(feeds.values()))))
    found = _run(Choice(target, Device("cuda"), graph.precision, ""), bundle, graph, feeds, plan.max_batch)
    tolerances = {spec.name: tolerance(bundle.manifest, graph, spec) for spec in graph.outputs}
    for comparison in compare(graph, expected, found, tolerances):
        if not comparison.within:
            raise ParityError(
                f"graph {graph.name}, output {comparison.tensor}, ONNX -> {target}: expected a difference of at most "
                f"{comparison.tolerance:g}, found {comparison.error:.3g}; {comparison.worst}"
            )
        check_alive(graph.name, comparison.tensor, found[comparison.tensor])
        yield (
            f"{plan.file.path}, {comparison.tensor}: difference {comparison.error:.2g} "
            f"(at most {comparison.tolerance:g}); {comparison.worst}"
        )


def _run(
    choice: Choice, bundle: Bundle, graph: GraphEntry, feeds: Mapping[str, Array], max_batch: int
) -> dict[str, Array]:
    """The outputs for all rows of `feeds`, at most `max_batch` at a time."""
    rows = len(next(iter(feeds.values())))
    batch = min(rows, max_batch)
    starts = range(0, rows, batch)
    engine = choice.load(bundle, graph.name, batch, calls=len(starts))
    try:
        parts = [
            engine({name: values[start : start + batch] for name, values in feeds.items()})
            for start in starts
        ]
    finally:
        engine.close()
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
