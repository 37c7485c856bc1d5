"""The training set: drawn portraits as memory-mapped arrays, in folders ("shards") that are whole or absent.

A shard holds groups of four portraits that share an appearance, so that any of them is a reference for
the others. Drawing can be interrupted, repeated and extended at any time; training reads what is there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import astuple, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sfx.errors import InputError

if TYPE_CHECKING:
    from sfx.calibration.portraits import Appearance

SIZE = 256
"""Side of pictures and sketches in pixels."""
PART_SIZE = 128
"""Side of the part maps in pixels."""
GROUP = 4
"""Portraits that share an appearance."""
SKETCHES = 2
"""Sketches of each portrait, in different styles."""
GROUPS_PER_SHARD = 250
TRAINING = "training"
HELD_OUT = "held-out"
_STREAMS = {TRAINING: 0, HELD_OUT: 1}

PARTS: tuple[str, ...] = (
    "other",
    "background",
    "clothes",
    "neck",
    "hair",
    "hat",
    "skin",
    "left_ear",
    "right_ear",
    "beard",
    "nose",
    "brows",
    "mouth",
    "mouth_opening",
    "left_eye",
    "right_eye",
    "necklace",
    "glasses",
    "earrings",
)
"""Names of the values of a part map; a later one lies above an earlier one."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Some groups, N = groups * 4 portraits."""

    pictures: NDArray[np.uint8]
    """(N, 256, 256, 3) RGB."""
    sketches: NDArray[np.uint8]
    """(N, 2, 256, 256) class ids."""
    parts: NDArray[np.uint8]
    """(N, 128, 128) indices into `PARTS`."""
    geometry: NDArray[np.float32]
    """(N, features): `geometry_vector` of each portrait."""
    appearance: NDArray[np.float32]
    """(N, values): `appearance_vector` of each portrait, the same within a group."""


def appearance_vector(appearance: Appearance) -> NDArray[np.float32]:
    """(values,): the colours' components and the strengths of an appearance, in the order of its fields."""
    return np.hstack([np.asarray(value, np.float32) for value in astuple(appearance)])


def draw_shard(folder: Path, seed: int, split: str, index: int, groups: int = GROUPS_PER_SHARD) -> None:
    """Draw shard `index` of a split into `folder`; the same arguments draw the same shard.

    Its groups are numbered from `index * groups`, each from its own seed. Needs skia-python.
    """
    from sfx.calibration import portraits

    count = groups * GROUP
    pictures = np.empty((count, SIZE, SIZE, 3), np.uint8)
    sketches = np.empty((count, SKETCHES, SIZE, SIZE), np.uint8)
    parts = np.empty((count, PART_SIZE, PART_SIZE), np.uint8)
    vectors, appearances = [], []
    for row in range(count):
        if row % GROUP == 0:
            rng = np.random.default_rng([seed, _STREAMS[split], index * groups + row // GROUP])
            appearance = portraits.sample_appearance(rng)
        geometry = portraits.sample_geometry(rng)
        pictures[row] = portraits.picture(geometry, appearance, SIZE)
        fine_lines = portraits.strokes(geometry, portraits.sample_style(rng, geometry))
        width = 1.0 if rng.random() < 0.7 else rng.uniform(1.0, 2.0)
        sketches[row, 0] = portraits.draw_strokes(fine_lines, SIZE, width)
        # Published sketches have 512 pixels a side and are resized NEAREST, which breaks thin lines.
        large_lines = portraits.strokes(geometry, portraits.sample_style(rng, geometry))
        large = portraits.draw_strokes(large_lines, 2 * SIZE, rng.uniform(1.0, 2.4))
        sketches[row, 1] = large[1::2, 1::2]
        masks = portraits.parts(geometry, PART_SIZE).as_dict()
        parts[row] = 0
        for value, name in enumerate(PARTS[1:], start=1):
            parts[row][masks[name]] = value
        vectors.append(portraits.geometry_vector(geometry))
        appearances.append(appearance_vector(appearance))
    shutil.rmtree(folder.with_suffix(".part"), ignore_errors=True)
    unfinished = folder.with_suffix(".part")
    unfinished.mkdir(parents=True)
    shard = Shard(pictures, sketches, parts, np.stack(vectors), np.stack(appearances))
    for name in Shard.__annotations__:
        np.save(unfinished / f"{name}.npy", getattr(shard, name))
    unfinished.rename(folder)


def draw(folder: Path, pictures: int, held_out: int, seed: int, processes: int) -> None:
    """Draw what is missing of a set with at least so many pictures in each split. Needs skia-python.

    Raises InputError if the folder holds a set of another seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = folder / "dataset.json"
    if description.exists():
        found = json.loads(description.read_text())["seed"]
        if found != seed:
            raise InputError(f"{folder}: expected a data set of seed {seed}, found one of seed {found}")
    description.write_text(json.dumps({"seed": seed, "size": SIZE, "group": GROUP, "parts": PARTS}, indent=1))
    per_shard = GROUPS_PER_SHARD * GROUP
    # Held-out pictures first: the first evaluation should not wait for the last training picture.
    wanted = [(HELD_OUT, index) for index in range(-(-held_out // per_shard))]
    wanted += [(TRAINING, index) for index in range(-(-pictures // per_shard))]
    missing = [(split, index) for split, index in wanted if not shard_folder(folder, split, index).exists()]
    with get_context("spawn").Pool(processes) as pool:
        for name in pool.imap_unordered(partial(_draw_missing, folder, seed), missing):
            print(f"drawn: {name}", flush=True)


def _draw_missing(folder: Path, seed: int, shard: tuple[str, int]) -> str:
    split, index = shard
    target = shard_folder(folder, split, index)
    draw_shard(target, seed, split, index)
    return target.name


def shard_folder(folder: Path, split: str, index: int) -> Path:
    """Where shard `index` of a split is."""
    return folder / f"{split}-{index:03d}"


def open_shards(folder: Path, split: str) -> list[Shard]:
    """All whole shards of a split, memory-mapped. Raises InputError where there is none."""
    shards = []
    for path in sorted(folder.glob(f"{split}-[0-9][0-9][0-9]")):
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in Shard.__annotations__}
        shards.append(Shard(**arrays))
    if not shards:
        raise InputError(f"{folder}: expected drawn shards '{split}-000', ..., found none")
    return shards


class Standardiser:
    """Vectors less the mean of `samples` (N, n), over their deviation, cut at 4 deviations."""

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self._mean = samples.mean(0)
        self._deviation = np.maximum(samples.std(0), 1e-3)

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, n) -> float32 (N, n)."""
        standard = ((vectors - self._mean) / self._deviation).clip(-4.0, 4.0)
        return np.asarray(standard, np.float32)
