"""Ranges on graphs whose values are known, and what the Q/DQ rewriting does to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from sfx.calibration.equalise import equalise
from sfx.calibration.forms import FORMS
from sfx.calibration.layers import Convolution, convolutions, grouped, worthwhile
from sfx.calibration.quantise import load_model, quantised
from sfx.calibration.ranges import TensorRange, best_clip, record_ranges
from sfx.engines.bundle import Bundle
from sfx.errors import BundleError, ParityError
from sfx.export.half_weights import store_half
from tests.calibration.onnx_graphs import two_convolutions

RNG = np.random.default_rng(5)
FIRST = RNG.standard_normal((6, 4, 1, 1)).astype(np.float32)
SECOND = RNG.standard_normal((5, 6, 1, 1)).astype(np.float32)
FEEDS = [{"x": RNG.standard_normal((1, 4, 8, 8)).astype(np.float32)} for _ in range(3)]


def run(model: Any, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(["y", "r"], feed))


def test_ranges_are_those_of_the_values() -> None:
    ranges = record_ranges("small", two_convolutions(FIRST, SECOND), ["x", "middle"], FEEDS)
    x = np.concatenate([feed["x"] for feed in FEEDS])
    middle = np.einsum("oi,bihw->bohw", FIRST[:, :, 0, 0], x)
    found = ranges["middle"]
    assert found.shape == (6, 8, 8)
    assert found.lowest == pytest.approx(middle.min(), rel=1e-5)
    assert found.highest == pytest.approx(middle.max(), rel=1e-5)
    assert found.percentiles == pytest.approx(
        np.percentile(middle, (0.1, 1, 50, 99, 99.9)), rel=1e-4, abs=1e-4
    )
    assert found.beyond_fp16 == 0.0
    assert ranges["x"].highest == pytest.approx(x.max())


def test_the_share_beyond_fp16_is_counted_over_every_value() -> None:
    feed = np.zeros((1, 4, 8, 8), np.float32)
    feed[0, 0, 0, :3] = 70000.0
    found = record_ranges("small", two_convolutions(FIRST, SECOND), ["x", "middle"], [{"x": feed}, FEEDS[0]])[
        "x"
    ]
    assert found.beyond_fp16 == pytest.approx(3 / 512)
    assert found.highest == 70000.0


def test_a_tensor_that_is_not_finite_is_named() -> None:
    feed = np.full((1, 4, 8, 8), np.inf, np.float32)
    with pytest.raises(ParityError, match="graph small, tensor x: expected finite values"):
        record_ranges("small", two_convolutions(FIRST, SECOND), ["x", "middle"], [{"x": feed}])


def test_the_clip_leaves_out_a_lone_outlier_and_keeps_even_values() -> None:
    even = np.linspace(-1, 1, 4001, dtype=np.float32)
    assert best_clip(even, 1.0) > 0.95
    # Clipping one value at 30 instead of 100 costs 4900, rounding 40000 normal values to steps of 0.8 costs 2000 more.
    normal = RNG.standard_normal(400000).astype(np.float32)
    assert best_clip(np.append(normal, np.float32(100.0)), 100.0) < 60.0
    assert best_clip(np.zeros(5, np.float32), 0.0) == 1.0


def test_only_the_chosen_layer_reads_rounded_values() -> None:
    model = two_convolutions(FIRST, SECOND)
    found = convolutions("small", model, FORMS["fp32"])
    assert [(one.name, one.source, one.result) for one in found] == [
        ("one", "x", "middle"),
        ("two", "middle", "y"),
    ]
    ranges = record_ranges("small", model, ["x", "middle", "y"], FEEDS)
    layers = worthwhile(found, {("small", name): one.shape for name, one in ranges.items()})
    assert [layer.multiply_adds for layer in layers] == [6 * 4 * 64, 5 * 6 * 64]
    expected = run(model, FEEDS[0])
    lowered = quantised(model, [layers[1]], ranges, FORMS["fp32"])
    onnx.checker.check_model(lowered)
    y, r = run(lowered, FEEDS[0])
    # `middle` is shared with a Relu, which has to go on reading it as it was.
    assert np.array_equal(r, expected[1])
    assert 0 < np.abs(y - expected[0]).max() < 0.1 * np.abs(expected[0]).max()
    kinds = [node.op_type for node in lowered.graph.node]
    assert sorted(kinds) == ["Conv", "Conv", "DequantizeLinear", "DequantizeLinear", "QuantizeLinear", "Relu"]
    constants = {tensor.name: tensor for tensor in lowered.graph.initializer}
    assert constants["w2_quantized"].data_type == onnx.TensorProto.INT8
    assert list(constants["w2_scale"].dims) == [5], "expected a scale for each output channel"


def test_groups_keep_to_one_network_and_to_a_share_of_the_work() -> None:
    model = two_convolutions(FIRST, SECOND)
    found = convolutions("small", model, FORMS["fp32"])
    shapes = {("small", name): (channels, 8, 8) for name, channels in (("x", 4), ("middle", 6), ("y", 5))}
    layers = worthwhile(found, shapes)
    # "one" and "two" are networks of their own by the first part of their names.
    assert [group.name for group in grouped(layers, 1)] == ["one", "two"]


def test_weights_stored_as_fp16_are_read(tmp_path: Path) -> None:
    wide = RNG.standard_normal((64, 32, 1, 1)).astype(np.float32)
    path = tmp_path / "half.onnx"
    onnx.save(two_convolutions(wide, np.ones((5, 64, 1, 1), np.float32)), path)
    store_half(path)
    model = load_model(path)
    assert [one.name for one in convolutions("small", model, FORMS["fp32"])] == ["one", "two"]
    (tmp_path / "damaged.onnx").write_bytes(b"\x00" * 100)
    with pytest.raises(BundleError, match=r"damaged.onnx: expected an ONNX graph"):
        load_model(tmp_path / "damaged.onnx")


def test_evening_out_channels_changes_nothing_but_the_spread(bundle: Bundle) -> None:
    model = load_model(bundle.path / "synthesis.onnx")
    found = convolutions("synthesis", model, FORMS["fp32"])
    change, gain = even_out(model, found)
    assert change <= 1
    assert gain > 1.2, "expected the largest values nearer to the others"


def even_out(model: Any, found: list[Convolution]) -> tuple[int, float]:
    """What evening out a synthesis' channels changes in a picture, and how much nearer the largest values come."""
    codes = [{"codes": RNG.standard_normal((1, 10, 32)).astype(np.float32)} for _ in range(2)]
    sources = [one.source for one in found]
    before = record_ranges("synthesis", model, sources, codes)
    picture = synthesis(model, codes[0])
    assert equalise(model, found, codes) == len(found)
    change = int(np.abs(synthesis(model, codes[0]).astype(int) - picture).max())
    after = record_ranges("synthesis", model, sources, codes)
    gains = [peak_to_spread(before[name]) / peak_to_spread(after[name]) for name in sources]
    return change, float(np.median(gains))


def synthesis(model: Any, feed: dict[str, np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["image"], feed)[0])


def peak_to_spread(found: TensorRange) -> float:
    """The largest magnitude against the spread of the middle 98 %."""
    return max(-found.lowest, found.highest) / (found.percentiles[3] - found.percentiles[1])


def test_encoders_have_nothing_modulated(bundle: Bundle) -> None:
    model = load_model(bundle.path / "appearance_encoder.onnx")
    assert equalise(model, convolutions("appearance_encoder", model, FORMS["fp32"]), []) == 0
