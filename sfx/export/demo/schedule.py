"""How training proceeds with time: only computing counts, and the plan may change on every resume."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate


class Phase(Enum):
    """What learns."""

    DECODER = "decoder"
    """Synthesis, from the descriptions of portraits."""
    ENCODERS = "encoders"
    """The encoders and the mapping network, towards the codes that synthesis learned to draw."""
    SEEING = "seeing"
    """The encoders, through the picture that a fixed synthesis draws of their codes."""
    COLOURING = "colouring"
    """The appearance encoder, the mapping network and synthesis, through the picture, synthesis being told light and
    colours; sketch codes nearly stay."""
    DRAWING = "drawing"
    """Synthesis and the mapping network, through the picture, from what the encoders say as they are."""
    REFINING = "refining"
    """All networks but what sees edges and areas: the fine encoders' first layers, and the coarse one but its head."""
    TOGETHER = "together"
    """All networks, through the picture."""
    SHARPENING = "sharpening"
    """All networks, and a critic of what they draw."""


HIGHEST_RATES: Mapping[Phase, float] = {
    Phase.DECODER: 8e-4,
    Phase.ENCODERS: 8e-4,
    Phase.SEEING: 2e-4,
    Phase.COLOURING: 6e-4,
    Phase.DRAWING: 4e-4,
    Phase.REFINING: 2e-4,
    Phase.TOGETHER: 3e-4,
    Phase.SHARPENING: 1e-4,
}
"""Learning rate of each phase, before it falls towards the phase's end.

A decoder that no longer became better at 8e-4 (24.5 dB) lost 8 % of its loss within a minute at a third of that. A demo
at 27.4 dB fell by 0.1 dB within 45 minutes of refining at 3e-4, and got better only when the rate fell; at 27.6 dB it
rose by 0.08 dB within 47 minutes at 1e-4. At 28.6 dB, on portraits with larger curls, it rose by 0.14 within 30 minutes
at 2e-4, and by 0.27 in the 18 in which the rate fell to 0.
"""


@dataclass(frozen=True)
class Schedule:
    """The plan. All times are minutes of processor time since the start, see `ComputeClock`."""

    minutes: float
    """Planned total: training ends there."""
    quarter_size_minutes: float
    """Until then pictures are drawn and compared at a quarter of their size."""
    half_size_minutes: float
    """Until then at half their size."""
    decoder_minutes: float = 0.0
    """Until then `Phase.DECODER`."""
    encoders_minutes: float = 0.0
    """Until then `Phase.ENCODERS`."""
    seeing_minutes: float = 0.0
    """Until then `Phase.SEEING`."""
    colouring_minutes: float = 0.0
    """Until then `Phase.COLOURING`."""
    drawing_minutes: float = 0.0
    """Until then `Phase.DRAWING`."""
    refining_minutes: float = 0.0
    """Until then `Phase.REFINING`."""
    sharpening_minutes: float = 0.0
    """How many of the last minutes are `Phase.SHARPENING`; before that, `Phase.TOGETHER`."""

    def phase(self, minutes: float) -> Phase:
        """What learns at that time."""
        if minutes >= self.minutes:  # over: what was learnt last
            return Phase.SHARPENING if self.sharpening_minutes else Phase.TOGETHER
        return list(Phase)[bisect_right(self._ends[:-1], minutes)]

    @property
    def _ends(self) -> tuple[float, ...]:
        """When each phase ends; one that ends before the one before it has no time."""
        last = self.minutes - self.sharpening_minutes
        ends = (
            self.decoder_minutes,
            self.encoders_minutes,
            self.seeing_minutes,
            self.colouring_minutes,
            self.drawing_minutes,
            self.refining_minutes,
            last,
            self.minutes,
        )
        return tuple(accumulate(ends, max))

    def share(self, minutes: float) -> float:
        """How much of the time of the phase at that time is over, from 0 to 1."""
        order = list(Phase).index(self.phase(minutes))
        begin, end = (0.0, *self._ends)[order : order + 2]
        return min(1.0, (minutes - begin) / (end - begin)) if end > begin else 1.0

    def size(self, minutes: float, output_size: int) -> int:
        """Side of the pictures to train on."""
        if minutes < self.quarter_size_minutes:
            return output_size // 4
        return output_size // 2 if minutes < self.half_size_minutes else output_size
