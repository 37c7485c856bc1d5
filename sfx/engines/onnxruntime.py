"""ONNX Runtime, on the CPU or a CUDA GPU. Needs `sfx[onnxruntime]` or `sfx[onnxruntime-gpu]`.

Its TensorRT providers are not offered. The one in `onnxruntime-gpu` computes FP32 in TF32 and has no option
against it for a session, builds its engines at the first call of each shape unless told profiles and caches of its
own, and gives nodes that it cannot take to other providers; the one for TensorRT-RTX is a plug-in with another
way to make sessions. None of that could be proven without a GPU, and sfx's own backends `tensorrt` and
`tensorrt-rtx` run on the same two libraries.
"""

from __future__ import annotations

from typing import Any

from sfx.engines.bundle import Bundle
from sfx.engines.engine import Array, Device, Feeds, check_feeds
from sfx.engines.manifest import GraphEntry
from sfx.errors import EngineError, MissingPackageError

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def _import() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "backend onnxruntime: expected the package onnxruntime, found none; "
            "install it with: pip install 'sfx[onnxruntime]' (or 'sfx[onnxruntime-gpu]' for CUDA)"
        ) from error
    return onnxruntime


class OnnxRuntimeEngine:
    """One graph in an ONNX Runtime session; batches of any size run in the same session."""

    backend = "onnxruntime"

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
        # On a CPU it widens FP16 to FP32; on CUDA it computes what the graph is typed in.
        self.precision = graph.precision if device.kind == "cuda" else "fp32"
        if precision != self.precision:
            raise EngineError(
                f"backend onnxruntime: expected precision {self.precision}, found {precision}; "
                "use --backend openvino"
            )
        runtime = _import()
        self._graph = graph
        self.device = str(device)
        self.inputs = {spec.name: spec for spec in graph.inputs}
        # It computes a graph as a whole, whatever is fetched: its packages are not built for less.
        self.outputs = {spec.name: spec for spec in graph.wanted(output)}
        path = bundle.checked(graph.file)
        provider = _PROVIDERS[device.kind]
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        # FP32 stays FP32: by default this provider multiplies in TF32, which has 10 bits of mantissa.
        on_gpu = {"device_id": str(device.index), "use_tf32": "0"}
        provider_options = on_gpu if device.kind == "cuda" else {}
        try:
            session = runtime.InferenceSession(str(path), options, providers=[(provider, provider_options)])
        except Exception as error:  # its errors share no base class but Exception
            raise EngineError(f"{path}: ONNX Runtime failed to load it: {_first_line(error)}") from error
        # A provider that cannot start is dropped without a word, and the CPU takes its place.
        if session.get_providers()[0] != provider:
            raise EngineError(
                f"backend onnxruntime: expected to run on {device} with {provider}, found only "
                f"{session.get_providers()}; 'sfx doctor' says what is missing"
            )
        session.disable_fallback()
        self._session: Any = session

    @staticmethod
    def devices() -> tuple[str, ...]:
        """Kinds of device that this backend can run on here. Raises MissingPackageError without the package."""
        available = _import().get_available_providers()
        return tuple(kind for kind, provider in _PROVIDERS.items() if provider in available)

    def __call__(self, feeds: Feeds) -> dict[str, Array]:
        check_feeds(self._graph.name, self.inputs, feeds)
        try:
            results = self._session.run(list(self.outputs), dict(feeds))
        except Exception as error:  # its errors share no base class but Exception
            raise EngineError(
                f"graph {self._graph.name}: ONNX Runtime failed to run it: {_first_line(error)}"
            ) from error
        return dict(zip(self.outputs, results, strict=True))

    def close(self) -> None:
        self._session = None


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
