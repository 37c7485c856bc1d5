"""Drawn data sets: folders of shards, each a folder of memory-mapped arrays that is whole or absent.

Shards are numbered within two splits, and each is drawn by itself: drawing can be interrupted, repeated and
extended at any time; training reads what is there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sfx.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Shard = TypeVar("Shard", bound=DataclassInstance)

TRAINING = "training"
HELD_OUT = "held-out"
STREAMS: Mapping[str, int] = {TRAINING: 0, HELD_OUT: 1}
"""What tells the random streams of the two splits apart."""

UNFINISHED = ".part"
"""How the names of folders end that are not yet shards."""

DrawShard = Callable[[Path, int, str, int], None]
"""Draws (folder, seed, split, index); a function of a module, since other processes call it."""


def shard_folder(folder: Path, split: str, index: int) -> Path:
    """Where shard `index` of a split is."""
    return folder / f"{split}-{index:03d}"


def write_shard(folder: Path, shard: DataclassInstance) -> None:
    """Write a dataclass of arrays, a file for each field.

    Where another process wrote it meanwhile, that one's stays: one whose parent was killed still ends its shard.
    """
    unfinished = folder.with_name(f"{folder.name}-{os.getpid()}{UNFINISHED}")
    unfinished.mkdir(parents=True, exist_ok=True)
    try:
        for field in fields(shard):
            np.save(unfinished / f"{field.name}.npy", getattr(shard, field.name))
        unfinished.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for superfluous in folder.parent.glob(f"{folder.name}-*{UNFINISHED}"):
        shutil.rmtree(superfluous, ignore_errors=True)


def open_shards(folder: Path, split: str, kind: type[Shard]) -> list[Shard]:
    """All whole shards of a split, memory-mapped, as dataclasses of `kind`. Raises InputError where there is none."""
    names = [field.name for field in fields(kind)]
    shards = [
        kind(**{name: np.load(path / f"{name}.npy", mmap_mode="r") for name in names})
        for path in sorted(folder.glob(f"{split}-[0-9][0-9][0-9]"))
    ]
    if not shards:
        raise InputError(f"{folder}: expected drawn shards '{split}-000', ..., found none")
    return shards


def draw_missing(
    folder: Path, description: Mapping[str, Any], counts: Mapping[str, int], draw: DrawShard, processes: int
) -> None:
    """Draw the shards that are missing of `counts` in each split, in that order, and tell of each.

    description: what is kept of the set in `dataset.json`, its "seed" among it. Raises InputError if the
    folder holds a set of another seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, seed = folder / "dataset.json", description["seed"]
    if file.exists():
        found = json.loads(file.read_text())["seed"]
        if found != seed:
            raise InputError(f"{folder}: expected a data set of seed {seed}, found one of seed {found}")
    file.write_text(json.dumps(description, indent=1))
    wanted = [(split, index) for split, count in counts.items() for index in range(count)]
    missing = [shard for shard in wanted if not shard_folder(folder, *shard).exists()]
    with get_context("spawn").Pool(processes) as pool:
        for name in pool.imap_unordered(partial(_draw, draw, folder, seed), missing):
            print(f"drawn: {name}", flush=True)


def _draw(draw: DrawShard, folder: Path, seed: int, shard: tuple[str, int]) -> str:
    target = shard_folder(folder, *shard)
    draw(target, seed, *shard)
    return target.name
