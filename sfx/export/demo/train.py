"""The training loop: resumable after any interruption, on one or several single-threaded processes.

Two processes of one thread that share gradients make more samples a second than one process of two
threads: the many small passes between convolutions do not run in parallel.
"""

from __future__ import annotations

import copy
import datetime
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from sfx.config import ModelConfig
from sfx.engines.bundle import Bundle
from sfx.export.allocator import keep_freed_memory
from sfx.export.demo.batches import BatchSource, Portraits, Prefetcher
from sfx.export.demo.centring import Centring
from sfx.export.demo.compiled import compile_parts, uncompiled
from sfx.export.demo.config import DEMO
from sfx.export.demo.critic import Critic
from sfx.export.demo.gradients import average_over_processes, gradient_buffer
from sfx.export.demo.grid import as_bytes, coloured, read_examples, write_grid
from sfx.export.demo.held_out import distances, draw_described, draw_pairs, held_out_pairs
from sfx.export.demo.objectives import OBJECTIVES, sharpening
from sfx.export.demo.options import Options
from sfx.export.demo.recover import begin_from, described
from sfx.export.demo.refusing import refuse_unusable
from sfx.export.demo.run_state import CHECKPOINT, RunState, log
from sfx.export.demo.schedule import HIGHEST_RATES, Phase
from sfx.export.demo.trainable import BEGUN_SYNTHESIS_RATE, SYNTHESIS_RATE, Trainable, optimiser_of
from sfx.export.pacing import ComputeClock, LearningRate, averaging_decay

AVERAGING = 0.995
"""Decay of the moving average of the weights, a step: 200 steps are some minutes."""
GRADIENT_LIMIT = 1.0
MEASURED_BATCHES = 12
"""Batches of a process over which the means of layers' inputs are taken."""


class Trainer:
    """One process's part of a run."""

    def __init__(self, options: Options, config: ModelConfig, names: tuple[str, ...], rank: int) -> None:
        self.options = options
        self.config = config
        self.rank = rank
        self.source = BatchSource(
            options.data, options.batch, config.style_width, options.seed, rank, names, options.more_data
        )
        self.described = self.source.described()
        features, values = (vectors.shape[1] for vectors in self.described)
        self.trainable = Trainable(config, features, values, options.seed)
        self.averaged = copy.deepcopy(self.trainable).requires_grad_(False)
        if options.compiled:
            compile_parts(self.trainable)
        self.step, self.samples, self.phase_began = 0, 0, 0
        self.phase: Phase | None = None
        self.clock = ComputeClock(0.0)
        self.critic: Critic | None = None
        self.means: Mapping[str, Tensor] = {}
        self.begun_from, self.stopping = "", False
        state = RunState.load(options.out) if (options.out / CHECKPOINT).exists() else None
        if state is not None:
            self.begun_from = state.settings["begun_from"]
        elif options.begin_from is not None:
            self._begin_from(options.begin_from)
        synthesis_rate = BEGUN_SYNTHESIS_RATE if self.begun_from else SYNTHESIS_RATE
        self.optimiser = optimiser_of(self.trainable, synthesis_rate)
        if state is not None:
            self._resume(state)
        self._enter(options.schedule.phase(self.minutes))

    @property
    def minutes(self) -> float:
        """Training time so far."""
        return self.clock.seconds / 60.0

    def _resume(self, state: RunState) -> None:
        self.trainable.load_stored(dict(state.trained))
        self.averaged.load_stored(dict(state.averaged))
        rates = [group["relative_rate"] for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(dict(state.optimiser))
        # A resumed run takes the rates of the code, as it takes the schedule of the command.
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["relative_rate"] = rate
        self.step, self.samples = state.step, state.samples
        self.phase, self.phase_began = Phase(state.phase), state.phase_began
        self.clock = ComputeClock(state.seconds)
        self.means = state.means
        if state.critic is not None:
            self.critic = Critic(self.options.seed, self.options.processes)
            self.critic.load_stored(state.critic)

    def _begin_from(self, path: Path) -> None:
        bundle = Bundle.open(path)
        begin_from(bundle, self.trainable.model)
        torch.manual_seed(self.options.seed)  # all processes must begin alike
        if self.trainable.wake_coarse(held_out_pairs(self.options.data, 16).sketches) and self.rank == 0:
            log(self.options.out, kind="woken", part="encoder_sketch_coarse")
        self.averaged.load_stored(self.trainable.stored())
        self.begun_from = described(bundle.manifest.source)

    def _enter(self, phase: Phase) -> None:
        """Train what the phase trains; a phase that was not gone into before begins from the averaged weights."""
        if phase is not self.phase:
            if self.phase is not None:
                self._refresh_average()
                self.trainable.load_stored(self.averaged.stored())
                self.phase_began = self.step
                if self.phase in (Phase.DECODER, Phase.ENCODERS):
                    for model in (self.trainable, self.averaged):
                        model.teacher.measure_mean(*self.described)
                        model.centre()
            self.phase, self.means = phase, {}
        self.tensors = self.trainable.trained_in(phase)
        for name, tensor in self.trainable.trained().items():
            tensor.requires_grad_(name in self.tensors)
            tensor.grad = None
        self.gradients = gradient_buffer(self.tensors.values())
        averaged = self.averaged.trained()
        self.averages = [averaged[name] for name in self.tensors]
        makers: dict[Phase, Callable[[int], Any]] = {
            Phase.DECODER: self.source.portraits,
            Phase.ENCODERS: partial(self.source.batch, recoloured=False),
        }
        self.objective = OBJECTIVES[phase]
        if phase is Phase.SHARPENING:
            self.critic = self.critic or Critic(self.options.seed, self.options.processes)
            self.objective = sharpening(self.critic)
        # BatchNorms that gather statistics take off the mean by themselves.
        centred = self.tensors.values() if self.begun_from else ()
        self.centring = Centring(self.trainable.model, centred, self.means)
        if not self.means:
            self.centring.measure(self._run_some, self.options.processes)
        self.sums: dict[str, float] = {}
        self.summed = 0
        self.batches: Prefetcher[Any] = Prefetcher(
            self.source, makers.get(phase, self.source.batch), self.step
        )

    def _run_some(self) -> None:
        """Run what is trained, as in a step at full size, and learn nothing."""
        assert self.phase is not None
        self.trainable.train()
        self.trainable.fix_normalisation()
        with uncompiled(self.options.compiled):
            for number in range(MEASURED_BATCHES):
                OBJECTIVES[self.phase](self.trainable, self.source.batch(number), self.config.output_size)

    def run(self) -> None:
        """Train until the planned time is over or a signal asks to stop; always ends with a checkpoint."""
        evaluated = reported = self.clock.seconds
        saved = time.monotonic()
        self.clock.skip()
        while not self._finished():
            phase = self.options.schedule.phase(self.minutes)
            if phase is not self.phase:
                self.batches.stop()
                self._enter(phase)
            self._train_step(self.batches.next())
            self.clock.tick()
            self._share_clock_and_signals()
            if self.rank == 0 and self.step % 25 == 0:
                self._report(reported)
                reported = self.clock.seconds
            if self.clock.seconds - evaluated > self.options.evaluation_seconds:
                self.centring.measure(self._run_some, self.options.processes)
                self._evaluate()
                evaluated = self.clock.seconds
            if time.monotonic() - saved > self.options.checkpoint_seconds:
                self._save()
                saved = time.monotonic()
            if self.options.processes > 1 and self.rank and os.getppid() == 1:
                raise SystemExit("the first process is gone")
        self._save()
        self._evaluate()
        self.batches.stop()

    def _finished(self) -> bool:
        stop_at = self.options.stop_at_step
        planned = self.minutes >= self.options.schedule.minutes
        return self.stopping or planned or (stop_at is not None and self.step >= stop_at)

    def _train_step(self, batch: Portraits) -> None:
        self.trainable.train()
        if self._keeps_statistics():
            if not self.begun_from and self.step == self.phase_began + self.options.warm_up_steps:
                self._share_statistics()
            self.trainable.fix_normalisation()
        loss, figures = self.objective(self.trainable, batch, self._size())
        self.gradients.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = self._update(self._rate())
        self.step += 1
        self.samples += len(batch.targets) * self.options.processes
        for name, value in (*figures.items(), ("norm", norm)):
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.summed += 1

    def _rate(self) -> float:
        """The learning rate now; every phase warms up and cools down."""
        options, schedule = self.options, self.options.schedule
        highest = HIGHEST_RATES[schedule.phase(self.minutes)]
        rate = LearningRate(highest, options.warm_up_steps, options.decay_from)
        return rate.at(self.step - self.phase_began, schedule.share(self.minutes))

    def _size(self) -> int:
        """Side of the pictures that are trained on now."""
        return self.options.schedule.size(self.minutes, self.config.output_size)

    def _update(self, rate: float) -> float:
        """Share gradients, limit their norm, take the optimiser's step; returns the norm."""
        average_over_processes(self.gradients, self.options.processes)
        self.centring.centre_gradients()
        norm = float(self.gradients.norm())
        if norm > GRADIENT_LIMIT:
            self.gradients.mul_(GRADIENT_LIMIT / norm)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["relative_rate"]
        self.optimiser.step()
        self.centring.keep_means()
        with torch.no_grad():
            decay = averaging_decay(AVERAGING, self.step, bool(self.begun_from))
            torch._foreach_lerp_(self.averages, list(self.tensors.values()), 1.0 - decay)
        return norm

    def _share_clock_and_signals(self) -> None:
        """All processes go by the mean of their clocks, and stop together."""
        if self.options.processes == 1:
            return
        shared = torch.tensor([self.clock.seconds, float(self.stopping)], dtype=torch.float64)
        dist.all_reduce(shared)
        self.clock.seconds = float(shared[0]) / self.options.processes
        self.stopping = bool(shared[1] > 0)

    def _report(self, since: float) -> None:
        per_step = self.options.batch * self.options.processes
        means = {name: value / self.summed for name, value in self.sums.items()}
        speed = self.summed * per_step / max(self.clock.seconds - since, 1e-9)
        assert self.phase is not None
        log(
            self.options.out,
            kind="train",
            phase=self.phase.value,
            minutes=self.minutes,
            step=self.step,
            size=self._size(),
            **means,
            rate=self._rate(),
            samples_per_second=speed,
        )
        self.sums, self.summed = {}, 0

    def _keeps_statistics(self) -> bool:
        """Whether BatchNorm's statistics stay as they are: once all networks can see, and have warmed up together."""
        if self.begun_from:
            return True
        seeing = self.phase not in (Phase.DECODER, Phase.ENCODERS)
        return seeing and 0 < self.phase_began <= self.step - self.options.warm_up_steps

    @torch.no_grad()
    def _share_statistics(self) -> None:
        """All processes go on with the mean of their BatchNorm statistics."""
        if self.options.processes > 1:
            for name, buffer in self.trainable.named_buffers():
                if name.endswith(("running_mean", "running_var")):
                    dist.all_reduce(buffer)
                    buffer.div_(self.options.processes)

    def _refresh_average(self) -> None:
        """The averaged model takes the trained one's BatchNorm statistics and noise as they are."""
        for averaged, trained in zip(self.averaged.buffers(), self.trainable.buffers(), strict=True):
            if averaged is not self.averaged.model.latent_avg:
                averaged.copy_(trained)
        if self.phase is Phase.ENCODERS:
            self.averaged.centre()

    def _evaluate(self) -> None:
        """Held-out figures and a sample grid of the averaged model, by the first process."""
        if self.rank == 0:
            self._refresh_average()
            size = self._size()
            pairs = held_out_pairs(self.options.data, 64)
            if self.phase is Phase.DECODER:
                described = self.source.standardised(pairs.geometry, pairs.appearance)
                drawn = draw_described(self.averaged, *described, size)
            else:
                drawn = draw_pairs(self.averaged, pairs.sketches, pairs.references, size)
            l1, psnr = distances(drawn, pairs.targets)
            now = {"minutes": self.minutes, "step": self.step, "size": size}
            log(self.options.out, kind="held-out", **now, l1=l1, psnr=psnr)
            rows = [
                coloured(pairs.sketches[:8]),
                pairs.references[:8],
                as_bytes(drawn[:8]),
                pairs.targets[:8],
            ]
            if self.phase is not Phase.DECODER:
                rows += self._example_rows(size)
            write_grid(self.options.out / f"grid_{int(self.minutes):04d}.png", rows)
        self.clock.skip()

    def _example_rows(self, size: int) -> list[Tensor]:
        if self.options.examples is None:
            return []
        label_maps, photos = read_examples(self.options.examples)
        sketches = label_maps.repeat_interleave(len(photos), 0)
        references = photos.repeat(len(label_maps), 1, 1, 1)
        drawn = draw_pairs(self.averaged, sketches, references, size)
        return [coloured(sketches), references, as_bytes(drawn)]

    def _save(self) -> None:
        assert self.phase is not None
        if self.rank == 0:
            self._refresh_average()
            RunState(
                trained=self.trainable.stored(),
                averaged=self.averaged.stored(),
                optimiser=self.optimiser.state_dict(),
                critic=self.critic.stored() if self.critic else None,
                means=self.centring.means,
                phase=self.phase.value,
                phase_began=self.phase_began,
                step=self.step,
                seconds=self.clock.seconds,
                samples=self.samples,
                settings={
                    "config": asdict(self.config),
                    "seed": self.options.seed,
                    "data": [str(folder) for folder in self.options.data_sets],
                    "pictures": self.source.pictures,
                    "processes": self.options.processes,
                    "batch": self.options.batch,
                    "schedule": asdict(self.options.schedule),
                    "begun_from": self.begun_from,
                },
            ).save(self.options.out)
        self.clock.skip()


def train(options: Options, config: ModelConfig = DEMO) -> None:
    """Start or resume a run in `options.out`; SIGTERM and SIGINT save and end it."""
    refuse_unusable(options, config)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.processes == 1:
        _work(0, options, config, "")
        return
    with tempfile.TemporaryDirectory() as folder:
        rendezvous = f"file://{Path(folder) / 'rendezvous'}"
        context = mp.get_context("spawn")
        others = [
            context.Process(target=_work, args=(rank, options, config, rendezvous), daemon=True)
            for rank in range(1, options.processes)
        ]
        for process in others:
            process.start()
        _work(0, options, config, rendezvous)
        for process in others:
            process.join()


def _work(rank: int, options: Options, config: ModelConfig, rendezvous: str) -> None:
    from sfx.calibration.portraits import geometry_vector_names

    keep_freed_memory()
    if options.processes > 1:
        torch.set_num_threads(1)
        # Long, because a paused group of processes must not find its peers overdue when it goes on.
        patience = datetime.timedelta(hours=12)
        dist.init_process_group(
            "gloo", init_method=rendezvous, rank=rank, world_size=options.processes, timeout=patience
        )
    trainer = Trainer(options, config, geometry_vector_names(), rank)

    def stop(*_: object) -> None:
        trainer.stopping = True

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    trainer.run()
    if options.processes > 1:
        dist.destroy_process_group()
