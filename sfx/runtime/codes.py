"""Arithmetic on codes: 36 KB a face, done in numpy, so that mixing, editing and saving need no graph.

`codes` is (B, n_styles, width) float32; layers below `split` hold geometry, the others appearance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfx.errors import InputError

Codes = NDArray[np.float32]


def add_appearance(sketch_codes: Codes, appearance_codes: Codes, split: int) -> Codes:
    """Codes of a face: `appearance_codes` (B or 1, n_styles - split, width) added to the appearance layers."""
    codes = sketch_codes.copy()
    codes[:, split:] += appearance_codes
    return codes


def replace_appearance(sketch_codes: Codes, w: Codes, split: int) -> Codes:
    """Codes of a face of random appearance: the appearance layers are `w` (B or 1, width) and nothing else."""
    codes = sketch_codes.copy()
    codes[:, split:] = w[:, None]
    return codes


def mix(codes: Codes, w: Codes, layers: Sequence[int], alpha: float = 1.0) -> Codes:
    """Style mixing: codes[:, i] = alpha * w + (1 - alpha) * codes[:, i] for each chosen layer i."""
    mixed = codes.copy()
    chosen = list(layers)
    mixed[:, chosen] = alpha * w[:, None] + (1.0 - alpha) * codes[:, chosen]
    return mixed


def truncate(fine_codes: Codes, mean: Codes, deviation: Codes, limit: float) -> Codes:
    """Pull fine codes (B, layers, width) towards their mean where they stray further than `limit` deviations.

    f = mean + (f - mean) * min(1, limit / rms((f - mean) / deviation)), the root mean square taken over a
    whole face. A sketch unlike any in training then gives an ordinary face instead of a broken one; the 99th
    percentile of the rms over training sketches of the prototype was 1.27. Karras et al. (2019, section
    2.3 and appendix B) truncate w alike.
    """
    offset = fine_codes - mean
    strayed = np.sqrt(np.mean(np.square(offset / np.maximum(deviation, 1e-6)), axis=(1, 2), keepdims=True))
    kept: Codes = mean + offset * np.minimum(1.0, limit / np.maximum(strayed, 1e-6)).astype(np.float32)
    return kept


def random_z(seed: int, count: int, width: int) -> Codes:
    """z ~ N(0, I), (count, width) float32; the first rows do not depend on `count`."""
    return np.random.default_rng(seed).standard_normal((count, width), dtype=np.float32)


def parse_layers(text: str, n_styles: int) -> tuple[int, ...]:
    """Layer numbers from text such as "8-17" or "3,5,8-10". Raises InputError."""
    layers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part)
        if match is None:
            raise InputError(f"layers: expected numbers and ranges such as 8-17 or 3,5,8-10, found '{text}'")
        first = int(match[1])
        last = int(match[2] or first)
        if first > last or last >= n_styles:
            raise InputError(
                f"layers: expected layers 0 to {n_styles - 1} in rising order, found '{part.strip()}'"
            )
        layers += range(first, last + 1)
    return tuple(dict.fromkeys(layers))
