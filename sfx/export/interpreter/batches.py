"""Training batches: drawings of the set, each changed anew, as ink with a label at every pixel of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfx.export.interpreter.dataset import open_shards
from sfx.export.interpreter.drawing import UNSCORED
from sfx.export.interpreter.tracing import traced
from sfx.export.interpreter.varying import varied
from sfx.export.shards import TRAINING

TRACED = 0.4
"""Share of the drawings that were a picture on the way: their lines lie elsewhere, above all where two meet."""


@dataclass(frozen=True)
class Batch:
    """N drawings with P scored pixels among them."""

    ink: Tensor
    """float32 (N, 1, 256, 256), 1 on ink."""
    drawing: Tensor
    """int64 (P,): the drawing that a pixel is in."""
    row: Tensor
    column: Tensor
    label: Tensor
    """int64 (P,): class ids 1..22."""


def batch_of(label_maps: NDArray[np.uint8]) -> Batch:
    """A batch from label maps (N, 256, 256)."""
    drawing, row, column = np.nonzero((label_maps > 0) & (label_maps != UNSCORED))
    labels = label_maps[drawing, row, column].astype(np.int64)
    ink = torch.from_numpy((label_maps > 0)[:, None].astype(np.float32))
    return Batch(ink, *(torch.from_numpy(values) for values in (drawing, row, column, labels)))


class BatchSource:
    """Makes the batch of any step; equal (data, seed, step) give equal batches."""

    def __init__(self, folder: Path, size: int, seed: int) -> None:
        self._shards = open_shards(folder, TRAINING)
        self._size = size
        self._seed = seed

    def label_maps(self, step: int) -> NDArray[np.uint8]:
        """uint8 (size, 256, 256)."""
        rng = np.random.default_rng([self._seed, step])
        maps: list[NDArray[np.uint8]] = []
        while len(maps) < self._size:
            shard = self._shards[int(rng.integers(len(self._shards)))]
            changed = varied(shard.drawing(int(rng.integers(len(shard)))), rng)
            label_map = traced(changed, rng) if rng.random() < TRACED else changed.label_map()
            if label_map.any():  # moved off the page otherwise
                maps.append(label_map)
        return np.stack(maps)

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        return batch_of(self.label_maps(step))
