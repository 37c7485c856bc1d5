"""Everything that sfx asks of TensorRT, TensorRT-RTX and CUDA exists in their real Python bindings.

The names are read off sfx's own source, so that none can be forgotten. TensorRT-RTX and cuda-bindings import
without a GPU and are asked for each name; TensorRT's binary module does not load without its libraries of
2 GB, so there each name is looked for in the module file.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
from pathlib import Path
from typing import Any

import pytest

from sfx.engines import comparing, cuda, tensorrt, tensorrt_builder, tensorrt_library, tensorrt_slot
from sfx.engines.tensorrt_library import Library
from tests.engines.fake_gpu import FakeCuda

SOURCES = (cuda, tensorrt, tensorrt_builder, tensorrt_library, tensorrt_slot)
CLASSES = {
    "module.ComputeCapability": "ComputeCapability",
    "builder": "Builder",
    "network": "INetworkDefinition",
    "layer": "ILayer",
    "quoted[0]": "ILayer",
    "parser": "OnnxParser",
    "error": "ParserError",
    "config": "IBuilderConfig",
    "profile": "IOptimizationProfile",
    "cache": "ITimingCache",
    "self._runtime": "Runtime",
    "self._engine": "ICudaEngine",
    "engine": "ICudaEngine",
    "modes": "TensorIOMode",
    "runtime_config": "IRuntimeConfig",
    "self._new_config()": "IRuntimeConfig",
    "strategies": "CudaGraphStrategy",
    "self._module.DynamicShapesKernelSpecializationStrategy": "DynamicShapesKernelSpecializationStrategy",
    "self._kernels": "IRuntimeCache",
    "context": "IExecutionContext",
    "self._context": "IExecutionContext",
    "module.ILogger": "ILogger",
    "module.IProgressMonitor": "IProgressMonitor",
    "module.NetworkDefinitionCreationFlag": "NetworkDefinitionCreationFlag",
    "module.BuilderFlag": "BuilderFlag",
    "module.MemoryPoolType": "MemoryPoolType",
    "self._module.TensorIOMode": "TensorIOMode",
    "Logger": "ILogger",
    "Monitor": "IProgressMonitor",
}
"""How sfx's source writes an object -> its class in the bindings."""
MODULES = ("module", "self._module")
CUDA = ("self._cuda", "cuda", "runtime")
RTX_ONLY = {
    "create_runtime_cache",
    "cuda_graph_strategy",
    "CudaGraphStrategy",
    "ComputeCapability",
    "DISABLED",
    "DynamicShapesKernelSpecializationStrategy",
    "EAGER",
    "deserialize",
    "dynamic_shapes_kernel_specialization_strategy",
    "num_compute_capabilities",
    "set_compute_capability",
    "set_runtime_cache",
    "WHOLE_GRAPH_CAPTURE",
}


def attributes() -> set[tuple[str, str]]:
    """Every (object, attribute) of sfx's source, and the methods that its subclasses of the bindings define."""
    found = set()
    for source in SOURCES:
        tree = ast.parse(Path(str(source.__file__)).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                found.add((ast.unparse(node.value), node.attr))
            if isinstance(node, ast.ClassDef) and node.name in CLASSES:
                methods = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
                found |= {(node.name, method) for method in methods}
    return found


def used(names: tuple[str, ...]) -> set[str]:
    """What is asked of modules written as `names`, Python's own attributes left out."""
    return {name for owner, name in attributes() if owner in names and not name.startswith("__")}


def used_of_classes() -> set[tuple[str, str]]:
    """(class, attribute) of the bindings."""
    pairs = {(CLASSES[owner], name) for owner, name in attributes() if owner in CLASSES}
    return {(kind, name) for kind, name in pairs if not name.startswith("__")}


def test_the_source_was_read() -> None:
    assert {"Builder", "Runtime", "OnnxParser", "ComputeCapability"} <= used(MODULES)
    assert ("IExecutionContext", "execute_async_v3") in used_of_classes()
    assert len(used_of_classes()) > 35


@pytest.mark.parametrize("name", sorted(used(MODULES)))
def test_tensorrt_rtx_has(name: str) -> None:
    import tensorrt_rtx

    assert hasattr(tensorrt_rtx, name)


@pytest.mark.parametrize(("kind", "name"), sorted(used_of_classes()))
def test_tensorrt_rtx_class_has(kind: str, name: str) -> None:
    import tensorrt_rtx

    assert hasattr(getattr(tensorrt_rtx, kind), name)


@pytest.fixture(scope="module")
def tensorrt_binary() -> bytes:
    files: Any = importlib.metadata.files("tensorrt-cu13-bindings")
    (module,) = (file for file in files if file.name in ("tensorrt.so", "tensorrt.pyd"))
    return bytes(Path(module.locate()).read_bytes())


@pytest.mark.parametrize(
    "name", sorted({*used(MODULES), *(name for _, name in used_of_classes())} - RTX_ONLY)
)
def test_tensorrt_has_the_name(name: str, tensorrt_binary: bytes) -> None:
    in_python = {"nptype"}  # defined beside the binary module
    assert name in in_python or name.encode() + b"\0" in tensorrt_binary


def test_tensorrt_lacks_what_only_rtx_has(tensorrt_binary: bytes) -> None:
    """Else the two rows of sfx's table would not need two classes."""
    assert b"set_compute_capability\0" not in tensorrt_binary


def test_tensorrt_is_a_supported_version() -> None:
    version = importlib.metadata.version("tensorrt-cu13-bindings")
    supported: Library = tensorrt_library.LIBRARIES["tensorrt"]
    assert int(version.split(".")[0]) in supported.majors
    assert tensorrt_library.LIBRARIES["tensorrt-rtx"].load().__version__


@pytest.mark.parametrize("name", sorted(used(CUDA)))
def test_cuda_bindings_have(name: str) -> None:
    from cuda.bindings import runtime

    assert hasattr(runtime, name)
    assert hasattr(FakeCuda, name)


def test_cuda_statuses_are_the_real_ones() -> None:
    from cuda.bindings import runtime

    from tests.engines.fake_gpu import Status

    for status in Status:
        assert int(getattr(runtime.cudaError_t, status.name)) == status
    for name in cuda._HINTS:
        assert hasattr(runtime.cudaError_t, name)


def test_cuda_bindings_take_the_arguments_that_sfx_gives() -> None:
    """Without a driver each call answers with a status, once its arguments were accepted."""
    if cuda.driver_present():
        pytest.skip("with a driver these made-up handles would reach it")
    from cuda.bindings import runtime

    stream, graph = runtime.cudaStream_t(5), runtime.cudaGraph_t(6)
    executable, mode = runtime.cudaGraphExec_t(7), runtime.cudaStreamCaptureMode
    calls = {
        "cudaSetDevice": (0,),
        "cudaGetDeviceProperties": (0,),
        "cudaStreamCreateWithFlags": (runtime.cudaStreamNonBlocking,),
        "cudaStreamDestroy": (stream,),
        "cudaStreamSynchronize": (17,),
        "cudaMalloc": (8,),
        "cudaMallocHost": (8,),
        "cudaFree": (4096,),
        "cudaFreeHost": (4096,),
        "cudaMemcpyAsync": (4096, 8192, 8, runtime.cudaMemcpyKind.cudaMemcpyHostToDevice, stream),
        "cudaStreamBeginCapture": (stream, mode.cudaStreamCaptureModeThreadLocal),
        "cudaStreamEndCapture": (stream,),
        "cudaGraphInstantiate": (graph, 0),
        "cudaGraphDestroy": (graph,),
        "cudaGraphLaunch": (executable, stream),
        "cudaGraphExecDestroy": (executable,),
    }
    for name, arguments in calls.items():
        status, *_ = getattr(runtime, name)(*arguments)
        assert status == runtime.cudaError_t.cudaErrorInsufficientDriver, name


def test_polygraphy_has_what_sfx_asks_of_it() -> None:
    """Its names moved between 0.50 and 0.53; what they do, `test_comparing` tests."""
    tree = ast.parse(Path(str(comparing.__file__)).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    asked = [
        (str(node.module), alias.name)
        for node in imports
        for alias in node.names
        if str(node.module).startswith("polygraphy")
    ]
    assert len(asked) > 5
    for module, name in asked:
        assert hasattr(importlib.import_module(module), name)
    from polygraphy.comparator import OutputCompareResult, SimpleCompareFunc

    assert {"atol", "rtol"} <= inspect.signature(SimpleCompareFunc).parameters.keys()
    assert "max_absdiff" in inspect.signature(OutputCompareResult).parameters
