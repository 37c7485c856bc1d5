"""`sfx verify`: checksums, then every graph on every CPU backend and every engine against what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sfx.engines.backends import choose, installed_backends
from sfx.engines.bundle import Bundle
from sfx.engines.cache import without_cache
from sfx.engines.recorded import check_tolerance, read_arrays, replay
from sfx.engines.tensorrt_library import LIBRARIES
from sfx.engines.verify_engines import verify_engines


def verify_bundle(path: Path, backends: Sequence[str] = ()) -> Iterator[str]:
    """Yield one line for each thing found right; raises BundleError or ParityError at the first that is not.

    backends: which to check; empty for every CPU backend and every target that the bundle has engines for.
    Engines that cannot run here get a line that says why. Graphs are read afresh from the bundle, never from
    the cache of compiled models.
    """
    bundle = Bundle.open(path)
    for file in bundle.manifest.files():
        bundle.checked(file)
        yield f"{file.path}: checksum right"
    proof = read_arrays(bundle, bundle.manifest.proof)
    named = backends or (*installed_backends("cpu"), *{plan.target: None for plan in bundle.manifest.plans})
    for name in named:
        if name in LIBRARIES:
            yield from verify_engines(bundle, name, proof)
            continue
        choice = choose(name, "cpu")
        for graph in bundle.manifest.graphs:
            with without_cache():
                for measurement in replay(bundle, graph, choice, proof):
                    check_tolerance(measurement)
                    yield (
                        f"{graph.name}, {measurement.tensor}, {measurement.link}: difference {measurement.error:.2g} "
                        f"(at most {measurement.tolerance:g})"
                    )
