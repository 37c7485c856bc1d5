"""What training minimises. Pictures are float32 (N, 3, H, W) in [-1, 1]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sfx.export.demo.dataset import PARTS
from sfx.export.networks import Decoder

PART_WEIGHTS: Mapping[str, float] = {
    "background": 0.8,
    "clothes": 2.5,
    "skin": 1.0,
    "hair": 1.2,
    "hat": 4.0,
    "beard": 1.6,
    "left_ear": 3.0,
    "right_ear": 3.0,
    "nose": 2.5,
    "brows": 3.0,
    "necklace": 25.0,
    "mouth": 5.0,
    "mouth_opening": 6.0,
    "left_eye": 5.0,
    "right_eye": 5.0,
    "glasses": 5.0,
    "earrings": 30.0,
}
"""Weights of the pixels of each part, about inverse to how much of a picture it takes; others weigh 1.

Clothes, 3 % of a picture, made a fifth of the squared error while they weighed 0.8: their colours were not learnt.
"""
MEAN_WEIGHT = 1.35
"""About the mean of the weights over a picture; dividing by it keeps losses comparable when weights change."""
SCALES = 4
"""Resolutions at which pictures are compared, each half of the one before."""
COARSE_WEIGHT = 0.4
GRADIENT_WEIGHT = 1.2
SQUARE_WEIGHT = 70.0
"""Weight of the mean squared difference, three fifths of all at 28 dB. Without it a rare colour, far off, counts no
more than a common one, a little off: 40 % of the squared error was parts in a wrong mean colour. At 27.6 dB and by the
measure of `objectives.REFINING_GUIDANCE`, 2.64 (+- 0.17 of the difference) with 40 and 2.31 with 20."""
HEAVY = 4.0
"""Weight of a pixel above which its squared difference weighs more too, in proportion.

Absolute differences that weigh 4 are a tenth of what squares make of an earring that is not there: alone they did not
bring one. 62 minutes with this and `batches.RARE` brought earrings from 0.67 to 0.75 as `evaluate` counts them.
"""
NEAR_NOTHING = 1e-3
"""A picture's loss below which it counts as it is, no longer by shares of it."""
COARSE_SQUARE_WEIGHT = 6.0
"""The same at each of the coarser resolutions, for what is a small difference of all of a picture, as light is."""


@dataclass(frozen=True)
class PictureLoss:
    """`total` is minimised; `l1` is the plain mean distance on a scale of 0..1."""

    total: Tensor
    l1: Tensor


def feature_weights(part_maps: Tensor, size: int) -> Tensor:
    """Part maps uint8 (N, h, w) -> weights (N, 1, size, size), a feature's weight reaching a pixel beyond it."""
    table = torch.tensor([PART_WEIGHTS.get(name, 1.0) for name in PARTS])
    weights = table[part_maps.long()][:, None]
    weights = F.avg_pool2d(F.max_pool2d(weights, 3, 1, 1), 3, 1, 1, count_include_pad=False) / MEAN_WEIGHT
    if size == weights.shape[-1]:
        return weights
    return F.interpolate(weights, size=(size, size), mode="area" if size < weights.shape[-1] else "bilinear")


def picture_loss(drawn: Tensor, target: Tensor, weights: Tensor) -> PictureLoss:
    """Weighted L1 of the pictures and of their gradients, and their squared difference, at `SCALES` resolutions.

    The geometric mean over pictures, so that each counts by the share that it becomes better, as in a mean PSNR. The
    arithmetic mean is more of the worst ones (PSNR deviated by 2.1 dB between a demo's pictures), and its gradient says
    less: the means of two halves of 576 samples, each entry divided by its deviation, had a cosine of 0.12 for the
    sketch encoder, 0.12 for the appearance encoder and 0.10 for synthesis; with this one 0.15, 0.16 and 0.12.
    """
    difference = drawn - target
    l1 = difference.detach().abs().mean() / 2
    heavy = (weights / HEAVY).clamp(min=1.0)
    total = _of_each(weights * difference.abs()) + SQUARE_WEIGHT * _of_each(heavy * difference.square())
    gradients = torch.zeros(())
    for scale in range(SCALES):
        if scale:
            difference = F.avg_pool2d(difference, 2)
            weights = F.avg_pool2d(weights, 2)
            absolute, square = _of_each(difference.abs()), _of_each(difference.square())
            total = total + COARSE_WEIGHT * absolute + COARSE_SQUARE_WEIGHT * square
        horizontal = (difference[..., 1:] - difference[..., :-1]).abs() * weights[..., 1:]
        vertical = (difference[..., 1:, :] - difference[..., :-1, :]).abs() * weights[..., 1:, :]
        gradients = gradients + (_of_each(horizontal) + _of_each(vertical)) / 2
    total = total + GRADIENT_WEIGHT * gradients
    return PictureLoss(NEAR_NOTHING * (total / NEAR_NOTHING).log1p().mean().expm1(), l1)


def _of_each(values: Tensor) -> Tensor:
    """(N, C, H, W) -> the mean of each picture's (N,)."""
    return values.mean((1, 2, 3))


def description_loss(predicted: Tensor, actual: Tensor) -> Tensor:
    """Huber loss of standardised geometry or appearance vectors (N, n), actual values cut at 4 deviations.

    Quadratic near 0, because most entries are rare choices: their median, which an absolute error looks for,
    is a constant. Runs with an absolute error learnt nothing in 3000 samples; a probe with this one explained a
    fifth of all variance, other settings having changed as well.
    """
    return F.smooth_l1_loss(predicted, actual.clamp(-4.0, 4.0))


def style_loss(decoder: Decoder, predicted: Tensor, target: Tensor, first: int = 0) -> Tensor:
    """How wrong codes (N, layers, style_width) of layers `first`, `first + 1`, ... are: 0 if right, 1 if constant.

    Codes matter by the styles that the modulations make of them: squared differences of styles as a share of
    the target's variance over the batch, averaged over the modulated convolutions.
    """
    shares = []
    for conv, layer in decoder.modulated_convolutions():
        if not first <= layer < first + target.shape[1]:
            continue
        wrong = F.linear(predicted[:, layer - first] - target[:, layer - first], conv.modulation.weight)
        wanted = F.linear(target[:, layer - first], conv.modulation.weight)
        shares.append(wrong.square().mean() / (wanted.var(0).mean() + 1e-6))
    return torch.stack(shares).mean()
