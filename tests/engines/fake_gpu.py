"""TensorRT and CUDA over host memory, for testing what sfx does with them.

What is started on a stream runs only when the stream is waited for, as on a GPU: a result that is read too
early is wrong here too. Addresses are those at the time of the start; a captured graph keeps its own. Plan
files are ONNX files, computed by ONNX Runtime. Any call can be made to fail by its name.
"""

# ruff: noqa: N802, N815 (the names are CUDA's and TensorRT's own)
from __future__ import annotations

import ctypes
import enum
import json
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from sfx.engines.bundle import Bundle
from sfx.engines.manifest import BundleFile, PlanEntry

VERSIONS = {"tensorrt": "11.4.0.106", "tensorrt-rtx": "1.7.1.116"}
"""Of the fake libraries."""


class Status(enum.IntEnum):
    """The names and numbers of CUDA's own codes."""

    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorDevicesUnavailable = 46
    cudaErrorNoDevice = 100
    cudaErrorInvalidDevice = 101
    cudaErrorLaunchFailure = 719


Work = Callable[[], None]


class FakeCuda:
    """Stands for `cuda.bindings.runtime`."""

    cudaStreamNonBlocking = 1
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self, capability: tuple[int, int] = (8, 9)) -> None:
        self.capability = capability
        self.failures: dict[str, Status] = {}
        self.memory: dict[int, Any] = {}
        self.streams: set[int] = set()
        self.graphs: dict[int, list[Work]] = {}
        self.pending: list[Work] = []
        self.capturing: list[Work] | None = None
        self.calls: list[str] = []
        self._next = 1000

    def _did(self, name: str, *values: Any) -> tuple[Any, ...]:
        self.calls.append(name)
        status = self.failures.get(name, Status.cudaSuccess)
        return (status, *(values if status == 0 else [None] * len(values)))

    def _number(self) -> int:
        self._next += 1
        return self._next

    def start(self, work: Work) -> None:
        (self.pending if self.capturing is None else self.capturing).append(work)

    def _reserve(self, name: str, size: int) -> tuple[Any, ...]:
        buffer = (ctypes.c_uint8 * max(size, 1))()
        address = ctypes.addressof(buffer)
        if name not in self.failures:
            self.memory[address] = buffer
        return self._did(name, address)

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:
        return self._did("cudaGetDeviceCount", 1)

    def cudaDriverGetVersion(self) -> tuple[Any, ...]:
        return self._did("cudaDriverGetVersion", 13020)

    def cudaGetDeviceProperties(self, index: int) -> tuple[Any, ...]:
        major, minor = self.capability
        properties = SimpleNamespace(name=b"Fake GPU", major=major, minor=minor, totalGlobalMem=8 << 30)
        return self._did("cudaGetDeviceProperties", properties)

    def cudaSetDevice(self, index: int) -> tuple[Any, ...]:
        return self._did("cudaSetDevice")

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        stream = self._number()
        if "cudaStreamCreateWithFlags" not in self.failures:
            self.streams.add(stream)
        return self._did("cudaStreamCreateWithFlags", stream)

    def cudaStreamDestroy(self, stream: int) -> tuple[Any, ...]:
        self.streams.remove(stream)
        return self._did("cudaStreamDestroy")

    def cudaStreamSynchronize(self, stream: int) -> tuple[Any, ...]:
        while self.pending:
            self.pending.pop(0)()
        return self._did("cudaStreamSynchronize")

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:
        return self._reserve("cudaMalloc", size)

    def cudaMallocHost(self, size: int) -> tuple[Any, ...]:
        return self._reserve("cudaMallocHost", size)

    def cudaFree(self, address: int) -> tuple[Any, ...]:
        del self.memory[address]
        return self._did("cudaFree")

    def cudaFreeHost(self, address: int) -> tuple[Any, ...]:
        del self.memory[address]
        return self._did("cudaFreeHost")

    def cudaMemcpyAsync(self, to: int, source: int, size: int, kind: int, stream: int) -> tuple[Any, ...]:
        assert stream in self.streams
        self.start(lambda: ctypes.memmove(to, source, size) and None)
        return self._did("cudaMemcpyAsync")

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> tuple[Any, ...]:
        self.capturing = []
        return self._did("cudaStreamBeginCapture")

    def cudaStreamEndCapture(self, stream: int) -> tuple[Any, ...]:
        captured, self.capturing = self.capturing, None
        graph = self._number()
        if "cudaStreamEndCapture" not in self.failures:
            self.graphs[graph] = captured or []
        return self._did("cudaStreamEndCapture", graph)

    def cudaGraphInstantiate(self, graph: int, flags: int) -> tuple[Any, ...]:
        executable = self._number()
        if "cudaGraphInstantiate" not in self.failures:
            self.graphs[executable] = self.graphs[graph]
        return self._did("cudaGraphInstantiate", executable)

    def cudaGraphDestroy(self, graph: int) -> tuple[Any, ...]:
        del self.graphs[graph]
        return self._did("cudaGraphDestroy")

    def cudaGraphExecDestroy(self, executable: int) -> tuple[Any, ...]:
        del self.graphs[executable]
        return self._did("cudaGraphExecDestroy")

    def cudaGraphLaunch(self, executable: int, stream: int) -> tuple[Any, ...]:
        for work in self.graphs[executable]:
            self.start(work)
        return self._did("cudaGraphLaunch")


class FakeTensorRt:
    """Stands for the module `tensorrt` or `tensorrt_rtx`."""

    TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")
    CudaGraphStrategy = SimpleNamespace(WHOLE_GRAPH_CAPTURE="whole", DISABLED="disabled")
    DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")

    class ILogger:
        ERROR, INTERNAL_ERROR = "error", "internal error"

        def log(self, severity: str, message: str) -> None: ...

    def __init__(self, name: str, version: str, cuda: FakeCuda) -> None:
        self.__name__ = name
        self.__version__ = version
        self.cuda = cuda
        self.failures: set[str] = set()
        self.alive: list[str] = []
        self.freed: list[str] = []
        """What was freed, in that order."""
        self.logger: weakref.ref[Any] | None = None
        """The first that it was given: it writes through that one whatever comes later, as TensorRT may."""
        self.kept: bytes | None = None
        """The runtime cache that an engine was given."""
        self.strategies: list[tuple[str, str]] = []
        """How each context of TensorRT-RTX captures graphs and specialises kernels."""

    @staticmethod
    def nptype(dtype: str) -> type[np.generic]:
        return {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}[dtype]

    def Runtime(self, logger: Any) -> Any:
        self.logger = self.logger or weakref.ref(logger)
        return FakeRuntime(self)

    def allowed(self, name: str) -> bool:
        if name in self.failures:
            logger = self.logger() if self.logger else None
            assert logger is not None, "TensorRT would write through a pointer to a logger that was freed"
            logger.log("error", f"{name} failed\n  on purpose")
        return name not in self.failures

    def _deserialize(self, plan: bytes) -> FakeEngine | None:
        return FakeEngine(self, plan) if self.allowed("deserialize_cuda_engine") else None


class Counted:
    """An object of a library that tells it when it is freed."""

    kind = ""

    def __init__(self, module: FakeTensorRt) -> None:
        self.module = module
        module.alive.append(self.kind)

    def __del__(self) -> None:
        self.module.alive.remove(self.kind)
        self.module.freed.append(self.kind)


class FakeRuntime(Counted):
    """An `IRuntime`."""

    kind = "runtime"

    def deserialize_cuda_engine(self, plan: bytes) -> FakeEngine | None:
        return self.module._deserialize(plan)


class FakeEngine(Counted):
    """An `ICudaEngine` whose plan is an ONNX file."""

    kind = "engine"

    def __init__(self, module: FakeTensorRt, plan: bytes) -> None:
        super().__init__(module)
        self.session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        self.tensors = {tensor.name: tensor for tensor in (*inputs, *outputs)}
        self.inputs = [tensor.name for tensor in inputs]
        self.num_io_tensors = len(self.tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name in self.inputs else "out"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *self.tensors[name].shape[1:])

    def get_tensor_dtype(self, name: str) -> str:
        return str(self.tensors[name].type)

    def create_execution_context(self, config: Any = None) -> FakeContext | None:
        return FakeContext(self, config) if self.module.allowed("create_execution_context") else None

    def create_runtime_config(self) -> Any:
        def keep(cache: Any) -> bool:
            self.module.kept = cache.content
            return self.module.allowed("set_runtime_cache")

        return SimpleNamespace(create_runtime_cache=lambda: FakeKernels(self.module), set_runtime_cache=keep)


class FakeKernels(Counted):
    """An `IRuntimeCache`."""

    kind = "kernels"
    content = b""

    def deserialize(self, content: bytes) -> bool:
        self.content = content
        return True

    def serialize(self) -> bytes:
        return self.content + b"kernel;"


class FakeContext(Counted):
    """An `IExecutionContext`."""

    kind = "context"

    def __init__(self, engine: FakeEngine, config: Any) -> None:
        super().__init__(engine.module)
        self.engine = engine
        if config is not None:
            chosen = (config.cuda_graph_strategy, config.dynamic_shapes_kernel_specialization_strategy)
            engine.module.strategies.append(chosen)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return self.engine.module.allowed("set_input_shape")

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return self.engine.module.allowed("set_tensor_address")

    def execute_async_v3(self, stream: int) -> bool:
        cuda, addresses, shapes = self.engine.module.cuda, dict(self.addresses), dict(self.shapes)
        assert stream in cuda.streams
        assert addresses.keys() == self.engine.tensors.keys()
        session, tensors = self.engine.session, self.engine.tensors

        def view(name: str, shape: tuple[int, ...]) -> np.ndarray:
            dtype = np.dtype(FakeTensorRt.nptype(tensors[name].type))
            size = int(np.prod(shape)) * dtype.itemsize
            memory = (ctypes.c_uint8 * size).from_address(addresses[name])
            return np.ndarray(shape, dtype, buffer=memory)

        def work() -> None:
            results = session.run(None, {name: view(name, shape) for name, shape in shapes.items()})
            for tensor, result in zip(session.get_outputs(), results, strict=True):
                view(tensor.name, result.shape)[...] = result

        cuda.start(work)
        return self.engine.module.allowed("execute_async_v3")


@dataclass(frozen=True)
class FakeArray:
    """An array on the fake GPU, as cupy or torch would give it."""

    array: np.ndarray
    strides: tuple[int, ...] | None = None
    stream: int | None = None

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.array.shape,
            "typestr": self.array.dtype.str,
            "data": (self.array.ctypes.data, False),
            "strides": self.strides,
            "stream": self.stream,
            "version": 3,
        }


def add_fake_plans(
    path: Path, target: str, version: str, capabilities: tuple[str, ...], max_batch: int = 8
) -> Bundle:
    """Enter plans into the bundle at `path` that `FakeTensorRt` runs: its own ONNX files."""
    bundle = Bundle.open(path)
    plans = tuple(
        PlanEntry(
            entry.name,
            target,
            BundleFile(entry.file.path, entry.file.bytes, entry.file.sha256),
            entry.file.sha256,
            version,
            capabilities,
            max_batch,
            entry.file.sha256,
        )
        for entry in bundle.manifest.graphs
    )
    manifest = replace(bundle.manifest, plans=(*bundle.manifest.plans, *plans))
    (path / "manifest.json").write_text(manifest.to_json())
    assert json.loads((path / "manifest.json").read_text())["plans"]
    return Bundle.open(path)
