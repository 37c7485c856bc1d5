"""How far faces are from others of the same people: PSNR, and 1 - SSIM. Faces are (N, H, W, 3) bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfx import signal_to_noise

Pixels = NDArray[np.uint8]

PEAK = 255.0
MOST_DB = 200.0
"""Stands for the same picture: JSON has no infinity."""


def face_psnrs(expected: Pixels, found: Pixels) -> list[float]:
    """The PSNR of each face in dB, at most `MOST_DB`."""
    pairs = zip(expected, found, strict=True)
    return [min(MOST_DB, signal_to_noise.psnr(one, other, PEAK)) for one, other in pairs]


def pooled(psnrs: Sequence[float]) -> float:
    """The PSNR over the pixels of all faces together, from theirs."""
    return float(-10.0 * np.log10(np.mean(np.power(10.0, np.array(psnrs) / -10.0))))


def psnr(expected: Pixels, found: Pixels) -> float:
    """The PSNR over the pixels of all faces together, in dB, at most `MOST_DB`."""
    return pooled(face_psnrs(expected, found))


def dissimilarity(expected: Pixels, found: Pixels) -> float:
    """1 - SSIM (Wang et al. 2004, as scikit-image computes it), the mean over faces: 0 for the same."""
    from skimage.metrics import structural_similarity

    values = [
        structural_similarity(one, other, channel_axis=-1, data_range=PEAK)
        for one, other in zip(expected, found, strict=True)
    ]
    return 1.0 - float(np.mean(values))
