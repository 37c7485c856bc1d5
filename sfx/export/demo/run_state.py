"""A training run on disk: a checkpoint that is whole or absent, and a log of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sfx.errors import InputError
from sfx.export.plain_file import read_plain, write_plain

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"


@dataclass(frozen=True, eq=False)
class RunState:
    """All that a run needs to go on as if it had not been interrupted."""

    trained: Mapping[str, Tensor]
    """`Trainable.stored` of the trained model."""
    averaged: Mapping[str, Tensor]
    """The same of its moving average, which is what ships."""
    optimiser: Mapping[str, Any]
    critic: Mapping[str, Any] | None
    """State of the discriminator and its optimiser, once there is one."""
    means: Mapping[str, Tensor]
    """`Centring.means` of the phase."""
    phase: str
    """Value of the `Phase` it is in."""
    phase_began: int
    """Step at which that began."""
    step: int
    seconds: float
    """Training time so far."""
    samples: int
    settings: Mapping[str, Any]
    """Seed, data and command: the provenance of the model."""

    def save(self, folder: Path) -> None:
        """Write the checkpoint; the one before stays until this one is whole."""
        write_plain({name: getattr(self, name) for name in self.__annotations__}, folder / CHECKPOINT)

    @classmethod
    def load(cls, folder: Path) -> RunState:
        """The last whole checkpoint. Raises as `stored_run`."""
        stored = stored_run(folder, list(cls.__annotations__))
        return cls(**{name: stored[name] for name in cls.__annotations__})


def stored_run(folder: Path, names: Sequence[str]) -> Mapping[str, Any]:
    """What the checkpoint of a run holds, `names` at least.

    Raises InputError where there is none or it is of another kind of run, CheckpointError where it does not read.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise InputError(f"{folder}: expected a training run with a {CHECKPOINT}, found none")
    content = read_plain(path)
    stored: dict[str, Any] = dict(content) if isinstance(content, Mapping) else {}
    missing = [name for name in names if name not in stored]
    if missing:
        raise InputError(
            f"{path}: expected a checkpoint with {', '.join(names)}, found one of another kind of run or version of "
            f"sfx, without {', '.join(missing)}: give another folder, or use the sfx that wrote it"
        )
    return stored


def log(folder: Path, **values: float | int | str) -> None:
    """Append a line to the log, and print it for a person."""
    with (folder / LOG).open("a") as file:
        file.write(json.dumps(values) + "\n")
    words = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    ]
    print("  ".join(words), flush=True)
