"""Evaluation on held-out portraits: figures, and a grid to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sfx.errors import InputError
from sfx.export.checkpoint import read_checkpoint
from sfx.export.demo import metrics
from sfx.export.demo.dataset import SKETCHES
from sfx.export.demo.grid import as_bytes, coloured, write_grid
from sfx.export.demo.held_out import Pairs, held_out_pairs
from sfx.export.demo.trainable import as_floats, one_hot
from sfx.export.networks import Spse
from sfx.runtime.pipeline import load
from sfx.signal_to_noise import psnr

MOST_DB = 108.0
"""Of an equal picture: a mean needs a finite number, and one level in one of 256 x 256 pixels gives 101 dB."""

Pixels = NDArray[np.uint8]
Drawer = Callable[[Pixels, Pixels], Pixels]
"""Label map (256, 256) and reference (256, 256, 3) -> picture (256, 256, 3), all uint8."""


@dataclass(frozen=True)
class Evaluation:
    """Means over the held-out pairs."""

    pairs: int
    psnr: float
    """dB at full size."""
    l1: float
    """On a scale of 0..1."""
    shown: int
    """Pairs whose reference shows the large parts that the target has, see `metrics.reference_shows`."""
    shown_psnr: float | None
    """dB of those, since what a reference hides can only be guessed; None if there are none."""
    perceptual_distance: float
    """1 - mean structural similarity at three scales."""
    preserved: dict[str, float]
    """For each feature that is visible: correlation with the target where the sketch has it."""
    hair_outline: float
    """Share of the pixels beside the hair's outline on the right side of it."""
    colour_errors: dict[str, float]
    """Difference of mean colours in levels of 0..255."""
    squared_error: dict[str, metrics.PartError]
    """Each part's share of the squared error, largest first, and how much of that is its mean colour."""

    def to_json(self) -> dict[str, object]:
        """A dict of plain values."""
        return asdict(self)


def evaluate(
    target: Path, data: Path, count: int, grid: Path | None = None, sketch: str = SKETCHES[0]
) -> Evaluation:
    """Evaluate a checkpoint (a file) or a bundle (a folder) on `count` held-out pairs.

    `sketch`: which of the portraits' `SKETCHES`. With `grid`, also writes sketch, reference, output and target of the
    first 16 pairs as a PNG. Raises InputError where the model's sizes are not those of the data set.
    """
    pairs = held_out_pairs(data, count, sketch)
    draw = _bundle_drawer(target) if target.is_dir() else _checkpoint_drawer(target)
    references = pairs.references.permute(0, 2, 3, 1).numpy()
    drawn = np.stack([draw(pairs.sketches[k].numpy(), references[k]) for k in range(len(references))])
    if drawn.shape[1] != pairs.targets.shape[-1]:
        raise InputError(
            f"{target}: expected a model that draws {pairs.targets.shape[-1]} px like {data}, found {drawn.shape[1]} px"
        )
    if grid is not None:
        _write(grid, pairs, drawn)
    targets = pairs.targets.permute(0, 2, 3, 1).numpy()
    return judge(drawn, targets, pairs.parts.numpy(), pairs.reference_parts.numpy())


def judge(drawn: Pixels, targets: Pixels, part_maps: Pixels, reference_maps: Pixels) -> Evaluation:
    """Figures of pictures (N, H, W, 3) against their targets; part maps (N, 128, 128) of targets and references."""
    figures: dict[str, list[float]] = defaultdict(list)
    preserved: dict[str, list[float]] = defaultdict(list)
    colours: dict[str, list[float]] = defaultdict(list)
    totals: dict[str, float] = defaultdict(float)
    of_colour: dict[str, float] = defaultdict(float)
    for picture, target, part_map, reference_map in zip(
        drawn, targets, part_maps, reference_maps, strict=True
    ):
        decibels = min(MOST_DB, psnr(target, picture, 255.0))
        figures["psnr"].append(decibels)
        if metrics.reference_shows(reference_map, part_map):
            figures["shown"].append(decibels)
        figures["l1"].append(metrics.l1(picture, target))
        figures["perceptual"].append(metrics.perceptual_distance(picture, target))
        outline = metrics.hair_outline(picture, target, part_map)
        if outline is not None:
            figures["outline"].append(outline)
        for name, value in metrics.preserved_features(picture, target, part_map).items():
            preserved[name].append(value)
        for name, value in metrics.colour_errors(picture, target, part_map).items():
            colours[name].append(value)
        for name, error in metrics.part_errors(picture, target, part_map).items():
            totals[name] += error.total
            of_colour[name] += error.of_mean_colour
    whole = max(sum(totals.values()), 1e-12)
    return Evaluation(
        pairs=len(drawn),
        psnr=_mean(figures["psnr"]),
        l1=_mean(figures["l1"]),
        shown=len(figures["shown"]),
        shown_psnr=_mean(figures["shown"]) if figures["shown"] else None,
        perceptual_distance=_mean(figures["perceptual"]),
        preserved={name: _mean(values) for name, values in sorted(preserved.items())},
        hair_outline=_mean(figures["outline"]),
        colour_errors={name: _mean(values) for name, values in sorted(colours.items())},
        squared_error={
            name: metrics.PartError(totals[name] / whole, of_colour[name] / whole)
            for name in sorted(totals, key=lambda name: -totals[name])
        },
    )


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _bundle_drawer(bundle: Path) -> Drawer:
    pipeline = load(bundle)

    def draw(sketch: Pixels, reference: Pixels) -> Pixels:
        return pipeline.draw(sketch, pipeline.encode_appearance(reference))

    return draw


def _checkpoint_drawer(path: Path) -> Drawer:
    model = read_checkpoint(path).build()

    def draw(sketch: Pixels, reference: Pixels) -> Pixels:
        return draw_with(model, sketch, reference)

    return draw


@torch.no_grad()
def draw_with(model: Spse, sketch: Pixels, reference: Pixels) -> Pixels:
    """One picture (H, W, 3) from a label map and a reference of the encoders' size, in FP32."""
    channels = one_hot(torch.from_numpy(sketch)[None], model.config.label_count).float()
    photo = as_floats(torch.from_numpy(reference)[None].permute(0, 3, 1, 2))
    codes = model.combine(model.sketch_codes(channels), model.appearance_codes(photo))
    return as_bytes(model.decoder.synthesis(codes))[0].permute(1, 2, 0).numpy()


def _write(path: Path, pairs: Pairs, drawn: Pixels) -> None:
    shown = torch.from_numpy(drawn[:16]).permute(0, 3, 1, 2)
    write_grid(path, [coloured(pairs.sketches[:16]), pairs.references[:16], shown, pairs.targets[:16]])
