"""Losses and figures at values that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sfx.export.demo import metrics
from sfx.export.demo.dataset import PARTS
from sfx.export.demo.losses import (
    COARSE_SQUARE_WEIGHT,
    COARSE_WEIGHT,
    HEAVY,
    MEAN_WEIGHT,
    PART_WEIGHTS,
    SCALES,
    SQUARE_WEIGHT,
    description_loss,
    feature_weights,
    picture_loss,
    style_loss,
)
from sfx.export.demo.prelu import FastPReLU
from sfx.export.demo.schedule import Phase, Schedule
from sfx.export.networks import Spse
from sfx.export.pacing import LearningRate
from tests.export.demo_fixtures import NARROW


def test_equal_pictures_lose_nothing() -> None:
    picture = torch.rand(2, 3, 32, 32)
    loss = picture_loss(picture, picture, torch.ones(2, 1, 32, 32))
    assert float(loss.total) == 0.0
    assert float(loss.l1) == 0.0


def test_a_constant_difference_costs_its_size_at_every_scale_and_has_no_gradient() -> None:
    loss = picture_loss(torch.full((1, 3, 32, 32), 0.5), torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32))
    assert float(loss.l1) == pytest.approx(0.25)
    absolute = 0.5 * (1 + COARSE_WEIGHT * (SCALES - 1))
    square = SQUARE_WEIGHT + COARSE_SQUARE_WEIGHT * (SCALES - 1)
    assert float(loss.total) == pytest.approx(absolute + square * 0.25)


def test_a_picture_counts_by_the_share_that_it_becomes_better() -> None:
    """Halving the difference of one picture of two is worth as much for a bad picture as for a good one."""

    def of(*differences: float) -> float:
        drawn = torch.tensor(differences)[:, None, None, None].expand(-1, 3, 32, 32)
        return float(picture_loss(drawn, torch.zeros_like(drawn), torch.ones(len(drawn), 1, 32, 32)).total)

    assert of(0.2, 0.2) == pytest.approx(of(0.2), rel=1e-5)
    assert of(0.4, 0.1) ** 2 == pytest.approx(of(0.4) * of(0.1), rel=0.01)


def test_weights_count_where_they_are() -> None:
    # Squares of differences of 1 weigh so much that FP32 rounds more of them away than is compared here.
    drawn, target = torch.zeros(2, 1, 3, 32, 32, dtype=torch.float64)
    drawn[..., :16] = 1.0
    left, right = torch.ones(1, 1, 32, 32), torch.ones(1, 1, 32, 32)
    left[..., :8] = 3.0
    right[..., 24:] = 3.0
    even = picture_loss(drawn, target, torch.ones(1, 1, 32, 32)).total
    # A quarter of the picture weighs 2 more, and is wrong by 1 on the left and right on the right.
    assert float(picture_loss(drawn, target, left).total - even) == pytest.approx(0.5, abs=1e-5)
    assert float(picture_loss(drawn, target, right).total - even) == pytest.approx(0.0, abs=1e-5)


def test_squares_weigh_more_too_where_weights_are_heavy() -> None:
    drawn, target = torch.zeros(2, 1, 3, 32, 32, dtype=torch.float64)
    drawn[..., :16] = 1.0
    heavy = torch.ones(1, 1, 32, 32)
    heavy[..., :8] = 3 * HEAVY
    even = picture_loss(drawn, target, torch.ones(1, 1, 32, 32)).total
    # A quarter of the picture, wrong by 1, of which squares count three times.
    expected = (3 * HEAVY - 1 + 2 * SQUARE_WEIGHT) / 4
    assert float(picture_loss(drawn, target, heavy).total - even) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_feature_weights_follow_the_parts_at_every_size(size: int) -> None:
    parts = torch.full((1, 128, 128), PARTS.index("skin"), dtype=torch.uint8)
    parts[:, 40:80, 40:80] = PARTS.index("mouth")
    weights = feature_weights(parts, size)
    assert weights.shape == (1, 1, size, size)
    assert float(weights[0, 0, size // 2, size // 2]) == pytest.approx(PART_WEIGHTS["mouth"] / MEAN_WEIGHT)
    assert float(weights[0, 0, 2, 2]) == pytest.approx(PART_WEIGHTS["skin"] / MEAN_WEIGHT)


def test_every_weighted_part_exists() -> None:
    assert set(PART_WEIGHTS) <= set(PARTS)


def test_description_loss_is_quadratic_near_and_cuts_outliers() -> None:
    assert float(description_loss(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]))) == pytest.approx(0.125)
    assert float(description_loss(torch.zeros(1, 2), torch.tensor([[90.0, 90.0]]))) == pytest.approx(3.5)


def test_style_loss_is_the_share_of_the_styles_that_is_wrong() -> None:
    torch.manual_seed(0)
    decoder = Spse(NARROW).decoder
    codes = torch.randn(64, NARROW.n_styles, NARROW.style_width)
    assert style_loss(decoder, codes, codes).item() == 0.0
    constant = codes.mean(0, keepdim=True).expand_as(codes)
    assert float(style_loss(decoder, constant, codes)) == pytest.approx(1.0, abs=0.02)
    half = constant + 0.5 * (codes - constant)
    assert float(style_loss(decoder, half, codes)) == pytest.approx(0.25, abs=0.01)
    wrong = codes.clone()
    wrong[:, 3] += 1.0
    assert float(style_loss(decoder, wrong[:, :3], codes[:, :3])) == 0.0
    assert float(style_loss(decoder, wrong[:, 3:5], codes[:, 3:5], first=3)) > 0.1


def test_every_layer_of_codes_feeds_a_modulated_convolution() -> None:
    layers = [layer for _, layer in Spse(NARROW).decoder.modulated_convolutions()]
    assert len(layers) == 13 + 7
    assert sorted(set(layers)) == list(range(NARROW.n_styles))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fast_prelu_is_prelu_forward_and_backward(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    exact, fast = nn.PReLU(6), FastPReLU(6)
    slopes = torch.linspace(-0.3, 1.4, 6)
    for module in (exact, fast):
        module.weight.data.copy_(slopes)
    values, upstream = torch.randn(3, 6, 8, 8), torch.randn(3, 6, 8, 8)
    inputs = [values.clone().to(kind).requires_grad_() for kind in (torch.float32, dtype)]
    for module, x in zip((exact, fast), inputs, strict=True):
        module(x).backward(upstream.to(x.dtype))
    tolerance = 1e-5 if dtype == torch.float32 else 0.03
    assert torch.allclose(exact(inputs[0]), fast(inputs[1]).float(), atol=tolerance, rtol=0.02)
    assert inputs[0].grad is not None
    assert inputs[1].grad is not None
    assert torch.allclose(inputs[0].grad, inputs[1].grad.float(), atol=tolerance, rtol=0.02)
    assert exact.weight.grad is not None
    assert fast.weight.grad is not None
    assert torch.allclose(exact.weight.grad, fast.weight.grad, atol=10 * tolerance, rtol=0.02)


def test_the_learning_rate_warms_up_stays_and_decays() -> None:
    rate = LearningRate(1.0, warm_up_steps=10, decay_from=0.5, last=0.1)
    assert rate.at(0, 0.0) == pytest.approx(0.1)
    assert rate.at(500, 0.49) == 1.0
    assert rate.at(500, 0.75) == pytest.approx(0.55)
    assert rate.at(500, 1.0) == pytest.approx(0.1)
    assert rate.at(500, 10.0) == pytest.approx(0.1)


def test_pictures_grow_with_time() -> None:
    schedule = Schedule(100.0, 10.0, 50.0)
    assert [schedule.size(minutes, 256) for minutes in (0, 10, 49, 50)] == [64, 128, 128, 256]


def test_the_schedule_teaches_the_decoder_then_the_encoders_then_all() -> None:
    schedule = Schedule(100.0, 10.0, 20.0, decoder_minutes=30.0, encoders_minutes=60.0)
    phases = [schedule.phase(minutes) for minutes in (0.0, 29.9, 30.0, 59.9, 60.0, 200.0)]
    assert phases == [*[Phase.DECODER] * 2, *[Phase.ENCODERS] * 2, *[Phase.TOGETHER] * 2]
    shares = [schedule.share(minutes) for minutes in (0.0, 15.0, 30.0, 45.0, 60.0, 80.0, 100.0, 200.0)]
    assert shares == [0.0, 0.5, 0.0, 0.5, 0.0, 0.5, 1.0, 1.0]
    assert Schedule(100.0, 10.0, 20.0).phase(0.0) is Phase.TOGETHER
    shipped = Schedule(90.0, 0.0, 45.0, seeing_minutes=45.0, sharpening_minutes=20.0)
    phases = [shipped.phase(minutes) for minutes in (0.0, 44.9, 45.0, 69.9, 70.0, 90.0)]
    assert phases == [*[Phase.SEEING] * 2, *[Phase.TOGETHER] * 2, *[Phase.SHARPENING] * 2]
    assert [shipped.share(minutes) for minutes in (0.0, 57.5, 80.0, 90.0)] == [0.0, 0.5, 0.5, 1.0]
    assert Schedule(100.0, 10.0, 20.0).share(50.0) == 0.5
    colouring = Schedule(90.0, 0.0, 45.0, colouring_minutes=60.0)
    assert [colouring.phase(minutes) for minutes in (0.0, 59.9, 60.0)] == [
        *[Phase.COLOURING] * 2,
        Phase.TOGETHER,
    ]
    drawing = Schedule(90.0, 0.0, 0.0, colouring_minutes=10.0, drawing_minutes=60.0)
    assert [drawing.phase(minutes) for minutes in (9.9, 10.0, 59.9, 60.0)] == [
        Phase.COLOURING,
        *[Phase.DRAWING] * 2,
        Phase.TOGETHER,
    ]
    refining = Schedule(90.0, 0.0, 0.0, drawing_minutes=10.0, refining_minutes=60.0)
    assert [refining.phase(minutes) for minutes in (9.9, 10.0, 59.9, 60.0)] == [
        Phase.DRAWING,
        *[Phase.REFINING] * 2,
        Phase.TOGETHER,
    ]


def test_l1_of_a_known_difference() -> None:
    target = np.full((64, 64, 3), 100, np.uint8)
    drawn = target + np.uint8(5)
    assert metrics.l1(drawn, target) == pytest.approx(5 / 255)


def test_perceptual_distance_is_zero_for_equals_and_grows_with_blur() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    softer = ((target.astype(int) + np.roll(target, 1, 0)) // 2).astype(np.uint8)
    assert metrics.perceptual_distance(target, target) == pytest.approx(0.0, abs=1e-9)
    assert 0.1 < metrics.perceptual_distance(softer, target) < 1.0


def _face() -> tuple[np.ndarray, np.ndarray]:
    """A head of hair and skin with a striped mouth, and its part map."""
    parts = np.full((128, 128), PARTS.index("background"), np.uint8)
    parts[20:120, 30:98] = PARTS.index("hair")
    parts[50:118, 40:88] = PARTS.index("skin")
    parts[95:105, 55:75] = PARTS.index("mouth")
    colours = {
        "background": (30, 160, 60),
        "hair": (40, 30, 20),
        "skin": (220, 180, 150),
        "mouth": (160, 60, 60),
    }
    picture = np.zeros((128, 128, 3), np.uint8)
    for name, colour in colours.items():
        picture[parts == PARTS.index(name)] = colour
    picture[99:101, 55:75] = 20
    return picture.repeat(2, 0).repeat(2, 1), parts


def test_a_feature_is_preserved_where_it_is_and_lost_elsewhere() -> None:
    target, parts = _face()
    assert metrics.preserved_features(target, target, parts)["mouth"] > 0.9
    moved = np.roll(target, -24, axis=0)
    assert metrics.preserved_features(moved, target, parts)["mouth"] < 0.5
    assert "glasses" not in metrics.preserved_features(target, target, parts)


def test_the_hair_outline_is_right_or_shifted() -> None:
    target, parts = _face()
    assert metrics.hair_outline(target, target, parts) == pytest.approx(1.0)
    shifted = metrics.hair_outline(np.roll(target, 8, axis=1), target, parts)
    assert shifted is not None
    assert shifted < 0.85
    assert metrics.hair_outline(target, target, np.zeros_like(parts)) is None


def test_each_part_has_its_share_of_the_squared_error() -> None:
    target, parts = _face()
    assert all(error.total == 0.0 for error in metrics.part_errors(target, target, parts).values())
    rng = np.random.default_rng(0)
    drawn = np.clip(target + rng.normal(0.0, 20.0, target.shape), 0, 255).astype(np.uint8)
    hair = parts.repeat(2, 0).repeat(2, 1) == PARTS.index("hair")
    drawn[hair] = np.clip(target[hair].astype(int) + 51, 0, 255)
    errors = metrics.part_errors(drawn, target, parts)
    whole = np.square((drawn.astype(float) - target) / 255.0).mean()
    assert sum(error.total for error in errors.values()) == pytest.approx(whole)
    assert errors["hair"].of_mean_colour == pytest.approx(errors["hair"].total, rel=1e-6)
    assert errors["skin"].of_mean_colour < 0.05 * errors["skin"].total


def test_colour_errors_are_in_levels() -> None:
    target, parts = _face()
    warmer = target.copy()
    warmer[..., 0] = np.minimum(warmer[..., 0].astype(int) + 30, 255)
    errors = metrics.colour_errors(warmer, target, parts)
    assert errors["skin"] == pytest.approx(10.0)
    assert metrics.colour_errors(target, target, parts)["hair"] == 0.0
