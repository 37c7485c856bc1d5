"""The FP16 form of the networks: convolutions in half precision that cannot overflow, all else in FP32.

TensorRT 11 computes what the graph's types say, so precision is written here and nowhere else. Styles,
demodulation, the mapping network, gates, biases, noise and RGB accumulation stay in FP32. A convolution's
input is stored in FP16 and its weights are divided by a power of two for each output channel, so that

    sum |weight| <= 1,   and so   |convolution(x)| <= max |x|   for every x

The division is exact and is undone in FP32, where demodulation, bias and activation happen anyway. Styles
are divided by their largest magnitude for the same reason, and demodulation takes that back too.
Built with float32 instead of float16 the same form computes what the plain one does; the emulator measures
each layer against that.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sfx.export.networks import Bottleneck, Encoder, MappingLayer, Spse, StyleHead
from sfx.export.operators import (
    DEMODULATION_EPS,
    LEAKY_GAIN,
    LEAKY_SLOPE,
    EqualLinear,
    ModulatedConv2d,
    per_channel,
)

LIMIT = 8192.0
"""Largest magnitude that is stored. Times the FIR's gain of 4 it is half of FP16's largest number, 65504;
StyleGAN2-ADA clamps its FP16 maps at 256, so a map of sound weights never comes near."""
SMALLEST_STYLE = 1e-12
"""Floor of a style's largest magnitude, so that a style of all zeros is not divided by zero."""


def half_form(model: Spse, dtype: torch.dtype = torch.float16) -> Spse:
    """The model with every large layer replaced by its twin in `dtype`; `model` stays as it is and shares values."""
    shared = [*model.parameters(), *model.buffers()]
    twin = copy.deepcopy(model, {id(tensor): tensor for tensor in shared})
    for encoder in (twin.encoder_sketch_coarse, twin.encoder_sketch_fine, twin.encoder_face_fine):
        _halve_encoder(encoder, dtype)
    twin.decoder.style = nn.Sequential(*map(_pointwise_mapping, twin.decoder.style))
    for layer in (twin.decoder.conv1, twin.decoder.to_rgb1, *twin.decoder.convs, *twin.decoder.to_rgbs):
        layer.conv = HalfModulatedConv2d(layer.conv, dtype)
    return twin.eval()


class Stored(nn.Module):
    """Any float tensor, saturated at `LIMIT` and rounded to `dtype`."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return x if x.dtype == torch.float16 else x.clamp(-LIMIT, LIMIT).to(self.dtype)


class ScaledConv2d(nn.Module):
    """x (N, I, H, W) in `dtype` -> convolution with weight / gain, (N, O, H', W') in `dtype`.

    `gain` (O,) is the least power of two above each output channel's sum of |weight|.
    """

    weight: Tensor
    gain: Tensor

    def __init__(self, weight: Tensor, stride: int, padding: int, dtype: torch.dtype) -> None:
        super().__init__()
        exponent = torch.frexp(weight.abs().sum((1, 2, 3))).exponent
        gain = torch.ldexp(torch.ones_like(exponent, dtype=torch.float32), exponent)
        self.register_buffer("gain", gain)
        self.register_buffer("weight", self.scaled(weight).to(dtype))
        self.stride = stride
        self.padding = padding

    def scaled(self, weight: Tensor) -> Tensor:
        """weight (O, I, kH, kW) / gain, in the dtype of `weight`."""
        return weight / self.gain[:, None, None, None]

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, stride=self.stride, padding=self.padding)


class ScaledUpConv2d(ScaledConv2d):
    """The same as a transposed convolution of stride 2: (N, I, H, W) -> (N, O, 2H + 1, 2W + 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)


class HalfConv2d(nn.Module):
    """Twin of `nn.Conv2d`: (N, I, H, W) in any float type -> (N, O, H', W') float32."""

    bias: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: int, padding: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.stored = Stored(dtype)
        self.conv = ScaledConv2d(weight.detach(), stride, padding, dtype)
        self.register_buffer("bias", torch.zeros(len(weight)) if bias is None else bias.detach())

    @classmethod
    def of(cls, conv: nn.Conv2d, dtype: torch.dtype) -> HalfConv2d:
        padding = conv.padding[0]
        assert isinstance(padding, int)
        return cls(conv.weight, conv.bias, conv.stride[0], padding, dtype)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(self.stored(x)).float()
        return y * self.conv.gain[:, None, None] + self.bias[:, None, None]


class HalfLinear(nn.Module):
    """Twin of `EqualLinear`, (N, I) -> (N, O) float32, multiplying in `dtype`."""

    def __init__(self, linear: EqualLinear, dtype: torch.dtype) -> None:
        super().__init__()
        weight = (linear.weight * linear.scale)[:, :, None, None]
        self.conv = HalfConv2d(weight, linear.bias * linear.bias_scale, 1, 0, dtype)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x.unsqueeze(-1).unsqueeze(-1))
        return y.flatten(1)


class PointwiseLinear(nn.Module):
    """Twin of `EqualLinear` in FP32, as a 1x1 convolution: TensorRT-RTX has no FP32 GEMM for SM 7.5."""

    weight: Tensor
    bias: Tensor

    def __init__(self, linear: EqualLinear) -> None:
        super().__init__()
        self.register_buffer("weight", (linear.weight * linear.scale).detach())
        self.register_buffer("bias", (linear.bias * linear.bias_scale).detach())

    def forward(self, x: Tensor) -> Tensor:
        return pointwise(x, self.weight, self.bias)


class PointwiseMapping(PointwiseLinear):
    """Twin of `MappingLayer` in FP32."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(super().forward(x), LEAKY_SLOPE) * LEAKY_GAIN


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (N, I) @ weight (O, I).T + bias (O,) as a 1x1 convolution, (N, O)."""
    y = F.conv2d(x.unsqueeze(-1).unsqueeze(-1), weight[:, :, None, None], bias)
    return y.flatten(1)


def _pointwise_mapping(layer: nn.Module) -> nn.Module:
    return PointwiseMapping(layer) if isinstance(layer, MappingLayer) else layer


class ChannelAffine(nn.Module):
    """A BatchNorm that no convolution can absorb, since zero padding comes after it: x * scale + shift in FP32."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", (norm.bias.detach() - norm.running_mean * scale)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return x.float() * self.scale + self.shift


class HalfModulatedConv2d(nn.Module):
    """Twin of `ModulatedConv2d`: x (N, I, H, W) in any float type, w (N, style_width) -> float32.

    With s the style, m = max|s|, g the weights' gain and E = sum_hw((weight / g)^2):
    conv(x * s) * rsqrt(sum(s^2 weight^2) + eps) = conv_scaled(x * s/m) * rsqrt(sum((s/m)^2 E) + eps / (m g)^2).
    """

    energy: Tensor

    def __init__(self, form: ModulatedConv2d, dtype: torch.dtype) -> None:
        super().__init__()
        weight = form.weight[0].detach() * form.scale
        self.modulation = PointwiseLinear(form.modulation)
        self.blur = form.blur
        self.demodulate = form.demodulate
        self.stored = Stored(dtype)
        scaled = ScaledConv2d if form.blur is None else ScaledUpConv2d
        self.conv = scaled(weight, 1, weight.shape[-1] // 2, dtype)
        self.register_buffer("energy", self.conv.scaled(weight).square().sum((2, 3)))  # (O, I)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.modulation(w)
        largest = style.abs().amax(1, keepdim=True).clamp(min=SMALLEST_STYLE)
        relative = style / largest
        x = self.stored(x).float()
        y = self.conv((x * per_channel(relative, x)).to(self.stored.dtype))
        if self.blur is not None:
            y = self.blur(y)
        restore = largest * self.conv.gain
        if self.demodulate:
            eps = DEMODULATION_EPS / restore.square()
            restore = torch.rsqrt(pointwise(relative.square(), self.energy) + eps)
        y = y.float()
        restored: Tensor = y * per_channel(restore, y)
        return restored


def _halve_encoder(encoder: Encoder, dtype: torch.dtype) -> None:
    encoder.input_layer = _halve_sequence(encoder.input_layer, dtype)
    for index, block in enumerate(encoder.body):
        assert isinstance(block, Bottleneck)
        block.res_layer = _halve_sequence(block.res_layer, dtype)
        if isinstance(block.shortcut_layer, nn.Sequential):
            block.shortcut_layer = _halve_sequence(block.shortcut_layer, dtype)
        encoder.body[index] = nn.Sequential(block, Stored(dtype))
    for name in ("latlayer1", "latlayer2"):
        lateral = getattr(encoder, name)
        if lateral is not None:
            setattr(encoder, name, HalfConv2d.of(lateral, dtype))
    for head in encoder.styles.values():
        assert isinstance(head, StyleHead)
        head.convs = _halve_sequence(head.convs, dtype)
        head.linear = HalfLinear(head.linear, dtype)  # type: ignore[assignment]


def _halve_sequence(layers: nn.Sequential, dtype: torch.dtype) -> nn.Sequential:
    """Convolutions become twins, a BatchNorm right after one folded into it, any other an affine."""
    halved: list[nn.Module] = []
    before: nn.Module | None = None
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            halved[-1] = HalfConv2d.of(fuse_conv_bn_eval(before, layer), dtype)
        elif isinstance(layer, nn.Conv2d):
            halved.append(HalfConv2d.of(layer, dtype))
        else:
            halved.append(ChannelAffine(layer) if isinstance(layer, nn.BatchNorm2d) else layer)
        before = layer
    return nn.Sequential(*halved)
