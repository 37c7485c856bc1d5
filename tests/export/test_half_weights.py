"""Weights stored as FP16: half the bytes, FP32 computing, a measured difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sfx.engines.bundle import Bundle
from sfx.engines.manifest_reading import read_manifest
from sfx.engines.verify import verify_bundle
from sfx.errors import BundleError
from sfx.export.half_weights import MIN_VALUES, store_half


def _bytes(bundle: Bundle) -> int:
    return sum(graph.file.bytes for graph in bundle.manifest.graphs)


def test_the_bundle_is_smaller_and_says_so(bundle: Bundle, rounded_bundle: Bundle) -> None:
    assert _bytes(rounded_bundle) < 0.8 * _bytes(bundle)
    assert {graph.weights for graph in rounded_bundle.manifest.graphs} == {"fp16"}
    assert {graph.precision for graph in rounded_bundle.manifest.graphs} == {"fp32"}
    assert {graph.weights for graph in bundle.manifest.graphs} == {"fp32"}
    assert read_manifest(rounded_bundle.path) == rounded_bundle.manifest


def test_rounding_is_measured_as_a_link_of_its_own(rounded_bundle: Bundle) -> None:
    parity = rounded_bundle.manifest.parity
    links = {measurement.link for measurement in parity}
    assert "deployable -> openvino" in links
    rounded = [m for m in parity if m.link.endswith("fp16 weights")]
    assert {m.link for m in rounded} == {
        "published -> openvino fp32, fp16 weights",
        "published -> onnxruntime fp32, fp16 weights",
    }
    codes = [m.error for m in rounded if m.tensor == "fine_codes"]
    # FP16 keeps 11 bits: the rounding must show, and stay far below what FP16 computing would cost.
    assert all(1e-6 < error <= 5e-3 for error in codes)


def test_verify_takes_the_tolerance_of_rounded_weights(rounded_bundle: Bundle) -> None:
    lines = list(verify_bundle(rounded_bundle.path))
    assert sum("fp16 weights" in line for line in lines) == 2 * 7  # two backends, seven outputs


def test_a_manifest_with_unknown_weights_is_refused(bundle_copy: Path) -> None:
    path = bundle_copy / "manifest.json"
    path.write_text(path.read_text().replace('"weights": "fp32"', '"weights": "int3"', 1))
    with pytest.raises(BundleError, match=r"graphs\[0\].weights': expected fp32 or fp16, found 'int3'"):
        read_manifest(bundle_copy)


def test_what_does_not_fit_stays(tmp_path: Path) -> None:
    """Small constants and those beyond 65504 keep their values; the others are within half a step of FP16."""
    rng = np.random.default_rng(0)
    constants = {
        "large": rng.standard_normal((64, 64)).astype(np.float32),
        "huge": rng.standard_normal((64, 64)).astype(np.float32) * 1e6,
        "small": rng.standard_normal((1, 64)).astype(np.float32),
    }
    assert constants["small"].size < MIN_VALUES <= constants["large"].size
    nodes = [helper.make_node("Add", [last, name], [f"after_{name}"]) for last, name in _chain(constants)]
    graph = helper.make_graph(
        nodes,
        "sum",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [64, 64])],
        [helper.make_tensor_value_info("after_small", TensorProto.FLOAT, [64, 64])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path / "sum.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    store_half(path)
    stored = {value.name: numpy_helper.to_array(value) for value in onnx.load(path).graph.initializer}
    assert {name: value.dtype.name for name, value in stored.items()} == {
        "large_half": "float16",
        "huge": "float32",
        "small": "float32",
    }
    np.testing.assert_allclose(
        stored["large_half"].astype(np.float32), constants["large"], rtol=2**-11, atol=1e-7
    )


def _chain(constants: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    names = list(constants)
    return list(zip(["x", *(f"after_{name}" for name in names[:-1])], names, strict=True))
