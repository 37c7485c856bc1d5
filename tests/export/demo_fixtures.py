"""A small drawn data set and a narrow model, shared by the demo model's tests."""

from __future__ import annotations

from pathlib import Path

from sfx.config import EncoderConfig, ModelConfig
from sfx.export.demo.dataset import HELD_OUT, TRAINING, draw_shard, shard_folder

NARROW = ModelConfig(
    output_size=256,
    style_width=16,
    mapping_layers=2,
    channels=(16,) * 7,
    geometry_layers=8,
    encoder_size=256,
    appearance_size=512,
    head_taps=(3, 7),
    start_from_latent_avg=True,
    sketch_coarse=EncoderConfig(22, 16, (16, 32, 48, 64), (1, 1, 1, 1), 8, 16, (0,)),
    sketch_fine=EncoderConfig(22, 16, (16, 32, 48, 64), (1, 1, 1, 1), 8, 16, tuple(range(8))),
    face_fine=EncoderConfig(3, 16, (16, 32, 48, 64), (1, 1, 1, 1), 8, 16, tuple(range(8, 14))),
)
"""The demo's topology with almost no channels."""


def draw_small_set(folder: Path) -> Path:
    """Two groups to train on, two held out."""
    for split in (TRAINING, HELD_OUT):
        draw_shard(shard_folder(folder, split, 0), seed=5, split=split, index=0, groups=2)
    return folder
