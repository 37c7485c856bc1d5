"""The training loop of the interpreter's network: one thread, resumable after any interruption."""

from __future__ import annotations

import copy
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfx.engines.bundle import Bundle
from sfx.errors import InputError
from sfx.export.allocator import keep_freed_memory
from sfx.export.demo.run_state import CHECKPOINT, log, stored_run
from sfx.export.demo.trainable import use_channels_last
from sfx.export.interpreter.batches import Batch, BatchSource, batch_of
from sfx.export.interpreter.dataset import open_shards
from sfx.export.interpreter.drawing import Drawing
from sfx.export.interpreter.network import InterpreterNet, untrained
from sfx.export.interpreter.recover import described, recover
from sfx.export.interpreter.scoring import accuracy, class_weights, family_table, loss_of
from sfx.export.interpreter.tracing import traced
from sfx.export.interpreter.varying import varied
from sfx.export.pacing import ComputeClock, LearningRate, averaging_decay
from sfx.export.plain_file import write_plain
from sfx.export.precision import mixed_precision
from sfx.export.shards import HELD_OUT

AVERAGING = 0.998
"""Decay of the moving average of the weights, a step."""
GRADIENT_LIMIT = 1.0
HELD_OUT_DRAWINGS = 96
STORED = ("network", "averaged", "optimiser", "step", "seconds", "seed")
"""What a checkpoint of a run holds, and `begun_from` except in the oldest."""


@dataclass(frozen=True)
class Options:
    """What a run is started with."""

    data: Path
    out: Path
    minutes: float
    """Planned processor time; the learning rate falls towards its end."""
    learning_rate: float = 2e-3
    decay_from: float = 0.45
    batch: int = 16
    seed: int = 0
    begin_from: Path | None = None
    """A bundle whose network a new run starts with."""
    checkpoint_seconds: float = 60.0
    evaluation_seconds: float = 180.0
    stop_at_step: int | None = None


class Trainer:
    """A run: network, moving average, optimiser, clock."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.rate = LearningRate(options.learning_rate, decay_from=options.decay_from)
        torch.manual_seed(options.seed)
        resumed = (options.out / CHECKPOINT).exists()
        state = stored_run(options.out, STORED) if resumed else None
        self.network, self.begun_from = _beginning(options.begin_from, state)
        use_channels_last(self.network)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.step = 0
        self.clock = ComputeClock(0.0)
        self.stopping = False
        if state is not None:
            self._resume(state)
        self.source = BatchSource(options.data, options.batch, options.seed)
        self.table = family_table()
        self.weights = class_weights(torch.cat([self.source.batch(step).label for step in range(8)]))
        self.held_out = _held_out(options.data)

    def _resume(self, state: Mapping[str, Any]) -> None:
        try:
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
        except RuntimeError as error:
            raise InputError(f"{self.options.out}: expected a run of this network, found another") from error
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.clock = ComputeClock(state["seconds"])

    @property
    def minutes(self) -> float:
        """Processor time so far."""
        return self.clock.seconds / 60.0

    def run(self) -> None:
        """Train until the planned time is over or a signal asks to stop; always ends with a checkpoint."""
        saved, evaluated = time.monotonic(), self.clock.seconds
        losses: list[float] = []
        self.clock.skip()
        while not self._finished():
            losses.append(self._train_step(self.source.batch(self.step)))
            self.clock.tick()
            if self.step % 25 == 0:
                rate = self.rate.at(self.step, self.minutes / self.options.minutes)
                log(
                    self.options.out, kind="train", minutes=self.minutes, step=self.step,
                    loss=float(np.mean(losses)), rate=rate,
                )  # fmt: skip
                losses = []
            if time.monotonic() - saved > self.options.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
            if self.clock.seconds - evaluated > self.options.evaluation_seconds:
                self.evaluate()
                evaluated = self.clock.seconds
        self.save()
        self.evaluate()

    def _finished(self) -> bool:
        stop_at = self.options.stop_at_step
        return (
            self.stopping
            or self.minutes >= self.options.minutes
            or (stop_at is not None and self.step >= stop_at)
        )

    def _train_step(self, batch: Batch) -> float:
        self.network.train()
        with mixed_precision():
            scores = self.network.scores_at(batch.ink, batch.drawing, batch.row, batch.column)
        loss = loss_of(scores.float(), batch.label, batch.drawing, self.weights, self.table)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate.at(self.step, self.minutes / self.options.minutes)
        self.optimiser.step()
        self.step += 1
        decay = averaging_decay(AVERAGING, self.step)
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.averaged.parameters()), list(self.network.parameters()), 1.0 - decay
            )
            for mean, current in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(current, 1.0 - decay)
        return float(loss.detach())

    @torch.no_grad()
    def evaluate(self) -> None:
        """Log the averaged network's accuracy by pixel on held-out drawings, as drawn and changed."""
        self.averaged.eval()
        for name, label_maps in self.held_out.items():
            scores, labels = [], []
            for start in range(0, len(label_maps), 16):
                batch = batch_of(label_maps[start : start + 16])
                with mixed_precision():
                    scores.append(
                        self.averaged.scores_at(batch.ink, batch.drawing, batch.row, batch.column).float()
                    )
                labels.append(batch.label)
            family, exact = accuracy(torch.cat(scores), torch.cat(labels), self.table)
            log(
                self.options.out, kind="held-out", drawings=name, minutes=self.minutes, step=self.step,
                family=family, exact=exact,
            )  # fmt: skip
        self.clock.skip()

    def save(self) -> None:
        """Write the checkpoint; the one before stays until this one is whole."""
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.clock.seconds,
            "seed": self.options.seed,
            "begun_from": self.begun_from,
        }
        write_plain(state, self.options.out / CHECKPOINT)


def _beginning(path: Path | None, state: Mapping[str, Any] | None) -> tuple[InterpreterNet, str]:
    """The network to start with, in the form that the run trains, and what it was begun from; "" for nothing."""
    if state is not None:
        begun_from = state.get("begun_from", "")  # not in runs from before there was a way to
        return untrained(begun_from), begun_from
    if path is None:
        return untrained(""), ""
    bundle = Bundle.open(path)
    return recover(bundle), described(bundle.manifest.source)


def _held_out(folder: Path) -> dict[str, NDArray[np.uint8]]:
    shard = open_shards(folder, HELD_OUT)[0]
    count = min(HELD_OUT_DRAWINGS, len(shard))

    def maps(label_map: Callable[[Drawing, np.random.Generator], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        return np.stack(
            [label_map(shard.drawing(index), np.random.default_rng(index)) for index in range(count)]
        )

    return {
        "as drawn": maps(lambda drawing, _: drawing.label_map()),
        "traced": maps(traced),
        "changed": maps(lambda drawing, rng: varied(drawing, rng).label_map()),
    }


def train(options: Options) -> None:
    """Train, or go on with the run in `options.out`; SIGTERM and SIGINT save and end."""
    keep_freed_memory()
    torch.set_num_threads(1)
    trainer = Trainer(options)
    # Only now, when data and bundle are known to be usable.
    options.out.mkdir(parents=True, exist_ok=True)

    def stop(_number: int, _frame: object) -> None:
        trainer.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    trainer.run()
