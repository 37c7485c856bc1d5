"""The arithmetic of a bundle's graphs: what a stage has to multiply, whatever runs it."""

from __future__ import annotations

import math
from typing import Any

from sfx.engines.bundle import Bundle
from sfx.engines.openvino import keep_outputs

_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_TRANSPOSED = ("ConvolutionBackpropData", "GroupConvolutionBackpropData")


def multiply_adds(bundle: Bundle, graph: str, batch: int = 1, output: str | None = None) -> int:
    """Multiply-adds of one run of `graph`: convolutions and matrix products, each in its direct form.

    output: of what this one output needs, None for all.
    """
    import openvino

    entry = bundle.manifest.graph(graph)
    outputs = entry.wanted(output)
    model = openvino.Core().read_model(str(bundle.checked(entry.file)))
    keep_outputs(model, (spec.name for spec in outputs))
    model.reshape({spec.name: [batch, *spec.shape[1:]] for spec in entry.inputs})
    return sum(_of_node(node) for node in model.get_ordered_ops())


def _of_node(node: Any) -> int:
    kind = node.get_type_name()
    if kind in _CONVOLUTIONS:
        # A kernel's values each meet every pixel of the result once; a transposed one's, of the source.
        return _weights(node) * _pixels(node.get_output_shape(0))
    if kind in _TRANSPOSED:
        return _weights(node) * _pixels(node.input_value(0).get_shape())
    if kind == "MatMul":
        left = list(node.input_value(0).get_shape())
        inner = left[-2] if node.get_attributes()["transpose_a"] else left[-1]
        return int(math.prod(node.get_output_shape(0)) * inner)
    return 0


def _weights(node: Any) -> int:
    return math.prod(node.input_value(1).get_shape())


def _pixels(shape: Any) -> int:
    batch, _, *sides = list(shape)
    return int(batch * math.prod(sides))
