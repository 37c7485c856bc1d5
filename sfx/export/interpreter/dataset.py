"""The training set: labelled strokes of drawn portraits, in folders ("shards") that are whole or absent.

Each portrait is sketched in several styles. Strokes are kept as they are; what happens to drawings on their
way to the network (`changes`) is decided anew whenever one is used. Drawing can be interrupted and extended.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfx.errors import InputError
from sfx.export.interpreter.drawing import Drawing

SKETCHES = 2
"""Sketches of each portrait, in different styles."""
DENSE_SHARE = 0.42
"""Share of the sketches that are edge maps."""
PER_SHARD = 500
"""Portraits in a shard."""
TRAINING, HELD_OUT = "training", "held-out"
_STREAMS = {TRAINING: 0, HELD_OUT: 1}


@dataclass(frozen=True, eq=False)
class Shard:
    """The drawings of some portraits, end to end."""

    points: NDArray[np.float32]
    """(n, 2) canvas units."""
    starts: NDArray[np.int64]
    """(strokes + 1,)."""
    labels: NDArray[np.uint8]
    """(strokes,)."""
    sketch_starts: NDArray[np.int64]
    """(sketches + 1,): the first stroke of every sketch, and the number of strokes."""
    dense: NDArray[np.bool_]
    """(sketches,): whether it is an edge map rather than clean outlines."""

    def __len__(self) -> int:
        return len(self.dense)

    def drawing(self, index: int) -> Drawing:
        """One sketch."""
        first, last = self.sketch_starts[index : index + 2]
        starts = np.asarray(self.starts[first : last + 1])
        points = np.asarray(self.points[starts[0] : starts[-1]])
        return Drawing(points, starts - starts[0], np.asarray(self.labels[first:last]))


def sketches_of(seed: int, split: str, portrait: int) -> list[tuple[Drawing, bool]]:
    """The sketches of one portrait, and whether each is dense; equal arguments draw the same. Needs skia-python."""
    from sfx.calibration import portraits

    rng = np.random.default_rng([seed, _STREAMS[split], portrait])
    geometry = portraits.sample_geometry(rng)
    sketches = []
    for _ in range(SKETCHES):
        # Dense or clean whatever the hair is: drawings that people bring are not bound to a picture.
        style = replace(portraits.sample_style(rng, geometry), dense=bool(rng.random() < DENSE_SHARE))
        strokes = portraits.strokes(geometry, style)
        paths = [
            np.concatenate([one.points, one.points[:1]]) if one.closed else one.points for one in strokes
        ]
        sketches.append((Drawing.of(paths, [one.label for one in strokes]), style.dense))
    return sketches


def draw_shard(folder: Path, seed: int, split: str, index: int, count: int = PER_SHARD) -> None:
    """Draw the portraits `index * count` and on into `folder`; equal arguments draw the same. Needs skia-python."""
    sketches = [
        sketch
        for portrait in range(index * count, (index + 1) * count)
        for sketch in sketches_of(seed, split, portrait)
    ]
    drawings, dense = zip(*sketches, strict=True)
    lengths = np.concatenate([np.diff(drawing.starts) for drawing in drawings])
    shard = Shard(
        points=np.concatenate([drawing.points for drawing in drawings]),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        labels=np.concatenate([drawing.labels for drawing in drawings]),
        sketch_starts=np.concatenate([[0], np.cumsum([len(drawing.labels) for drawing in drawings])]),
        dense=np.array(dense),
    )
    unfinished = folder.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name in Shard.__annotations__:
        np.save(unfinished / f"{name}.npy", getattr(shard, name))
    unfinished.rename(folder)


def draw(folder: Path, portraits: int, held_out: int, seed: int, processes: int) -> None:
    """Draw what is missing of a set with at least so many portraits in each split. Needs skia-python.

    Raises InputError if the folder holds a set of another seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = folder / "dataset.json"
    if description.exists():
        found = json.loads(description.read_text())["seed"]
        if found != seed:
            raise InputError(f"{folder}: expected a data set of seed {seed}, found one of seed {found}")
    description.write_text(json.dumps({"seed": seed, "sketches": SKETCHES, "per_shard": PER_SHARD}))
    wanted = [(HELD_OUT, index) for index in range(-(-held_out // PER_SHARD))]
    wanted += [(TRAINING, index) for index in range(-(-portraits // PER_SHARD))]
    missing = [item for item in wanted if not _shard_folder(folder, *item).exists()]
    with get_context("spawn").Pool(processes) as pool:
        for name in pool.imap_unordered(partial(_draw_missing, folder, seed), missing):
            print(f"drawn: {name}", flush=True)


def _draw_missing(folder: Path, seed: int, item: tuple[str, int]) -> str:
    target = _shard_folder(folder, *item)
    draw_shard(target, seed, *item)
    return target.name


def _shard_folder(folder: Path, split: str, index: int) -> Path:
    return folder / f"{split}-{index:03d}"


def open_shards(folder: Path, split: str) -> list[Shard]:
    """All whole shards of a split, memory-mapped. Raises InputError where there is none."""
    shards = []
    for path in sorted(folder.glob(f"{split}-[0-9][0-9][0-9]")):
        shards.append(
            Shard(**{name: np.load(path / f"{name}.npy", mmap_mode="r") for name in Shard.__annotations__})
        )
    if not shards:
        raise InputError(f"{folder}: expected drawn shards '{split}-000', ..., found none")
    return shards
