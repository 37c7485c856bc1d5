"""The networks of a sketch-to-face model, built from `ModelConfig`.

Module names give the published state-dict names, so a published checkpoint loads as it is; only what
reaches the picture is built. Trainable: the demo model is trained with these same classes.
Encoders follow pixel2style2pixel (Richardson et al. 2021), synthesis StyleGAN2 (Karras et al. 2020) in
rosinality's layout.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfx.config import EncoderConfig, ModelConfig
from sfx.export.operators import (
    EqualLinear,
    ModulatedConv2d,
    Upsample,
    per_channel,
    per_sample,
    pixel_norm,
    scaled_leaky_relu,
)

COARSE_GAIN = 60.0
"""The coarse sketch encoder returns its head 0 times this."""
FINE_GAIN = 6.0
"""The two fine encoders return their heads times this."""
MAPPING_LEARNING_RATE = 0.01
"""Equalised learning rate of the mapping network, part of its stored weights' scale."""


class SqueezeExcite(nn.Module):
    """x (N, C, H, W) times sigmoid(fc2(relu(fc1(mean over H, W)))) per channel."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // squeeze, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // squeeze, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * gate.sigmoid()


class Bottleneck(nn.Module):
    """IR-SE bottleneck: (N, inputs, H, W) -> (N, depth, H / stride, W / stride)."""

    def __init__(self, inputs: int, depth: int, stride: int, squeeze: int) -> None:
        super().__init__()
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, depth, 3, 1, 1, bias=False),
            nn.PReLU(depth),
            nn.Conv2d(depth, depth, 3, stride, 1, bias=False),
            nn.BatchNorm2d(depth),
            SqueezeExcite(depth, squeeze),
        )
        self.shortcut_layer: nn.Module
        if inputs == depth:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            projection = nn.Conv2d(inputs, depth, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(projection, nn.BatchNorm2d(depth))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.res_layer(x)
        shortcut: Tensor = self.shortcut_layer(x)
        return residual + shortcut


class StyleHead(nn.Module):
    """A map (N, C, side, side) -> one layer of codes (N, style_width): stride-2 convolutions down to 1x1."""

    def __init__(self, inputs: int, width: int, style_width: int, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(int(math.log2(side))):
            layers += [nn.Conv2d(width if index else inputs, width, 3, 2, 1), nn.LeakyReLU(0.01)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(width, style_width, scale=1.0 / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        codes: Tensor = self.linear(self.convs(x).flatten(1))
        return codes


def upsample_add(x: Tensor, lateral: Tensor) -> Tensor:
    """`lateral` plus `x` bilinearly resized to its side, corners aligned."""
    return F.interpolate(x, size=lateral.shape[-2:], mode="bilinear", align_corners=True) + lateral


class Encoder(nn.Module):
    """(N, in_channels, encoder_size, encoder_size) -> the live heads' codes (N, len(heads), style_width)."""

    def __init__(self, config: EncoderConfig, model: ModelConfig) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(config.in_channels, config.stem_width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(config.stem_width),
            nn.PReLU(config.stem_width),
        )
        blocks: list[nn.Module] = []
        inputs = config.stem_width
        for depth, count in zip(config.widths, config.units, strict=True):
            for index in range(count):
                blocks.append(Bottleneck(inputs, depth, 1 if index else 2, config.squeeze))
                inputs = depth
        self.body = nn.ModuleList(blocks)
        ends = [sum(config.units[: group + 1]) - 1 for group in range(4)]
        self.taps = ends[1:]
        self.head_taps = {head: model.tap_of(head) for head in config.heads}
        deepest = max(self.head_taps.values())
        pyramid_width = config.widths[3]
        self.latlayer1 = nn.Conv2d(config.widths[2], pyramid_width, 1) if deepest >= 1 else None
        self.latlayer2 = nn.Conv2d(config.widths[1], pyramid_width, 1) if deepest >= 2 else None
        side = model.encoder_size // 16
        # Keyed by the layer's number, so that a partial set keeps the published names `styles.8.`, `styles.9.`, ...
        self.styles = nn.ModuleDict(
            {
                str(head): StyleHead(pyramid_width, config.head_width, model.style_width, side << tap)
                for head, tap in self.head_taps.items()
            }
        )

    def features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """c1, c2, c3 at a quarter, an eighth and a sixteenth of the input's side."""
        x = self.input_layer(x)
        tapped = []
        for index, block in enumerate(self.body):
            x = block(x)
            if index in self.taps:
                tapped.append(x)
        c1, c2, c3 = tapped
        return c1, c2, c3

    def forward(self, x: Tensor) -> Tensor:
        c1, c2, c3 = self.features(x)
        maps = [c3]
        if self.latlayer1 is not None:
            maps.append(upsample_add(c3, self.latlayer1(c2)))
        if self.latlayer2 is not None:
            maps.append(upsample_add(maps[1], self.latlayer2(c1)))
        codes = [self.styles[str(head)](maps[tap]) for head, tap in self.head_taps.items()]
        return torch.stack(codes, dim=1)


class MappingLayer(EqualLinear):
    """A linear layer of the mapping network followed by `leaky_relu(0.2) * sqrt(2)`."""

    def __init__(self, width: int) -> None:
        rate = MAPPING_LEARNING_RATE
        super().__init__(width, width, scale=rate / math.sqrt(width), bias_scale=rate)
        nn.init.normal_(self.weight, std=1.0 / rate)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(super().forward(x), 0.2) * math.sqrt(2.0)


class PixelNorm(nn.Module):
    """`pixel_norm` as a module, since it holds number 0 in the published mapping network."""

    def forward(self, x: Tensor) -> Tensor:
        return pixel_norm(x)


class ConstantInput(nn.Module):
    """The learned 4x4 map that synthesis starts from, stored as `input.input` (1, C, 4, 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class NoiseStrength(nn.Module):
    """The scalar that scales a stored noise map, as `noise.weight` (1,)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class ActivationBias(nn.Module):
    """The bias of the fused activation, stored as `activate.bias` (C,)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class StyledConv(nn.Module):
    """Modulated convolution + noise + fused activation."""

    def __init__(self, inputs: int, outputs: int, style_width: int, *, upsample: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, outputs, 3, style_width, demodulate=True, upsample=upsample)
        self.noise = NoiseStrength()
        self.activate = ActivationBias(outputs)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        x = self.conv(x, w)
        x = x + (noise * self.noise.weight).to(x.dtype)
        return scaled_leaky_relu(x, per_channel(per_sample(self.activate.bias, w), x))


class ToRgb(nn.Module):
    """(N, C, H, W) -> RGB (N, 3, H, W) plus the up-sampled RGB of the resolution below."""

    def __init__(self, inputs: int, style_width: int, *, upsample: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, 3, 1, style_width, demodulate=False, upsample=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = Upsample() if upsample else None

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None) -> Tensor:
        rgb: Tensor = self.conv(x, w) + self.bias
        if self.upsample is not None and skip is not None:
            rgb = rgb + self.upsample(skip)
        return rgb


class Decoder(nn.Module):
    """StyleGAN2: the mapping network (`style`) and the synthesis network, with stored noise."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.style_width
        layers = [MappingLayer(width) for _ in range(config.mapping_layers)]
        self.style = nn.Sequential(PixelNorm(), *layers)
        channels = config.channels
        self.input = ConstantInput(channels[0])
        self.conv1 = StyledConv(channels[0], channels[0], width, upsample=False)
        self.to_rgb1 = ToRgb(channels[0], width, upsample=False)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        for below, here in itertools.pairwise(channels):
            self.convs.append(StyledConv(below, here, width, upsample=True))
            self.convs.append(StyledConv(here, here, width, upsample=False))
            self.to_rgbs.append(ToRgb(here, width, upsample=True))
        self.noises = nn.Module()
        for index in range(2 * len(channels) - 1):
            side = 4 << ((index + 1) // 2)
            self.noises.register_buffer(f"noise_{index}", torch.randn(1, 1, side, side))

    def modulated_convolutions(self) -> Iterator[tuple[ModulatedConv2d, int]]:
        """Every modulated convolution with the layer of codes that it reads."""
        yield self.conv1.conv, 0
        yield self.to_rgb1.conv, 1
        for layer, styled in enumerate(self.convs, start=1):
            assert isinstance(styled, StyledConv)
            yield styled.conv, layer
        for index, to_rgb in enumerate(self.to_rgbs):
            assert isinstance(to_rgb, ToRgb)
            yield to_rgb.conv, 2 * index + 3

    def mapping(self, z: Tensor) -> Tensor:
        """z (N, style_width) -> w (N, style_width)."""
        w: Tensor = self.style(z)
        return w

    def synthesis(self, codes: Tensor, size: int | None = None) -> Tensor:
        """codes (N, n_styles, style_width) -> image (N, 3, output_size, output_size), nominally in [-1, 1].

        `size` stops at a lower resolution and returns the RGB accumulated so far.
        """
        for rgb in self.skips(codes):
            if size is not None and rgb.shape[-1] >= size:
                break
        return rgb

    def skips(self, codes: Tensor) -> Iterator[Tensor]:
        """The RGB accumulated so far at 4, 8, ... `output_size` pixels, each (N, 3, side, side); the image is last."""
        x = self.input.input.expand(codes.shape[0], -1, -1, -1)
        x = self.conv1(x, codes.select(1, 0), self.noises.get_buffer("noise_0"))
        rgb: Tensor = self.to_rgb1(x, codes.select(1, 1), None)
        yield rgb
        for index, to_rgb in enumerate(self.to_rgbs):
            for layer in (2 * index + 1, 2 * index + 2):
                x = self.convs[layer - 1](x, codes.select(1, layer), self.noises.get_buffer(f"noise_{layer}"))
            rgb = to_rgb(x, codes.select(1, 2 * index + 3), rgb)
            yield rgb


class Spse(nn.Module):
    """The whole model under the published names; `latent_avg` (n_styles, style_width) is kept beside them."""

    latent_avg: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder_sketch_coarse = Encoder(config.sketch_coarse, config)
        self.encoder_sketch_fine = Encoder(config.sketch_fine, config)
        self.encoder_face_fine = Encoder(config.face_fine, config)
        self.decoder = Decoder(config)
        average = torch.zeros(config.n_styles, config.style_width)
        self.register_buffer("latent_avg", average, persistent=False)

    def sketch_codes(self, one_hot: Tensor) -> Tensor:
        """one_hot (N, label_count, encoder_size, encoder_size) -> (N, n_styles, style_width)."""
        coarse = COARSE_GAIN * self.encoder_sketch_coarse(one_hot)[:, 0]
        codes = self.decoder.mapping(coarse)[:, None].expand(-1, self.config.n_styles, -1)
        if self.config.start_from_latent_avg:
            codes = codes + self.latent_avg
        fine = FINE_GAIN * self.encoder_sketch_fine(one_hot)
        split = self.config.geometry_layers
        return torch.cat([codes[:, :split] + fine, codes[:, split:]], dim=1)

    def appearance_codes(self, photo: Tensor) -> Tensor:
        """photo (N, 3, encoder_size, encoder_size) in [-1, 1] -> (N, n_styles - geometry_layers, style_width)."""
        codes: Tensor = FINE_GAIN * self.encoder_face_fine(photo)
        return codes

    def combine(self, sketch_codes: Tensor, appearance_codes: Tensor) -> Tensor:
        """Add the appearance codes to the appearance layers of the sketch codes."""
        split = self.config.geometry_layers
        return torch.cat([sketch_codes[:, :split], sketch_codes[:, split:] + appearance_codes], dim=1)
