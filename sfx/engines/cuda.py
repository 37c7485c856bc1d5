"""The few CUDA calls that running an engine takes, over `cuda-bindings`: memory, one stream, copies, graphs.

Every call's return value is checked; what a person can mend is said in the error. Sizes are in bytes.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfx.engines.engine import Array
from sfx.errors import EngineError, MissingPackageError

_HINTS = {
    "cudaErrorMemoryAllocation": "out of GPU memory; use a smaller batch, or close what else uses the GPU",
    "cudaErrorInsufficientDriver": "the NVIDIA driver is missing or too old; 'sfx doctor' says what is there",
    "cudaErrorNoDevice": "no NVIDIA GPU found",
    "cudaErrorInvalidDevice": "no GPU with that number",
    "cudaErrorDevicesUnavailable": "the GPU is busy or locked by another process",
}
_LOST = "the GPU was lost or gave a wrong result; start the program again"


def bindings() -> Any:
    """`cuda.bindings.runtime`. Raises MissingPackageError where it is not installed."""
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise MissingPackageError(
            f"CUDA: expected the package cuda-bindings, found none that imports ({error}); "
            "install it with: pip install 'sfx[tensorrt]' or 'sfx[tensorrt-rtx]'"
        ) from error
    return runtime


def checked(result: tuple[Any, ...], what: str) -> Any:
    """The value of a call to `cuda.bindings.runtime`, which returns (status, value...); raises EngineError."""
    status, *values = result
    if int(status) != 0:
        hint = _HINTS.get(status.name, _LOST)
        raise EngineError(f"CUDA: {what} failed: {hint} ({status.name})")
    return values[0] if len(values) == 1 else None


@dataclass(frozen=True)
class Gpu:
    """One GPU: its number, name, compute capability and memory."""

    index: int
    name: str
    capability: tuple[int, int]
    memory: int

    @property
    def capability_text(self) -> str:
        """Such as "8.9"."""
        return f"{self.capability[0]}.{self.capability[1]}"

    @classmethod
    def open(cls, index: int) -> Gpu:
        """Look at GPU `index`. Raises EngineError where there is none, or no driver."""
        cuda = bindings()
        count = checked(cuda.cudaGetDeviceCount(), "looking for a GPU")
        if index >= count:
            raise EngineError(f"CUDA: expected the number of a GPU, 0 to {count - 1}, found {index}")
        properties = checked(cuda.cudaGetDeviceProperties(index), f"asking GPU {index} what it is")
        name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
        return cls(index, name, (properties.major, properties.minor), properties.totalGlobalMem)


def driver_present() -> bool:
    """Whether an NVIDIA driver's library loads; needs no package and takes well under a millisecond."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def driver_version() -> tuple[int, int] | None:
    """The newest CUDA version that the installed driver runs, or None without a driver."""
    number = checked(bindings().cudaDriverGetVersion(), "asking for the driver's version")
    return (number // 1000, number % 1000 // 10) if number else None


class Stream:
    """A stream of one GPU, with what is allocated for it; freed by `close` in the opposite order."""

    def __init__(self, index: int) -> None:
        self._cuda = bindings()
        self._index = index
        self._frees: list[Callable[[], None]] = []
        self.use()
        flags = self._cuda.cudaStreamNonBlocking
        self.handle = checked(self._cuda.cudaStreamCreateWithFlags(flags), "making a stream")
        self._frees.append(lambda: self._free(self._cuda.cudaStreamDestroy, self.handle))

    def use(self) -> None:
        """Make this stream's GPU the calling thread's own; CUDA keeps that choice for each thread."""
        checked(self._cuda.cudaSetDevice(self._index), f"choosing GPU {self._index}")

    def device_buffer(self, size: int, purpose: str) -> int:
        """The address of `size` bytes on the GPU."""
        address = int(checked(self._cuda.cudaMalloc(size), f"reserving {size / 1e6:.1f} MB for {purpose}"))
        self._frees.append(lambda: self._free(self._cuda.cudaFree, address))
        return address

    def pinned_array(self, shape: tuple[int, ...], dtype: str, purpose: str) -> Array:
        """An array in page-locked memory, which the GPU reads and writes at full speed."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = checked(
            self._cuda.cudaMallocHost(size), f"reserving {size / 1e6:.1f} MB of host memory for {purpose}"
        )
        self._frees.append(lambda: self._free(self._cuda.cudaFreeHost, address))
        memory = (ctypes.c_uint8 * size).from_address(int(address))
        array: Array = np.ndarray(shape, dtype, buffer=memoryview(memory))
        return array

    def to_gpu(self, address: int, array: Array) -> None:
        """Start copying a pinned array to the GPU."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        status = self._cuda.cudaMemcpyAsync(address, array.ctypes.data, array.nbytes, kind, self.handle)
        checked(status, "copying to the GPU")

    def from_gpu(self, array: Array, address: int) -> None:
        """Start copying from the GPU into a pinned array."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        status = self._cuda.cudaMemcpyAsync(array.ctypes.data, address, array.nbytes, kind, self.handle)
        checked(status, "copying from the GPU")

    def wait(self, what: str) -> None:
        """Wait until everything started here is done; errors of kernels show here."""
        checked(self._cuda.cudaStreamSynchronize(self.handle), what)

    def wait_for(self, other: int) -> None:
        """Wait for another stream, whose handle came with an array."""
        checked(self._cuda.cudaStreamSynchronize(other), "waiting for the stream of an input")

    def capture(self, work: Callable[[], None]) -> Any:
        """Record `work` as a CUDA graph, without running it; returns what `replay` takes."""
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        checked(self._cuda.cudaStreamBeginCapture(self.handle, mode), "starting to capture a graph")
        try:
            work()
        except EngineError:
            # Only so that the stream can be freed; that it fails too says nothing new.
            self._cuda.cudaStreamEndCapture(self.handle)
            raise
        graph = checked(self._cuda.cudaStreamEndCapture(self.handle), "capturing a graph")
        try:
            executable = checked(self._cuda.cudaGraphInstantiate(graph, 0), "making a captured graph ready")
        finally:
            checked(self._cuda.cudaGraphDestroy(graph), "freeing a captured graph")
        self._frees.append(lambda: self._free(self._cuda.cudaGraphExecDestroy, executable))
        return executable

    def replay(self, executable: Any) -> None:
        """Start a captured graph."""
        checked(self._cuda.cudaGraphLaunch(executable, self.handle), "launching a captured graph")

    def close(self) -> None:
        """Free graphs, memory and stream, the newest first."""
        if self._frees:
            self.use()
        while self._frees:
            self._frees.pop()()

    @staticmethod
    def _free(call: Callable[[Any], tuple[Any, ...]], what: Any) -> None:
        checked(call(what), f"{call.__name__}")


@dataclass(frozen=True)
class DeviceArray:
    """An array on a GPU that someone else owns, as `__cuda_array_interface__` (version 3) describes it."""

    address: int
    shape: tuple[int, ...]
    dtype: Any
    stream: int | None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @classmethod
    def of(cls, name: str, array: Any) -> DeviceArray:
        """Raises EngineError for an array whose values do not lie one after the other."""
        interface = array.__cuda_array_interface__
        shape, dtype = tuple(interface["shape"]), np.dtype(interface["typestr"])
        strides = interface.get("strides")
        if strides is not None and tuple(strides) != _contiguous(shape, dtype.itemsize):
            raise EngineError(
                f"input {name}: expected a contiguous array on the GPU, found strides {tuple(strides)}"
            )
        return cls(int(interface["data"][0]), shape, dtype, interface.get("stream"))


def _contiguous(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    strides: list[int] = []
    step = itemsize
    for side in reversed(shape):
        strides.append(step)
        step *= side
    return tuple(reversed(strides))
