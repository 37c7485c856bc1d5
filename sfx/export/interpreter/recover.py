"""The network of a bundle, back as a module: training goes on from what ships.

A bundle's network has its BatchNorms folded into the convolutions and is trained on like that, without them: at the
low rates of going on it needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
import torch
from onnx import numpy_helper

from sfx.engines.bundle import Bundle
from sfx.errors import BundleError
from sfx.export.interpreter.network import InterpreterNet, folded
from sfx.runtime.interpreter.interpreting import GRAPH

_PREFIX = "network."


def recover(bundle: Bundle) -> InterpreterNet:
    """The folded network of a bundle. Raises BundleError where it holds another one, or is damaged."""
    entry = next((graph for graph in bundle.manifest.graphs if graph.name == GRAPH), None)
    if entry is None:
        found = ", ".join(graph.name for graph in bundle.manifest.graphs)
        raise BundleError(f"{bundle.path}: expected a bundle with the graph {GRAPH}, found {found}")
    network = folded(InterpreterNet())
    weights = _weights(onnx.load(bundle.checked(entry.file)).graph)
    wanted = network.state_dict()
    try:
        network.load_state_dict({name: value for name, value in weights.items() if name in wanted})
    except RuntimeError as error:
        raise BundleError(
            f"{bundle.path}: expected the interpreter's network of this version of sfx, found another"
        ) from error
    return network


def described(source: Mapping[str, Any]) -> str:
    """What a manifest says of how a network was trained, in a line: it stands in what is made of it."""
    before = f", begun from {source['begun_from']}" if "begun_from" in source else ""
    return (
        f"{source.get('steps')} steps in {source.get('minutes')} minutes, seed {source.get('seed')}{before}"
    )


def _weights(graph: onnx.GraphProto) -> dict[str, torch.Tensor]:
    """Parameters by their names in the network. A linear layer's weight lost its name, but not the bias after it."""
    values = {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in graph.initializer}
    weights = {name.removeprefix(_PREFIX): value for name, value in values.items()}
    products = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        bias = next((name for name in node.input if name in values), None)
        product = next((name for name in node.input if products.get(name) in values), None)
        if bias is not None and product is not None:
            name = bias.removeprefix(_PREFIX).removesuffix("bias") + "weight"
            weights[name] = values[products[product]].T.contiguous()
    return weights
