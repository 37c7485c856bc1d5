"""The layers of a graph that may compute in INT8: dense convolutions, by the names of the modules they were."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sfx.calibration.forms import Form

_SCOPES = "pkg.torch.onnx.name_scopes"
"""Where torch's exporter writes the path of the module that a node comes from."""
FEWEST_SHARE = 1e-4
"""Of all multiply-adds: the gates of squeeze-and-excitation lie below, every other convolution of the published model
above. In INT8 they would save nothing."""


@dataclass(frozen=True)
class Convolution:
    """A convolution with constant weights and one group: its name, its node, and the tensors around it."""

    graph: str
    name: str
    node: str
    source: str
    """The tensor that it reads."""
    result: str
    kind: str
    weights: int
    """How many values its kernel has."""


@dataclass(frozen=True)
class Layer:
    """A convolution that may compute in INT8, and its multiply-adds for one face."""

    convolution: Convolution
    multiply_adds: int

    @property
    def graph(self) -> str:
        return self.convolution.graph

    @property
    def name(self) -> str:
        return self.convolution.name


@dataclass(frozen=True)
class Group:
    """Neighbouring layers of one network whose damage is measured together."""

    layers: tuple[Layer, ...]

    @property
    def graph(self) -> str:
        return self.layers[0].graph

    @property
    def name(self) -> str:
        """The first layer's name, and how many follow it."""
        more = f" +{len(self.layers) - 1}" if len(self.layers) > 1 else ""
        return f"{self.layers[0].name}{more}"

    @property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.layers)


def convolutions(graph: str, model: Any, form: Form) -> list[Convolution]:
    """The dense convolutions of an onnx.ModelProto that are typed in its form, in the order in which they run.

    An FP16 graph keeps in FP32 what has to be exact, such as styles and demodulation.
    """
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer if form.holds(tensor)}
    nodes = [
        node
        for node in model.graph.node
        if node.op_type in form.kinds and node.input[1] in sizes and _channel_groups(node) == 1
    ]
    paths = Counter(_module_path(node) for node in nodes)
    found = []
    for node in nodes:
        path = _module_path(node)
        name = path if path and paths[path] == 1 else node.name
        found.append(
            Convolution(
                graph, name, node.name, node.input[0], node.output[0], node.op_type, sizes[node.input[1]]
            )
        )
    return found


def worthwhile(
    found: Sequence[Convolution], shapes: Mapping[tuple[str, str], tuple[int, ...]]
) -> list[Layer]:
    """The convolutions that are worth lowering; `shapes` (C, H, W) of every tensor around them, by graph and name."""
    layers = [Layer(one, _multiply_adds(one, shapes)) for one in found]
    least = FEWEST_SHARE * sum(layer.multiply_adds for layer in layers)
    return [layer for layer in layers if layer.multiply_adds >= least]


def grouped(layers: Sequence[Layer], most: int) -> list[Group]:
    """Merge neighbours within a network until each group has 1/`most` of all multiply-adds."""
    least = sum(layer.multiply_adds for layer in layers) / most
    groups: list[Group] = []
    for _, network in groupby(layers, key=lambda layer: (layer.graph, layer.name.split(".")[0])):
        waiting: list[Layer] = []
        for layer in network:
            waiting.append(layer)
            if sum(one.multiply_adds for one in waiting) >= least:
                groups.append(Group(tuple(waiting)))
                waiting = []
        if waiting:
            groups.append(Group(tuple(waiting)))
    return groups


def _multiply_adds(one: Convolution, shapes: Mapping[tuple[str, str], tuple[int, ...]]) -> int:
    # A kernel's values each meet every pixel of the result once; a transposed one's, of the source.
    placed = one.source if one.kind == "ConvTranspose" else one.result
    return one.weights * math.prod(shapes[one.graph, placed][1:])


def _channel_groups(node: Any) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == "group"), 1)


def _module_path(node: Any) -> str:
    """Such as decoder.convs.3.conv; empty where the exporter left no trace of it."""
    text = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")
    try:
        scopes = ast.literal_eval(text)
        return str(scopes[-2])
    except (ValueError, SyntaxError, IndexError, TypeError):
        return ""
