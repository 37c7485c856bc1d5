"""Latents z that mean something, so that the demo model's mapping network answers a random z with an appearance.

For a share of the training examples the appearance layers are `mapping(z)` alone, as in a run without a
reference, z being made from the drawn appearance: made standard normal, placed in a fixed subspace of z, and filled
up with noise that the mapping network learns to ignore. A z drawn from N(0, I) is then one of these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float32]
_KEPT = 1e-3
"""Directions with less than this share of the largest variance are constants of the generator."""
_SUBSPACE_SEED = 31
"""Where in z an appearance is placed: the same in every run, or what a mapping network learnt in one is wrong in the
next. While it was a run's own seed, the 6 % of samples drawn from z erred 0.2 in L1 at the start of each run that went
on from a bundle, seven times as much as the others, and made a third of its loss. 31 is what the demo had
learnt last."""


class AppearanceLatents:
    """Turns appearance vectors (values,) into latents z (width,), following `samples` (n, values)."""

    def __init__(self, samples: Floats, width: int) -> None:
        self._quantiles = np.quantile(samples, np.linspace(0.0, 1.0, 129), axis=0)
        # Equal quantiles would make the interpolation below ambiguous.
        self._quantiles += np.linspace(0.0, 1e-6, 129)[:, None]
        normal = self._normal(samples)
        self._mean = normal.mean(0)
        values, vectors = np.linalg.eigh(np.cov(normal, rowvar=False))
        kept = values > _KEPT * values.max()
        kept[:-width] = False  # eigh sorts ascending: a narrow z keeps what varies most
        whitening = vectors[:, kept] / np.sqrt(values[kept])
        square = np.random.default_rng(_SUBSPACE_SEED).standard_normal((width, width))
        basis = np.linalg.qr(square)[0]
        rank = whitening.shape[1]
        self._directions = whitening @ basis[:, :rank].T
        self._free = basis[:, rank:]

    def _normal(self, vectors: Floats) -> NDArray[np.float64]:
        levels = np.linspace(0.5 / 129, 1.0 - 0.5 / 129, 129)
        columns = [
            ndtri(np.interp(vectors[:, k], self._quantiles[:, k], levels)) for k in range(vectors.shape[1])
        ]
        return np.stack(columns, axis=1)

    def __call__(self, vector: Floats, rng: np.random.Generator) -> Floats:
        """(values,) -> z (width,) float32."""
        known = (self._normal(vector[None])[0] - self._mean) @ self._directions
        unknown = self._free @ rng.standard_normal(self._free.shape[1])
        return np.asarray(known + unknown, np.float32)
