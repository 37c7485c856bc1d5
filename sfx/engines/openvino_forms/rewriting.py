"""Walks a graph and puts in the forms that were measured to be faster, keeping tokens between them.

The plugin's own convolutions read and write channels last whatever the graph says, so between one of them and
tokens nothing is moved, as long as the tokens are three-dimensional: of four dimensions the plugin makes another
layout, and copies twice. Between two of our convolutions the element-wise operators are computed on tokens as
well; leaving them as they were costs 0.5 of 2.5 ms at 256 channels and 32x32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfx.engines.openvino_forms.convolutions import DOUBLING, HALVING, SAME, Convolver, Form
from sfx.engines.openvino_forms.nodes import integers, name_of
from sfx.engines.processor import cpu_features

FORMS_VERSION = 3
"""Part of the name under which a rewritten graph is kept: raise it with every change of the forms."""

_ELEMENTWISE = ("Add", "Multiply", "PRelu", "Relu", "Sigmoid")


@dataclass(frozen=True)
class _Choice:
    """A form, the convolution that it stands for, and the sizes from which it is faster."""

    form: Form
    kind: str
    stride: int
    padding: int
    smallest_side: int
    fewest_channels: Mapping[str, int]
    """By the precision that the plugin computes in."""


# Full size, two cores of an AMD EPYC (Zen 4), the fastest of 12 interleaved rounds: sketch encoders 345 ms, appearance
# encoder 345, synthesis 563. With stride 1 from 128 channels and 32x32 on only, and stride 2 from 64x64 on: 420, 397
# and 575. F(2x2, 3x3) at 16x16, whose transformed weights take half: 356, 354 and 570.
#
# Rounds are not alike: some are slower by a third for all forms at once, perhaps for want of last-level cache, the
# more so the fewer channels the forms have. In FP32 that changes no choice (medians of 13 rounds of sketch encoders
# and synthesis: 490 and 602 ms as chosen, 486 and 615 from 128 channels on, 515 and 671 from 256 on). In BF16 it does:
# direct 345 and 403 ms, at most 368 and 558; as in FP32 239 and 351, at most 452 and 727; from 256 channels on 252 and
# 337, at most 335 and 425; its pictures are then 47.6 dB from FP32, direct 49.6.
_CHOICES = (
    _Choice(SAME, "Convolution", 1, 1, smallest_side=16, fewest_channels={"fp32": 64, "bf16": 256}),
    _Choice(HALVING, "Convolution", 2, 1, smallest_side=32, fewest_channels={"fp32": 128, "bf16": 256}),
    _Choice(
        DOUBLING, "ConvolutionBackpropData", 2, 0, smallest_side=32, fewest_channels={"fp32": 64, "bf16": 256}
    ),
)


def forms_pay(precision: str) -> bool:
    """Whether this processor is faster with any of the forms in a precision.

    Not in BF16 with AMX, whose direct products are seven times as fast as FP32's (1523 and 222 GFLOP/s on two cores of
    an Emerald Rapids Xeon): sketch encoders 200 ms as they are, 227 with forms from 256 channels on and 320 with those
    of FP32, at best 109, 176 and 269; synthesis 327, 334 and 425, at best 224, 319 and 373.
    """
    return precision != "bf16" or "amx_bf16" not in cpu_features()


def rewrite(model: Any, precision: str = "fp32") -> int:
    """Rewrite an openvino.Model of fixed shapes in place; returns how many convolutions changed form.

    precision: what the plugin will compute in, "fp32" or "bf16".
    """
    changed = 0
    tokens_of = _Tokens()
    convolve = Convolver()
    for node in model.get_ordered_ops():
        form = _form_of(node, precision)
        if form is not None:
            source = node.input_value(0)
            height, width = list(source.get_shape())[2:]
            kernel = node.input_value(1).get_node().data
            if form is DOUBLING:
                kernel = kernel.swapaxes(0, 1)
            tokens_of.replace(node, convolve(form, tokens_of.of(source), height, width, kernel))
            changed += 1
        elif tokens_of.reaches(node):
            tokens_of.move_behind(node)
    model.validate_nodes_and_infer_types()
    return changed


def _form_of(node: Any, precision: str) -> Form | None:
    """The form that a node is to take, or None where its own is faster or the only one."""
    kind = node.get_type_name()
    if kind not in ("Convolution", "ConvolutionBackpropData"):
        return None
    kernel = node.input_value(1)
    height, width = list(node.input_value(0).get_shape())[2:]
    wide, other, *sides = kernel.get_shape()
    # Forms are FP32; a graph typed FP16 is meant for a GPU and runs here to be checked, as it is.
    if kernel.get_element_type().get_type_name() != "f32":
        return None
    if kernel.get_node().get_type_name() != "Constant" or sides != [3, 3] or height % 4 or width % 4:
        return None
    for choice in _CHOICES:
        found = kind == choice.kind and _has_geometry(node, choice.stride, choice.padding)
        if (
            found
            and min(height, width) >= choice.smallest_side
            and min(wide, other) >= choice.fewest_channels[precision]
        ):
            return choice.form
    return None


def _has_geometry(node: Any, stride: int, padding: int) -> bool:
    attributes = node.get_attributes()
    expected = {"strides": stride, "pads_begin": padding, "pads_end": padding, "dilations": 1}
    same = all(list(attributes[name]) == [value, value] for name, value in expected.items())
    return same and attributes["auto_pad"] == "explicit" and not any(attributes.get("output_padding", ()))


class _Tokens:
    """Tensors (B, C, H, W) of a graph that also exist as tokens (B, H*W, C)."""

    def __init__(self) -> None:
        self._twins: dict[str, Any] = {}
        self._read: dict[str, Any] = {}
        self._moves: dict[str, Callable[[Any], None]] = {
            "BatchNormInference": self._batch_norm,
            "MaxPool": self._pool,
            "ReduceMean": self._mean,
            **dict.fromkeys(_ELEMENTWISE, self._elementwise),
        }

    def of(self, output: Any) -> Any:
        """`output` as tokens: its twin, which is made where there is none yet."""
        node, name = output.get_node(), name_of(output)
        if name not in self._twins and node.get_type_name() in (*_ELEMENTWISE, "BatchNormInference"):
            self.move_behind(node)
        if name in self._twins:
            return self._twins[name]
        if name not in self._read:
            self._read[name] = _constant_tokens(node) if _is_constant(output) else _as_tokens(output)
        return self._read[name]

    def reaches(self, node: Any) -> bool:
        """Whether an input of `node` has a twin."""
        return any(name_of(value) in self._twins for value in node.input_values())

    def replace(self, node: Any, result: Any) -> None:
        """Let `result`, tokens, take the place of `node`'s output."""
        from openvino import opset13 as ops

        batch, channels, height, width = list(node.get_output_shape(0))
        back = ops.reshape(result, integers(batch, height, width, channels), False)
        back = ops.transpose(back, integers(0, 3, 1, 2)).output(0)
        self._twins[name_of(back)] = self._twins[name_of(node.output(0))] = result.output(0)
        _take_place(node, back)

    def move_behind(self, node: Any) -> None:
        """Compute `node` with channels last, where it is an operator that can be."""
        move = self._moves.get(node.get_type_name())
        if move is not None:
            move(node)

    def _elementwise(self, node: Any) -> None:
        from openvino import opset13 as ops

        forms = {
            "Add": ops.add,
            "Multiply": ops.multiply,
            "PRelu": ops.prelu,
            "Relu": ops.relu,
            "Sigmoid": ops.sigmoid,
        }
        values = node.input_values()
        if node.get_type_name() == "PRelu" and len(values[1].get_shape()) == 1:
            # A slope of one dimension goes with the channels, unlike any other operand.
            values[1] = ops.reshape(values[1], integers(1, -1, 1, 1), False).output(0)
        if all(len(value.get_shape()) == 4 or _is_constant(value) for value in values):
            self.replace(node, forms[node.get_type_name()](*map(self.of, values)))

    def _batch_norm(self, node: Any) -> None:
        from openvino import opset13 as ops

        gamma, beta, mean, variance = (
            node.input_value(i).get_node().data.astype(np.float64) for i in range(1, 5)
        )
        scale = gamma / np.sqrt(variance + node.get_attributes()["epsilon"])
        shift = beta - mean * scale
        scaled = ops.multiply(self.of(node.input_value(0)), ops.constant(scale.astype(np.float32)))
        self.replace(node, ops.add(scaled, ops.constant(shift.astype(np.float32))))

    def _pool(self, node: Any) -> None:
        attributes = node.get_attributes()
        if list(attributes["kernel"]) == [1, 1] and list(attributes["strides"]) == [1, 1]:
            _take_place(node, node.input_value(0))

    def _mean(self, node: Any) -> None:
        from openvino import opset13 as ops

        axes = sorted(node.input_value(1).get_node().data.tolist())
        if axes in ([2, 3], [-2, -1]) and node.get_attributes()["keep_dims"]:
            mean = ops.reduce_mean(self.of(node.input_value(0)), integers(1), True)
            shape = integers(*node.get_output_shape(0))
            _take_place(node, ops.reshape(mean, shape, False).output(0))


def _as_tokens(output: Any) -> Any:
    """A tensor (B, C, H, W) as (B, H*W, C)."""
    from openvino import opset13 as ops

    batch, channels, height, width = list(output.get_shape())
    if (height, width) != (1, 1):
        output = ops.transpose(output, integers(0, 2, 3, 1)).output(0)
    return ops.reshape(output, integers(batch, height * width, channels), False).output(0)


def _constant_tokens(node: Any) -> Any:
    """A constant of up to four dimensions, which may be 1 where others are wide, as tokens."""
    from openvino import opset13 as ops

    shape = list(node.get_output_shape(0))
    batch, channels, height, width = (1,) * (4 - len(shape)) + tuple(shape)
    pictures = node.data.reshape(batch, channels, height, width)
    tokens = pictures.transpose(0, 2, 3, 1).reshape(batch, height * width, channels)
    return ops.constant(np.ascontiguousarray(tokens)).output(0)


def _is_constant(output: Any) -> bool:
    return bool(output.get_node().get_type_name() == "Constant")


def _take_place(node: Any, output: Any) -> None:
    for target in node.output(0).get_target_inputs():
        target.replace_source_output(output)
