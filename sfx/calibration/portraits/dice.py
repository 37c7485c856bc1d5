"""What all sampling shares: draws from one generator, and the latent variables of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True)
class Person:
    """The latent variables behind a face."""

    masculine: float
    """0 feminine .. 1 masculine."""
    child: float
    """0 grown up .. 1 a young child."""
    old: float
    """0 young .. 1 elderly."""


class Dice:
    """Draws from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)

    def even(self, low: float, high: float) -> float:
        """Uniform."""
        return float(self.rng.uniform(low, high))

    def around(self, mean: float, spread: float, reach: float = 2.2) -> float:
        """Normal, clipped at `reach` deviations."""
        return float(np.clip(self.rng.normal(mean, spread), mean - reach * spread, mean + reach * spread))

    def sign(self) -> float:
        """-1 or 1, equally likely."""
        return 1.0 if self.rng.random() < 0.5 else -1.0

    def one_of(self, choices: Sequence[tuple[Choice, float]]) -> Choice:
        """One of (choice, weight); the weights need not sum to 1."""
        weights = np.array([weight for _, weight in choices])
        return choices[int(self.rng.choice(len(choices), p=weights / weights.sum()))][0]
