"""Proof at export that the graphs compute what the original computes, in separate links.

published form -> deployable PyTorch form -> ONNX on every CPU backend present. Each link is measured by
itself, so that an error shows where it arises; what misses its tolerance is not written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sfx.config import EncoderConfig, ModelConfig
from sfx.engines.backends import Choice
from sfx.engines.bundle import Bundle, sha256
from sfx.engines.engine import Array
from sfx.engines.manifest import BundleFile, GraphEntry, Measurement
from sfx.engines.recorded import TOLERANCES, check_alive, check_tolerance, difference
from sfx.export import reference
from sfx.export.checkpoint import Checkpoint
from sfx.export.graphs import PICTURE_FLOATS, Graph
from sfx.export.networks import COARSE_GAIN, FINE_GAIN, Spse
from sfx.export.onnx_files import expose
from sfx.samples import sample_pairs

IMAGE_TOLERANCES = {"fp32": 1e-3, "fp16": 3e-2}
"""Of images and previews in [-1, 1] before rounding, by a graph's precision; every other tensor holds codes. In FP16
the worst pixel of the published size is off by 1.5e-3, of the tests' small model by 4e-3."""

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Published:
    """The published form of a checkpoint: the reference twin with the original's pre- and post-processing."""

    config: ModelConfig
    state: Mapping[str, Tensor]
    latent_avg: Tensor
    all_heads: bool = False
    """Evaluate dead style heads too, as the original does; only the time changes, not the result."""

    def sketch_codes(self, label_map: Tensor) -> tuple[Tensor, Tensor]:
        """label_map uint8 (B, side, side) -> (sketch_codes, fine_codes)."""
        one_hot = (
            F.one_hot(label_map.long(), self.config.label_count + 1)[..., 1:].permute(0, 3, 1, 2).float()
        )
        coarse = (
            COARSE_GAIN * self._encode("encoder_sketch_coarse.", self.config.sketch_coarse, one_hot)[:, 0]
        )
        codes = reference.mapping(coarse, self.state)[:, None].repeat(1, self.config.n_styles, 1)
        if self.config.start_from_latent_avg:
            codes = codes + self.latent_avg
        split = self.config.geometry_layers
        fine = FINE_GAIN * self._encode("encoder_sketch_fine.", self.config.sketch_fine, one_hot)[:, :split]
        codes[:, :split] += fine
        return codes, fine

    def appearance_codes(self, appearance: Tensor) -> Tensor:
        """appearance uint8 (B, 2 * side, 2 * side, 3) -> (B, n_styles - geometry_layers, width)."""
        photo = appearance.permute(0, 3, 1, 2).float() / 255.0
        photo = (photo - 0.5) / 0.5
        pooled = F.adaptive_avg_pool2d(photo, self.config.encoder_size)
        codes = FINE_GAIN * self._encode("encoder_face_fine.", self.config.face_fine, pooled)
        return codes[:, self.config.geometry_layers - self.config.n_styles :]

    def mapping(self, z: Tensor) -> Tensor:
        """z (B, width) -> w (B, width)."""
        return reference.mapping(z, self.state)

    def pictures(self, codes: Tensor) -> dict[str, Tensor]:
        """codes (B, n_styles, width) -> image (B, 3, H, W) and each preview (B, 3, side, side), before clamping."""
        sums = {rgb.shape[-1]: rgb for rgb in reference.skips(codes, self.state)}
        sides = {"image": self.config.output_size, **self.config.preview_sides}
        return {name: sums[side] for name, side in sides.items()}

    def image(self, codes: Tensor) -> Tensor:
        """The image of `pictures` alone."""
        return self.pictures(codes)["image"]

    def _encode(self, prefix: str, encoder: EncoderConfig, x: Tensor) -> Tensor:
        heads = range(self.config.n_styles) if self.all_heads else encoder.heads
        return reference.encode(x, self.state, prefix, encoder.units, self.config.head_taps, heads)


def to_bytes(image: Tensor) -> Tensor:
    """(B, 3, H, W) nominally in [-1, 1] -> uint8 (B, H, W, 3), truncated as the original does."""
    return ((image.clamp(-1, 1) + 1) / 2 * 255).permute(0, 2, 3, 1).to(torch.uint8)


def proof_arrays(checkpoint: Checkpoint) -> dict[str, Array]:
    """Seeded inputs of two unlike faces, and what the published form makes of them, by tensor name."""
    config = checkpoint.config
    published = Published(config, checkpoint.state, checkpoint.latent_avg)
    label_map, appearance = sample_pairs(2, config.encoder_size, config.appearance_size)
    z = np.random.default_rng(0).standard_normal((2, config.style_width)).astype(np.float32)
    # One face at a time: the original's weights are per sample, and a batch doubles its memory.
    with torch.inference_mode():
        sketch_codes, fine_codes = published.sketch_codes(torch.from_numpy(label_map))
        appearance_codes = published.appearance_codes(torch.from_numpy(appearance))
        codes = sketch_codes.clone()
        codes[:, config.geometry_layers :] += appearance_codes
        faces = [published.pictures(one[None]) for one in codes]
        pictures = {name: torch.cat([face[name] for face in faces]) for name in faces[0]}
        w = published.mapping(torch.from_numpy(z))
    computed: dict[str, Tensor] = {
        "sketch_codes": sketch_codes,
        "fine_codes": fine_codes,
        "appearance_codes": appearance_codes,
        "codes": codes,
        "w": w,
        **dict(zip(PICTURE_FLOATS, pictures.values(), strict=True)),
        **{name: to_bytes(picture) for name, picture in pictures.items()},
    }
    inputs: dict[str, Array] = {"label_map": label_map, "appearance": appearance, "z": z}
    return inputs | {name: tensor.numpy() for name, tensor in computed.items()}


def prove_deployable(graph: Graph, model: Spse, proof: Arrays) -> tuple[dict[str, Array], list[Measurement]]:
    """Link one: published form against the deployable PyTorch form. Returns its outputs and their differences."""
    feeds = [torch.from_numpy(proof[spec.name]) for spec in graph.inputs]
    with torch.inference_mode():
        results = graph.module(model).eval()(*feeds)
    results = results if isinstance(results, tuple) else (results,)
    specs = (*graph.outputs, *graph.named)
    outputs = {spec.name: result.numpy() for spec, result in zip(specs, results, strict=True)}
    return outputs, _measure(graph, "published -> deployable", "fp32", proof, outputs)


def prove_engine(
    graph: Graph, draft: Bundle, entry: GraphEntry, choice: Choice, deployable: Arrays, proof: Arrays
) -> list[Measurement]:
    """Link two and three: the deployable form against the ONNX file on one backend."""
    if graph.named:
        draft, entry = _exposed(graph, draft, entry)
    batch = len(proof[graph.inputs[0].name])
    with_entry = replace(draft, manifest=replace(draft.manifest, graphs=(entry,)))
    engine = choice.load(with_entry, entry.name, batch)
    try:
        outputs = engine({spec.name: proof[spec.name] for spec in graph.inputs})
    finally:
        engine.close()
        if graph.named:
            (draft.path / entry.file.path).unlink()
    return _measure(graph, f"deployable -> {choice.backend}", entry.precision, deployable, outputs)


def _measure(graph: Graph, link: str, precision: str, expected: Arrays, found: Arrays) -> list[Measurement]:
    """Check and measure the float tensors of `graph`; its byte outputs follow from them, and are checked alive."""
    measurements = []
    for spec in (*graph.outputs, *graph.named):
        check_alive(graph.name, spec.name, found[spec.name])
        if spec.dtype == "float32":
            error = difference(expected[spec.name], found[spec.name])
            codes_tolerance = TOLERANCES[precision][spec.dtype]
            tolerance = IMAGE_TOLERANCES[precision] if spec.name in PICTURE_FLOATS else codes_tolerance
            measurements.append(check_tolerance(Measurement(graph.name, spec.name, link, error, tolerance)))
    return measurements


def _exposed(graph: Graph, draft: Bundle, entry: GraphEntry) -> tuple[Bundle, GraphEntry]:
    """A copy of the graph whose named inner tensors are outputs, beside the original in the draft."""
    path: Path = draft.path / f"exposed-{entry.file.path}"
    expose(draft.path / entry.file.path, graph, path)
    file = BundleFile(path.name, path.stat().st_size, sha256(path))
    return draft, replace(entry, file=file, outputs=(*graph.outputs, *graph.named))


def worst(measurements: list[Measurement]) -> Iterator[Measurement]:
    """The largest error of each link, for a summary."""
    links = dict.fromkeys(measurement.link for measurement in measurements)
    ratio: Callable[[Measurement], float] = lambda m: m.error / m.tolerance  # noqa: E731
    for link in links:
        yield max((m for m in measurements if m.link == link), key=ratio)
