"""FP16 arithmetic where there is only FP32: every FP16 result of a graph rounded to FP16, as a GPU rounds it.

ONNX Runtime on a CPU does not compute in FP16: it casts to FP32 and drops the casts between. Here the graph
is rewritten to FP32 with an explicit Cast to FP16 and back after every operator that has an FP16 result,
weights included; those it keeps. Sums inside a convolution stay in FP32, as they do in tensor cores.
"""

from __future__ import annotations

import onnx_ir as ir


def round_every_half(model: ir.Model) -> None:
    """Replace FP16 by FP32 in place, with a Cast to FP16 and back after every result that is known to be FP16.

    Results keep their names; none of them may be an output of the graph. What a DequantizeLinear gives is not rounded:
    the convolution behind it multiplies the integers, and nothing is stored between.
    """
    for value in list(model.graph.initializers.values()):
        if value.dtype == ir.DataType.FLOAT16:
            widened = _cast(value, ir.DataType.FLOAT)
            value.replace_all_uses_with(widened.outputs[0])
            widened.replace_input_with(0, value)
            model.graph.insert_before(model.graph[0], widened)
    for node in list(model.graph):
        for value in node.outputs:
            if value.dtype != ir.DataType.FLOAT16:
                continue
            if node.op_type == "DequantizeLinear":
                value.dtype = ir.DataType.FLOAT
            else:
                _round(model.graph, node, value)


def _round(graph: ir.Graph, node: ir.Node, value: ir.Value) -> None:
    name = value.name
    value.name = f"{name}_unrounded"
    value.dtype = ir.DataType.FLOAT
    if node.op_type == "Cast":
        node.attributes["to"] = ir.AttrInt64("to", ir.DataType.FLOAT)
    narrowed = _cast(value, ir.DataType.FLOAT16)
    widened = _cast(narrowed.outputs[0], ir.DataType.FLOAT)
    value.replace_all_uses_with(widened.outputs[0])
    narrowed.replace_input_with(0, value)
    widened.outputs[0].name = name
    graph.insert_after(node, [narrowed, widened])


def _cast(value: ir.Value, dtype: ir.DataType) -> ir.Node:
    node = ir.node("Cast", [value], {"to": int(dtype)})
    node.outputs[0].dtype = dtype
    node.outputs[0].shape = value.shape
    node.outputs[0].name = f"{value.name}_{dtype.name.lower()}"
    return node
