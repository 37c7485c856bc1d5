"""From a training run to a checkpoint in the published layout, which `sfx export` takes like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sfx.config import EncoderConfig, ModelConfig
from sfx.export.demo.batches import BatchSource
from sfx.export.demo.run_state import RunState
from sfx.export.demo.trainable import as_floats, one_hot
from sfx.export.networks import FINE_GAIN, Spse
from sfx.export.plain_file import write_plain
from sfx.export.precision import mixed_precision

STATISTICS_SAMPLES = 600
"""Training sketches whose codes are looked at: enough for deviations that are 3 % right."""
TRUNCATION_SHARE = 0.99
"""Share of the training sketches whose codes truncation leaves alone."""


@dataclass(frozen=True)
class CodeStatistics:
    """Mean and deviation of the codes, after the gain, over training examples: float32 (layers, width).

    The runtime can truncate codes about them: an unusual sketch then gives an ordinary face, not a broken one.
    """

    fine_mean: Tensor
    fine_deviation: Tensor
    appearance_mean: Tensor
    appearance_deviation: Tensor
    strayed: Tensor
    """(samples,): each sketch's distance from the mean as `sfx.runtime.codes.truncate` measures it."""

    @property
    def truncation(self) -> float:
        """The distance within which nearly all training sketches stay."""
        return float(self.strayed.quantile(TRUNCATION_SHARE))


def averaged_model(state: RunState) -> Spse:
    """The run's averaged model in evaluation mode."""
    model = Spse(config_of(state.settings["config"]))
    prefix = "model."
    stored = {
        name.removeprefix(prefix): value for name, value in state.averaged.items() if name.startswith(prefix)
    }
    average = stored.pop("latent_avg")
    model.load_state_dict(stored)
    model.latent_avg = average.clone()
    return model.eval().requires_grad_(False)


def config_of(data: Mapping[str, Any]) -> ModelConfig:
    """The inverse of `dataclasses.asdict` for a model configuration."""
    encoders = {name: EncoderConfig(**data[name]) for name in ("sketch_coarse", "sketch_fine", "face_fine")}
    return ModelConfig(**{**data, **encoders})


@torch.no_grad()
def code_statistics(model: Spse, source: BatchSource, samples: int) -> CodeStatistics:
    """Statistics over `samples` augmented training sketches and the references of their groups."""
    fine: list[Tensor] = []
    appearance: list[Tensor] = []
    step = 0
    while sum(len(part) for part in fine) < samples:
        batch = source.batch(step)
        with mixed_precision():
            sketches = one_hot(batch.sketches, model.config.label_count)
            fine.append(FINE_GAIN * model.encoder_sketch_fine(sketches).float())
            appearance.append(model.appearance_codes(as_floats(batch.references)).float())
        step += 1
    all_fine, all_appearance = torch.cat(fine), torch.cat(appearance)
    mean, deviation = all_fine.mean(0), all_fine.std(0)
    strayed = ((all_fine - mean) / deviation.clamp(min=1e-6)).square().mean((1, 2)).sqrt()
    return CodeStatistics(mean, deviation, all_appearance.mean(0), all_appearance.std(0), strayed)


def finish(run: Path, out: Path, data: Path, command: str, samples: int = STATISTICS_SAMPLES) -> None:
    """Write the averaged model of a run as a checkpoint of plain tensors, numbers and strings.

    `samples` training sketches give the statistics of the codes.
    """
    from sfx.calibration.portraits import geometry_vector_names

    state = RunState.load(run)
    model = averaged_model(state)
    config = model.config
    source = BatchSource(data, 4, config.style_width, state.settings["seed"], 0, geometry_vector_names())
    statistics = code_statistics(model, source, samples)
    content = {
        "state_dict": {name: value.contiguous() for name, value in model.state_dict().items()},
        "opts": {
            "output_size": config.output_size,
            "input_nc": config.label_count,
            "label_nc": config.label_count,
            "start_from_latent_avg": config.start_from_latent_avg,
            "geometry_layers": config.geometry_layers,
            "truncation": round(statistics.truncation, 3),
        },
        "latent_avg": model.latent_avg,
        "code_statistics": dict(vars(statistics)),
        "provenance": {
            **({"begun_from": state.settings["begun_from"]} if state.settings["begun_from"] else {}),
            "command": command,
            "seed": state.settings["seed"],
            "steps": state.step,
            "samples": state.samples,
            "minutes": round(state.seconds / 60.0, 1),
            "data": f"{state.settings['pictures']} portraits drawn by sfx.export.demo draw",
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_plain(content, out)
