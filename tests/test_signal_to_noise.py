"""Signal-to-noise ratios of known differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sfx.signal_to_noise import psnr, snr


def test_psnr_of_bytes_does_not_wrap_around() -> None:
    target = np.full((8, 8, 3), 100, np.uint8)
    for found in (target + np.uint8(5), target - np.uint8(5)):
        assert psnr(target, found, 255.0) == pytest.approx(20 * math.log10(255 / 5))


def test_psnr_averages_over_all_elements_and_scales_with_the_peak() -> None:
    expected = np.zeros(100, np.float32)
    found = expected.copy()
    found[0] = 1.0
    assert psnr(expected, found, 1.0) == pytest.approx(20.0)
    assert psnr(expected, found, 2.0) == pytest.approx(20.0 + 20 * math.log10(2))


def test_snr_holds_the_error_against_the_signal() -> None:
    expected = np.array([3.0, 4.0], np.float32)
    assert snr(expected, expected + np.float32(0.05)) == pytest.approx(10 * math.log10(25 / 0.005), abs=1e-4)


def test_no_difference_is_infinite_and_no_signal_minus_infinite() -> None:
    zero, one = np.zeros(4), np.ones(4)
    assert psnr(one, one, 255.0) == math.inf
    assert snr(zero, one) == -math.inf
    assert snr(zero, zero) == math.inf
