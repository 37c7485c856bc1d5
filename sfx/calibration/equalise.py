"""Evening out the channels of modulated convolutions, so that one scale for all of them serves INT8 better.

A modulated convolution reads x * style. Dividing channel i of the style by c_i and multiplying the kernel's channel
i by it changes nothing: (style_i / c_i) * (c_i * W_oi) = style_i * W_oi, in the demodulation's energies as well. Here
c_i = sqrt(max|x_i style_i| / max|W_i|), which shares the unevenness between activations and weights (SmoothQuant, Xiao
et al. 2023, equation 4 with alpha 1/2). It is folded into constants, so it costs nothing to run.

What does not help is dividing the style by its largest magnitude sample by sample. On the 26 layers of the published
size with random weights that changed the signal-to-noise ratio of the inputs in INT8 by -0.4 to +0.6 dB, and factors
like these, sqrt of the input's root mean square by channel, by +4 to +8 dB. Of the small seeded model in FP16, with the
nine convolutions of its synthesis in INT8, the faces keep 43.1 dB, and 39.4 dB without.

The scale of all factors together is free. It is chosen so that the largest sum of |weight| of an output channel stays
what it was: in FP16 graphs that is at most 1, which keeps them from overflowing. There the style is divided by its
largest magnitude on the way; what undoes that takes the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfx.calibration.layers import Convolution
from sfx.calibration.packages import import_onnx
from sfx.calibration.ranges import exposed_runs

_MOST, _LEAST = 32.0, 1e-12
"""Bound on a factor either way, and floor of a peak, for channels that are all zero on the set.

FP16 kernels of the published size are 2e-4 in the mean: divided by more than 32 they would have fewer than 7 bits left.
"""

Factors = NDArray[np.float32]


@dataclass(frozen=True)
class _Modulation:
    """The nodes whose constants one style passes through."""

    linear: Any
    """Gemm with transB: weight (I, style_width), bias (I,). In FP16 graphs a Conv, weight (I, style_width, 1, 1)."""
    convolution: Any
    channel_axis: int
    """Which axis of its kernel meets the input's channels."""
    energy: Any | None
    """MatMul of style^2 with (I, O), in FP16 graphs a Conv with (O, I, 1, 1); None for to_rgb, which has none."""


def equalise(model: Any, found: Sequence[Convolution], feeds: Iterable[Mapping[str, Any]]) -> int:
    """Fold the factors into an onnx.ModelProto in place; returns how many convolutions were modulated.

    feeds: what the graph is given for each pair; the activations' peaks are taken over all of them.
    """
    graph = _Graph(model)
    modulations = {one.source: _modulation(graph, one) for one in found}
    modulated = {source: one for source, one in modulations.items() if one is not None}
    if not modulated:
        return 0
    peaks: dict[str, Factors] = {}
    for values in exposed_runs(model, list(modulated), feeds):
        for source, value in values.items():
            peak = np.abs(value).max((0, 2, 3))
            peaks[source] = np.maximum(peaks.get(source, peak), peak)
    for source, one in modulated.items():
        _fold(graph, one, peaks[source])
    return len(modulated)


def _fold(graph: _Graph, one: _Modulation, peaks: Factors) -> None:
    kernel = graph.values(one.convolution, 1)
    magnitudes = np.abs(np.moveaxis(kernel, one.channel_axis, 0)).astype(np.float32)  # (I, O, kH, kW)
    factors = np.sqrt(np.maximum(peaks, _LEAST) / np.maximum(magnitudes.max((1, 2, 3)), _LEAST))
    factors = np.clip(factors / np.exp(np.log(factors).mean()), 1 / _MOST, _MOST).astype(np.float32)
    taps = magnitudes.sum((2, 3))
    factors *= taps.sum(0).max() / np.maximum((factors @ taps).max(), _LEAST)
    graph.scale(one.convolution, 1, factors, one.channel_axis)
    graph.scale(one.linear, 1, 1 / factors, 0)
    graph.scale(one.linear, 2, 1 / factors, 0)
    if one.energy is not None:
        graph.scale(one.energy, 1, np.square(factors), 0 if one.energy.op_type == "MatMul" else 1)


def _modulation(graph: _Graph, convolution: Convolution) -> _Modulation | None:
    """What modulates a convolution; None where nothing does, or where its input or its style has other readers."""
    product = graph.makers.get(graph.above(convolution.source, "Cast"))
    if product is None or product.op_type != "Mul":
        return None
    if any(len(graph.readers[name]) != 1 for name in (convolution.source, product.output[0])):
        return None
    style = graph.above(product.input[1], "Unsqueeze")
    whole = graph.above(style, "Div")
    linear = graph.makers.get(graph.above(whole, "Reshape"))
    if linear is None or linear.op_type not in ("Gemm", "Conv") or not graph.has_constants(linear, 1, 2):
        return None
    squares = [node for node in graph.readers[style] if node.op_type == "Pow"]
    energies = [node for square in squares for node in graph.readers_below(square.output[0], "Unsqueeze")]
    demodulated = (
        len(energies) == 1
        and energies[0].op_type in ("MatMul", "Conv")
        and graph.has_constants(energies[0], 1)
    )
    if len(graph.readers[style]) != 1 + len(squares) or (squares and not demodulated):
        return None
    if whole != style and {node.op_type for node in graph.readers[whole]} != {"Abs", "Div"}:
        return None
    axis = 0 if convolution.kind == "ConvTranspose" else 1
    return _Modulation(linear, graph.readers[convolution.source][0], axis, energies[0] if squares else None)


class _Graph:
    """Who makes and who reads each tensor of an onnx.ModelProto, and its constants."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.makers = {node.output[0]: node for node in model.graph.node}
        self.readers: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def above(self, name: str, kind: str) -> str:
        """The tensor that comes to be `name` by operators of one kind alone, through their first inputs."""
        while name in self.makers and self.makers[name].op_type == kind:
            name = self.makers[name].input[0]
        return name

    def readers_below(self, name: str, kind: str) -> list[Any]:
        """Who reads a tensor, past operators of one kind."""
        readers = self.readers.get(name, [])
        while len(readers) == 1 and readers[0].op_type == kind:
            readers = self.readers.get(readers[0].output[0], [])
        return readers

    def has_constants(self, node: Any, *inputs: int) -> bool:
        """Whether these inputs of a node are there and constant."""
        return all(index < len(node.input) and node.input[index] in self._constants for index in inputs)

    def values(self, node: Any, index: int) -> NDArray[np.floating[Any]]:
        """The constant that is input number `index` of a node."""
        return np.asarray(import_onnx().numpy_helper.to_array(self._constants[node.input[index]]))

    def scale(self, node: Any, index: int, factors: Factors, axis: int) -> None:
        """Let a node read that constant times the factors along an axis; whoever else reads the same keeps it."""
        values = self.values(node, index)
        others = [other for other in range(values.ndim) if other != axis]
        scaled = (values * np.expand_dims(factors, others)).astype(values.dtype)
        name = node.input[index]
        own = name if len(self.readers[name]) == 1 else f"{name}_of_{node.name}"
        tensor = import_onnx().numpy_helper.from_array(scaled, own)
        if own == name:
            self._constants[name].CopyFrom(tensor)
        else:
            self._model.graph.initializer.append(tensor)
            node.input[index] = own
