"""What every training here goes by: only computing counts as time, and the learning rate falls towards its end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class LearningRate:
    """Warm-up, constant, then half a cosine."""

    highest: float
    warm_up_steps: int = 60
    decay_from: float = 0.6
    """Share of the planned time after which the rate falls."""
    last: float = 0.03
    """The rate at the end, as a share of `highest`."""

    def at(self, step: int, share: float) -> float:
        """The rate of a step since the beginning of the warm-up, when `share` of the planned time is over."""
        warm = min(1.0, (step + 1) / self.warm_up_steps)
        if share <= self.decay_from:
            return self.highest * warm
        along = (min(share, 1.0) - self.decay_from) / (1.0 - self.decay_from)
        falling = self.last + (1.0 - self.last) * (1.0 + math.cos(math.pi * along)) / 2
        return self.highest * warm * falling


def averaging_decay(longest: float, step: int, begun: bool = False) -> float:
    """Decay of a moving average of weights at a step: `longest`, or less early in a run from nothing.

    What was not trained yet is soon forgotten; what a run has `begun` from is as good as what follows.
    """
    return longest if begun else min(longest, (1.0 + step) / (10.0 + step))


class ComputeClock:
    """Seconds of processor time spent on training: neither a pause (SIGSTOP) nor a busy machine counts.

    With one thread a process, on an idle machine, they are seconds.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last = time.process_time()

    def skip(self) -> None:
        """Leave out what was computed since the last tick: it was not training."""
        self._last = time.process_time()

    def tick(self) -> None:
        """Count what was computed since the last tick."""
        now = time.process_time()
        self.seconds += now - self._last
        self._last = now
