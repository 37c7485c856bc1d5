"""Held-out pairs: sketches of portraits that were never trained on, with references and targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfx.export.demo.dataset import GROUP, HELD_OUT, SKETCHES, open_shards
from sfx.export.demo.trainable import Trainable, as_floats, resized
from sfx.export.precision import mixed_precision

BATCH = 16
"""Pictures that are drawn together."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """N pairs; the reference shows another portrait in the target's appearance."""

    sketches: Tensor
    """uint8 (N, 256, 256)."""
    references: Tensor
    """uint8 (N, 3, 256, 256)."""
    targets: Tensor
    """uint8 (N, 3, 256, 256)."""
    parts: Tensor
    """uint8 (N, 128, 128), of the targets."""
    reference_parts: Tensor
    """uint8 (N, 128, 128)."""
    geometry: NDArray[np.float32]
    """(N, features) of the targets."""
    appearance: NDArray[np.float32]
    """(N, values) of the targets."""


def held_out_pairs(folder: Path, count: int, sketch: str = SKETCHES[0]) -> Pairs:
    """The first `count` held-out pairs, one of each group: its first portrait, drawn with its second as reference.

    `sketch`: which of the portrait's `SKETCHES`.
    """
    which = SKETCHES.index(sketch)
    rows = [
        (shard, first)
        for shard in open_shards(folder, HELD_OUT)
        for first in range(0, len(shard.pictures), GROUP)
    ][:count]

    def stacked(pixels: Iterable[NDArray[np.uint8]]) -> Tensor:
        return torch.from_numpy(np.stack(list(pixels)))

    return Pairs(
        stacked(shard.sketches[first, which] for shard, first in rows),
        stacked(shard.pictures[first + 1] for shard, first in rows).permute(0, 3, 1, 2),
        stacked(shard.pictures[first] for shard, first in rows).permute(0, 3, 1, 2),
        stacked(shard.parts[first] for shard, first in rows),
        stacked(shard.parts[first + 1] for shard, first in rows),
        np.stack([shard.geometry[first] for shard, first in rows]),
        np.stack([shard.appearance[first] for shard, first in rows]),
    )


def draw_pairs(trainable: Trainable, sketches: Tensor, references: Tensor, size: int) -> Tensor:
    """Pictures float32 (N, 3, size, size) in [-1, 1]; the model is left in evaluation mode."""

    def codes(part: slice) -> Tensor:
        return trainable.model.combine(
            trainable.sketch_codes(sketches[part]), trainable.appearance_codes(references[part])
        )

    return _drawn(trainable, codes, len(sketches), size)


def draw_described(trainable: Trainable, geometry: Tensor, appearance: Tensor, size: int) -> Tensor:
    """The same of standardised descriptions, by way of the teacher."""

    def codes(part: slice) -> Tensor:
        taught: Tensor = trainable.teacher(geometry[part], appearance[part])
        return taught

    return _drawn(trainable, codes, len(geometry), size)


@torch.no_grad()
def _drawn(trainable: Trainable, codes: Callable[[slice], Tensor], count: int, size: int) -> Tensor:
    trainable.eval()
    drawn = []
    for start in range(0, count, BATCH):
        with mixed_precision():
            drawn.append(trainable.draw(codes(slice(start, start + BATCH)), size).clamp(-1.0, 1.0))
    return torch.cat(drawn)


def distances(drawn: Tensor, targets: Tensor) -> tuple[float, float]:
    """Mean L1 on a scale of 0..1, and mean PSNR in dB, of pictures in [-1, 1] against uint8 targets."""
    difference = (drawn - resized(as_floats(targets), drawn.shape[-1])) / 2
    psnr = -10.0 * difference.square().mean((1, 2, 3)).clamp(min=1e-10).log10()
    return float(difference.abs().mean()), float(psnr.mean())
