"""The table of backends, and the choice of one.

What was asked for runs, or an error says why; only `auto` chooses, and it says what and why.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from sfx.engines.bundle import Bundle
from sfx.engines.engine import PRECISIONS, Device, Engine
from sfx.engines.manifest import GraphEntry
from sfx.errors import EngineError, InputError, MissingPackageError


class Backend(Protocol):
    """What a backend's class offers before any engine of it exists.

    `batch` is the size to make ready at load; a call with another size works all the same. `calls` is how
    many calls the engine is made for, None for many: what a backend prepares has to pay off within them.
    """

    def __call__(
        self,
        bundle: Bundle,
        graph: GraphEntry,
        device: Device,
        precision: str,
        batch: int = 1,
        calls: int | None = None,
    ) -> Engine: ...

    def devices(self) -> tuple[str, ...]: ...


BACKENDS = {
    "openvino": ("sfx.engines.openvino", "OpenVinoEngine"),
    "onnxruntime": ("sfx.engines.onnxruntime", "OnnxRuntimeEngine"),
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

    def load(self, bundle: Bundle, graph: str, batch: int = 1, calls: int | None = None) -> Engine:
        """An engine for one graph of `bundle`, ready for `batch`, made for so many calls (None: many)."""
        entry = bundle.manifest.graph(graph)
        return backend_class(self.backend)(bundle, entry, self.device, self.precision, batch, calls)


def choose(backend: str = AUTO, device: str = AUTO, precision: str = "fp32") -> Choice:
    """Settle backend and device. Raises EngineError or InputError where what is asked for cannot run here."""
    if precision not in PRECISIONS:
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, found '{precision}'")
    wanted = None if device == AUTO else Device.parse(device)
    if backend != AUTO:
        return _asked(backend, wanted, precision)
    if wanted is None or wanted.kind == "cpu":
        reason = "chosen by auto: the fastest on a CPU" if wanted is None else "chosen by auto for the CPU"
        return Choice("openvino", Device("cpu"), precision, reason)
    choice = _asked("onnxruntime", wanted, precision)
    return Choice(choice.backend, choice.device, choice.precision, "chosen by auto for CUDA")


def _asked(backend: str, wanted: Device | None, precision: str) -> Choice:
    devices = backend_class(backend).devices()
    device = wanted or Device("cpu")
    if device.kind not in devices:
        raise EngineError(
            f"backend {backend}: expected to run on {device}, found support here for {', '.join(devices)} only; "
            "'sfx doctor' says what is missing"
        )
    return Choice(backend, device, precision, "as asked")


def installed_backends(kind: str = "cpu") -> tuple[str, ...]:
    """The backends whose packages are installed and that run on `kind` of device."""
    found = []
    for name in BACKENDS:
        try:
            devices = backend_class(name).devices()
        except MissingPackageError:
            continue
        if kind in devices:
            found.append(name)
    return tuple(found)
