"""Files of `torch.save`: read as untrusted pickles, written whole or not at all."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import torch

from sfx.errors import CheckpointError


def read_plain(path: Path, mmap: bool = False) -> Any:
    """What a file holds: tensors on the CPU, numbers and text, in dicts and lists. No code in it ever runs.

    `mmap` leaves tensors on disk until they are used, where the file's form allows it. Raises CheckpointError for a
    file that is missing, damaged, or holds more than that.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: expected a checkpoint file, found {'a folder' if path.is_dir() else 'nothing'}"
        )
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
        except (RuntimeError, ValueError) as error:
            if "mmap" not in str(error):
                raise
            # Files older than torch 1.6 are no zip archives and cannot be mapped.
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"(?:GLOBAL|global) ([\w.]+)", str(error))
        what = f"the Python object {named[1]}" if named else "something other than a torch.save file"
        raise CheckpointError(
            f"{path}: refused: expected plain tensors, numbers and text, found {what} (nothing in it was run)"
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError, KeyError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path}: expected a torch.save file, found one that does not read: {reason}"
        ) from error


def write_plain(content: Any, path: Path) -> None:
    """Save; a file that is there stays until the new one is whole and on disk, or if that fails."""
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
