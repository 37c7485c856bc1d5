"""TensorRT and TensorRT-RTX: one API under two module names. Which versions are supported, and what they said.

TensorRT builds for the GPU that is here. TensorRT-RTX builds without a GPU, for any of the compute
capabilities that it knows, and compiles its kernels for the actual GPU when an engine first runs.
"""

from __future__ import annotations

import importlib
import threading
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
    """Keeps the last error that a library logged, for the one line that a person gets."""

    def __init__(self) -> None:
        self._last = ""

    def keep(self, message: str) -> None:
        """Put an error in, which may have several lines."""
        self._last = " ".join(message.split())

    def take(self) -> str:
        """The last error, which is no other failure's from now on, or a word that there was none."""
        last, self._last = self._last, ""
        return last or "it gave no reason"


_loggers: dict[Any, tuple[Any, Messages]] = {}
_making = threading.Lock()


def logger_of(module: Any) -> tuple[Any, Messages]:
    """The one `ILogger` of `module`, and where it keeps errors.

    One for the whole process, and never freed: a library stays with the first logger that it is given until the
    last of its builders and runtimes is gone, and says of a second one that it is ignored. A logger that went
    with its own builder or engine would leave a pointer behind that a later error is written through.
    """
    with _making:  # engines are loaded side by side
        if module not in _loggers:
            messages = Messages()
            _loggers[module] = (_make_logger(module, messages), messages)
        return _loggers[module]


def _make_logger(module: Any, messages: Messages) -> Any:
    class Logger(module.ILogger):  # type: ignore[misc]
        """Errors are kept, everything else is dropped. Called from any of the library's threads."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR):
                messages.keep(message)

    return Logger()
