"""Choosing layers under a budget, with damages that add up as those of a picture do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from sfx.calibration.layers import Convolution, Group, Layer
from sfx.calibration.plans import Budget, Damage, choose, order
from sfx.engines.lowering import Price
from sfx.errors import BudgetError

ERRORS = {"a": 0.1, "b": 40.0, "c": 0.4, "d": 1.5, "e": 3.0}
"""Mean squared error of each layer alone; 6.5 are 40 dB, so that `b` misses it alone and the others fit together."""


def layer(name: str, multiply_adds: int = 100) -> Layer:
    return Layer(Convolution("synthesis", name, name, f"{name}_in", f"{name}_out", "Conv", 9), multiply_adds)


def decibels(error: float) -> float:
    return 10 * math.log10(255**2 / error)


def damages() -> list[Damage]:
    return [Damage(Group((layer(name),)), decibels(error)) for name, error in ERRORS.items()]


def added(layers: Sequence[Layer]) -> list[Price]:
    psnr = decibels(sum(ERRORS[one.name] for one in layers))
    return [
        Price("openvino", "fp32", "set", psnr, psnr, 0.001 * len(layers)),
        Price("onnxruntime", "fp32", "set", psnr - 0.01, psnr, 0.001 * len(layers)),
    ]


def test_all_that_fits_goes_down_and_the_sensitive_layer_stays() -> None:
    told: list[str] = []
    chosen, prices = choose(damages(), Budget(40.0), added, told.append)
    assert [one.name for one in chosen] == ["a", "c", "d", "e"]
    assert all(price.psnr_db >= 40.0 for price in prices)
    assert told == ["4 layers in INT8: 41.1 dB"]


def test_bisection_stops_where_one_more_would_miss() -> None:
    chosen, prices = choose(damages(), Budget(45.0), added)
    # 2.06 are 45 dB: a, c and d make 2.0.
    assert [one.name for one in chosen] == ["a", "c", "d"]
    assert prices[0].psnr_db == pytest.approx(decibels(2.0))


def test_a_wrong_estimate_is_corrected() -> None:
    def worse(layers: Sequence[Layer]) -> list[Price]:
        psnr = decibels(3.0 * sum(ERRORS[one.name] for one in layers))
        return [Price("openvino", "fp32", "set", psnr, psnr, 0.0)]

    told: list[str] = []
    chosen, prices = choose(damages(), Budget(40.0), worse, told.append)
    assert [one.name for one in chosen] == ["a", "c", "d"]
    assert prices[0].psnr_db == pytest.approx(decibels(6.0))
    assert len(told) == 2


def test_work_that_is_saved_counts() -> None:
    heavy = Damage(Group((layer("heavy", 1000),)), decibels(0.5))
    light = Damage(Group((layer("light", 10),)), decibels(0.1))
    assert [group.name for group in order([light, heavy], Budget(40.0))] == ["heavy", "light"]


def test_every_way_to_run_it_has_to_keep_the_budget() -> None:
    exactly = decibels(2.0)
    chosen, _ = choose(damages(), Budget(exactly - 0.005), added)
    assert [one.name for one in chosen] == ["a", "c"], "the second backend is 0.01 dB lower"


def test_the_second_budget_is_kept_too() -> None:
    chosen, _ = choose(damages(), Budget(40.0, dissimilarity=0.0021), added)
    assert [one.name for one in chosen] == ["a", "c"]


def test_a_budget_that_nothing_keeps_is_refused_with_what_is_missing() -> None:
    with pytest.raises(
        BudgetError, match=r"at least 60 dB from FP32, found 58.1 dB .* alone, a: it misses by 1.9 dB"
    ):
        choose(damages(), Budget(60.0), added)
    with pytest.raises(BudgetError, match=r"misses by 0.0005 of 1 - SSIM"):
        choose(damages(), Budget(40.0, dissimilarity=0.0005), added)
