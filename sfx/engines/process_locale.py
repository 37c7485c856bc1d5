"""The process's locale, which OpenVINO changes while it reads and writes its cache.

It sets the whole process to "C" and afterwards back to what it found (openvinotoolkit/openvino, pull request 24431). Of
two models compiled side by side, one may find the other's "C" and put that back for good: 32 of 40 times that the
demo's four engines were made at once. Text files that are opened without an encoding are ASCII from then on.
"""

from __future__ import annotations

import locale
import threading
from types import TracebackType


class LocaleKept:
    """Entered by any number of threads at once: the last one out puts back the locale that the first one found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._found = ""

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._found = locale.setlocale(locale.LC_ALL)
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and locale.setlocale(locale.LC_ALL) != self._found:
                locale.setlocale(locale.LC_ALL, self._found)


locale_kept = LocaleKept()
"""One for the process, as the locale is."""
