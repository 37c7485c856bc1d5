"""Graphs of a few convolutions, for what can be told from plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


def two_convolutions(first: NDArray[np.float32], second: NDArray[np.float32]) -> Any:
    """x (B, C, 8, 8) -> Conv `first` -> middle -> Conv `second` -> y, and middle read by a Relu as well: r."""
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["middle"], "one"),
        helper.make_node("Conv", ["middle", "w2"], ["y"], "two"),
        helper.make_node("Relu", ["middle"], ["r"], "beside"),
    ]
    shape: list[Any] = ["batch", first.shape[1], 8, 8]
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)]
    outputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", None, 8, 8])
        for name in ("y", "r")
    ]
    constants = [numpy_helper.from_array(first, "w1"), numpy_helper.from_array(second, "w2")]
    graph = helper.make_graph(nodes, "small", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
