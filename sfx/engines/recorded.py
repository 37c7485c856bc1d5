"""The recorded proof of a bundle: seeded inputs, what the published form made of them, and comparing with it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from sfx.engines.backends import Choice
from sfx.engines.bundle import Bundle
from sfx.engines.engine import Array
from sfx.engines.manifest import BundleFile, GraphEntry, Manifest, Measurement, TensorSpec
from sfx.errors import BundleError, ParityError

TOLERANCES: Mapping[str, Mapping[str, float]] = {
    "fp32": {"float32": 1e-4, "uint8": 1.0},
    "fp16": {"float32": 5e-3, "uint8": 4.0},
}
"""Largest error by dtype, in FP32, and where a graph's precision or its stored weights are FP16.

Codes relative to max(1, largest magnitude); pictures in levels of 0..255, one level since a value next to a
whole number may be truncated either way. In FP16, emulated, the published size is off by 1.9e-3 in codes and by
1 level, models of fewer channels by more.
"""


def read_arrays(bundle: Bundle, file: BundleFile) -> dict[str, Array]:
    """The named arrays of an npz file of the bundle. Raises BundleError where it is damaged."""
    path = bundle.checked(file)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: expected arrays in npz form, found damage: {error}") from error


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write the arrays as npz, compressed: line sketches and soft pictures shrink well."""
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def difference(expected: Array, found: Array) -> float:
    """max|found - expected| / max(1, max|expected|); for bytes the plain difference in levels."""
    if expected.dtype == np.uint8:
        return float(np.abs(found.astype(np.int16) - expected.astype(np.int16)).max())
    return float(np.abs(found.astype(np.float64) - expected.astype(np.float64)).max()) / scale(expected)


def scale(expected: Array) -> float:
    """What a difference from `expected` is relative to: max(1, max|expected|), for bytes 1, a level."""
    return 1.0 if expected.dtype == np.uint8 else max(1.0, float(np.abs(expected).max()))


def tolerance(manifest: Manifest, graph: GraphEntry, spec: TensorSpec) -> float:
    """The largest error of one output of a graph: of its precision, or for layers in INT8 what was recorded of them.

    Raises BundleError where layers are in INT8 and nothing was recorded.
    """
    if not graph.int8_layers:
        return TOLERANCES["fp16" if graph.weights == "fp16" else graph.precision][spec.dtype]
    recorded = [
        one.tolerance for one in manifest.parity if (one.graph, one.tensor) == (graph.name, spec.name)
    ]
    if not recorded:
        raise BundleError(
            f"key 'parity': expected what layers in int8 change in {graph.name}, {spec.name}, found none"
        )
    return max(recorded)


def error_of(graph: GraphEntry, expected: Array, found: Array) -> float:
    """`difference`, but for layers in INT8 the root mean square: a single pixel's edge may move far by one step.

    Of codes relative to max(1, their root mean square), of bytes in levels.
    """
    if not graph.int8_layers:
        return difference(expected, found)
    apart = _root_mean_square(found.astype(np.float64) - expected.astype(np.float64))
    return apart if expected.dtype == np.uint8 else apart / max(1.0, _root_mean_square(expected))


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def check_alive(graph: str, tensor: str, values: Array) -> None:
    """Raise ParityError where `values` (batch 2, from two unlike inputs) holds NaN or is flat."""
    if not np.isfinite(values).all():
        raise ParityError(f"graph {graph}, output {tensor}: expected finite values, found NaN or infinity")
    if float(values.max()) == float(values.min()):
        raise ParityError(
            f"graph {graph}, output {tensor}: expected a varied output, found {values.flat[0]} everywhere"
        )
    if np.array_equal(values[0], values[1]):
        raise ParityError(
            f"graph {graph}, output {tensor}: expected it to follow its input, found the same for two inputs"
        )


def check_tolerance(measurement: Measurement) -> Measurement:
    """Give the measurement back, or raise ParityError where it misses its tolerance."""
    if not measurement.error <= measurement.tolerance:
        raise ParityError(
            f"graph {measurement.graph}, output {measurement.tensor}, {measurement.link}: expected a difference of at "
            f"most {measurement.tolerance:g}, found {measurement.error:.3g}"
        )
    return measurement


def replay(
    bundle: Bundle,
    graph: GraphEntry,
    choice: Choice,
    proof: Mapping[str, Array],
    tolerance_of: Callable[[Manifest, GraphEntry, TensorSpec], float] = tolerance,
) -> Iterator[Measurement]:
    """Run one graph on the recorded inputs and compare every output with what the published form made.

    Raises BundleError where the proof lacks a tensor, ParityError where an output holds NaN or is flat.
    """
    for spec in (*graph.inputs, *graph.outputs):
        if spec.name not in proof:
            raise BundleError(
                f"{bundle.manifest.proof.path}: expected an array '{spec.name}', found {sorted(proof)}"
            )
    batch = len(proof[graph.inputs[0].name])
    engine = choice.load(bundle, graph.name, batch)
    try:
        results = engine({spec.name: proof[spec.name] for spec in graph.inputs})
    finally:
        engine.close()
    stored = ", fp16 weights" if graph.weights == "fp16" else ""
    lowered = f", {graph.int8_layers} layers int8" if graph.int8_layers else ""
    link = f"published -> {choice.backend} {choice.precision}{stored}{lowered}"
    for spec in graph.outputs:
        check_alive(graph.name, spec.name, results[spec.name])
        error = error_of(graph, proof[spec.name], results[spec.name])
        yield Measurement(graph.name, spec.name, link, error, tolerance_of(bundle.manifest, graph, spec))
