"""A critic of parts, for the end of training: what it does not take for a portrait's earring is not one yet.

Least distances alone leave soft and faint what the codes do not settle to the pixel, and what is small: between two
places for an edge, the mean of both is nearest. The critic names the part of a face that each pixel belongs to, or that
it was not drawn by the portraits' painter; the networks learn to draw pixels that it takes for the parts that they
should be, the rare ones as much as the large ones (Schoenfeld et al. 2021, arXiv 2012.04781). What it sees in both
pictures is compared too (Wang et al. 2018, arXiv 1711.11585). It is thrown away after training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfx.export.demo.dataset import PARTS
from sfx.export.demo.gradients import average_over_processes, gradient_buffer
from sfx.export.demo.losses import PART_WEIGHTS
from sfx.export.demo.trainable import use_channels_last
from sfx.export.precision import mixed_precision

WIDTHS = (32, 64, 96, 128)
"""Channels of its layers down; the first three halve the side."""
FAKE = len(PARTS)
"""The class of a pixel that the networks drew."""
RATE = 4e-4
"""Its learning rate, four times the networks': it has to keep up."""
PART_WEIGHT = 0.04
FEATURE_WEIGHT = 0.1
"""Weights of both beside a picture loss of about 0.7."""
RAMP_STEPS = 300
"""Steps over which its say grows from nothing: at first it knows nothing."""


class Critic:
    """The network with its optimiser. Pictures are float32 (N, 3, H, W) in [-1, 1], part maps uint8 (N, h, w)."""

    def __init__(self, seed: int, processes: int) -> None:
        # Processes that share gradients must begin alike.
        generator = torch.Generator().manual_seed(seed)
        self.network = PartNetwork()
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

    def learn(self, drawn: Tensor, real: Tensor, part_maps: Tensor) -> float:
        """One step of naming parts and telling drawn pixels from real ones; returns how wrong it was."""
        self.network.requires_grad_(True)
        with mixed_precision():
            of_real, _ = self.network(real)
            of_drawn, _ = self.network(drawn.detach())
        parts, weights = _classes(part_maps, of_real.shape[-1])
        loss = _wrong(of_real, parts, weights) + _wrong(of_drawn, torch.full_like(parts, FAKE), weights)
        self._gradients.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        average_over_processes(self._gradients, self._processes)
        self.optimiser.step()
        self.steps += 1
        return float(loss.detach())

    def urge(self, drawn: Tensor, real: Tensor, part_maps: Tensor) -> Tensor:
        """What the networks minimise so that drawn pixels pass for the parts that they should be."""
        self.network.requires_grad_(False)
        with mixed_precision():
            named, seen = self.network(drawn)
            with torch.no_grad():
                _, wanted = self.network(real)
        # The first layer sees patches of 4 pixels, which are compared anyway, and its maps are the largest.
        apart = [(a - b).abs().mean().float() for a, b in zip(seen[1:], wanted[1:], strict=True)]
        wrong = _wrong(named, *_classes(part_maps, named.shape[-1]))
        return min(1.0, self.steps / RAMP_STEPS) * (
            FEATURE_WEIGHT * torch.stack(apart).sum() + PART_WEIGHT * wrong
        )

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


def _classes(part_maps: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Part maps (N, h, w) -> classes int64 and weights float32, both (N, side, side); the weights' mean is 1."""
    parts = F.interpolate(part_maps[:, None], size=(side, side), mode="nearest")[:, 0].long()
    weights = torch.tensor([PART_WEIGHTS.get(name, 1.0) for name in PARTS])[parts]
    return parts, weights / weights.mean()


def _wrong(named: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean cross entropy of scores (N, classes, h, w)."""
    return (F.cross_entropy(named.float(), classes, reduction="none") * weights).mean()


class PartNetwork(nn.Module):
    """(N, 3, H, W) -> scores (N, parts + 1, H / 2, W / 2), and the features of the layers down."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = WIDTHS
        self.down = nn.ModuleList(
            [
                nn.Conv2d(3, first, 4, 2, 1),
                nn.Conv2d(first, second, 4, 2, 1),
                nn.Conv2d(second, third, 4, 2, 1),
                nn.Conv2d(third, fourth, 3, 1, 1),
            ]
        )
        self.narrow = nn.ModuleList([nn.Conv2d(fourth, second, 1), nn.Conv2d(second, first, 1)])
        self.join = nn.ModuleList([nn.Conv2d(second, second, 3, 1, 1), nn.Conv2d(first, first, 3, 1, 1)])
        self.name = nn.Conv2d(first, len(PARTS) + 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        for narrow, join, beside in zip(self.narrow, self.join, features[1::-1], strict=True):
            x = F.interpolate(narrow(x), scale_factor=2.0, mode="nearest") + beside
            x = F.leaky_relu(join(x), 0.2)
        return self.name(x), features
