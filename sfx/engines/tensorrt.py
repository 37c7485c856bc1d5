"""Engines compiled by TensorRT or TensorRT-RTX, on an NVIDIA GPU. Needs `sfx[tensorrt]` or `sfx[tensorrt-rtx]`.

For each batch size in use there is one execution context with its buffers, made once and never moved
(`tensorrt_slot`). On TensorRT the copies and kernels of a call are captured as one CUDA graph and replayed;
TensorRT-RTX captures for itself, and the kernels that it compiles for the GPU at the first run are kept in
the cache directory.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sfx.engines.bundle import Bundle
from sfx.engines.cache import cache_directory
from sfx.engines.compiled import usable_plan
from sfx.engines.cuda import DeviceArray, Gpu, Stream
from sfx.engines.engine import Array, Device, check_feeds
from sfx.engines.files import write_whole
from sfx.engines.manifest import GraphEntry, Manifest
from sfx.engines.tensorrt_library import LIBRARIES, logger_of
from sfx.engines.tensorrt_slot import Slot
from sfx.errors import EngineError

_log = logging.getLogger(__name__)


class TensorRtEngine:
    """One graph's engine on one GPU.

    Feeds are numpy arrays, or any object with `__cuda_array_interface__` on the same GPU, which is read where
    it lies: it must stay unchanged until the call returns. Outputs are numpy arrays that belong to the caller.
    Not for two threads at once.
    """

    backend = "tensorrt"

    def __init__(
        self,
        bundle: Bundle,
        graph: GraphEntry,
        device: Device,
        precision: str,
        batch: int = 1,
        calls: int | None = None,
        output: str | None = None,
    ) -> None:
        self.device = str(device)
        self.precision = graph.precision
        self.inputs = {spec.name: spec for spec in graph.inputs}
        # A plan computes all of them; only those that are wanted are copied back.
        self.outputs = {spec.name: spec for spec in graph.wanted(output)}
        self._module = LIBRARIES[self.backend].load()
        self._gpu = Gpu.open(device.index)
        version, capability = self._module.__version__, self._gpu.capability
        self._plan = usable_plan(bundle.manifest, graph, self.backend, version, capability)
        self._graph = graph
        self._path = bundle.checked(self._plan.file)
        self._logger, self._messages = logger_of(self._module)
        self._slots: dict[tuple[int, bool], Slot] = {}
        self._runtime: Any = None
        self._engine: Any = None
        self._stream: Stream | None = Stream(device.index)
        try:
            self._open()
            self._slot(batch, foreign=False)
        except BaseException:
            self.close()
            raise

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Kinds of device that this backend can run on here. Raises EngineError without the package or a GPU."""
        LIBRARIES[cls.backend].load()
        Gpu.open(0)
        return ("cuda",)

    def __call__(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        if self._stream is None:
            raise EngineError(f"graph {self._graph.name}: the engine was closed")
        found = {
            name: DeviceArray.of(name, feed) if hasattr(feed, "__cuda_array_interface__") else feed
            for name, feed in feeds.items()
        }
        batch = check_feeds(self._graph.name, self.inputs, found)
        foreign = any(isinstance(feed, DeviceArray) for feed in found.values())
        self._stream.use()
        return self._slot(batch, foreign=foreign).run(found)

    def close(self) -> None:
        """Free graphs, buffers and stream, then contexts, kernels, engine, runtime; a second call does nothing."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        # After a fault on the GPU every call fails the same way; the first error has said so.
        with contextlib.suppress(EngineError):
            stream.wait("waiting for the engine to finish")
        self._keep()
        with contextlib.suppress(EngineError):
            stream.close()
        self._slots.clear()
        self._kernels = None
        self._engine = None
        self._runtime = None

    def _open(self) -> None:
        """Load the plan and check that it is the graph's."""
        self._runtime = self._made(self._module.Runtime(self._logger), "no runtime")
        engine = self._runtime.deserialize_cuda_engine(self._path.read_bytes())
        self._engine = self._made(engine, "it cannot be loaded")
        self._check_tensors()

    def _slot(self, batch: int, *, foreign: bool) -> Slot:
        """The context and buffers of one batch size; `foreign` where inputs lie in memory of the caller's."""
        if batch > self._plan.max_batch:
            raise EngineError(
                f"{self._path}: expected a batch of at most {self._plan.max_batch}, found {batch}; "
                f"compile with --max-batch {batch}"
            )
        if (batch, foreign) not in self._slots:
            assert self._stream is not None
            context = self._made(self._new_context(foreign=foreign), "no execution context")
            slot = Slot(context, self._stream, self._graph, tuple(self.outputs), batch, self._made)
            slot.warm_up()
            if self._captures and not foreign:
                slot.capture()
            self._slots[batch, foreign] = slot
        return self._slots[batch, foreign]

    _captures = True
    """Whether a call is captured here; TensorRT-RTX does it inside."""
    _kernels: Any = None
    """The runtime cache of TensorRT-RTX."""

    def _new_context(self, *, foreign: bool) -> Any:
        # One for each batch size: a captured graph holds for the shapes that its context had.
        return self._engine.create_execution_context()

    def _keep(self) -> None:
        """Keep what the engine learnt on this GPU; TensorRT learns when it builds."""

    def _made(self, value: Any, failure: str) -> Any:
        """`value`, unless it is None or False, by which TensorRT reports failure; raises EngineError."""
        if value is None or value is False:
            raise EngineError(f"{self._path}: {self._module.__name__}: {failure}: {self._messages.take()}")
        return value

    def _check_tensors(self) -> None:
        """Raise EngineError where the engine's tensors are not the graph's."""
        engine, modes = self._engine, self._module.TensorIOMode
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        outputs = {spec.name: spec for spec in self._graph.outputs}
        for specs, mode in ((self.inputs, modes.INPUT), (outputs, modes.OUTPUT)):
            found = {name for name in names if engine.get_tensor_mode(name) == mode}
            if found != set(specs):
                raise EngineError(
                    f"{self._path}: expected the tensors {sorted(specs)}, found {sorted(found)}"
                )
            for name, spec in specs.items():
                shape = tuple(engine.get_tensor_shape(name))
                dtype = np.dtype(self._module.nptype(engine.get_tensor_dtype(name)))
                if shape != spec.shape or dtype != np.dtype(spec.dtype):
                    raise EngineError(
                        f"{self._path}, tensor {name}: expected {spec.dtype} {spec.shape}, found {dtype} {shape}"
                    )


class TensorRtRtxEngine(TensorRtEngine):
    """The same on TensorRT-RTX."""

    backend = "tensorrt-rtx"
    _captures = False
    _kept = b""

    def _open(self) -> None:
        super()._open()
        self._kernels = self._made(self._new_config().create_runtime_cache(), "no runtime cache")
        kept = self._kernel_file()
        if kept is not None and kept.is_file():
            self._kept = kept.read_bytes()
            # False for another driver or GPU: then the kernels are compiled anew, which costs time only.
            self._kernels.deserialize(self._kept)

    def _new_config(self) -> Any:
        return self._made(self._engine.create_runtime_config(), "no runtime configuration")

    def _new_context(self, *, foreign: bool) -> Any:
        runtime_config = self._new_config()
        strategies = self._module.CudaGraphStrategy
        # A captured graph holds for the addresses that it was captured with, and a caller's may change.
        runtime_config.cuda_graph_strategy = (
            strategies.DISABLED if foreign else strategies.WHOLE_GRAPH_CAPTURE
        )
        # The kernels for a shape are compiled in its warm-up and so are kept; lazily they would come some time later.
        eager = self._module.DynamicShapesKernelSpecializationStrategy.EAGER
        runtime_config.dynamic_shapes_kernel_specialization_strategy = eager
        self._made(runtime_config.set_runtime_cache(self._kernels), "the runtime cache is refused")
        return self._engine.create_execution_context(runtime_config)

    def _keep(self) -> None:
        file = self._kernel_file()
        if file is None or not self._slots:
            return
        kernels = bytes(self._kernels.serialize())
        if kernels == self._kept:
            return
        try:
            write_whole(file, kernels)
        except EngineError as error:
            _log.warning("%s; every start will compile kernels anew", error)

    def _kernel_file(self) -> Path | None:
        """Where kernels compiled for this engine on this GPU are kept; None without a cache."""
        cache = cache_directory()
        name = f"{self._plan.key}-sm{self._gpu.capability_text}.cache"
        return cache / self.backend / name if cache is not None else None


def check_usable(manifest: Manifest, target: str, device: Device) -> None:
    """Raise EngineError, saying why, unless every graph has an engine for `target` that runs on `device`."""
    version = LIBRARIES[target].load().__version__
    capability = Gpu.open(device.index).capability
    for graph in manifest.graphs:
        usable_plan(manifest, graph, target, version, capability)
