"""The deployable graphs: what each ONNX file of a bundle computes, inputs and outputs included.

One-hot, scaling to [-1, 1], pooling, clamping and the conversion to bytes are inside the graphs: 64 KB go
in and 3 MB come out. The modules here exist to be traced; call the model itself in training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfx.config import PREVIEWS, ModelConfig
from sfx.engines.manifest import TensorSpec
from sfx.export.networks import COARSE_GAIN, FINE_GAIN, Spse

IMAGE_FLOAT = "image_float"
"""The tensor inside `synthesis` before clamping and conversion: (B, 3, H, W) float32, nominally in [-1, 1].

Parity is measured on it, since whole bytes would hide a small error and double a rounding one.
"""
PICTURE_FLOATS = (IMAGE_FLOAT, *(f"{name}_float" for name in PREVIEWS))
"""It, and the same of each preview: the RGB that the skip branch has accumulated at a part of the picture's side. What
parity of pictures is measured on; not kept in the recorded proof."""


class SketchEncoder(nn.Module):
    """label_map uint8 (B, side, side) -> sketch_codes (B, n_styles, width), fine_codes (B, geometry_layers, width).

    sketch_codes = mapping(coarse) + latent_avg on every layer, plus fine_codes on the geometry layers. Both
    are given, so that a caller may truncate the fine codes about their mean without another graph.
    """

    def __init__(self, model: Spse) -> None:
        super().__init__()
        config = model.config
        self.coarse = model.encoder_sketch_coarse
        self.fine = model.encoder_sketch_fine
        self.mapping = model.decoder.style
        self.average = model.latent_avg if config.start_from_latent_avg else None
        self.n_styles = config.n_styles
        self.geometry_layers = config.geometry_layers
        self.classes: Tensor
        self.register_buffer("classes", torch.arange(1.0, config.label_count + 1)[None, :, None, None])

    def forward(self, label_map: Tensor) -> tuple[Tensor, Tensor]:
        # TensorRT takes uint8 inputs only where a Cast comes first.
        one_hot = torch.eq(label_map.to(torch.float32).unsqueeze(1), self.classes).to(torch.float32)
        w = self.mapping(COARSE_GAIN * self.coarse(one_hot)[:, 0])
        codes = w[:, None].expand(-1, self.n_styles, -1)
        if self.average is not None:
            codes = codes + self.average
        fine_codes = FINE_GAIN * self.fine(one_hot)
        split = self.geometry_layers
        return torch.cat([codes[:, :split] + fine_codes, codes[:, split:]], dim=1), fine_codes


class AppearanceEncoder(nn.Module):
    """appearance uint8 RGB (B, 2 * side, 2 * side, 3) -> appearance_codes (B, n_styles - geometry_layers, width)."""

    def __init__(self, model: Spse) -> None:
        super().__init__()
        self.encoder = model.encoder_face_fine
        self.pool = model.config.appearance_size // model.config.encoder_size

    def forward(self, appearance: Tensor) -> Tensor:
        photo = appearance.to(torch.float32).permute(0, 3, 1, 2) * (2.0 / 255.0) - 1.0
        codes: Tensor = FINE_GAIN * self.encoder(F.avg_pool2d(photo, self.pool))
        return codes


class Mapping(nn.Module):
    """z (B, width) -> w (B, width)."""

    def __init__(self, model: Spse) -> None:
        super().__init__()
        self.mapping = model.decoder.style

    def forward(self, z: Tensor) -> Tensor:
        w: Tensor = self.mapping(z)
        return w


class Synthesis(nn.Module):
    """codes (B, n_styles, width) -> image uint8 RGB (B, H, W, 3), each preview (B, side, side, 3), and all as floats.

    A preview is what the layers up to its size have drawn, no smaller copy of the image: whoever wants it alone
    need not compute the layers above.
    """

    def __init__(self, model: Spse) -> None:
        super().__init__()
        self.decoder = model.decoder
        self.sides = model.config.output_size, *model.config.preview_sides.values()

    def forward(self, codes: Tensor) -> tuple[Tensor, ...]:
        sums = {rgb.shape[-1]: rgb for rgb in self.decoder.skips(codes)}
        floats = [sums[side] for side in self.sides]
        return *map(_to_bytes, floats), *floats


def _to_bytes(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> uint8 (B, H, W, 3): clamped to [-1, 1], (x + 1) / 2 * 255, truncated, as the original does."""
    return ((image.clamp(-1.0, 1.0) + 1.0) * 0.5 * 255.0).permute(0, 2, 3, 1).to(torch.uint8)


@dataclass(frozen=True)
class Graph:
    """One graph of a bundle: its name, its tensors, and how to make the module that is traced."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    module: Callable[[Any], nn.Module]
    """Makes the module that is traced from the model, an `Spse` for the graphs of `graphs()`."""
    named: tuple[TensorSpec, ...] = ()
    """Tensors inside the graph that keep their name, so that the proof can look at them."""


def graphs(config: ModelConfig) -> tuple[Graph, ...]:
    """The graphs of a bundle; batch, the first axis of every tensor, is dynamic (-1)."""
    width, layers, split = config.style_width, config.n_styles, config.geometry_layers
    side, photo, out = config.encoder_size, config.appearance_size, config.output_size
    pictures = {"image": out, **config.preview_sides}
    return (
        Graph(
            "sketch_encoder",
            (TensorSpec("label_map", "uint8", (-1, side, side), (0, config.label_count)),),
            (
                TensorSpec("sketch_codes", "float32", (-1, layers, width)),
                TensorSpec("fine_codes", "float32", (-1, split, width)),
            ),
            SketchEncoder,
        ),
        Graph(
            "appearance_encoder",
            (TensorSpec("appearance", "uint8", (-1, photo, photo, 3), (0, 255)),),
            (TensorSpec("appearance_codes", "float32", (-1, layers - split, width)),),
            AppearanceEncoder,
        ),
        Graph(
            "mapping",
            (TensorSpec("z", "float32", (-1, width)),),
            (TensorSpec("w", "float32", (-1, width)),),
            Mapping,
        ),
        Graph(
            "synthesis",
            (TensorSpec("codes", "float32", (-1, layers, width)),),
            tuple(TensorSpec(name, "uint8", (-1, n, n, 3), (0, 255)) for name, n in pictures.items()),
            Synthesis,
            tuple(
                TensorSpec(name, "float32", (-1, 3, n, n))
                for name, n in zip(PICTURE_FLOATS, pictures.values(), strict=True)
            ),
        ),
    )
