"""Starting values for training the published topology from nothing.

The published gains (60 and 6 on the encoders' outputs) and the mapping network's learning rate of 0.01 are
part of the stored function; these starting values make its codes begin near 0 with a deviation below 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfx.export.networks import COARSE_GAIN, FINE_GAIN, Bottleneck, Encoder, MappingLayer, Spse, StyleHead
from sfx.export.operators import Blur

CODE_DEVIATION = 0.5
"""Deviation of the fine codes at the start: styles start near their bias of 1."""

BLUR_TAPS = (0.0, 0.0, 1.0, 0.0)
BLUR_GAIN = 2.0
"""The demo's stored FIR kernel after an up-sampling convolution, taps x taps times the gain that keeps the variance.

The published [1, 3, 3, 1] leaves nothing of what one up-sampling makes finer than the map below it. Synthesis alone,
learning 48 pictures at 64 px from fixed random codes, had a loss of 0.76 after 120 steps with it, 0.61 with
[0, 1, 1, 0] and 0.48 with a single tap; the up-sampling of the RGB pictures keeps the published kernel.
"""

MAPPED_SCALE = 0.2
"""Scale of w at the start. With the full scale a random function of the sketch reaches every layer, and learning
has to undo it first: L1 0.185 after 1200 samples against 0.144 (the slower run had other faults too)."""

AWAKE = 0.05
"""Share of the units before the coarse head's last layer that are on, over sketches, from which it sees something.

In the demo up to 25.38 dB it was 0.006; of the first fine heads 0.48 to 0.83.
"""


@torch.no_grad()
def initialise(model: Spse) -> None:
    """Set what the constructor's values do not suit; draws from torch's global generator."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            _initialise_convolution(module)
    _initialise_encoder(model.encoder_sketch_coarse, 0.0)
    # A constant z, so that the coarse codes wait until the fine ones have learnt; not 0, which has no direction.
    for head in model.encoder_sketch_coarse.styles.values():
        assert isinstance(head, StyleHead)
        head.linear.bias.normal_(std=1.0 / COARSE_GAIN)
    _initialise_encoder(model.encoder_sketch_fine, CODE_DEVIATION / FINE_GAIN)
    _initialise_encoder(model.encoder_face_fine, CODE_DEVIATION / FINE_GAIN)
    last = model.decoder.style[-1]
    assert isinstance(last, MappingLayer)
    last.weight.mul_(MAPPED_SCALE)
    kernel = BLUR_GAIN * torch.outer(torch.tensor(BLUR_TAPS), torch.tensor(BLUR_TAPS))
    for module in model.modules():
        if isinstance(module, Blur):
            module.kernel.copy_(kernel)
    for to_rgb in (model.decoder.to_rgb1, *model.decoder.to_rgbs):
        to_rgb.conv.weight.normal_(std=0.1)


@torch.no_grad()
def wake_coarse(model: Spse, one_hot: Tensor) -> bool:
    """Give the coarse sketch encoder a new style head if next to no unit before its last layer is on; whether it did.

    one_hot (N, label_count, side, side): sketches. LeakyReLU(0.01) leaves such a head a hundredth of what it saw and
    of its gradient, so that it says the same w for every sketch and does not learn to do better. The new head begins
    by saying the mean of what the old one said. Draws from torch's global generator.
    """
    encoder = model.encoder_sketch_coarse
    head = encoder.styles["0"]
    assert isinstance(head, StyleHead)
    training = encoder.training
    encoder.eval()  # by BatchNorm's statistics, and leaving them as they are
    deepest = encoder.features(one_hot)[-1]
    encoder.train(training)
    hidden = head.convs(deepest)
    if float((hidden > 0).float().mean()) >= AWAKE:
        return False
    said = head.linear(hidden.flatten(1)).mean(0)
    for conv in head.convs:
        if isinstance(conv, nn.Conv2d):
            _initialise_convolution(conv)
    head.linear.weight.zero_()
    head.linear.bias.copy_(said / head.linear.bias_scale)
    return True


def _initialise_convolution(conv: nn.Conv2d) -> None:
    nn.init.kaiming_normal_(conv.weight, a=0.2, nonlinearity="leaky_relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def _initialise_encoder(encoder: Encoder, deviation: float) -> None:
    for block in encoder.body:
        assert isinstance(block, Bottleneck)
        # Residual branches start small: deep stacks of them then begin close to their shortcuts.
        normalisation = block.res_layer[4]
        assert isinstance(normalisation, nn.BatchNorm2d)
        nn.init.constant_(normalisation.weight, 0.5)
    for head in encoder.styles.values():
        assert isinstance(head, StyleHead)
        head.linear.weight.normal_(std=deviation)
        head.linear.bias.zero_()
