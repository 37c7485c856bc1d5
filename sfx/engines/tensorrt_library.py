"""TensorRT and TensorRT-RTX: one API under two module names. Which versions are supported, and what they said.

TensorRT builds for the GPU that is here. TensorRT-RTX builds without a GPU, for any of the compute
capabilities that it knows, and compiles its kernels for the actual GPU when an engine first runs.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from sfx.errors import EngineError, MissingPackageError

RTX_DEFAULT_FROM = (8, 0)
"""An engine that TensorRT-RTX builds with no capability given runs on this one and later (its documentation)."""


@dataclass(frozen=True)
class Library:
    """One of the two: its name as a target and backend, its module, the extra that installs it."""

    target: str
    module: str
    majors: tuple[int, ...]
    """Major versions whose strongly typed networks sfx was written for."""

    def load(self) -> Any:
        """The module. Raises MissingPackageError where it is absent, EngineError where its version is not supported."""
        try:
            module = importlib.import_module(self.module)
        except ImportError as error:
            raise MissingPackageError(
                f"backend {self.target}: expected the package {self.module}, found none that imports ({error}); "
                f"install it with: pip install 'sfx[{self.target}]'"
            ) from error
        if int(module.__version__.split(".")[0]) not in self.majors:
            supported = " or ".join(map(str, self.majors))
            raise EngineError(
                f"backend {self.target}: expected {self.module} {supported}.x, found {module.__version__}"
            )
        return module


LIBRARIES = {
    library.target: library
    for library in (
        Library("tensorrt", "tensorrt", (10, 11)),
        Library("tensorrt-rtx", "tensorrt_rtx", (1,)),
    )
}


class Messages:
    """Keeps what a library logs as errors, for the one line that a person gets."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def last(self) -> str:
        """The last error, or a word that there was none."""
        return " ".join(self.errors[-1].split()) if self.errors else "it gave no reason"


def make_logger(module: Any, messages: Messages) -> Any:
    """An `ILogger` of `module` that fills `messages`; it must outlive every object that it is given to."""

    class Logger(module.ILogger):  # type: ignore[misc]
        """Errors are kept, everything else is dropped."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR):
                messages.errors.append(message)

    return Logger()
