"""Codes of a portrait from its description: what the decoder learns from before an encoder can see.

A portrait is drawn from numbers. A decoder that is given them needs no encoder: at 64 px it reached 20 dB
after 2.5 minutes of one core, where all networks together, learning at once, took 30 minutes of two.
The encoders then learn to see what is known, instead of guessing through a decoder that cannot draw yet.
The teacher is thrown away.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfx.config import ModelConfig
from sfx.export.demo.initialise import CODE_DEVIATION

WIDTH = 512
SLOPE = 0.2


class Teacher(nn.Module):
    """Geometry and appearance vectors, both standardised, to the codes that the decoder is to draw.

    All appearance layers get one w, so that the mapping network can give the same codes from a latent z.
    """

    mean: Tensor
    """(n_styles, style_width): the mean of the codes over the training portraits, set by `measure_mean`."""

    def __init__(self, config: ModelConfig, features: int, values: int) -> None:
        super().__init__()
        self.config = config
        width = config.style_width
        self.geometry = nn.Sequential(
            nn.Linear(features, WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, config.geometry_layers * width),
        )
        self.appearance = nn.Sequential(
            nn.Linear(values, WIDTH), nn.LeakyReLU(SLOPE), nn.Linear(WIDTH, width)
        )
        self.register_buffer("mean", torch.zeros(config.n_styles, width))
        for branch in (self.geometry, self.appearance):
            *hidden, last = [layer for layer in branch if isinstance(layer, nn.Linear)]
            for layer in hidden:
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
                nn.init.zeros_(layer.bias)
            nn.init.normal_(last.weight, std=CODE_DEVIATION / WIDTH**0.5)
            nn.init.zeros_(last.bias)

    def forward(self, geometry: Tensor, appearance: Tensor) -> Tensor:
        """geometry (N, features), appearance (N, values) -> codes (N, n_styles, style_width)."""
        config = self.config
        shape = self.geometry(geometry).unflatten(1, (config.geometry_layers, config.style_width))
        w = self.appearance(appearance)[:, None]
        colours = w.expand(-1, config.n_styles - config.geometry_layers, -1)
        return torch.cat([shape.float(), colours.float()], dim=1)

    @torch.no_grad()
    def measure_mean(self, geometry: Tensor, appearance: Tensor) -> None:
        """Keep the mean of these portraits' codes."""
        self.mean.copy_(self(geometry, appearance).mean(0))
