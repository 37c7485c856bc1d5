"""The deployable operators against their published twins, every argument off its default."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from sfx.export import reference
from sfx.export.operators import Blur, ModulatedConv2d, Upsample, per_sample, pixel_norm, scaled_leaky_relu

LOPSIDED = torch.arange(1.0, 17.0).reshape(4, 4) / 40.0
"""No symmetry: a kernel that is flipped, or not, by mistake gives another picture."""


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_upfirdn2d_agrees_with_its_definition() -> None:
    x = torch.randn(2, 3, 5, 4)
    kernel = torch.randn(3, 2)
    up, down, (before, after) = 3, 2, (2, 1)
    spread = torch.zeros(2, 3, 15, 12)
    spread[:, :, ::3, ::3] = x
    padded = F.pad(spread, (before, after, before, after))
    weight = kernel.flip(0, 1)[None, None].repeat(3, 1, 1, 1)
    expected = F.conv2d(padded, weight, groups=3)[:, :, ::down, ::down]
    torch.testing.assert_close(reference.upfirdn2d(x, kernel, up, down, (before, after)), expected)


def test_fused_leaky_relu_heeds_slope_and_scale() -> None:
    x, bias = torch.randn(2, 3, 4, 4), torch.randn(3)
    shifted = x + bias[None, :, None, None]
    expected = torch.where(shifted > 0, shifted, shifted * 0.7) * 3.0
    torch.testing.assert_close(reference.fused_leaky_relu(x, bias, negative_slope=0.7, scale=3.0), expected)


def test_activation_is_the_published_one() -> None:
    x, bias = torch.randn(2, 3, 4, 4), torch.randn(3)
    found = scaled_leaky_relu(x, bias.view(1, 3, 1, 1))
    torch.testing.assert_close(found, reference.fused_leaky_relu(x, bias))


def test_blur_and_upsample_use_the_stored_kernel_as_published() -> None:
    x = torch.randn(2, 3, 9, 9)
    blur, upsample = Blur(), Upsample()
    blur.kernel, upsample.kernel = LOPSIDED, LOPSIDED
    torch.testing.assert_close(blur(x), reference.upfirdn2d(x, LOPSIDED, pad=(1, 1)))
    torch.testing.assert_close(upsample(x), reference.upfirdn2d(x, LOPSIDED, up=2, pad=(2, 1)))


@pytest.mark.parametrize(
    ("kernel", "demodulate", "upsample"),
    [(3, True, False), (3, True, True), (1, False, False), (3, False, False)],
)
def test_activation_modulation_equals_weight_modulation(
    kernel: int, demodulate: bool, upsample: bool
) -> None:
    conv = ModulatedConv2d(6, 5, kernel, 16, demodulate=demodulate, upsample=upsample)
    torch.nn.init.normal_(conv.modulation.bias)
    if conv.blur is not None:
        conv.blur.kernel = LOPSIDED
    x, w = torch.randn(3, 6, 8, 8), torch.randn(3, 16)
    state = {f"conv.{name}": value for name, value in conv.state_dict().items()}
    expected = reference.modulated_conv2d(x, w, state, "conv", demodulate=demodulate, upsample=upsample)
    found = conv(x, w)
    assert found.shape == (3, 5, 16, 16) if upsample else found.shape == (3, 5, 8, 8)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_modulation_stays_finite_for_a_style_of_zero() -> None:
    conv = ModulatedConv2d(4, 4, 3, 8, demodulate=True, upsample=False)
    torch.nn.init.zeros_(conv.modulation.bias)
    assert torch.equal(conv(torch.randn(1, 4, 4, 4), torch.zeros(1, 8)), torch.zeros(1, 4, 4, 4))


def test_bias_per_sample_is_exactly_the_bias() -> None:
    bias, w = torch.randn(7), torch.randn(3, 5) * 1e6
    assert torch.equal(per_sample(bias, w), bias.expand(3, 7))


def test_pixel_norm_makes_the_mean_square_one_and_keeps_zero() -> None:
    assert pixel_norm(torch.randn(4, 64) * 9).square().mean(1).sqrt().tolist() == pytest.approx([1.0] * 4)
    assert torch.equal(pixel_norm(torch.zeros(1, 4)), torch.zeros(1, 4))


def test_mapping_twin_applies_the_learning_rate() -> None:
    weight, bias = torch.randn(4, 4) * 100, torch.randn(4)
    z = torch.randn(2, 4)
    unit = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    expected = F.leaky_relu(unit @ (weight * 0.01 / math.sqrt(4)).T + bias * 0.01, 0.2) * math.sqrt(2)
    found = reference.mapping(z, {"decoder.style.1.weight": weight, "decoder.style.1.bias": bias})
    torch.testing.assert_close(found, expected)
