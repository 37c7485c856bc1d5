"""Signal-to-noise ratios in decibels. What no difference counts as is each caller's: here it is infinity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def psnr(expected: NDArray[Any], found: NDArray[Any], peak: float) -> float:
    """20 log10(peak / root mean square error) over all elements of two arrays of one shape, in dB.

    peak: the largest value that a signal may take, 255 for bytes, 2 for images in [-1, 1].
    """
    return _decibels(peak**2, float(_squared_error(expected, found).mean()))


def snr(expected: NDArray[Any], found: NDArray[Any]) -> float:
    """10 log10(sum expected^2 / sum (expected - found)^2) in dB."""
    signal = float(np.square(expected, dtype=np.float64).sum())
    return _decibels(signal, float(_squared_error(expected, found).sum()))


def _squared_error(expected: NDArray[Any], found: NDArray[Any]) -> NDArray[np.float64]:
    # Subtracted as float64: bytes would wrap around.
    apart: NDArray[np.float64] = np.subtract(expected, found, dtype=np.float64)
    return apart**2


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10.0 * math.log10(signal / noise) if signal > 0 else -math.inf
