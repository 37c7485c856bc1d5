"""Writing a file so that it is whole or as it was."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sfx.errors import EngineError


def write_whole(path: Path, content: bytes) -> None:
    """Write `path`, folders included, so that it holds all of `content` or what it held before.

    Raises EngineError where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        making = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            making.chmod(0o644)
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)
    except OSError as error:
        raise EngineError(f"{path}: cannot be written: {error.strerror}") from error
