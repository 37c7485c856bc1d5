"""Multiply-adds counted from a graph, against counts made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from sfx.benchmarks.arithmetic import _of_node as of_node
from sfx.benchmarks.arithmetic import multiply_adds
from sfx.engines.bundle import Bundle
from sfx.errors import BundleError


def weights(*shape: int) -> openvino.Node:
    return ops.constant(np.ones(shape, np.float32))


def test_each_kind_of_operator_by_hand() -> None:
    x = ops.parameter([2, 8, 10, 12], np.float32)
    strided = ops.convolution(x, weights(16, 8, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1])
    depthwise = ops.group_convolution(x, weights(8, 1, 1, 4, 4), [1, 1], [0, 0], [0, 0], [1, 1])
    up = ops.convolution_backprop_data(
        x,
        weights(8, 4, 3, 3),
        strides=[2, 2],
        pads_begin=[0, 0],
        pads_end=[0, 0],
        dilations=[1, 1],
        output_padding=[0, 0],
    )
    product = ops.matmul(ops.parameter([2, 5, 7], np.float32), weights(7, 3), False, False)
    assert of_node(strided) == 2 * 16 * 8 * 9 * 5 * 6
    assert of_node(depthwise) == 2 * 8 * 16 * 7 * 9
    assert of_node(up) == 2 * 8 * 4 * 9 * 10 * 12
    assert of_node(product) == 2 * 5 * 3 * 7
    assert of_node(ops.relu(x)) == 0


def test_a_batch_of_two_takes_twice_as_many(bundle: Bundle) -> None:
    one = multiply_adds(bundle, "synthesis")
    assert multiply_adds(bundle, "synthesis", batch=2) == pytest.approx(2 * one, rel=1e-6)


def test_a_preview_needs_less_than_the_picture(bundle: Bundle) -> None:
    whole, preview = (multiply_adds(bundle, "synthesis", output=output) for output in (None, "preview"))
    assert 0 < preview < 0.9 * whole
    assert multiply_adds(bundle, "synthesis", output="image") == whole


def test_mapping_is_its_layers(bundle: Bundle) -> None:
    model = bundle.manifest.model
    assert multiply_adds(bundle, "mapping") == model.mapping_layers * model.style_width**2


def test_the_file_is_checked_first(bundle_copy: Path) -> None:
    bundle = Bundle.open(bundle_copy)
    (bundle_copy / "mapping.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"mapping\.onnx"):
        multiply_adds(bundle, "mapping")
