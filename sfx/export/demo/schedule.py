"""How training proceeds with time: only computing counts, and the plan may change on every resume."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """What learns."""

    DECODER = "decoder"
    """Synthesis, from the descriptions of portraits."""
    ENCODERS = "encoders"
    """The encoders and the mapping network, towards the codes that synthesis learned to draw."""
    TOGETHER = "together"
    """All networks, through the picture."""


@dataclass(frozen=True)
class Schedule:
    """The plan. All times are minutes of processor time, see `ComputeClock`."""

    minutes: float
    """Planned total; the learning rate decays towards it, and training ends there."""
    quarter_size_minutes: float
    """Until then pictures are drawn and compared at a quarter of their size."""
    half_size_minutes: float
    """Until then at half their size."""
    decoder_minutes: float = 0.0
    """Until then `Phase.DECODER`."""
    encoders_minutes: float = 0.0
    """Until then `Phase.ENCODERS`, from then on `Phase.TOGETHER`."""
    learning_rate: float = 8e-4
    warm_up_steps: int = 60
    decay_from: float = 0.6
    """Share of the planned time after which the learning rate falls."""
    last_rate: float = 0.03
    """Learning rate at the end, as a share of `learning_rate`."""

    def phase(self, minutes: float) -> Phase:
        """What learns at that time."""
        if minutes < self.decoder_minutes:
            return Phase.DECODER
        return Phase.ENCODERS if minutes < self.encoders_minutes else Phase.TOGETHER

    def rate(self, step: int, minutes: float) -> float:
        """The learning rate of a phase's step: warm-up, constant, then half a cosine of the whole time."""
        warm = min(1.0, (step + 1) / self.warm_up_steps)
        share = min(minutes / self.minutes, 1.0)
        if share <= self.decay_from:
            return self.learning_rate * warm
        along = (share - self.decay_from) / (1.0 - self.decay_from)
        falling = self.last_rate + (1.0 - self.last_rate) * (1.0 + math.cos(math.pi * along)) / 2
        return self.learning_rate * warm * falling

    def geometry_weight(self, minutes: float) -> float:
        """Weight of the auxiliary geometry loss: a guide at first, then in the way."""
        return 1.0 if minutes < 0.25 * self.minutes else 0.3

    def size(self, minutes: float, output_size: int) -> int:
        """Side of the pictures to train on."""
        if minutes < self.quarter_size_minutes:
            return output_size // 4
        return output_size // 2 if minutes < self.half_size_minutes else output_size


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
