"""The weights of an exported bundle, back under their published names: training goes on from what ships.

A bundle holds what its checkpoint held, rearranged: BatchNorms behind a convolution are folded into it, and equalised
weights are multiplied by their scale. Constants that kept a module's name are found by it; the others by the order in
which the graph uses them, which is the order in which the modules compute. Only noise comes back in another form:
scaled to a deviation of 1, with that deviation as its strength.

The model that takes the weights may have wider style heads: it begins by computing what the narrower one computed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from sfx.engines.bundle import Bundle
from sfx.errors import BundleError
from sfx.export.networks import Decoder, Encoder, Spse, StyledConv, ToRgb
from sfx.export.operators import EqualLinear, ModulatedConv2d

_ENCODERS = {
    "sketch_encoder": {"coarse": "encoder_sketch_coarse", "fine": "encoder_sketch_fine"},
    "appearance_encoder": {"encoder": "encoder_face_fine"},
}
"""Graph -> the names that its parts have there and in a checkpoint."""


def recover(path: Path) -> Spse:
    """The model of the bundle at `path`, in evaluation mode, as it was exported. Raises as `begin_from`."""
    bundle = Bundle.open(path)
    config = bundle.manifest.model
    if config is None:
        raise BundleError(f"{path}: expected a sketch-to-face model, found a bundle of other graphs")
    model = Spse(config).eval().requires_grad_(False)
    begin_from(bundle, model)
    return model


@torch.no_grad()
def begin_from(bundle: Bundle, model: Spse) -> None:
    """Give `model` the weights of a bundle; what is wider in it keeps its own, cut off from the rest.

    Raises BundleError where the bundle is damaged, calibrated to INT8, of another model, or its graphs are not those
    that this version of sfx writes in FP32.
    """
    for entry in bundle.manifest.graphs:
        if entry.precision != "fp32" or entry.int8_layers:
            raise BundleError(
                f"{bundle.path}: expected graphs that compute in fp32, found {entry.name} in {entry.precision}"
                f"{' with INT8 layers' if entry.int8_layers else ''}"
            )
    try:
        for graph, parts in _ENCODERS.items():
            constants = _Constants(bundle.checked(bundle.manifest.graph(graph).file))
            for name, attribute in parts.items():
                _fill_encoder(getattr(model, attribute), name, constants)
                if name == "coarse":
                    _fill_linear(model.decoder.style, constants)
            if constants.has("average"):
                _put(constants.named("average"), model.latent_avg)
        _fill_decoder(model.decoder, _Constants(bundle.checked(bundle.manifest.graph("synthesis").file)))
    except (KeyError, StopIteration, ValueError) as error:
        raise BundleError(
            f"{bundle.path}: expected the graphs of this model as this version of sfx writes them, found others "
            f"({error})"
        ) from error


def described(source: Mapping[str, Any]) -> str:
    """What a manifest says of where a bundle's weights came from, in a line: it stands in what is made of them."""
    made = source.get("made", {})
    details = [f"{made[name]} {name}" for name in ("steps", "samples", "minutes") if name in made]
    before = [f"begun from {made['begun_from']}"] if "begun_from" in made else []
    return f"{source.get('file')} {str(source.get('sha256'))[:16]} ({', '.join([*details, *before])})"


def _put(value: Tensor, into: Tensor) -> None:
    """Copy a tensor to the first places of one that may be larger.

    What is larger gives new channels: from the old outputs their inputs are cut off, so that these stay what they were.
    """
    if value.ndim != into.ndim or any(a > b for a, b in zip(value.shape, into.shape, strict=True)):
        raise ValueError(f"shape {tuple(value.shape)} for {tuple(into.shape)}")
    into[: len(value)] = 0.0
    into[tuple(slice(side) for side in value.shape)] = value


class _Constants:
    """The float constants of a graph, by name and by the order of their use."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        for node in graph.node:
            if node.op_type == "Cast" and node.input[0] in values:  # weights stored as FP16
                values[node.output[0]] = values[node.input[0]]
        self._values = {
            name: torch.from_numpy(value.astype(np.float32))
            for name, value in values.items()
            if value.dtype.kind == "f"
        }
        kinds: dict[str, list[list[str]]] = defaultdict(list)
        for node in graph.node:
            used = [name for name in node.input if name in self._values]
            if used:
                kinds[self._kind(node, used)].append(used)
        self._orders = {kind: iter(uses) for kind, uses in kinds.items()}

    def _kind(self, node: onnx.NodeProto, used: list[str]) -> str:
        if node.op_type == "Add" and self._is_noise(self._values[used[0]]):
            return "Noise"
        depthwise = any(field.name == "group" and field.i > 1 for field in node.attribute)
        pointwise = node.op_type == "Conv" and self._values[used[0]].shape[2:] == (1, 1)
        return f"{'Depthwise' if depthwise else 'Pointwise' if pointwise else ''}{node.op_type}"

    @staticmethod
    def _is_noise(value: Tensor) -> bool:
        return value.ndim == 4 and value.shape[:2] == (1, 1) and value.shape[2] > 1

    def has(self, name: str) -> bool:
        """Whether there is a constant of that name."""
        return name in self._values

    def named(self, name: str) -> Tensor:
        """The constant of that name; raises KeyError."""
        return self._values[name]

    def next(self, kind: str) -> tuple[Tensor, ...]:
        """What the next operator of that kind uses; raises KeyError or StopIteration where there is none."""
        return tuple(self._values[name] for name in next(self._orders[kind]))


def _fill_encoder(encoder: Encoder, prefix: str, constants: _Constants) -> None:
    folded: Tensor | None = None
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Conv2d):
            _put(constants.named(f"{prefix}.{name}.weight"), module.weight)
            if module.bias is not None:
                _put(constants.named(f"{prefix}.{name}.bias"), module.bias)
            folded_bias = f"{prefix}.{name}.weight_bias"
            folded = constants.named(folded_bias) if constants.has(folded_bias) else None
        elif isinstance(module, nn.BatchNorm2d):
            _fill_norm(module, f"{prefix}.{name}", constants, folded)
            folded = None
        elif isinstance(module, nn.PReLU):
            _put(constants.next("PRelu")[0].flatten(), module.weight)
    _fill_linear(encoder.styles, constants)


def _fill_norm(norm: nn.BatchNorm2d, name: str, constants: _Constants, folded: Tensor | None) -> None:
    """What stands in the graph, or, where it was folded, one that only adds the bias that this left."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    if folded is None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            _put(constants.named(f"{name}.{part}"), getattr(norm, part))
    else:
        norm.weight.fill_(1.0)
        _put(folded, norm.bias)
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0 - norm.eps)


def _fill_linear(parent: nn.Module, constants: _Constants) -> None:
    for module in parent.modules():
        if isinstance(module, EqualLinear):
            weight, bias = constants.next("Gemm")
            _put(weight / module.scale, module.weight)
            _put(bias / module.bias_scale, module.bias)


def _fill_decoder(decoder: Decoder, constants: _Constants) -> None:
    _put(constants.named("decoder.input.input"), decoder.input.input)
    for name, module in _in_order(decoder):
        conv = module.conv
        _fill_linear(conv.modulation, constants)
        if isinstance(module, ToRgb):
            _put(constants.next("PointwiseConv")[0][None] / conv.scale, conv.weight)
            _put(constants.named(f"decoder.{name}.bias"), module.bias)
            if module.upsample is not None:
                _put(constants.next("DepthwiseConvTranspose")[0][0, 0], module.upsample.kernel)
        else:
            _fill_styled(module, f"decoder.{name}", constants)
            scaled = constants.next("Noise")[0]
            _put(scaled.std(correction=0)[None], module.noise.weight)
            _put(scaled / module.noise.weight.clamp(min=1e-12), _noise_of(decoder, name))


def _fill_styled(module: StyledConv, name: str, constants: _Constants) -> None:
    conv: ModulatedConv2d = module.conv
    if conv.blur is None:
        _put(constants.next("Conv")[0][None] / conv.scale, conv.weight)
    else:
        _put(constants.next("ConvTranspose")[0].transpose(0, 1)[None] / conv.scale, conv.weight)
        _put(constants.next("DepthwiseConv")[0][0, 0].flip(0, 1), conv.blur.kernel)
    _put(constants.named(f"{name}.activate.bias"), module.activate.bias)


def _in_order(decoder: Decoder) -> Iterator[tuple[str, StyledConv | ToRgb]]:
    """The decoder's layers as they compute."""
    yield "conv1", decoder.conv1
    yield "to_rgb1", decoder.to_rgb1
    for index, to_rgb in enumerate(decoder.to_rgbs):
        for number in (2 * index, 2 * index + 1):
            styled = decoder.convs[number]
            assert isinstance(styled, StyledConv)
            yield f"convs.{number}", styled
        assert isinstance(to_rgb, ToRgb)
        yield f"to_rgbs.{index}", to_rgb


def _noise_of(decoder: Decoder, name: str) -> Tensor:
    """The stored noise map that a layer adds."""
    number = 0 if name == "conv1" else int(name.removeprefix("convs.")) + 1
    return decoder.noises.get_buffer(f"noise_{number}")
