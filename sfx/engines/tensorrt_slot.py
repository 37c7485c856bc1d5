"""One batch size of an engine: an execution context and the buffers at the addresses that it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfx.engines.cuda import DeviceArray, Stream
from sfx.engines.engine import Array
from sfx.engines.manifest import GraphEntry, TensorSpec

Made = Callable[[Any, str], Any]
"""Gives its first argument back, or raises with its second where the first is None or False."""


@dataclass(frozen=True)
class Buffers:
    """One tensor: `host` in page-locked memory and `address` on the GPU."""

    host: Array
    address: int


class Slot:
    """Runs one batch size. A call copies feeds in, runs, copies the wanted results out, all on one stream."""

    def __init__(
        self,
        context: Any,
        stream: Stream,
        graph: GraphEntry,
        wanted: Sequence[str],
        batch: int,
        made: Made,
    ) -> None:
        self._context = context
        self._stream = stream
        self._name = graph.name
        self._made = made
        self._captured: Any = None
        for spec in graph.inputs:
            shape = (batch, *spec.shape[1:])
            made(context.set_input_shape(spec.name, shape), f"input {spec.name} refuses the shape {shape}")
        self._inputs = {spec.name: self._reserve(spec, batch) for spec in graph.inputs}
        # A context needs a place for every output, wanted or not.
        outputs = {spec.name: self._reserve(spec, batch) for spec in graph.outputs}
        self._outputs = {name: outputs[name] for name in wanted}

    def _reserve(self, spec: TensorSpec, batch: int) -> Buffers:
        purpose = f"{spec.name} of graph {self._name}, batch {batch}"
        host = self._stream.pinned_array((batch, *spec.shape[1:]), spec.dtype, purpose)
        buffers = Buffers(host, self._stream.device_buffer(host.nbytes, purpose))
        self._point(spec.name, buffers.address)
        return buffers

    def _point(self, name: str, address: int) -> None:
        self._made(self._context.set_tensor_address(name, address), f"tensor {name} refuses its address")

    def warm_up(self) -> None:
        """Run once on zeros: kernels load or are compiled, and a capture needs a run before it."""
        for buffers in self._inputs.values():
            buffers.host.fill(0)
        self._start(self._inputs)
        self._wait()

    def capture(self) -> None:
        """Record a call as a CUDA graph, which later calls replay."""
        self._captured = self._stream.capture(lambda: self._start(self._inputs))

    def run(self, feeds: Mapping[str, Array | DeviceArray]) -> dict[str, Array]:
        """One call; the results are copies, since the next call writes into the same memory."""
        own: dict[str, Buffers] = {}
        for name, feed in feeds.items():
            if isinstance(feed, DeviceArray):
                if feed.stream is not None:
                    self._stream.wait_for(feed.stream)
                self._point(name, feed.address)
            else:
                own[name] = self._inputs[name]
                np.copyto(own[name].host, feed)
        if self._captured is not None:
            self._stream.replay(self._captured)
        else:
            for name, buffers in own.items():
                self._point(name, buffers.address)
            self._start(own)
        self._wait()
        return {name: buffers.host.copy() for name, buffers in self._outputs.items()}

    def _start(self, copied: Mapping[str, Buffers]) -> None:
        for buffers in copied.values():
            self._stream.to_gpu(buffers.address, buffers.host)
        self._made(self._context.execute_async_v3(self._stream.handle), "the engine does not start")
        for buffers in self._outputs.values():
            self._stream.from_gpu(buffers.host, buffers.address)

    def _wait(self) -> None:
        self._stream.wait(f"running graph {self._name}")
