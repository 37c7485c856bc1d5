"""Pictures of results: columns of sketch, reference, output and target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfx.labels import CLASSES

PALETTE = np.array([item.colour for item in CLASSES], dtype=np.uint8)
SIDE = 256


def coloured(sketches: Tensor) -> Tensor:
    """Label maps uint8 (N, H, W) -> uint8 (N, 3, H, W) in the classes' colours."""
    return torch.from_numpy(PALETTE[sketches.numpy()]).permute(0, 3, 1, 2)


def as_bytes(pictures: Tensor) -> Tensor:
    """float32 in [-1, 1] -> uint8, as the runtime converts: scaled to 0..255 and truncated."""
    return ((pictures.clamp(-1.0, 1.0) + 1.0) / 2.0 * 255.0).to(torch.uint8)


def write_grid(path: Path, rows: list[Tensor], columns: int = 8) -> None:
    """Write rows of pictures, uint8 (N, 3, h, w) each, as a PNG; long rows go on below in blocks."""
    blocks = []
    for start in range(0, len(rows[0]), columns):
        blocks += [_strip(row[start : start + columns], columns) for row in rows]
    Image.fromarray(np.concatenate(blocks)).save(path)


def _strip(pictures: Tensor, columns: int) -> NDArray[np.uint8]:
    scaled = F.interpolate(pictures.float(), size=(SIDE, SIDE), mode="bilinear", antialias=True)
    tiles = list(scaled.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy())
    tiles += [np.full((SIDE, SIDE, 3), 255, np.uint8)] * (columns - len(tiles))
    return np.concatenate(tiles, axis=1)


def read_examples(folder: Path) -> tuple[Tensor, Tensor]:
    """Label sketches `sketch*.png` paired by order with pictures `appearance*.png` of a folder.

    Returns uint8 (N, 256, 256) and (N, 3, 256, 256), resized as the published code does.
    """
    sketches, references = [], []
    for path in sorted(folder.glob("sketch*.png")):
        with Image.open(path) as image:
            labels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.NEAREST))
        sketches.append(labels if labels.ndim == 2 else labels[..., 0])
    for path in sorted(folder.glob("appearance*.png")):
        with Image.open(path) as image:
            large = image.convert("RGB").resize((2 * SIDE, 2 * SIDE), Image.Resampling.BILINEAR)
        pixels = np.asarray(large).reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3))
        references.append(pixels.round().astype(np.uint8))
    return torch.from_numpy(np.stack(sketches)), torch.from_numpy(np.stack(references)).permute(0, 3, 1, 2)
