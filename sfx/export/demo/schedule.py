"""How training proceeds with time: only computing counts, and the plan may change on every resume."""

from __future__ import annotations

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
    """The plan. All times are minutes of processor time since the start, see `ComputeClock`."""

    minutes: float
    """Planned total: training ends there, and the learning rate falls towards it."""
    quarter_size_minutes: float
    """Until then pictures are drawn and compared at a quarter of their size."""
    half_size_minutes: float
    """Until then at half their size."""
    decoder_minutes: float = 0.0
    """Until then `Phase.DECODER`."""
    encoders_minutes: float = 0.0
    """Until then `Phase.ENCODERS`, from then on `Phase.TOGETHER`."""

    def phase(self, minutes: float) -> Phase:
        """What learns at that time."""
        if minutes < self.decoder_minutes:
            return Phase.DECODER
        return Phase.ENCODERS if minutes < self.encoders_minutes else Phase.TOGETHER

    def size(self, minutes: float, output_size: int) -> int:
        """Side of the pictures to train on."""
        if minutes < self.quarter_size_minutes:
            return output_size // 4
        return output_size // 2 if minutes < self.half_size_minutes else output_size
