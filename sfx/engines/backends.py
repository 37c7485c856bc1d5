"""The table of backends, and the choice of one.

What was asked for runs, or an error says why; only `auto` chooses, and it says what and why.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from sfx.engines.bundle import Bundle
from sfx.engines.cuda import driver_present
from sfx.engines.engine import PRECISIONS, Device, Engine
from sfx.engines.manifest import GraphEntry, Manifest
from sfx.engines.tensorrt_library import LIBRARIES
from sfx.errors import EngineError, InputError


class Backend(Protocol):
    """What a backend's class offers before any engine of it exists.

    `batch` is the size to make ready at load; a call with another size works all the same. `calls` is how
    many calls the engine is made for, None for many: what a backend prepares has to pay off within them.
    `output` is the one that calls give, None for all; what only others need is left out where a backend can do that.
    """

    def __call__(
        self,
        bundle: Bundle,
        graph: GraphEntry,
        device: Device,
        precision: str,
        batch: int = 1,
        calls: int | None = None,
        output: str | None = None,
    ) -> Engine: ...

    def devices(self) -> tuple[str, ...]: ...


BACKENDS = {
    "openvino": ("sfx.engines.openvino", "OpenVinoEngine"),
    "onnxruntime": ("sfx.engines.onnxruntime", "OnnxRuntimeEngine"),
    "tensorrt": ("sfx.engines.tensorrt", "TensorRtEngine"),
    "tensorrt-rtx": ("sfx.engines.tensorrt", "TensorRtRtxEngine"),
}
"""Name to module and class; a backend's packages are imported when an engine of it is made."""

AUTO = "auto"


def backend_class(name: str) -> Backend:
    """The class behind a backend's name. Raises InputError for a name that is not in the table."""
    if name not in BACKENDS:
        raise InputError(f"backend: expected one of {', '.join(BACKENDS)}, found '{name}'")
    module, attribute = BACKENDS[name]
    return cast(Backend, getattr(importlib.import_module(module), attribute))


@dataclass(frozen=True)
class Choice:
    """Which backend runs, on which device, at which precision, and why."""

    backend: str
    device: Device
    precision: str
    reason: str

    def __str__(self) -> str:
        return f"{self.backend} on {self.device} in {self.precision} ({self.reason})"

    def load(
        self,
        bundle: Bundle,
        graph: str,
        batch: int = 1,
        calls: int | None = None,
        output: str | None = None,
    ) -> Engine:
        """An engine for one graph of `bundle`, ready for `batch`, made for so many calls (None: many).

        output: the one output that is wanted, None for all. Raises BundleError where graph or output is missing.
        """
        entry = bundle.manifest.graph(graph)
        return backend_class(self.backend)(bundle, entry, self.device, self.precision, batch, calls, output)


def choose(
    backend: str = AUTO, device: str = AUTO, precision: str = AUTO, manifest: Manifest | None = None
) -> Choice:
    """Settle backend, device and precision. Raises EngineError or InputError where what is asked for cannot run here.

    manifest: of the bundle that is to run; compiled engines are only chosen by `auto` where it names them.
    """
    if precision not in (AUTO, *PRECISIONS):
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, found '{precision}'")
    wanted = None if device == AUTO else Device.parse(device)
    if backend != AUTO:
        return _settle(backend, wanted, precision, manifest, "as asked")
    if wanted is not None and wanted.kind == "cpu":
        return _settle("openvino", wanted, precision, manifest, "chosen by auto for the CPU")
    refusals: list[str] = []
    for name in (*LIBRARIES, "onnxruntime"):
        other = _instead(manifest, refusals, "no compiled engines in the bundle")
        reason = f"chosen by auto: {'its engines match this GPU' if name in LIBRARIES else other}"
        try:
            _expect_gpu(name, wanted, manifest)
            return _settle(name, wanted or Device("cuda"), precision, manifest, reason)
        except EngineError as error:
            refusals.append(str(error))
    if wanted is not None:
        raise EngineError(
            f"device {wanted}: expected a backend that runs on it, found none: {'; '.join(refusals)}"
        )
    reason = f"chosen by auto: {_instead(manifest, refusals, 'the fastest on a CPU')}"
    return _settle("openvino", Device("cpu"), precision, manifest, reason)


def _instead(manifest: Manifest | None, refusals: list[str], otherwise: str) -> str:
    """Why something else than the bundle's compiled engines runs, or `otherwise` where it has none."""
    compiled = manifest is not None and bool(manifest.plans)
    return f"not its compiled engines: {'; '.join(refusals)}" if compiled else otherwise


def _expect_gpu(name: str, wanted: Device | None, manifest: Manifest | None) -> None:
    """Raise EngineError for what can be told without importing a backend, which costs a start 0.1 s and more."""
    if name in LIBRARIES and not (manifest and any(plan.target == name for plan in manifest.plans)):
        raise EngineError(f"no {name} engines in the bundle")
    if wanted is None and not driver_present():
        raise EngineError(f"no NVIDIA driver for {name}")


def _settle(
    backend: str, wanted: Device | None, precision: str, manifest: Manifest | None, reason: str
) -> Choice:
    """The choice of `backend`, on its first device where none is wanted; raises where it cannot run here."""
    devices = backend_class(backend).devices()
    device = wanted or Device(devices[0])
    if device.kind not in devices:
        raise EngineError(
            f"backend {backend}: expected to run on {device}, found support here for {', '.join(devices)} only; "
            "'sfx doctor' says what is missing"
        )
    exported = manifest.graphs[0].precision if manifest is not None and manifest.graphs else "fp32"
    # A GPU computes what the graphs are typed in; a CPU widens FP16 to what it is asked for.
    possible = (exported,) if device.kind == "cuda" else ("fp32", "bf16")
    if precision not in (AUTO, *possible):
        raise EngineError(
            f"backend {backend} on {device}: expected precision {' or '.join(possible)} for graphs exported in "
            f"{exported}, found {precision}"
        )
    settled = possible[0] if precision == AUTO else precision
    if backend in LIBRARIES and manifest is not None:
        from sfx.engines.tensorrt import check_usable

        check_usable(manifest, backend, device)
    widened = f"; its FP16 graphs compute in {settled}" if exported == "fp16" != settled else ""
    lowered = sum(graph.int8_layers for graph in manifest.graphs) if manifest is not None else 0
    in_int8 = f"; {lowered} layers quantised to int8" if lowered else ""
    return Choice(backend, device, settled, reason + widened + in_int8)


def installed_backends(kind: str = "cpu") -> tuple[str, ...]:
    """The backends that run on `kind` of device here: package installed, and for a GPU one found."""
    found = []
    for name in BACKENDS:
        try:
            devices = backend_class(name).devices()
        except EngineError:
            continue
        if kind in devices:
            found.append(name)
    return tuple(found)
