"""Taking the lines of ruled or squared paper away from under a drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sfx.runtime.interpreter.levels import Levels, maximum_5x5, quantile

Floats = NDArray[np.float32]

STRIP = 128
"""Width of the strips that are searched apart, in pixels: in a tilted photo the lines' slope changes."""

SLOPES = np.arange(-0.12, 0.1201, 0.008)
"""Slopes searched: 7 degrees to each side, in steps of one pixel over a strip's width."""

SPACINGS = slice(6, 103)
"""Distances between ruled lines, in pixels: on a page of 512 rows there are at least five."""

FAINT = 0.6
"""A ruled line has less than this share of the ink's contrast."""

MIN_LINE_SHARE = 0.5
"""How much of a ruled line's length shows between the ink, at least."""

MIN_FAINT_SHARE = 0.01
"""Five lines one pixel wide are a hundredth of a page of 512 rows; with less there is nothing to look for."""


def without_rulings(levels: Levels) -> Levels:
    """Set regular faint lines, level or upright, to 0 in the contrast `levels` uint8 (h, w).

    Ink that crosses a line stays, since it is darker. Nothing changes unless lines repeat at one distance
    over at least half of the page's strips.
    """
    counts = np.bincount(levels.ravel(), minlength=256)
    counts[:25] = 0
    if not counts.any():
        return levels
    limit = FAINT * quantile(counts, 0.95)
    faint = (levels >= 6) & (levels < limit)
    if faint.mean() < MIN_FAINT_SHARE:
        return levels
    # The blur beside ink is faint too, and says nothing of the paper.
    if (faint & (maximum_5x5(levels) < limit)).mean() < MIN_FAINT_SHARE:
        return levels
    level_lines = _line_pixels(levels, faint)
    upright_lines = _line_pixels(levels.T, faint.T).T
    cleaned = levels.copy()
    cleaned[(level_lines | upright_lines) & (levels < limit)] = 0
    return cleaned


def _line_pixels(levels: Levels, faint: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where regular lines run from left to right: bool (h, w)."""
    found = np.zeros(levels.shape, np.bool_)
    regular = 0
    lefts = range(0, levels.shape[1], STRIP)
    for left in lefts:
        strip = slice(left, left + STRIP)
        weak = np.where(faint[:, strip], levels[:, strip], 0).astype(np.float32)
        slope = _regular_slope(weak)
        if slope is not None:
            regular += 1
            found[:, strip] = _along_slope(weak, slope)
    return found if 2 * regular >= len(lefts) else np.zeros_like(found)


def _regular_slope(weak: Floats) -> float | None:
    """The slope along which a strip's weak pixels line up at even distances, or None where they do not."""
    rows, columns = np.nonzero(weak)
    if len(rows) < 2 * weak.shape[1]:
        return None
    weights = weak[rows, columns]
    best, best_profile = 0.0, np.zeros(1)
    best_spread = 0.0
    for slope in SLOPES:
        profile = np.bincount(_sheared(rows, columns, slope, weak.shape), weights)
        profile = profile - ndimage.uniform_filter1d(profile, 9)
        spread = float(np.square(profile).mean())
        if spread > best_spread:
            best, best_profile, best_spread = float(slope), profile, spread
    spectrum = np.fft.rfft(best_profile, 2 * len(best_profile))
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)[: len(best_profile)]
    likeness = likeness / max(float(likeness[0]), 1e-9)
    lags = likeness[SPACINGS]
    if lags.size == 0:
        return None
    lag = int(np.argmax(lags)) + SPACINGS.start
    twice = likeness[2 * lag - 2 : 2 * lag + 3]
    if likeness[lag] < 0.35 or not twice.size or twice.max() < 0.25:
        return None
    # Scaling a picture without care makes ink fainter in every few rows; only a ruled line is faint all along.
    above_noise = weights > 0.5 * np.median(weights)
    along = np.bincount(_sheared(rows[above_noise], columns[above_noise], best, weak.shape)) / weak.shape[1]
    along = np.convolve(along, np.ones(3), "same")
    fullest = np.sort(along)[::-1][min(weak.shape[0] // lag, len(along) - 1)]
    return best if fullest - np.median(along) > MIN_LINE_SHARE else None


def _sheared(
    rows: NDArray[np.intp], columns: NDArray[np.intp], slope: float, shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """Row numbers along lines of a slope, from 0."""
    return (rows + slope * columns + max(0.0, -slope) * shape[1]).astype(np.intp)


def _along_slope(weak: Floats, slope: float) -> NDArray[np.bool_]:
    """Pixels on lines of a slope that stand out from the rows beside them: bool, the strip's shape."""
    height, width = weak.shape
    rows, columns = np.mgrid[0:height, 0:width]
    target = _sheared(rows, columns, slope, weak.shape)
    level = np.zeros((int(target.max()) + 1, width), np.float32)
    level[target, columns] = weak
    # The mean along 33 pixels; a line may wander by a row, and is as strong as the two rows it shares.
    mean = ndimage.uniform_filter1d(level, 33, axis=1, mode="nearest")
    beside = np.minimum(np.roll(mean, 3, axis=0), np.roll(mean, -3, axis=0))
    rise = mean - beside
    line = rise > max(3.0, 0.35 * float(np.percentile(rise.max(axis=1), 90)))
    return np.asarray(ndimage.binary_dilation(line, np.ones((3, 1), np.bool_))[target, columns])
