"""The network of a bundle, back as a module: training goes on from what ships.

A bundle's network has its BatchNorms folded into the convolutions and is trained on like that, without them: at the
low rates of going on it needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sfx.engines.bundle import Bundle
from sfx.errors import BundleError
from sfx.export.interpreter.network import ConvUnit, InterpreterNet, Residual
from sfx.runtime.interpreter.interpreting import GRAPH

_PREFIX = "network."


def folded(network: InterpreterNet) -> InterpreterNet:
    """The network in evaluation mode, in place, each BatchNorm folded into its convolution and left as an identity."""
    network.eval()
    for module in network.modules():
        if isinstance(module, ConvUnit | Residual) and isinstance(module.norm, nn.BatchNorm2d):
            # Fused modules keep their names; what was the norm does nothing any more.
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()  # type: ignore[assignment]
    return network


def recover(path: Path) -> InterpreterNet:
    """The folded network of the bundle at `path`. Raises BundleError where it holds another one, or is damaged."""
    bundle = Bundle.open(path)
    network = folded(InterpreterNet())
    weights = _weights(onnx.load(bundle.checked(bundle.manifest.graph(GRAPH).file)).graph)
    wanted = network.state_dict()
    found = {name: value for name, value in weights.items() if name in wanted}
    try:
        network.load_state_dict(found)
    except RuntimeError as error:
        raise BundleError(
            f"{path}: expected the interpreter's network of this version of sfx, found another"
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
