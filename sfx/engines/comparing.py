"""A compiled engine's outputs against those of its ONNX graph, judged by Polygraphy's comparator.

Only the comparator is Polygraphy's. Its runner of plans would have its own buffers and streams, and so prove nothing
of those that `sfx run` uses: the arrays come from sfx's engines. Needs `sfx[tensorrt]` or `sfx[tensorrt-rtx]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sfx.engines.engine import Array
from sfx.engines.manifest import GraphEntry
from sfx.engines.recorded import error_of, scale
from sfx.errors import EngineError, MissingPackageError, ParityError

POLYGRAPHY = "polygraphy>=0.53.4,<0.60"
"""What pip is to install, as in the extras: its comparison functions became classes in 0.53."""

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Comparison:
    """How far one output is from what was expected of it, as `recorded.error_of` measures it."""

    tensor: str
    within: bool
    """The verdict; False wherever either side holds NaN."""
    error: float
    tolerance: float
    worst: str
    """The element that is furthest off, with both values, in words: Polygraphy names none."""


def compare(
    graph: GraphEntry, expected: Arrays, found: Arrays, tolerances: Mapping[str, float]
) -> Iterator[Comparison]:
    """Hold every output of a graph against what is expected of it.

    An element may be off by `tolerances[name]` times max(1, max|expected|), for bytes by that many levels; what it is
    relative to its own expected value plays no part. Layers in INT8 are held to a root mean square.

    Raises ParityError where names, dtypes or shapes differ or `expected` is not finite, MissingPackageError without
    Polygraphy, EngineError where it gives up.
    """
    _expect_alike(graph, expected, found)
    judge = _by_root_mean_square if graph.int8_layers else _by_polygraphy
    verdicts = judge(graph, expected, found, tolerances)
    for name, (within, error) in verdicts.items():
        worst = worst_element(expected[name], found[name])
        yield Comparison(name, within, error, tolerances[name], worst)


def worst_element(expected: Array, found: Array) -> str:
    """Where two arrays differ most, the first NaN before all else, and by what."""
    apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    place = tuple(int(index) for index in np.unravel_index(int(apart.argmax()), apart.shape))
    return f"worst at {list(place)}: expected {expected[place]:.6g}, found {found[place]:.6g}"


def _expect_alike(graph: GraphEntry, expected: Arrays, found: Arrays) -> None:
    """Polygraphy leaves out an output that one side lacks, and takes any dtype for another."""
    if expected.keys() != found.keys():
        raise ParityError(
            f"graph {graph.name}: expected the outputs {sorted(expected)}, found {sorted(found)}"
        )
    for name, values in expected.items():
        if (found[name].dtype, found[name].shape) != (values.dtype, values.shape):
            raise ParityError(
                f"graph {graph.name}, output {name}: expected {values.dtype} {values.shape}, "
                f"found {found[name].dtype} {found[name].shape}"
            )
        if not np.isfinite(values).all():  # an infinite tolerance would let everything pass
            raise ParityError(
                f"graph {graph.name}, output {name}: its ONNX file gives NaN or infinity on the CPU"
            )


def _by_root_mean_square(
    graph: GraphEntry, expected: Arrays, found: Arrays, tolerances: Mapping[str, float]
) -> dict[str, tuple[bool, float]]:
    # Polygraphy's L2 norm would be the same measure, but imports torch to take a square, where torch is installed.
    errors = {name: error_of(graph, expected[name], found[name]) for name in expected}
    return {name: (error <= tolerances[name], error) for name, error in errors.items()}


def _by_polygraphy(
    graph: GraphEntry, expected: Arrays, found: Arrays, tolerances: Mapping[str, float]
) -> dict[str, tuple[bool, float]]:
    """Each element by its absolute difference."""
    try:
        import polygraphy.config
        from polygraphy.comparator import Comparator, IterationResult, RunResults, SimpleCompareFunc
        from polygraphy.exception import PolygraphyException
        from polygraphy.logger import G_LOGGER
    except ImportError as error:
        raise MissingPackageError(
            f"comparing an engine: expected the package polygraphy, found none that imports ({error}); "
            f"install it with: pip install '{POLYGRAPHY}'"
        ) from error
    polygraphy.config.AUTOINSTALL_DEPS = False  # an environment variable would let it install what it misses
    scales = {name: scale(values) for name, values in expected.items()}
    # numpy's numbers: of Python's own Polygraphy asks whether they are tensors, and imports torch to know.
    function = SimpleCompareFunc(
        atol={name: np.float64(tolerances[name] * scales[name]) for name in expected}, rtol=np.float64(0)
    )
    runs = RunResults()
    for runner, arrays in (("engine", found), ("onnx", expected)):
        outputs = IterationResult(runner_name=runner)
        outputs.update(arrays)
        runs.append((runner, [outputs]))
    try:
        # It tells everything to the terminal, and divides by expected values, zeros too.
        with G_LOGGER.verbosity(G_LOGGER.CRITICAL + 1), np.errstate(all="ignore"):
            (accuracy,) = Comparator.compare_accuracy(runs, compare_func=function)
    except PolygraphyException as error:
        raise EngineError(
            f"graph {graph.name}: Polygraphy gives up: {' '.join(str(error).split())}"
        ) from error
    (outcomes,) = accuracy["engine", "onnx"]
    return {name: (bool(outcome), outcome.max_absdiff / scales[name]) for name, outcome in outcomes.items()}
