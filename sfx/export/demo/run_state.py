"""A training run on disk: a checkpoint that is whole or absent, and a log of JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sfx.errors import InputError

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
        unfinished = folder / (CHECKPOINT + ".part")
        with unfinished.open("wb") as file:
            torch.save({name: getattr(self, name) for name in self.__annotations__}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / CHECKPOINT)

    @classmethod
    def load(cls, folder: Path) -> RunState:
        """The last whole checkpoint. Raises InputError where there is none."""
        path = folder / CHECKPOINT
        if not path.is_file():
            raise InputError(f"{folder}: expected a training run with a {CHECKPOINT}, found none")
        return cls(**torch.load(path, map_location="cpu", weights_only=True))


def log(folder: Path, **values: float | int | str) -> None:
    """Append a line to the log, and print it for a person."""
    with (folder / LOG).open("a") as file:
        file.write(json.dumps(values) + "\n")
    words = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    ]
    print("  ".join(words), flush=True)
