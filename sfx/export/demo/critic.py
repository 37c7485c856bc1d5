"""A critic of small patches, for the end of training: what it can tell from a drawn portrait is not sharp yet.

Least distances alone leave soft what the codes do not settle to the pixel: between two places for an edge, the mean
of both is nearest. The critic makes the networks choose one: a patch discriminator (Isola et al. 2017, arXiv
1611.07004) with the hinge loss, whose features are compared too (Wang et al. 2018, arXiv 1711.11585). It is thrown
away after training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfx.export.demo.gradients import average_over_processes, gradient_buffer
from sfx.export.demo.trainable import use_channels_last
from sfx.export.precision import mixed_precision

WIDTHS = (32, 64, 96, 128)
"""Channels of its layers; the first three halve the side, so that it judges patches of 54 pixels."""
RATE = 4e-4
"""Its learning rate, twice the networks': it has to keep up."""
REALITY_WEIGHT = 0.04
FEATURE_WEIGHT = 0.1
"""Weights beside a picture loss of about 0.4, the prototype's."""
RAMP_STEPS = 150
"""Steps over which its say grows from nothing: at first it knows nothing."""


class Critic:
    """The network with its optimiser. Pictures are float32 (N, 3, H, W) in [-1, 1]."""

    def __init__(self, seed: int, processes: int) -> None:
        # Processes that share gradients must begin alike.
        generator = torch.Generator().manual_seed(seed)
        self.network = PatchNetwork()
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, a=0.2, generator=generator)
            else:
                nn.init.zeros_(parameter)
        use_channels_last(self.network)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=RATE, betas=(0.5, 0.99), fused=True)
        self.steps = 0
        self._processes = processes
        self._gradients = gradient_buffer(self.network.parameters())

    def learn(self, drawn: Tensor, real: Tensor) -> float:
        """One step of telling drawn pictures from real ones; returns its hinge loss: 2 where it cannot."""
        self.network.requires_grad_(True)
        with mixed_precision():
            of_real, _ = self.network(real)
            of_drawn, _ = self.network(drawn.detach())
        loss = F.relu(1.0 - of_real.float()).mean() + F.relu(1.0 + of_drawn.float()).mean()
        self._gradients.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        average_over_processes(self._gradients, self._processes)
        self.optimiser.step()
        self.steps += 1
        return float(loss.detach())

    def urge(self, drawn: Tensor, real: Tensor) -> Tensor:
        """What the networks minimise so that drawn pictures pass for real ones."""
        self.network.requires_grad_(False)
        with mixed_precision():
            score, seen = self.network(drawn)
            _, wanted = self.network(real)
        apart = [(a.float() - b.float()).abs().mean() for a, b in zip(seen, wanted, strict=True)]
        say = min(1.0, self.steps / RAMP_STEPS)
        urged: Tensor = FEATURE_WEIGHT * torch.stack(apart).sum() - REALITY_WEIGHT * score.float().mean()
        return say * urged

    def stored(self) -> dict[str, Any]:
        """Everything that a checkpoint keeps."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }

    def load_stored(self, state: Mapping[str, Any]) -> None:
        """The inverse of `stored`."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = state["steps"]


class PatchNetwork(nn.Module):
    """(N, 3, H, W) -> scores (N, 1, H / 8, W / 8), above 0 for patches that look real, and the layers' features."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for index, width in enumerate(WIDTHS):
            halving = index < len(WIDTHS) - 1
            layers.append(nn.Conv2d(inputs, width, 4 if halving else 3, 2 if halving else 1, 1))
            inputs = width
        self.layers = nn.ModuleList(layers)
        self.score = nn.Conv2d(inputs, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.score(x), features
