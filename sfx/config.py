"""What a sketch-to-face model is made of: the numbers that its networks are built from.

The published SPSE checkpoint is one instance, `PUBLISHED`; smaller models are others. Nothing in sfx
treats any of them apart: export, run and bench read these numbers and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

PREVIEWS: Mapping[str, int] = {"preview": 4, "half_preview": 2}
"""Outputs of synthesis that are what its layers up to a smaller side have drawn, and what part of the side that is."""


def preview_sides(output_size: int) -> dict[str, int]:
    """Sides in pixels of the previews of a picture of `output_size`, smallest first: a quarter and a half of it."""
    return {name: max(4, output_size // divisor) for name, divisor in PREVIEWS.items()}


@dataclass(frozen=True)
class EncoderConfig:
    """One style-head encoder (pSp's GradualStyleEncoder over an IR-SE trunk).

    The trunk halves the side in the first unit of each of its four groups. c1, c2, c3 are the outputs of
    groups 2, 3, 4; p2 and p1 the pyramid maps at the sides of c2 and c1, with `widths[3]` channels.
    """

    in_channels: int
    """Channels of the input: 22 label classes, or 3 for a photo."""
    stem_width: int
    """Channels after the input layer."""
    widths: tuple[int, int, int, int]
    """Channels of the four groups of bottlenecks."""
    units: tuple[int, int, int, int]
    """Bottlenecks in each group."""
    squeeze: int
    """Reduction inside the squeeze-and-excitation blocks."""
    head_width: int
    """Channels inside a style head."""
    heads: tuple[int, ...]
    """The style layers whose heads reach the picture; the other heads are dead and never built."""


@dataclass(frozen=True)
class ModelConfig:
    """A sketch-to-face model: three encoders, a mapping network and a StyleGAN2 synthesis network."""

    output_size: int
    """Side of the picture in pixels, a power of two."""
    style_width: int
    """Width of `z`, `w` and of each layer of `codes`."""
    mapping_layers: int
    """Linear layers of the mapping network."""
    channels: tuple[int, ...]
    """Channels of the synthesis network at 4, 8, 16, ... `output_size` pixels."""
    geometry_layers: int
    """Layers of `codes` below this index take the fine sketch codes, the others the appearance codes."""
    encoder_size: int
    """Side of what the encoders see, in pixels; also the side of `label_map`."""
    appearance_size: int
    """Side of the `appearance` input, which is average-pooled to `encoder_size`."""
    head_taps: tuple[int, int]
    """Heads below the first number read c3, below the second p2, the others p1."""
    start_from_latent_avg: bool
    """Whether `latent_avg` is added to every layer of the sketch codes."""
    sketch_coarse: EncoderConfig
    sketch_fine: EncoderConfig
    face_fine: EncoderConfig

    @property
    def n_styles(self) -> int:
        """Layers of `codes`: 18 at 1024 px."""
        return 2 * int(math.log2(self.output_size)) - 2

    @property
    def preview_sides(self) -> dict[str, int]:
        """Sides of the previews in pixels, smallest first: a quarter and a half of the picture's."""
        return preview_sides(self.output_size)

    @property
    def label_count(self) -> int:
        """Classes of the label map, background excluded."""
        return self.sketch_coarse.in_channels

    def tap_of(self, head: int) -> int:
        """Which feature map head `head` reads: 0 for c3, 1 for p2, 2 for p1."""
        return sum(head >= bound for bound in self.head_taps)

    def with_all_heads(self) -> ModelConfig:
        """The published network: every style head exists in every encoder, the dead ones too."""
        heads = tuple(range(self.n_styles))
        return replace(
            self,
            sketch_coarse=replace(self.sketch_coarse, heads=heads),
            sketch_fine=replace(self.sketch_fine, heads=heads),
            face_fine=replace(self.face_fine, heads=heads),
        )


def _published_encoder(in_channels: int, heads: range) -> EncoderConfig:
    return EncoderConfig(in_channels, 64, (64, 128, 256, 512), (3, 4, 14, 3), 16, 512, tuple(heads))


PUBLISHED = ModelConfig(
    output_size=1024,
    style_width=512,
    mapping_layers=8,
    channels=(512, 512, 512, 512, 512, 256, 128, 64, 32),
    geometry_layers=8,
    encoder_size=256,
    appearance_size=512,
    head_taps=(3, 7),
    start_from_latent_avg=True,
    sketch_coarse=_published_encoder(22, range(1)),
    sketch_fine=_published_encoder(22, range(8)),
    face_fine=_published_encoder(3, range(8, 18)),
)
"""The published SPSE model at 1024 px (834.7 M parameters with its dead heads)."""
