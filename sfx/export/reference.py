"""The published form: what the original's inference path computes, operator for operator.

Written against a plain state dict, apart from `sfx.export.networks`, so that an error there shows. Weights
are modulated per sample and run as a grouped convolution, filters go through a general `upfirdn2d`, every
style head is evaluated: as the original does, with its two CUDA extensions replaced by their published
plain-PyTorch equivalents. It is the first link of the proof at export, and the peer that `sfx bench --peers`
measures against.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def upfirdn2d(x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Insert zeros, pad, convolve with `kernel`, keep every `down`-th sample. x: (N, C, H, W)."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch * channels, 1, height, 1, width, 1)
    x = F.pad(x, (0, up - 1, 0, 0, 0, up - 1))
    x = x.reshape(batch * channels, 1, height * up, width * up)
    # Negative padding crops, as F.pad does.
    x = F.pad(x, (pad[0], pad[1], pad[0], pad[1]))
    x = F.conv2d(x, kernel.flip(0, 1)[None, None])
    x = x.reshape(batch, channels, x.shape[-2], x.shape[-1])
    return x[:, :, ::down, ::down]


def fused_leaky_relu(
    x: Tensor, bias: Tensor, negative_slope: float = 0.2, scale: float = math.sqrt(2)
) -> Tensor:
    """`leaky_relu(x + bias) * scale`, with `bias` (C,) on axis 1."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return F.leaky_relu(x + bias.reshape(shape), negative_slope) * scale


def modulated_conv2d(
    x: Tensor, w: Tensor, state: State, name: str, *, demodulate: bool = True, upsample: bool = False
) -> Tensor:
    """Weight modulation as published: one kernel a sample, the batch in the groups. (N, I, H, W) -> (N, O, ...)."""
    batch, channels, height, width = x.shape
    stored = state[f"{name}.weight"]  # (1, O, I, k, k)
    _, outputs, inputs, size, _ = stored.shape
    style_weight = state[f"{name}.modulation.weight"]
    style = F.linear(w, style_weight / math.sqrt(style_weight.shape[1]), state[f"{name}.modulation.bias"])
    weight = stored / math.sqrt(inputs * size * size) * style.reshape(batch, 1, inputs, 1, 1)
    if demodulate:
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    x = x.reshape(1, batch * channels, height, width)
    if upsample:
        kernels = weight.transpose(1, 2).reshape(batch * inputs, outputs, size, size)
        x = F.conv_transpose2d(x, kernels, stride=2, groups=batch)
        x = x.reshape(batch, outputs, x.shape[-2], x.shape[-1])
        return upfirdn2d(x, state[f"{name}.blur.kernel"], pad=(1, 1))
    kernels = weight.reshape(batch * outputs, inputs, size, size)
    x = F.conv2d(x, kernels, padding=size // 2, groups=batch)
    return x.reshape(batch, outputs, x.shape[-2], x.shape[-1])


def batch_norm(x: Tensor, state: State, name: str) -> Tensor:
    """Inference-time BatchNorm2d, eps 1e-5."""
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"])


def _bottleneck(x: Tensor, state: State, name: str, stride: int) -> Tensor:
    res = f"{name}.res_layer"
    y = batch_norm(x, state, f"{res}.0")
    y = F.conv2d(y, state[f"{res}.1.weight"], padding=1)
    y = F.prelu(y, state[f"{res}.2.weight"])
    y = F.conv2d(y, state[f"{res}.3.weight"], stride=stride, padding=1)
    y = batch_norm(y, state, f"{res}.4")
    gate = F.relu(F.conv2d(F.adaptive_avg_pool2d(y, 1), state[f"{res}.5.fc1.weight"]))
    y = y * torch.sigmoid(F.conv2d(gate, state[f"{res}.5.fc2.weight"]))
    projection = f"{name}.shortcut_layer.0.weight"
    if projection in state:
        shortcut = batch_norm(
            F.conv2d(x, state[projection], stride=stride), state, f"{name}.shortcut_layer.1"
        )
    else:
        shortcut = F.max_pool2d(x, 1, stride)
    return y + shortcut


def _style_head(x: Tensor, state: State, name: str) -> Tensor:
    for index in range(int(math.log2(x.shape[-1]))):
        weight, bias = state[f"{name}.convs.{2 * index}.weight"], state[f"{name}.convs.{2 * index}.bias"]
        x = F.leaky_relu(F.conv2d(x, weight, bias, stride=2, padding=1), 0.01)
    weight = state[f"{name}.linear.weight"]
    return F.linear(x.flatten(1), weight / math.sqrt(weight.shape[1]), state[f"{name}.linear.bias"])


def _upsample_add(x: Tensor, y: Tensor) -> Tensor:
    return F.interpolate(x, size=y.shape[-2:], mode="bilinear", align_corners=True) + y


def encode(
    x: Tensor,
    state: State,
    prefix: str,
    units: Sequence[int],
    head_taps: tuple[int, int],
    heads: Sequence[int],
) -> Tensor:
    """A GradualStyleEncoder: x (N, C, side, side) -> (N, len(heads), style_width)."""
    x = F.conv2d(x, state[f"{prefix}input_layer.0.weight"], padding=1)
    x = F.prelu(batch_norm(x, state, f"{prefix}input_layer.1"), state[f"{prefix}input_layer.2.weight"])
    taps = []
    index = 0
    for count in units:
        for unit in range(count):
            x = _bottleneck(x, state, f"{prefix}body.{index}", stride=1 if unit else 2)
            index += 1
        taps.append(x)
    _, c1, c2, c3 = taps
    maps = [c3]
    if f"{prefix}latlayer1.weight" in state:
        lateral = F.conv2d(c2, state[f"{prefix}latlayer1.weight"], state[f"{prefix}latlayer1.bias"])
        maps.append(_upsample_add(c3, lateral))
    if f"{prefix}latlayer2.weight" in state:
        lateral = F.conv2d(c1, state[f"{prefix}latlayer2.weight"], state[f"{prefix}latlayer2.bias"])
        maps.append(_upsample_add(maps[1], lateral))
    codes = []
    for head in heads:
        features = maps[sum(head >= bound for bound in head_taps)]
        codes.append(_style_head(features, state, f"{prefix}styles.{head}"))
    return torch.stack(codes, dim=1)


def mapping(z: Tensor, state: State, prefix: str = "decoder.") -> Tensor:
    """z (N, style_width) -> w (N, style_width)."""
    x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
    layer = 1
    while f"{prefix}style.{layer}.weight" in state:
        weight, bias = state[f"{prefix}style.{layer}.weight"], state[f"{prefix}style.{layer}.bias"]
        x = fused_leaky_relu(F.linear(x, weight * (0.01 / math.sqrt(weight.shape[1]))), bias * 0.01)
        layer += 1
    return x


def _styled_conv(x: Tensor, w: Tensor, noise: Tensor, state: State, name: str, *, upsample: bool) -> Tensor:
    x = modulated_conv2d(x, w, state, f"{name}.conv", upsample=upsample)
    x = x + state[f"{name}.noise.weight"] * noise
    return fused_leaky_relu(x, state[f"{name}.activate.bias"])


def synthesis(codes: Tensor, state: State, prefix: str = "decoder.") -> Tensor:
    """codes (N, n_styles, style_width) -> image (N, 3, H, W), nominally in [-1, 1]."""
    *_, image = skips(codes, state, prefix)
    return image


def skips(codes: Tensor, state: State, prefix: str = "decoder.") -> Iterator[Tensor]:
    """The skip branch's sums at 4, 8, ... pixels, each (N, 3, side, side); the last one is the image."""
    x = state[f"{prefix}input.input"].repeat(codes.shape[0], 1, 1, 1)
    x = _styled_conv(
        x, codes[:, 0], state[f"{prefix}noises.noise_0"], state, f"{prefix}conv1", upsample=False
    )
    name = f"{prefix}to_rgb1"
    image = modulated_conv2d(x, codes[:, 1], state, f"{name}.conv", demodulate=False) + state[f"{name}.bias"]
    yield image
    layer = 1
    while f"{prefix}convs.{layer - 1}.conv.weight" in state:
        for offset, upsample in ((0, True), (1, False)):
            noise = state[f"{prefix}noises.noise_{layer + offset}"]
            name = f"{prefix}convs.{layer - 1 + offset}"
            x = _styled_conv(x, codes[:, layer + offset], noise, state, name, upsample=upsample)
        name = f"{prefix}to_rgbs.{layer // 2}"
        rgb = modulated_conv2d(x, codes[:, layer + 2], state, f"{name}.conv", demodulate=False)
        image = (
            rgb + state[f"{name}.bias"] + upfirdn2d(image, state[f"{name}.upsample.kernel"], up=2, pad=(2, 1))
        )
        yield image
        layer += 2
