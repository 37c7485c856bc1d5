"""`sfx verify` for compiled engines: what can be told of them here, and on a GPU each against its ONNX graph.

Not by Polygraphy's comparator: it would run the plan in its own runner, which its documentation does not mean for
production, and so prove nothing of the buffers, streams and captured graphs that `sfx run` uses; and its absolute
and relative tolerances for each element are not the measure that every other backend of a bundle is held to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sfx.engines.backends import Choice, choose
from sfx.engines.bundle import Bundle
from sfx.engines.compiled import stale_reason
from sfx.engines.cuda import Gpu
from sfx.engines.engine import Array, Device
from sfx.engines.manifest import GraphEntry, Measurement, PlanEntry
from sfx.engines.recorded import check_alive, check_tolerance, error_of, tolerance
from sfx.engines.tensorrt_library import LIBRARIES
from sfx.errors import BundleError, EngineError


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
    """The engine against its own ONNX file on the CPU, on the recorded inputs."""
    feeds = {spec.name: proof[spec.name] for spec in graph.inputs}
    batch = len(next(iter(feeds.values())))
    expected = _run(choose("openvino", "cpu"), bundle, graph, feeds, batch)
    found = _run(Choice(target, Device("cuda"), graph.precision, ""), bundle, graph, feeds, batch)
    for spec in graph.outputs:
        check_alive(graph.name, spec.name, found[spec.name])
        error = error_of(graph, expected[spec.name], found[spec.name])
        most = tolerance(bundle.manifest, graph, spec)
        check_tolerance(Measurement(graph.name, spec.name, f"ONNX -> {target}", error, most))
        yield (
            f"{plan.file.path}, {spec.name}: difference {error:.2g} (at most {most:g}); "
            f"{worst_element(expected[spec.name], found[spec.name])}"
        )


def _run(
    choice: Choice, bundle: Bundle, graph: GraphEntry, feeds: Mapping[str, Array], batch: int
) -> dict[str, Array]:
    engine = choice.load(bundle, graph.name, batch)
    try:
        return engine(feeds)
    finally:
        engine.close()


def worst_element(expected: Array, found: Array) -> str:
    """Where two arrays differ most, and by what."""
    apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    place = tuple(int(index) for index in np.unravel_index(int(apart.argmax()), apart.shape))
    return f"worst at {list(place)}: expected {expected[place]:.6g}, found {found[place]:.6g}"
