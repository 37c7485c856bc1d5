"""The one seam: an engine is a callable from named arrays to named arrays, plus `close()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sfx.engines.manifest import TensorSpec
from sfx.errors import EngineError, InputError

Array = NDArray[Any]
Feeds = Mapping[str, Any]
"""Arrays by input name; what else than numpy arrays a backend takes, its file says."""

PRECISIONS = ("fp32", "bf16", "fp16")
"""Arithmetic that a backend may be asked for: CPUs have the first two, compiled engines what was exported."""


@runtime_checkable
class Engine(Protocol):
    """Runs one graph. Every array has the batch on its first axis.

    Outputs are fresh arrays that belong to the caller. A call raises EngineError where a feed is missing,
    foreign, or of another dtype or shape than `inputs` says.
    """

    backend: str
    device: str
    precision: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]

    def __call__(self, feeds: Feeds) -> dict[str, Array]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Device:
    """Where an engine runs: `cpu`, or `cuda` with the number of the GPU."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @classmethod
    def parse(cls, text: str) -> Device:
        """`cpu`, `cuda` or `cuda:N`. Raises InputError for anything else."""
        kind, _, index = text.partition(":")
        if text == "cpu" or (kind == "cuda" and (index.isdecimal() or text == "cuda")):
            return cls(kind, int(index or 0))
        raise InputError(f"device: expected cpu, cuda or cuda:N, found '{text}'")


def check_feeds(graph: str, inputs: Mapping[str, TensorSpec], feeds: Feeds) -> int:
    """Check `feeds` against `inputs` and return their common batch size; raises EngineError."""
    if feeds.keys() != inputs.keys():
        raise EngineError(f"graph {graph}: expected the inputs {sorted(inputs)}, found {sorted(feeds)}")
    batches = set()
    for name, spec in inputs.items():
        array = feeds[name]
        if (
            array.dtype != np.dtype(spec.dtype)
            or array.ndim != len(spec.shape)
            or array.shape[1:] != spec.shape[1:]
        ):
            expected = ", ".join(["B", *map(str, spec.shape[1:])])
            raise EngineError(
                f"graph {graph}, input {name}: expected {spec.dtype} ({expected}), found {array.dtype} {array.shape}"
            )
        batches.add(array.shape[0])
    if len(batches) != 1 or 0 in batches:
        raise EngineError(f"graph {graph}: expected one batch size of at least 1, found {sorted(batches)}")
    return int(batches.pop())
