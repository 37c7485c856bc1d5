"""Storing a graph's weights as FP16: half the bytes on disk, the same FP32 arithmetic.

Each large constant becomes an FP16 initialiser and a Cast back to FP32, which every runtime folds when it
loads the graph. Not to be confused with FP16 precision, in which the graph computes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

MIN_VALUES = 1024
"""Smaller constants stay FP32: biases and the like are 0.3 % of the demo's values."""
SUFFIX = "_half"


def store_half(path: Path) -> None:
    """Rewrite the ONNX file at `path` in place; constants beyond FP16's range stay as they are."""
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for initializer in graph.initializer:
        values = numpy_helper.to_array(initializer)
        if values.dtype != np.float32 or values.size < MIN_VALUES or not _fits(values):
            continue
        name = initializer.name
        initializer.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + SUFFIX))
        casts.append(
            helper.make_node("Cast", [name + SUFFIX], [name], name + "_cast", to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _fits(values: np.ndarray) -> bool:
    return bool(np.abs(values).max() <= np.finfo(np.float16).max)
