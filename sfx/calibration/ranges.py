"""What goes through a graph: the range of every tensor around a convolution, over a calibration set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.packages import import_onnx, import_onnxruntime
from sfx.errors import ParityError

PERCENTILES = (0.1, 1.0, 50.0, 99.0, 99.9)
FP16_LARGEST = 65504.0
SAMPLED = 1 << 16
"""Values that each run adds to a tensor's sample, evenly strided: what percentiles and the clip are taken from."""
_CLIPS = np.linspace(1.0, 0.3, 36)
"""Candidates for the clip, as shares of the largest magnitude."""
INT8_LEVELS = 127

Values = NDArray[np.float32]


@dataclass(frozen=True)
class TensorRange:
    """The values of one tensor: extremes and the share beyond FP16 over all of them, the rest over a sample.

    `shape` without the batch; `percentiles` those of `PERCENTILES`; `clip` the magnitude that INT8's largest level
    should stand for, so that rounding and clipping together do the least squared error.
    """

    graph: str
    tensor: str
    shape: tuple[int, ...]
    lowest: float
    highest: float
    percentiles: tuple[float, ...]
    beyond_fp16: float
    clip: float


def record_ranges(
    graph: str, model: Any, tensors: Sequence[str], feeds: Iterable[Mapping[str, Any]]
) -> dict[str, TensorRange]:
    """Run an onnx.ModelProto on every feed (batch 1) with ONNX Runtime, and keep the range of each named tensor.

    At the published size one run holds up to 1.5 GB of tensors. Raises ParityError for a tensor with NaN or infinity,
    MissingPackageError without ONNX Runtime.
    """
    gathered = {name: _Gathered(graph, name) for name in tensors}
    for run in exposed_runs(model, tensors, feeds):
        for name, values in run.items():
            gathered[name].add(values)
    return {name: one.range() for name, one in gathered.items()}


def exposed_runs(
    model: Any, tensors: Sequence[str], feeds: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Values]]:
    """The named tensors of an onnx.ModelProto for every feed, by ONNX Runtime, as FP32. Raises MissingPackageError."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    content = _exposing(model, tensors).SerializeToString()
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    for feed in feeds:
        # A graph's input is no output that ONNX Runtime would give.
        inner = [name for name in tensors if name not in feed]
        found = {**feed, **dict(zip(inner, session.run(inner, dict(feed)), strict=True))}
        yield {name: found[name].astype(np.float32, copy=False) for name in tensors}


def _exposing(model: Any, tensors: Sequence[str]) -> Any:
    """A copy of the model whose named tensors are outputs too."""
    onnx = import_onnx()
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    known = {value.name for value in (*exposed.graph.output, *exposed.graph.input)}
    for name in tensors:
        if name not in known:
            exposed.graph.output.append(onnx.ValueInfoProto(name=name))  # ONNX Runtime infers its type
    return exposed


class _Gathered:
    """One tensor's values, run after run."""

    def __init__(self, graph: str, tensor: str) -> None:
        self._graph = graph
        self._tensor = tensor
        self._shape: tuple[int, ...] = ()
        self._lowest = np.inf
        self._highest = -np.inf
        self._beyond = 0
        self._count = 0
        self._sample: list[Values] = []

    def add(self, values: Values) -> None:
        lowest, highest = float(values.min()), float(values.max())
        if not np.isfinite([lowest, highest]).all():
            raise ParityError(
                f"graph {self._graph}, tensor {self._tensor}: expected finite values, found NaN or infinity"
            )
        self._shape = values.shape[1:]
        self._lowest, self._highest = min(self._lowest, lowest), max(self._highest, highest)
        if max(-lowest, highest) > FP16_LARGEST:
            self._beyond += int((np.abs(values) > FP16_LARGEST).sum())
        self._count += values.size
        self._sample.append(values.reshape(-1)[:: -(-values.size // SAMPLED)].copy())

    def range(self) -> TensorRange:
        sample = np.concatenate(self._sample)
        return TensorRange(
            graph=self._graph,
            tensor=self._tensor,
            shape=self._shape,
            lowest=self._lowest,
            highest=self._highest,
            percentiles=tuple(float(value) for value in np.percentile(sample, PERCENTILES)),
            beyond_fp16=self._beyond / self._count,
            clip=best_clip(sample, max(-self._lowest, self._highest)),
        )


def best_clip(sample: Values, largest: float) -> float:
    """The clip, 0.3 to 1 times `largest`, at which symmetric INT8 has the least squared error on the sample."""
    if largest == 0.0:
        return 1.0
    errors = [_squared_error(sample, largest * share) for share in _CLIPS]
    return float(largest * _CLIPS[int(np.argmin(errors))])


def _squared_error(sample: Values, clip: float) -> float:
    step = clip / INT8_LEVELS
    rounded = np.clip(np.rint(sample / step), -INT8_LEVELS, INT8_LEVELS) * step
    return float(np.square(sample - rounded, dtype=np.float64).sum())
