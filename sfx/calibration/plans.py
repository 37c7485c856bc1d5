"""Choosing which layers go to INT8: by measured damage to the picture, under a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, count

from sfx.calibration.layers import Group, Layer
from sfx.engines.lowering import Price
from sfx.errors import BudgetError

Measure = Callable[[Sequence[Layer]], list[Price]]
"""Prices of a bundle with these layers in INT8, one for each way to run it."""

_ESTIMATES = 4
"""Trials that are guessed before bisection takes over."""


@dataclass(frozen=True)
class Budget:
    """What the pictures of the calibration set may lose: at least so many dB, and at most so much 1 - SSIM."""

    psnr_db: float
    dissimilarity: float | None = None

    def miss(self, price: Price) -> str:
        """What a price misses the budget by, such as "by 1.2 dB"; empty where it keeps it."""
        if price.psnr_db < self.psnr_db:
            return f"by {self.psnr_db - price.psnr_db:.2g} dB"
        if self.dissimilarity is not None and price.dissimilarity > self.dissimilarity:
            return f"by {price.dissimilarity - self.dissimilarity:.2g} of 1 - SSIM"
        return ""

    def used(self, price: Price) -> float:
        """Share of the budget that a price takes, the larger one where there are two: up to 1 it is kept."""
        of_error = float(10.0 ** ((self.psnr_db - price.psnr_db) / 10.0))
        if self.dissimilarity is None:
            return of_error
        # A budget of zero is kept by no difference alone.
        return max(of_error, price.dissimilarity / max(self.dissimilarity, 1e-12))

    def __str__(self) -> str:
        limit = "" if self.dissimilarity is None else f" and 1 - SSIM of at most {self.dissimilarity:g}"
        return f"at least {self.psnr_db:g} dB from FP32{limit}"


@dataclass(frozen=True)
class Damage:
    """How near to FP32 the faces are with one group in INT8 and all else in FP32."""

    group: Group
    psnr_db: float

    @property
    def rate(self) -> float:
        """Squared error for each multiply-add that is saved."""
        return float(10.0 ** (-self.psnr_db / 10.0) / self.group.multiply_adds)


def order(damages: Sequence[Damage], budget: Budget) -> list[Group]:
    """The groups that may be lowered, least damage for each multiply-add first; none that misses the budget alone."""
    possible = [damage for damage in damages if damage.psnr_db >= budget.psnr_db]
    return [damage.group for damage in sorted(possible, key=lambda one: one.rate)]


def choose(
    damages: Sequence[Damage], budget: Budget, measure: Measure, tell: Callable[[str], None] = lambda _: None
) -> tuple[list[Layer], list[Price]]:
    """The most groups, in order of damage, that keep the budget together, and what they were measured to cost.

    Squared errors nearly add up, so the first trial follows from those of the groups alone, and the next ones from how
    far that was off; from the fifth on it is bisection. Raises BudgetError where not even the first group keeps it.
    """
    groups = order(damages, budget)
    if not groups:
        least = max(damages, key=lambda damage: damage.psnr_db)
        raise BudgetError(
            f"calibrate: expected layers in INT8 to keep {budget}, found {least.psnr_db:.1f} dB with the least "
            f"damaging alone, {least.group.name}: it misses by {budget.psnr_db - least.psnr_db:.2g} dB"
        )
    errors = {damage.group: 10.0 ** ((budget.psnr_db - damage.psnr_db) / 10.0) for damage in damages}
    expected = list(accumulate(errors[group] for group in groups))
    kept, lost, scale = 0, len(groups) + 1, 1.0
    chosen: tuple[list[Layer], list[Price]] | None = None
    worst = ""
    for step in count():
        if lost - kept == 1:
            break
        fitting = sum(scale * share <= 1.0 for share in expected)
        trial = min(max(fitting, kept + 1), lost - 1) if step < _ESTIMATES else (kept + lost) // 2
        layers = [layer for group in groups[:trial] for layer in group.layers]
        prices = measure(layers)
        misses = [f"{price}, misses {budget.miss(price)}" for price in prices if budget.miss(price)]
        tell(f"{len(layers)} layers in INT8: {min(price.psnr_db for price in prices):.1f} dB")
        if misses:
            lost, worst = trial, misses[0]
        else:
            kept, chosen = trial, (layers, prices)
        scale = max(map(budget.used, prices)) / expected[trial - 1]
    if chosen is None:
        raise BudgetError(f"calibrate: expected {groups[0].name} in INT8 to keep {budget}, found {worst}")
    return chosen
