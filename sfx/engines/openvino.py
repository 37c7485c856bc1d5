"""OpenVINO on the CPU, the default backend.

The batch is fixed when a model is compiled, one compiled model per batch size in use: a dynamic batch costs
1.7 times (synthesis 0.711 s against 0.414 s, same graph, same run). Precision is always set: left alone,
OpenVINO computes in BF16 wherever the CPU has the instructions.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sfx.engines.bundle import Bundle
from sfx.engines.cache import cache_directory
from sfx.engines.engine import Array, Device, Feeds, check_feeds
from sfx.engines.manifest import GraphEntry
from sfx.engines.openvino_forms import FORMS_VERSION, forms_pay, rewrite
from sfx.engines.process_locale import locale_kept
from sfx.errors import EngineError

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_FEW_CALLS = 2
"""Up to here the fast forms do not pay: at full size their weights (3.1 GB instead of 1.5) cost 2 s more to
start, and they give back 0.5 to 0.8 s a call."""
_log = logging.getLogger(__name__)


class OpenVinoEngine:
    """One graph on OpenVINO's CPU plugin."""

    backend = "openvino"

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
        import openvino

        self._openvino = openvino
        self._core = openvino.Core()
        if precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise EngineError(
                "precision bf16: expected a CPU with BF16 instructions, found none; use --precision fp32"
            )
        self._bundle = bundle
        self._graph = graph
        self.device = str(device)
        self.precision = precision
        self._fast_forms = (calls is None or calls > _FEW_CALLS) and forms_pay(precision)
        self.inputs = {spec.name: spec for spec in graph.inputs}
        self.outputs = {spec.name: spec for spec in graph.wanted(output)}
        # All of them: the model as it is.
        self._cut = "" if len(self.outputs) == len(graph.outputs) else f"-{output}"
        self._requests: dict[int, Any] = {}
        self._prepare(batch)

    @staticmethod
    def devices() -> tuple[str, ...]:
        """Kinds of device that this backend can run on here."""
        return ("cpu",)

    def __call__(self, feeds: Feeds) -> dict[str, Array]:
        batch = check_feeds(self._graph.name, self.inputs, feeds)
        request = self._prepare(batch)
        try:
            results = request.infer(dict(feeds), share_inputs=True)
        except RuntimeError as error:
            raise EngineError(
                f"graph {self._graph.name}: OpenVINO failed to run it: {_last_line(error)}"
            ) from error
        # Copies: the request writes its next results into the same memory.
        return {name: np.array(results[name]) for name in self.outputs}

    def _prepare(self, batch: int) -> Any:
        """Compile for one batch size, unless it is already; returns the inference request."""
        if batch not in self._requests:
            try:
                with locale_kept:
                    self._requests[batch] = self._compile(batch).create_infer_request()
            except RuntimeError as error:
                where = self._bundle.path / self._graph.file.path
                raise EngineError(f"{where}: OpenVINO failed to compile it: {_last_line(error)}") from error
        return self._requests[batch]

    def close(self) -> None:
        self._requests.clear()

    def _compile(self, batch: int) -> Any:
        config = {"INFERENCE_PRECISION_HINT": _HINTS[self.precision], "PERFORMANCE_HINT": "LATENCY"}
        kept = self._keep_fixed(batch)
        if kept is None:
            return self._core.compile_model(self._read_fixed(batch), "CPU", config)
        # OPTIMIZE_SIZE leaves the weights in the .bin file, where they are mapped, instead of copying them.
        config |= {"CACHE_DIR": str(kept), "CACHE_MODE": "OPTIMIZE_SIZE"}
        try:
            return self._core.compile_model(str(kept / "model.xml"), "CPU", config)
        except RuntimeError:
            # Of two processes that keep the same graph at the same moment, one found its file moved away while it set
            # the file's permissions (seen once). The other's is there now; anything else fails again.
            return self._core.compile_model(str(kept / "model.xml"), "CPU", config)

    def _read_fixed(self, batch: int) -> Any:
        """The ONNX graph, its checksum verified, with every input's batch fixed, in the precision's form."""
        model = self._core.read_model(str(self._bundle.checked(self._graph.file)))
        keep_outputs(model, self.outputs)
        model.reshape({name: [batch, *spec.shape[1:]] for name, spec in self.inputs.items()})
        if self._fast_forms:
            rewrite(model, self.precision)
        return model

    def _keep_fixed(self, batch: int) -> Path | None:
        """A cache directory with the graph in OpenVINO's own format, batch and form fixed; None without a cache.

        Reading 664 MB of ONNX takes 1.1 s, mapping the same as OpenVINO's format 0.06 s. Named by the ONNX
        file's SHA-256, which was verified when the entry was made.
        """
        cache = cache_directory()
        if cache is None:
            return None
        version = self._openvino.__version__.split("-")[0]
        form = f"forms{FORMS_VERSION}-{self.precision}" if self._fast_forms else "plain"
        kept = cache / "openvino" / f"{self._graph.file.sha256}{self._cut}-{form}-batch{batch}-{version}"
        if (kept / "model.xml").is_file():
            return kept
        model = self._read_fixed(batch)
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(dir=kept.parent, prefix=".making-"))
            try:
                self._openvino.save_model(model, str(making / "model.xml"), compress_to_fp16=False)
                making.rename(kept)
            finally:
                shutil.rmtree(making, ignore_errors=True)
        except (OSError, RuntimeError) as error:
            if not (kept / "model.xml").is_file():  # another process may have made it meanwhile
                _log.warning(
                    "%s: cannot keep the compiled model there (%s); every start will be slow", cache, error
                )
                return None
        return kept


def keep_outputs(model: Any, names: Iterable[str]) -> None:
    """Take every other output off an openvino.Model, and with it the layers that only it needs.

    Of the published synthesis on two cores in FP32 the image takes 754 ms, with a file that has no preview 773 ms, and
    the preview alone 314 ms; in BF16 415, 418 and 229 ms (medians of 8 interleaved rounds).
    """
    kept = set(names)
    for result in model.get_results():
        if kept.isdisjoint(result.output(0).get_names()):
            model.remove_result(result)


def _last_line(error: BaseException) -> str:
    """OpenVINO says first where in its source it fails, and why at the end."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
