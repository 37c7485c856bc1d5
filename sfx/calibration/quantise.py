"""Writing layers in INT8 as explicit Q/DQ, by ONNX Runtime's quantiser.

Weights are signed, symmetric and by output channel, activations signed, symmetric and by tensor: the form that
TensorRT asks for and OpenVINO computes in INT8. ONNX Runtime rounds alike on a CPU but multiplies in FP32, since it has
integer convolutions only where results are quantised too. Biases and results stay what they were.

In an FP16 graph Q reads the FP16 tensor that the convolution reads, and scales are FP16. Its convolutions have kernels
of sum |weight| <= 1, and inputs of at most 8192. Rounding to INT8 at most doubles a weight, so a result stays below
20000 where FP16 reaches 65504: nothing overflows. At the published size scales of weights go down to 5.8e-6, where FP16
has fewer bits; rounding them to it takes 0.01 dB from the weights' 41 dB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sfx.calibration.forms import Form
from sfx.calibration.layers import Layer
from sfx.calibration.packages import import_onnx, import_onnxruntime
from sfx.calibration.ranges import TensorRange
from sfx.errors import BundleError

_OPTIONS = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    # TensorRT takes no INT32 bias behind Q/DQ; in FP32 it is exact and costs nothing.
    "QuantizeBias": False,
}
_OWN = "_int8_input"
"""Ending of the name of a copy that is only there while a graph is being rewritten."""


def load_model(path: Path) -> Any:
    """The onnx.ModelProto at `path`, its FP32 weights in FP32 however they are stored. Raises BundleError."""
    onnx = import_onnx()
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's own errors share no base class but Exception
        raise BundleError(f"{path}: expected an ONNX graph, found damage: {error}") from error
    _widen_weights(onnx, model)
    return model


def quantised(model: Any, layers: Sequence[Layer], ranges: Mapping[str, TensorRange], form: Form) -> Any:
    """The model, an onnx.ModelProto that is used up, with these layers between Q/DQ; `ranges` by tensor."""
    import_onnxruntime()
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import TensorData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    clips = {source: form.element(ranges[source].clip) for source in _sources(layers)}
    own = _with_own_inputs(model, layers, form)
    _raise_opset(model, form.opset)
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range={own[name]: TensorData(lowest=-clip, highest=clip) for name, clip in clips.items()},
        nodes_to_quantize=[layer.convolution.node for layer in layers],
        nodes_to_exclude=[],
        op_types_to_quantize=list(form.kinds),
        extra_options=_OPTIONS | {"OpTypesToExcludeOutputQuantization": list(form.kinds)},
    )
    lowered = quantizer.quantize_model()
    lowered.producer_name = "sfx"
    quantizer.model.topological_sort()
    _drop_identities(lowered, own)
    return lowered


def _sources(layers: Sequence[Layer]) -> list[str]:
    return list(dict.fromkeys(layer.convolution.source for layer in layers))


def _with_own_inputs(model: Any, layers: Sequence[Layer], form: Form) -> dict[str, str]:
    """Let these layers alone read a copy of their input, by the name of the original.

    The quantiser would round a tensor for everyone who reads it: a residual's shortcut, or a layer that stays in FP32.
    """
    onnx = import_onnx()
    own = {source: f"{source}{_OWN}" for source in _sources(layers)}
    chosen = {layer.convolution.node for layer in layers}
    copies = {
        source: onnx.helper.make_node("Identity", [source], [name], name) for source, name in own.items()
    }
    nodes = []
    for node in model.graph.node:
        if node.name in chosen:
            source = node.input[0]
            if source in copies:
                nodes.append(copies.pop(source))
            node.input[0] = own[source]
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for name in own.values():
        # What the quantiser would otherwise infer by writing the model to disk and reading it back.
        model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, form.onnx_element, None))
    model.metadata_props.add(key="onnx.infer", value="onnxruntime.quant")
    return own


def _raise_opset(model: Any, least: int) -> None:
    """Declare at least this opset: from 18 to 19 no operator that sfx exports changed but in what more it takes.

    ONNX's version converter would do the same, and drop the names of the modules that nodes come from.
    """
    (opset,) = (one for one in model.opset_import if one.domain in ("", "ai.onnx"))
    opset.version = max(opset.version, least)


def _drop_identities(model: Any, own: Mapping[str, str]) -> None:
    """Let Q read the original tensors, and take the copies out."""
    originals = {name: source for source, name in own.items()}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] in originals:
            node.input[0] = originals[node.input[0]]
    for node in [node for node in model.graph.node if node.name in originals]:
        model.graph.node.remove(node)


def _widen_weights(onnx: Any, model: Any) -> None:
    """Undo what `sfx export --weights fp16` stores: an FP16 constant and a Cast become an FP32 constant."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    casts = [
        node
        for node in model.graph.node
        if node.op_type == "Cast" and node.input[0] in stored and _is_half(onnx, stored[node.input[0]])
    ]
    for node in casts:
        values = onnx.numpy_helper.to_array(stored[node.input[0]]).astype(np.float32)
        stored[node.input[0]].CopyFrom(onnx.numpy_helper.from_array(values, node.output[0]))
        model.graph.node.remove(node)


def _is_half(onnx: Any, tensor: Any) -> bool:
    return bool(tensor.data_type == onnx.TensorProto.FLOAT16)
