"""What a run cannot be started with."""

from __future__ import annotations

from dataclasses import asdict

from sfx.config import ModelConfig
from sfx.engines.bundle import Bundle
from sfx.errors import InputError
from sfx.export.demo.compiled import refuse_without_compiler
from sfx.export.demo.dataset import TRAINING, open_shards
from sfx.export.demo.options import Options
from sfx.export.demo.recover import begin_from
from sfx.export.demo.run_state import CHECKPOINT, RunState
from sfx.export.demo.schedule import Phase
from sfx.export.networks import Spse


def refuse_unusable(options: Options, config: ModelConfig) -> None:
    """Raise what can be told before there are processes, each of which would end in a traceback of its own."""
    if options.compiled:
        refuse_without_compiler()
    for data_set in options.data_sets:
        open_shards(data_set, TRAINING)
    minutes, begun = 0.0, options.begin_from is not None
    if (options.out / CHECKPOINT).exists():
        state = RunState.load(options.out)
        if state.settings["config"] != asdict(config):
            raise InputError(f"{options.out}: expected a run of this model configuration, found another")
        minutes, begun = state.seconds / 60.0, bool(state.settings["begun_from"])
    elif options.begin_from is not None:
        begin_from(Bundle.open(options.begin_from), Spse(config))
    phase = options.schedule.phase(minutes)
    if begun and phase in (Phase.DECODER, Phase.ENCODERS):
        raise InputError(
            f"{options.out}: expected no minutes for the {phase.value} alone, since a run that began from a bundle has "
            f"no teacher; found a schedule with them: give --begin-from again, or --decoder-minutes 0 and "
            f"--encoders-minutes 0"
        )
