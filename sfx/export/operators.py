"""StyleGAN2's operators in plain PyTorch, in the form that deploys.

The original runs `upfirdn2d` and `fused_leaky_relu` as CUDA extensions and modulates weights per sample.
Here activations are modulated instead, so that every convolution has a constant kernel: exactly the same
function, 2.2 times as fast in eager PyTorch on a CPU, and the only form that TensorRT, FP16 and INT8 take.
The published forms stand in `sfx.export.reference`; tests hold the two against each other.

Axes: N batch, C channels, H and W rows and columns, O and I a convolution's outputs and inputs.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DEMODULATION_EPS = 1e-8
LEAKY_SLOPE = 0.2
LEAKY_GAIN = math.sqrt(2.0)


def scaled_leaky_relu(x: Tensor, bias: Tensor) -> Tensor:
    """`leaky_relu(x + bias, 0.2) * sqrt(2)`; `bias` broadcasts against `x`."""
    return F.leaky_relu(x + bias, LEAKY_SLOPE) * LEAKY_GAIN


class EqualLinear(nn.Module):
    """A linear layer whose stored weight is scaled at run time (equalised learning rate).

    y = x @ (weight * scale).T + bias * bias_scale, over the last axis; `weight` is (O, I), `bias` (O,).
    """

    def __init__(self, inputs: int, outputs: int, *, scale: float, bias_scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = scale
        self.bias_scale = bias_scale

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.bias_scale)


class Fir(nn.Module):
    """Holds the stored FIR kernel (4, 4) under the name that the published state dict gives it."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("kernel", torch.outer(taps, taps) / 64.0 * 4.0)

    def depthwise(self, channels: int) -> Tensor:
        """The kernel as a convolution's weight, (channels, 1, 4, 4).

        Flipped: upfirdn2d convolves, PyTorch's convolutions correlate.
        """
        return self.kernel.flip(0, 1).expand(channels, 1, 4, 4)


class Blur(Fir):
    """The low-pass after an up-sampling convolution: zero-pads H and W by 1, then filters, so n becomes n - 1."""

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        return F.conv2d(x, self.depthwise(channels).to(x.dtype), padding=1, groups=channels)


class Upsample(Fir):
    """Zero-insert up-sampling by 2 with the stored kernel, pad (2, 1): (N, C, H, W) -> (N, C, 2H, 2W).

    One depthwise transposed convolution: inserting zeros and correlating with the flipped kernel is what a
    transposed convolution does with the kernel as it is stored.
    """

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        weight = self.kernel.expand(channels, 1, 4, 4)
        return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)


class ModulatedConv2d(nn.Module):
    """StyleGAN2's modulated convolution (Karras et al. 2020, section 2.2), modulating activations.

    x (N, I, H, W), w (N, style_width) -> (N, O, H, W), or (N, O, 2H, 2W) with `upsample`.
    Original: weight' = W / sqrt(fan_in) * style, demodulated by rsqrt(sum(weight'^2) + eps). Here
    conv(x * style) * rsqrt(style^2 @ sum_hw(W^2) / fan_in + eps), equal because style acts per input
    channel and demodulation per output channel.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, style_width: int, *, demodulate: bool, upsample: bool
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        self.modulation = EqualLinear(style_width, inputs, scale=1.0 / math.sqrt(style_width))
        nn.init.ones_(self.modulation.bias)
        self.scale = 1.0 / math.sqrt(inputs * kernel * kernel)
        self.demodulate = demodulate
        self.blur = Blur() if upsample else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.modulation(w)
        weight = self.weight[0] * self.scale
        x = x * per_channel(style, x)
        if self.blur is not None:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1).to(x.dtype), stride=2))
        else:
            x = F.conv2d(x, weight.to(x.dtype), padding=weight.shape[-1] // 2)
        if self.demodulate:
            energy = weight.square().sum((2, 3))  # (O, I)
            demodulation = torch.rsqrt(style.square() @ energy.t() + DEMODULATION_EPS)
            x = x * per_channel(demodulation, x)
        return x


def per_channel(scale: Tensor, x: Tensor) -> Tensor:
    """scale (N, C) as (N, C, 1, 1) in the dtype of `x`; unsqueeze, since indexing with None exports as Slice nodes."""
    return scale.unsqueeze(-1).unsqueeze(-1).to(x.dtype)


def per_sample(bias: Tensor, w: Tensor) -> Tensor:
    """bias (C,) as (N, C), each row exactly `bias`, but no constant to a tool that looks at the graph.

    Noise (1, 1, H, W) and bias are added one after the other, and tools fold two constant adds into one
    C x H x W constant: OpenVINO's compiled 1024 px graph grew from 129 to 649 MB by it, and took 1.3 s more
    to load. A mean of squares is never below zero, so what is added to the bias here is zero.
    """
    zero = w.square().mean(1, keepdim=True).clamp(max=0.0)
    return bias + zero


def pixel_norm(x: Tensor) -> Tensor:
    """x / sqrt(mean(x^2) + 1e-8) over the last axis."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-8)
