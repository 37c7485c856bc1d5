"""The demo model's numbers: the published topology at 256 px, narrow enough to ship and to train on two cores."""

from __future__ import annotations

from sfx.config import EncoderConfig, ModelConfig

SKETCH_COARSE = EncoderConfig(22, 16, (16, 32, 48, 64), (1, 1, 1, 1), 8, 64, (0,))
SKETCH_FINE = EncoderConfig(22, 16, (16, 32, 64, 128), (1, 2, 3, 2), 8, 80, tuple(range(8)))
FACE_FINE = EncoderConfig(3, 16, (16, 32, 64, 96), (1, 1, 2, 1), 8, 80, tuple(range(8, 14)))

DEMO = ModelConfig(
    output_size=256,
    style_width=256,
    mapping_layers=4,
    channels=(256, 256, 256, 128, 64, 48, 16),
    geometry_layers=8,
    encoder_size=256,
    appearance_size=512,
    head_taps=(3, 7),
    start_from_latent_avg=True,
    sketch_coarse=SKETCH_COARSE,
    sketch_fine=SKETCH_FINE,
    face_fine=FACE_FINE,
)
"""About 12 M parameters, 24 MB in FP16; sketch encoders and synthesis take some 3 G multiply-adds.

Widths are multiples of 16 wherever maps are large: oneDNN's BF16 convolutions on a CPU pad to that, and
with 8 channels torch 2.13 corrupts memory in the backward pass. The four group widths of an encoder
differ, since a checkpoint's reader tells the groups apart by them.
"""
