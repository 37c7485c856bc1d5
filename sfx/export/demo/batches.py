"""Training batches: pairs of portraits turned into sketches, references and targets, ahead of their use.

Every sample of a batch has an appearance of its own. Three targets for each reference would save a fifth of the
computing, but colours are most of the loss: with 4 appearances in 12 samples the gradient's norm was 1.5, with
16 in 16 it was 1.0, as if there were twice as many samples.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Full, Queue
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from sfx.export.demo import augment
from sfx.export.demo.dataset import (
    GROUP,
    SKETCHES,
    TRAINING,
    Shard,
    Standardiser,
    appearance_mirror_signs,
    open_shards,
    recoloured_appearance,
)
from sfx.export.demo.latents import AppearanceLatents
from sfx.export.demo.metrics import reference_shows

Made = TypeVar("Made")

RANDOM_APPEARANCE = 0.08
"""Share of the samples whose appearance comes from a latent z instead of the reference."""
MOVED = 0.12
"""Share of the portraits that are shifted with their sketch."""
RARE = 0.6
"""Share of the pairs whose target is chosen for one of `RARE_ENTRIES`, each as often."""
RARE_ENTRIES = ("hair.curl", "hair.tufts", "wear.earring_size", "wear.necklace", "wear.hat_height")
"""Entries of a geometry that are 0 where a portrait has no such thing: what networks learnt last."""
RECOLOURED = 0.1
"""Share of the pairs whose colours are changed by a table."""
SKETCH_SHARES = (0.8, 0.1, 0.1)
"""How often each of a portrait's `SKETCHES` is taken.

A hand that drifts teaches to doubt lines, and what people draw is what they want to see. 81 minutes of refining, begun
with shares of 0.7, 0.15 and 0.15, made a demo that had learnt from hands alone 0.32 dB better on 250 held-out pairs and
0.22 dB on the same drawn by a hand, where the 57 minutes before, from hands alone, had brought 0.03.
"""
CHANGED_SKETCHES = 0.05
PHOTOGRAPHED = 0.15
"""Shares of the sketches drawn as by another hand, and of the references seen as by a camera.

Held-out pairs are neither, nor recoloured, nor moved, and too much of it teaches how to doubt: with 0.85 and 0.6
training erred 2 dB more than they do, and 82 minutes, most of them with 0.2 and 0.15 instead of 0.4 and 0.25, drew them
0.27 dB better, and such sketches and references 0.2 dB better. Of a demo at 27.6 dB, a step by 8 samples goes along the
gradient of 480 others' PSNR as they are (24 steps, Adam's scale) by 3.9 if they are as they are, by 3.0 if half are
recoloured, -0.3 if all sketches are changed, 3.6 if all references are photographed, 3.6 if all are shifted by whole
pixels, and by 1.4 if they are shifted and scaled by interpolation, as 0.12 of them were.
"""


@dataclass(frozen=True)
class Portraits:
    """N portraits with their descriptions."""

    targets: Tensor
    """uint8 (N, 3, 256, 256)."""
    parts: Tensor
    """uint8 (N, 128, 128)."""
    geometry: Tensor
    """float32 (N, features), standardised, within 4 deviations."""
    appearance: Tensor
    """float32 (N, values), standardised, within 4 deviations."""


@dataclass(frozen=True)
class Batch(Portraits):
    """N portraits, each with a sketch of it and a reference."""

    sketches: Tensor
    """uint8 (N, 256, 256) class ids."""
    references: Tensor
    """uint8 (N, 3, 256, 256): another portrait in the appearance of the target."""
    shown: Tensor
    """bool (N,): whether the reference shows all that it should colour, see `metrics.reference_shows`."""
    latents: Tensor
    """float32 (N, style_width)."""
    random_appearance: Tensor
    """bool (N,): whether `latents` stand in for `references`."""


class BatchSource:
    """Makes the batch of any step; equal (data, seed, rank, step) give equal batches."""

    def __init__(
        self,
        folder: Path,
        samples: int,
        style_width: int,
        seed: int,
        rank: int,
        names: tuple[str, ...],
        more: tuple[Path, ...] = (),
    ):
        """`more`: further data sets; all descriptions are scaled as the first shard's of `folder` ask for."""
        self._folders = (folder, *more)
        self._samples = samples
        self._seed = (seed, rank)
        self._shards = self._opened()
        self._geometry_scale = Standardiser(np.asarray(self._shards[0].geometry))
        self._appearance_scale = Standardiser(np.asarray(self._shards[0].appearance))
        self._signs = augment.mirror_signs(names)
        self._appearance_signs = appearance_mirror_signs()
        self._rare_entries = [names.index(name) for name in RARE_ENTRIES]
        self._columns = [names.index(name) for name in ("pose.shift_x", "pose.shift_y")]
        self._latents = AppearanceLatents(np.asarray(self._shards[0].appearance), style_width)

    @property
    def pictures(self) -> int:
        """How many pictures there are to train on."""
        return sum(len(shard.pictures) for shard in self._shards)

    def refresh(self) -> None:
        """Take in shards drawn since."""
        self._shards = self._opened()

    def _opened(self) -> list[Shard]:
        return [shard for folder in self._folders for shard in open_shards(folder, TRAINING)]

    def described(self) -> tuple[Tensor, Tensor]:
        """Geometry (N, features) and appearance (N, values) of the first shard's portraits, standardised."""
        shard = self._shards[0]
        return self.standardised(np.asarray(shard.geometry), np.asarray(shard.appearance))

    def standardised(self, geometry: np.ndarray, appearance: np.ndarray) -> tuple[Tensor, Tensor]:
        """Geometry (N, features) and appearance vectors (N, values) of portraits, as `Portraits` holds them."""
        return torch.from_numpy(self._geometry_scale(geometry)), torch.from_numpy(
            self._appearance_scale(appearance)
        )

    def portraits(self, step: int) -> Portraits:
        """The portraits of a step, with the descriptions that they were drawn from."""
        rng = np.random.default_rng([*self._seed, step])
        rows = []
        for _ in range(self._samples):
            shard = self._shards[int(rng.integers(len(self._shards)))]
            row = int(rng.integers(len(shard.pictures)))
            target = self._target(shard, row, bool(rng.random() < 0.5), None, rng)
            rows.append([target.picture, target.parts, target.geometry, target.appearance])
        pictures, parts, *described = (np.stack(column) for column in zip(*rows, strict=True))
        geometry, appearance = self.standardised(*described)
        return Portraits(
            targets=torch.from_numpy(pictures).permute(0, 3, 1, 2),
            parts=torch.from_numpy(parts),
            geometry=geometry,
            appearance=appearance,
        )

    def batch(self, step: int, recoloured: bool = True) -> Batch:
        """The batch of a step; `recoloured`: whether the colours of some pairs are changed."""
        rng = np.random.default_rng([*self._seed, step])
        targets: list[_Target] = []
        references, shown, latents, is_random = [], [], [], []
        for _ in range(self._samples):
            shard = self._shards[int(rng.integers(len(self._shards)))]
            other = self._row(shard, rng)
            first = other - other % GROUP
            one = first + (other + int(rng.integers(1, GROUP))) % GROUP
            mirrored = bool(rng.random() < 0.5)
            table = augment.colour_table(rng) if recoloured and rng.random() < RECOLOURED else None
            drawn_at_random = bool(rng.random() < RANDOM_APPEARANCE)
            if drawn_at_random:
                mirrored, table = False, None
            reference = np.asarray(shard.pictures[one])
            reference = reference if table is None else augment.recoloured(reference, table)
            if mirrored:
                reference = np.ascontiguousarray(reference[:, ::-1])
            if rng.random() < PHOTOGRAPHED:
                reference = augment.photographed(reference, rng)
            references.append(reference)
            shown.append(reference_shows(np.asarray(shard.parts[one]), np.asarray(shard.parts[other])))
            latents.append(self._latents(np.asarray(shard.appearance[first]), rng))
            is_random.append(drawn_at_random)
            target = self._target(shard, other, mirrored, table, rng)
            if rng.random() < CHANGED_SKETCHES:
                target = replace(target, sketch=augment.augmented_sketch(target.sketch, rng))
            targets.append(target)
        geometry, appearance = self.standardised(
            np.stack([target.geometry for target in targets]),
            np.stack([target.appearance for target in targets]),
        )
        pictures = torch.from_numpy(np.stack([target.picture for target in targets]))
        return Batch(
            sketches=torch.from_numpy(np.stack([target.sketch for target in targets])),
            targets=pictures.permute(0, 3, 1, 2),
            parts=torch.from_numpy(np.stack([target.parts for target in targets])),
            geometry=geometry,
            appearance=appearance,
            references=torch.from_numpy(np.stack(references)).permute(0, 3, 1, 2),
            shown=torch.tensor(shown),
            latents=torch.from_numpy(np.stack(latents)),
            random_appearance=torch.tensor(is_random),
        )

    def _row(self, shard: Shard, rng: np.random.Generator) -> int:
        """Any row of a shard, or for a share one of a portrait that has something rare, if there is any."""
        if rng.random() < RARE:
            having = np.flatnonzero(shard.geometry[:, rng.choice(self._rare_entries)] > 0)
            if len(having):
                return int(rng.choice(having))
        return int(rng.integers(len(shard.pictures)))

    def _target(
        self, shard: Shard, row: int, mirrored: bool, table: np.ndarray | None, rng: np.random.Generator
    ) -> _Target:
        drawn = int(rng.choice(len(SKETCHES), p=SKETCH_SHARES))
        sketch = np.asarray(shard.sketches[row, drawn])
        picture, part_map = np.asarray(shard.pictures[row]), np.asarray(shard.parts[row])
        geometry, appearance = shard.geometry[row].copy(), np.asarray(shard.appearance[row])
        if table is not None:
            picture = augment.recoloured(picture, table)
            appearance = recoloured_appearance(appearance, table)
        if rng.random() < MOVED:
            sketch, picture, part_map, moved = augment.moved_together(sketch, picture, part_map, rng)
            geometry[self._columns] += np.array(moved, np.float32)
        if mirrored:
            sketch = augment.mirrored_labels(sketch)
            picture, part_map = picture[:, ::-1], mirrored_parts(part_map)
            geometry = geometry * self._signs
            appearance = appearance * self._appearance_signs
        return _Target(sketch, picture, part_map, geometry, appearance)


@dataclass(frozen=True, eq=False)
class _Target:
    sketch: np.ndarray
    picture: np.ndarray
    parts: np.ndarray
    geometry: np.ndarray
    appearance: np.ndarray


def mirrored_parts(part_map: np.ndarray) -> np.ndarray:
    """A part map mirrored; left and right parts weigh the same in the loss and keep their names."""
    return part_map[:, ::-1]


class Prefetcher(Generic[Made]):
    """Makes the batches of steps `first`, `first + 1`, ... on a thread of its own."""

    def __init__(
        self, source: BatchSource, make: Callable[[int], Made], first: int, refresh_every: int = 200
    ) -> None:
        self._source = source
        self._make = make
        self._queue: Queue[Made | BaseException] = Queue(3)
        self._stopped = threading.Event()
        self._refresh_every = refresh_every
        self._thread = threading.Thread(target=self._run, args=(first,), daemon=True)
        self._thread.start()

    def _run(self, step: int) -> None:
        item: Made | BaseException
        while not self._stopped.is_set():
            try:
                if step % self._refresh_every == 0:
                    self._source.refresh()
                item = self._make(step)
            except BaseException as error:  # handed to the training thread, which raises it
                item = error
            while not self._stopped.is_set():
                try:
                    self._queue.put(item, timeout=0.5)
                    break
                except Full:
                    continue
            step += 1

    def next(self) -> Made:
        """The next step's batch; raises what its making raised."""
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()
