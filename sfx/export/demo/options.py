"""What a training run is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sfx.export.demo.schedule import Schedule


@dataclass(frozen=True)
class Options:
    """What a run is started with."""

    data: Path
    """A data set. Its first shard scales descriptions and says what a latent z means, so that a run that goes on should
    keep it; its held-out portraits are drawn for the log."""
    out: Path
    schedule: Schedule
    decay_from: float = 0.6
    """Share of each phase's time after which its learning rate falls."""
    warm_up_steps: int = 60
    seed: int = 0
    processes: int = 2
    batch: int = 8
    """Samples a step and process."""
    compiled: bool = False
    """Whether to train with `compile_parts`."""
    more_data: tuple[Path, ...] = ()
    """Further data sets to train on."""
    begin_from: Path | None = None
    """A bundle whose weights a new run starts with. Its BatchNorms keep their statistics."""
    examples: Path | None = None
    """A folder of label sketches and photos to show in the sample grids; never trained on."""
    checkpoint_seconds: float = 180.0
    evaluation_seconds: float = 300.0
    stop_at_step: int | None = None

    @property
    def data_sets(self) -> tuple[Path, ...]:
        """All that is trained on."""
        return (self.data, *self.more_data)
