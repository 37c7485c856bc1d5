"""The training set: labelled strokes of drawn portraits in shards (`sfx.export.shards`).

Each portrait is sketched in several styles. Strokes are kept as they are; what happens to drawings on their
way to the network (`changes`) is decided anew whenever one is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfx.export import shards
from sfx.export.interpreter.drawing import Drawing
from sfx.export.shards import HELD_OUT, STREAMS, TRAINING

SKETCHES = 2
"""Sketches of each portrait, in different styles."""
DENSE_SHARE = 0.42
"""Share of the sketches that are edge maps."""
PER_SHARD = 500
"""Portraits in a shard."""


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

    rng = np.random.default_rng([seed, STREAMS[split], portrait])
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
    shards.write_shard(folder, shard)


def draw(folder: Path, portraits: int, held_out: int, seed: int, processes: int) -> None:
    """Draw what is missing of a set with at least so many portraits in each split. Needs skia-python.

    Raises InputError if the folder holds a set of another seed.
    """
    description = {"seed": seed, "sketches": SKETCHES, "per_shard": PER_SHARD}
    counts = {HELD_OUT: math.ceil(held_out / PER_SHARD), TRAINING: math.ceil(portraits / PER_SHARD)}
    shards.draw_missing(folder, description, counts, draw_shard, processes)


def open_shards(folder: Path, split: str) -> list[Shard]:
    """All whole shards of a split, memory-mapped. Raises InputError where there is none."""
    return shards.open_shards(folder, split, Shard)
