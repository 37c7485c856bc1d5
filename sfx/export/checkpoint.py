"""Reading a published checkpoint safely, and reading the model's numbers off its tensors.

A checkpoint is a pickle from the internet: it is opened with `weights_only=True` and nothing else, so code
in it never runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sfx.config import EncoderConfig, ModelConfig
from sfx.errors import CheckpointError
from sfx.export.networks import Spse
from sfx.export.plain_file import read_plain

PREFIXES = ("encoder_sketch_coarse.", "encoder_sketch_fine.", "encoder_face_fine.", "decoder.")
GEOMETRY_LAYERS = 8
"""Of the published model; a checkpoint says otherwise with `opts["geometry_layers"]`."""
MAX_PROVENANCE = 4000
"""Characters of provenance that are taken over into a manifest."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of a sketch-to-face model, as read from disk; tensors stay memory-mapped."""

    path: Path
    config: ModelConfig
    state: Mapping[str, Tensor]
    """Published names to tensors, dead heads included where the file has them."""
    latent_avg: Tensor
    """(n_styles, style_width) float32; zeros where the model does not start from it."""
    statistics: Mapping[str, Tensor] | None = None
    """`fine_mean`, `fine_deviation` (geometry_layers, style_width) over the training set, where the file has them."""
    truncation: float | None = None
    """The truncation of fine codes that the model is meant to run with, from `opts`; None for none."""
    provenance: Mapping[str, str | int | float] = field(default_factory=dict)
    """How it was made (command, seed, steps, data), where the file says so."""

    def build(self) -> Spse:
        """The deployable model with this checkpoint's live weights, in evaluation mode."""
        with torch.device("meta"):
            model = Spse(self.config)
        live = model.state_dict()
        for name, tensor in live.items():
            if name.endswith("num_batches_tracked"):
                live[name] = torch.zeros((), dtype=torch.long)
                continue
            found = self.state.get(name)
            if found is None:
                raise CheckpointError(f"{self.path}: expected a tensor '{name}', found none")
            if found.shape != tensor.shape:
                raise CheckpointError(
                    f"{self.path}: expected '{name}' of shape {tuple(tensor.shape)}, found {tuple(found.shape)}"
                )
            live[name] = found.float()
        model.load_state_dict(live, assign=True)
        model.latent_avg = self.latent_avg
        return model.eval().requires_grad_(False)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read an SPSE checkpoint: `state_dict`, `opts` and `latent_avg` in one `torch.save` file.

    Raises CheckpointError for a file that is missing, damaged, holds more than plain tensors, or is
    another model; says what it is and what is missing.
    """
    content = _load(path)
    state = _state_dict(path, content)
    opts = content.get("opts")
    if not isinstance(opts, Mapping):
        found = type(opts).__name__ if opts is not None else "none"
        raise CheckpointError(f"{path}: expected 'opts', a dict of plain options, found {found}")
    config = _Shapes(path, state).config(opts)
    average = _latent_avg(path, content.get("latent_avg"), config)
    statistics = _statistics(path, content.get("code_statistics"), config)
    truncation = _truncation(path, opts, statistics)
    provenance = _provenance(path, content.get("provenance"))
    return Checkpoint(path, config, state, average, statistics, truncation, provenance)


def _load(path: Path) -> Mapping[str, Any]:
    content = read_plain(path, mmap=True)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path}: expected a dict with 'state_dict', 'opts' and 'latent_avg', found a {type(content).__name__}"
        )
    return content


def _state_dict(path: Path, content: Mapping[str, Any]) -> Mapping[str, Tensor]:
    state = content.get("state_dict")
    if "g_ema" in content:
        raise CheckpointError(
            f"{path}: this is a rosinality StyleGAN2 generator ('g_ema'): it has a decoder but none of the three "
            "encoders of SPSE (encoder_sketch_coarse, encoder_sketch_fine, encoder_face_fine)"
        )
    if not isinstance(state, Mapping):
        bare = any(str(key).startswith(PREFIXES) for key in content)
        what = "a bare state dict" if bare else f"the keys {_some(content)}"
        raise CheckpointError(
            f"{path}: expected a dict with 'state_dict', 'opts' and 'latent_avg', found {what}"
        )
    missing = [prefix for prefix in PREFIXES if not any(name.startswith(prefix) for name in state)]
    if missing and any(name.startswith("encoder.") for name in state):
        raise CheckpointError(
            f"{path}: this is a pixel2style2pixel (pSp) checkpoint: one 'encoder.' where SPSE has three; "
            f"missing: {', '.join(prefix.rstrip('.') for prefix in missing)}"
        )
    if missing:
        raise CheckpointError(
            f"{path}: expected an SPSE state dict, found one without "
            f"{', '.join(prefix.rstrip('.') for prefix in missing)}; it holds {_some(state)}"
        )
    strangers = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if strangers:
        raise CheckpointError(f"{path}: expected tensors only in 'state_dict', found '{strangers[0]}'")
    return state


def _some(mapping: Mapping[str, Any], limit: int = 4) -> str:
    names = [str(key) for key in mapping]
    shown = ", ".join(f"'{name[:60]}'" for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "") if names else "nothing"


def _latent_avg(path: Path, value: Any, config: ModelConfig) -> Tensor:
    expected = (config.n_styles, config.style_width)
    if value is None and not config.start_from_latent_avg:
        return torch.zeros(expected)
    if not isinstance(value, Tensor) or tuple(value.shape) != expected:
        found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise CheckpointError(f"{path}: expected 'latent_avg', a tensor of shape {expected}, found {found}")
    return value.float()


def _statistics(path: Path, value: Any, config: ModelConfig) -> Mapping[str, Tensor] | None:
    """What sfx's own training keeps of the fine codes; the published checkpoint has none."""
    if value is None:
        return None
    expected = (config.geometry_layers, config.style_width)
    found = {}
    for name in ("fine_mean", "fine_deviation"):
        tensor = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != expected:
            raise CheckpointError(f"{path}: expected code_statistics['{name}'], a tensor of shape {expected}")
        found[name] = tensor.float()
    return found


def _truncation(path: Path, opts: Mapping[str, Any], statistics: object) -> float | None:
    value = opts.get("truncation")
    if value is None:
        return None
    if not isinstance(value, float | int) or value <= 0 or statistics is None:
        raise CheckpointError(
            f"{path}: expected opts['truncation'] above 0 together with code_statistics, found {value!r}"
        )
    return float(value)


def _provenance(path: Path, value: Any) -> Mapping[str, str | int | float]:
    """How the checkpoint was made, which sfx's own training writes: short texts and numbers."""
    found = {} if value is None else value
    plain = isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(entry, str | int | float) for name, entry in found.items()
    )
    if not plain or len(str(found)) > MAX_PROVENANCE:
        raise CheckpointError(
            f"{path}: expected 'provenance', a dict of texts and numbers of at most {MAX_PROVENANCE} characters"
        )
    return dict(found)


class _Shapes:
    """Reads `ModelConfig` off the shapes of a state dict, naming the tensor that a number is missing from."""

    def __init__(self, path: Path, state: Mapping[str, Tensor]) -> None:
        self.path = path
        self.state = state

    def shape(self, name: str, rank: int) -> tuple[int, ...]:
        tensor = self.state.get(name)
        if tensor is None or tensor.ndim != rank:
            found = "none" if tensor is None else f"one of shape {tuple(tensor.shape)}"
            raise CheckpointError(f"{self.path}: expected a tensor '{name}' with {rank} axes, found {found}")
        return tuple(tensor.shape)

    def count(self, pattern: str, start: int = 0, step: int = 1) -> int:
        """How many of the numbers start, start + step, ... stand in place of `{}` in names of the state dict."""
        total = 0
        while pattern.format(start + step * total) in self.state:
            total += 1
        return total

    def config(self, opts: Mapping[str, Any]) -> ModelConfig:
        channels = [self.shape("decoder.input.input", 4)[1]]
        stages = self.count("decoder.to_rgbs.{}.bias")
        channels += [self.shape(f"decoder.convs.{2 * stage}.conv.weight", 5)[1] for stage in range(stages)]
        output_size = 4 << stages
        n_styles = 2 * stages + 2
        if opts.get("output_size", output_size) != output_size:
            raise CheckpointError(
                f"{self.path}: opts say output_size {opts['output_size']}, but the decoder's tensors make {output_size}"
            )
        style_width = self.shape("decoder.style.1.weight", 2)[0]
        geometry = opts.get("geometry_layers", GEOMETRY_LAYERS)
        if not isinstance(geometry, int) or not 0 < geometry < n_styles:
            raise CheckpointError(
                f"{self.path}: expected geometry_layers between 1 and {n_styles - 1} for a model of {n_styles} "
                f"style layers, found {geometry}"
            )
        depths = self.head_depths("encoder_sketch_fine.", range(geometry))
        depths |= self.head_depths("encoder_face_fine.", range(geometry, n_styles))
        base = depths[0]
        taps = tuple(sum(depth < base + step for depth in depths.values()) for step in (1, 2))
        encoder_size = 16 << base
        return ModelConfig(
            output_size=output_size,
            style_width=style_width,
            # Number 0 of the mapping network is the pixel norm, which has no weight.
            mapping_layers=self.count("decoder.style.{}.weight", start=1),
            channels=tuple(channels),
            geometry_layers=geometry,
            encoder_size=encoder_size,
            appearance_size=2 * encoder_size,
            head_taps=(taps[0], taps[1]),
            start_from_latent_avg=bool(opts.get("start_from_latent_avg", False)),
            sketch_coarse=self.encoder("encoder_sketch_coarse.", range(1)),
            sketch_fine=self.encoder("encoder_sketch_fine.", range(geometry)),
            face_fine=self.encoder("encoder_face_fine.", range(geometry, n_styles)),
        )

    def head_depths(self, prefix: str, heads: range) -> dict[int, int]:
        """Convolutions in each head: log2 of the side of the map that it reads."""
        depths = {}
        for head in heads:
            self.shape(f"{prefix}styles.{head}.convs.0.weight", 4)
            depths[head] = self.count(f"{prefix}styles.{head}.convs.{{}}.weight", step=2)
        return depths

    def encoder(self, prefix: str, heads: range) -> EncoderConfig:
        stem, in_channels = self.shape(f"{prefix}input_layer.0.weight", 4)[:2]
        blocks = self.count(f"{prefix}body.{{}}.res_layer.3.weight")
        depths = [self.shape(f"{prefix}body.{block}.res_layer.3.weight", 4)[0] for block in range(blocks)]
        widths = list(dict.fromkeys(depths))
        if len(widths) != 4 or sorted(depths, key=widths.index) != depths:
            raise CheckpointError(
                f"{self.path}: expected four groups of bottlenecks in {prefix}body, found widths {depths}"
            )
        squeezed = self.shape(f"{prefix}body.0.res_layer.5.fc1.weight", 4)
        units = [depths.count(width) for width in widths]
        return EncoderConfig(
            in_channels=in_channels,
            stem_width=stem,
            widths=(widths[0], widths[1], widths[2], widths[3]),
            units=(units[0], units[1], units[2], units[3]),
            squeeze=squeezed[1] // squeezed[0],
            head_width=self.shape(f"{prefix}styles.{heads[0]}.convs.0.weight", 4)[0],
            heads=tuple(heads),
        )
