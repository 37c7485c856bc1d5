"""A small checkpoint with seeded random weights, in the published layout: for tests, and for trying sfx out.

`python -m sfx.export.seeded DIR` writes `checkpoint.pt`, `sketch.png` and `reference.png`. Its faces are
abstract: nothing was learned. It has every part of the published model, dead style heads included.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from PIL import Image

from sfx.config import EncoderConfig, ModelConfig
from sfx.export.networks import Spse
from sfx.export.plain_file import write_plain
from sfx.samples import sample_appearance, sample_label_map


def small_config(output_size: int = 256, encoder_size: int = 256) -> ModelConfig:
    """A model of the published topology with narrow layers: 8 geometry layers and the rest appearance."""
    stages = output_size.bit_length() - 2
    n_styles = 2 * stages
    geometry = min(8, n_styles - 2)

    def encoder(in_channels: int, heads: range) -> EncoderConfig:
        return EncoderConfig(in_channels, 8, (8, 12, 16, 24), (1, 2, 2, 1), 4, 20, tuple(heads))

    return ModelConfig(
        output_size=output_size,
        style_width=32,
        mapping_layers=3,
        channels=(32, 32, 28, 24, 20, 16, 12, 8, 8)[:stages],
        geometry_layers=geometry,
        encoder_size=encoder_size,
        appearance_size=2 * encoder_size,
        head_taps=(3, 7),
        start_from_latent_avg=True,
        sketch_coarse=encoder(22, range(1)),
        sketch_fine=encoder(22, range(geometry)),
        face_fine=encoder(3, range(geometry, n_styles)),
    )


def write_seeded_checkpoint(path: Path, config: ModelConfig, seed: int = 0) -> None:
    """Write a checkpoint of `config` with every style head, as a published one has."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        state = Spse(config.with_all_heads()).state_dict()

    def normal(shape: torch.Size, scale: float) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * scale

    for name, tensor in state.items():
        leaf = name.rsplit(".", 1)[-1]
        # Fresh statistics, gains and biases are all zeros and ones, which would hide an error in their use.
        if leaf == "running_var" or (leaf == "weight" and tensor.ndim == 1 and tensor.numel() > 1):
            state[name] = torch.rand(tensor.shape, generator=generator) + 0.5
        elif (
            leaf == "running_mean"
            or name.endswith("noise.weight")
            or (leaf == "bias" and ".modulation." not in name)
        ):
            state[name] = normal(tensor.shape, 0.1)
    average = normal(torch.Size((1, config.style_width)), 0.3).repeat(config.n_styles, 1)
    opts = {
        "output_size": config.output_size,
        "input_nc": config.label_count,
        "label_nc": config.label_count,
        "start_from_latent_avg": config.start_from_latent_avg,
        "geometry_layers": config.geometry_layers,
    }
    write_plain({"state_dict": state, "opts": opts, "latent_avg": average}, path)


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    write_seeded_checkpoint(directory / "checkpoint.pt", small_config())
    Image.fromarray(sample_label_map(size=512)).save(directory / "sketch.png")
    Image.fromarray(sample_appearance()).save(directory / "reference.png")
    print(f"{directory}: checkpoint.pt (random weights), sketch.png, reference.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
