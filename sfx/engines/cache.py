"""Where compiled models are kept between runs: `$SFX_CACHE`, else `sfx` in the user's cache directory.

`SFX_CACHE=off` keeps nothing. A cache holds about as many bytes as the ONNX files it comes from, and may be
deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

OFF = "off"
_suspended: ContextVar[bool] = ContextVar("suspended", default=False)


def cache_directory() -> Path | None:
    """The cache's directory, which may not exist yet, or None where caching is switched off."""
    setting = os.environ.get("SFX_CACHE")
    if setting == OFF or _suspended.get():
        return None
    if setting:
        return Path(setting).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sfx"


@contextlib.contextmanager
def without_cache() -> Iterator[None]:
    """Keep nothing while this holds: for engines that are made once, such as those of a proof."""
    token = _suspended.set(True)
    try:
        yield
    finally:
        _suspended.reset(token)
