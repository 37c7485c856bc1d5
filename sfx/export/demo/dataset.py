"""The training set: drawn portraits in shards (`sfx.export.shards`).

A shard holds groups of four portraits that share an appearance, so that any of them is a reference for
the others.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sfx.errors import InputError
from sfx.export import shards
from sfx.export.shards import HELD_OUT as HELD_OUT
from sfx.export.shards import STREAMS
from sfx.export.shards import TRAINING as TRAINING
from sfx.export.shards import shard_folder as shard_folder

if TYPE_CHECKING:
    from sfx.calibration.portraits import Appearance

SIZE = 256
"""Side of pictures and sketches in pixels."""
PART_SIZE = 128
"""Side of the part maps in pixels."""
GROUP = 4
"""Portraits that share an appearance."""
SKETCHES: tuple[str, ...] = ("exact", "hand", "resized")
"""Sketches of each portrait: one whose lines are where the portrait's are; the same as a hand draws it, that drifts by
a pixel or so, leaves out lines and has a pen of its own; and one in another style, by another hand, that was larger.

What a hand does hides the portrait: a demo that had learnt from hands alone drew 100 held-out pairs at 27.73 dB from a
hand's sketches and at 28.09 dB from exact ones.
"""
GROUPS_PER_SHARD = 250

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
_SIDED = ("background_angle", "light_x")
"""Entries of an appearance that change their sign in a mirror."""
TOLD = ("light_x", "hair", "clothes", "trim", "eye", "lip")
"""What of an appearance synthesis is told by its description while it learns colours."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Some groups, N = groups * 4 portraits."""

    pictures: NDArray[np.uint8]
    """(N, 256, 256, 3) RGB."""
    sketches: NDArray[np.uint8]
    """(N, 3, 256, 256) class ids, in the order of `SKETCHES`."""
    parts: NDArray[np.uint8]
    """(N, 128, 128) indices into `PARTS`."""
    geometry: NDArray[np.float32]
    """(N, features): `geometry_vector` of each portrait."""
    appearance: NDArray[np.float32]
    """(N, values): `appearance_vector` of each portrait, the same within a group."""


def appearance_vector(appearance: Appearance) -> NDArray[np.float32]:
    """(values,): the colours' components and the strengths of an appearance, in the order of its fields."""
    return np.hstack([np.asarray(value, np.float32) for value in astuple(appearance)])


@cache
def appearance_vector_names() -> tuple[str, ...]:
    """The field that each entry of an appearance vector is of; the three components of a colour have one name."""
    from sfx.calibration.portraits import sample_appearance

    some = sample_appearance(np.random.default_rng(0))
    return tuple(name for name, value in vars(some).items() for _ in range(np.size(value)))


def appearance_mirror_signs() -> NDArray[np.float32]:
    """(values,): what an appearance vector is multiplied by when its portrait is mirrored."""
    return np.array([-1.0 if name in _SIDED else 1.0 for name in appearance_vector_names()], np.float32)


def told_entries() -> list[int]:
    """Where the entries of `TOLD` are in an appearance vector."""
    names = appearance_vector_names()
    return [entry for told in TOLD for entry, name in enumerate(names) if name == told]


def recoloured_appearance(appearance: NDArray[np.float32], table: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Appearance vector (values,) of a picture whose channels are looked up in a table (3, 256)."""
    names = appearance_vector_names()
    colours = np.array([entry for entry, name in enumerate(names) if names.count(name) == 3])
    changed = appearance.copy()
    for channel, entries in enumerate(colours.reshape(-1, 3).T):
        changed[entries] = np.interp(appearance[entries], np.arange(256) / 255.0, table[channel] / 255.0)
    return changed


def draw_shard(folder: Path, seed: int, split: str, index: int, groups: int = GROUPS_PER_SHARD) -> None:
    """Draw shard `index` of a split into `folder`; the same arguments draw the same shard.

    Its groups are numbered from `index * groups`, each from its own seed. Needs skia-python.
    """
    from sfx.calibration import portraits

    count = groups * GROUP
    pictures = np.empty((count, SIZE, SIZE, 3), np.uint8)
    sketches = np.empty((count, len(SKETCHES), SIZE, SIZE), np.uint8)
    parts = np.empty((count, PART_SIZE, PART_SIZE), np.uint8)
    vectors, appearances = [], []
    for row in range(count):
        if row % GROUP == 0:
            rng = np.random.default_rng([seed, STREAMS[split], index * groups + row // GROUP])
            appearance = portraits.sample_appearance(rng)
        geometry = portraits.sample_geometry(rng)
        pictures[row] = portraits.picture(geometry, appearance, SIZE)
        style = portraits.sample_style(rng, geometry)
        width = 1.0 if rng.random() < 0.7 else rng.uniform(1.0, 2.0)
        sketches[row, 0] = portraits.label_map(geometry, style.exact(), SIZE)
        sketches[row, 1] = portraits.label_map(geometry, style, SIZE, width)
        # Published sketches have 512 pixels a side and are resized NEAREST, which breaks thin lines.
        style = portraits.sample_style(rng, geometry)
        large = portraits.label_map(geometry, style, 2 * SIZE, rng.uniform(1.0, 2.4))
        sketches[row, 2] = large[1::2, 1::2]
        masks = portraits.parts(geometry, PART_SIZE).as_dict()
        parts[row] = 0
        for value, name in enumerate(PARTS[1:], start=1):
            parts[row][masks[name]] = value
        vectors.append(portraits.geometry_vector(geometry))
        appearances.append(appearance_vector(appearance))
    shard = Shard(pictures, sketches, parts, np.stack(vectors), np.stack(appearances))
    shards.write_shard(folder, shard)


def draw(folder: Path, pictures: int, held_out: int, seed: int, processes: int) -> None:
    """Draw what is missing of a set with at least so many pictures in each split. Needs skia-python.

    Raises InputError if the folder holds a set of another seed.
    """
    per_shard = GROUPS_PER_SHARD * GROUP
    description = {"seed": seed, "size": SIZE, "group": GROUP, "parts": PARTS}
    # Held-out pictures first: the first evaluation should not wait for the last training picture.
    counts = {HELD_OUT: math.ceil(held_out / per_shard), TRAINING: math.ceil(pictures / per_shard)}
    shards.draw_missing(folder, description, counts, draw_shard, processes)


def open_shards(folder: Path, split: str) -> list[Shard]:
    """All whole shards of a split, memory-mapped. Raises InputError where there is none, or one with other sketches."""
    opened = shards.open_shards(folder, split, Shard)
    found = min(shard.sketches.shape[1] for shard in opened)
    if found != len(SKETCHES):
        raise InputError(
            f"{folder}: expected {len(SKETCHES)} sketches of each portrait ({', '.join(SKETCHES)}), found {found}: "
            "draw a set anew, in another folder"
        )
    return opened


class Standardiser:
    """Vectors less the mean of `samples` (N, n), over their deviation, cut at 4 deviations."""

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self._mean = samples.mean(0)
        self._deviation = np.maximum(samples.std(0), 1e-3)

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, n) -> float32 (N, n)."""
        standard = ((vectors - self._mean) / self._deviation).clip(-4.0, 4.0)
        return np.asarray(standard, np.float32)
