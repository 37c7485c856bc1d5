"""The forms compute what the plugin's own convolutions compute, and are put in where they were meant to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.openvino_forms import forms_pay, rewrite, rewriting
from sfx.engines.openvino_forms.toom_cook import scheme

KINDS = ("same", "halving", "doubling")
SEED = 4


def constant(values: Any) -> Any:
    return ops.constant(np.ascontiguousarray(values, np.float32))


def draw(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng([SEED, *shape]).standard_normal(shape).astype(np.float32)


def convolution(kind: str, x: Any, channels_in: int, channels_out: int) -> Any:
    weights = draw(channels_out, channels_in, 3, 3) / np.float32(np.sqrt(9 * channels_in))
    if kind == "doubling":
        return ops.convolution_backprop_data(
            x,
            constant(weights.swapaxes(0, 1)),
            strides=[2, 2],
            pads_begin=[0, 0],
            pads_end=[0, 0],
            dilations=[1, 1],
            output_padding=[0, 0],
        )
    stride = 1 if kind == "same" else 2
    return ops.convolution(x, constant(weights), [stride, stride], [1, 1], [1, 1], [1, 1])


def model_of(kind: str, shape: tuple[int, ...], channels_out: int) -> openvino.Model:
    x = ops.parameter(list(shape), np.float32, name="x")
    return openvino.Model([ops.result(convolution(kind, x, shape[1], channels_out))], [x], kind)


def run(model: openvino.Model, x: NDArray[np.float32], precision: str = "f32") -> NDArray[np.float32]:
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return np.array(compiled({0: x})[0])


def kinds_of(model: openvino.Model) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize(("outputs", "taps"), [(1, 1), (2, 2), (4, 2), (2, 3), (4, 3)])
def test_a_scheme_is_a_correlation(outputs: int, taps: int) -> None:
    pixels, kernel = draw(outputs + taps - 1).astype(np.float64), draw(taps).astype(np.float64)
    f = scheme(outputs, taps)
    computed = f.output @ ((f.kernel @ kernel) * (f.input @ pixels))
    assert len(f.kernel) == outputs + taps - 1
    np.testing.assert_allclose(computed, np.correlate(pixels, kernel), atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 128, 64, 64), (2, 128, 64, 72)])
def test_each_form_is_the_convolution(kind: str, shape: tuple[int, ...]) -> None:
    x = draw(*shape)
    plain, changed = model_of(kind, shape, 144), model_of(kind, shape, 144)
    assert rewrite(changed) == 1
    assert not {"Convolution", "ConvolutionBackpropData"} & set(kinds_of(changed))
    np.testing.assert_allclose(run(changed, x), run(plain, x), atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "shape", "channels_out"),
    [
        ("same", (1, 128, 66, 64), 128),  # a side that tiles of four do not fill
        ("same", (1, 128, 12, 12), 128),  # too small
        ("same", (1, 128, 64, 64), 48),  # too narrow
        ("halving", (1, 128, 16, 16), 128),
        ("doubling", (1, 48, 64, 64), 128),
    ],
)
def test_other_convolutions_stay_as_they_are(kind: str, shape: tuple[int, ...], channels_out: int) -> None:
    model = model_of(kind, shape, channels_out)
    before = kinds_of(model)
    assert rewrite(model) == 0
    assert kinds_of(model) == before


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_changes_wider_convolutions_only(kind: str) -> None:
    for channels, changed in ((255, 0), (256, 1)):
        assert rewrite(model_of(kind, (1, channels, 32, 32), 256), "bf16") == changed
        assert rewrite(model_of(kind, (1, channels, 32, 32), 256), "fp32") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_forms_in_bf16_stay_near(kind: str) -> None:
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("no BF16 instructions here")
    shape = (1, 256, 32, 32)
    x = draw(*shape)
    exact, model = run(model_of(kind, shape, 256), x), model_of(kind, shape, 256)
    assert rewrite(model, "bf16") == 1
    error = np.square(run(model, x, "bf16") - exact).mean() / np.square(exact).mean()
    assert 0 < error < 2e-3  # one layer; F(4x4, 3x3) 1e-3, the others 2e-4


def test_padding_and_groups_other_than_the_usual_stay() -> None:
    x = ops.parameter([1, 128, 64, 64], np.float32)
    weights = constant(draw(128, 128, 3, 3))
    unpadded = ops.convolution(x, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    dilated = ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [2, 2])
    same_upper = ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1], auto_pad="same_upper")
    model = openvino.Model([ops.result(y) for y in (unpadded, dilated, same_upper)], [x], "others")
    assert rewrite(model) == 0


def residual_unit(x: Any, channels: int) -> Any:
    """An IR-SE unit: BatchNorm, convolution, PReLU, convolution, squeeze and excitation, shortcut."""
    ones = np.ones(channels, np.float32)
    normed = ops.batch_norm_inference(
        x, constant(ones * 1.5), constant(ones * 0.25), constant(ones * 0.1), constant(ones * 2), 1e-5
    )
    y = convolution("same", normed, channels, channels)
    y = ops.prelu(y, constant(draw(channels) * 0.1))
    y = ops.add(convolution("same", y, channels, channels), constant(draw(1, channels, 1, 1)))
    squeezed = ops.reduce_mean(y, np.array([2, 3]), True)
    gate = ops.convolution(squeezed, constant(draw(channels, channels, 1, 1)), [1, 1], [0, 0], [0, 0], [1, 1])
    gated = ops.multiply(y, ops.sigmoid(gate))
    identity = ops.max_pool(x, [1, 1], [1, 1], [0, 0], [0, 0], [1, 1]).output(0)
    return ops.add(gated, identity)


def test_a_chain_of_residual_units_keeps_its_values_and_its_tokens() -> None:
    def build() -> openvino.Model:
        x = ops.parameter([2, 128, 32, 32], np.float32, name="x")
        noise = constant(draw(1, 1, 32, 32))
        y = residual_unit(ops.add(residual_unit(x, 128), noise), 128)
        return openvino.Model([ops.result(y)], [x], "units")

    x = draw(2, 128, 32, 32)
    changed = build()
    assert rewrite(changed) == 4
    np.testing.assert_allclose(run(changed, x), run(build(), x), atol=1e-4)
    pictures = [
        node
        for node in changed.get_ordered_ops()
        if node.get_type_name() in ("Add", "PRelu", "BatchNormInference")
        and list(node.get_output_shape(0))[1:] == [128, 32, 32]
    ]
    assert not pictures, "element-wise operators between the convolutions must work on tokens"


def test_convolutions_of_the_same_tokens_share_their_windows() -> None:
    def gathers(count: int) -> int:
        x = ops.parameter([1, 128, 64, 64], np.float32)
        heads = [convolution("halving", x, 128, 128) for _ in range(count)]
        model = openvino.Model([ops.result(head) for head in heads], [x], "heads")
        assert rewrite(model) == count
        return kinds_of(model).count("Gather")

    # Four parts each: their windows once for all heads, the order of their results for every head.
    assert [gathers(count) for count in (1, 3)] == [4 + 4, 4 + 3 * 4]


@pytest.mark.parametrize(("calls", "form"), [(1, "plain"), (3, "forms"), (None, "forms")])
def test_an_engine_for_few_calls_keeps_plain_convolutions(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int | None, form: str
) -> None:
    monkeypatch.setenv("SFX_CACHE", str(tmp_path))
    choose("openvino").load(bundle, "mapping", calls=calls).close()
    [kept] = tmp_path.glob("openvino/*/model.xml")
    assert form in kept.parent.name


@pytest.mark.parametrize(
    ("features", "precision", "pay"),
    [
        (("avx512_bf16", "amx_bf16"), "bf16", False),
        (("avx512_bf16", "amx_bf16"), "fp32", True),
        (("avx512_bf16",), "bf16", True),
        ((), "fp32", True),
    ],
)
def test_forms_pay_unless_products_are_in_tiles(
    monkeypatch: pytest.MonkeyPatch, features: tuple[str, ...], precision: str, pay: bool
) -> None:
    monkeypatch.setattr(rewriting, "cpu_features", lambda: features)
    assert forms_pay(precision) is pay


def test_an_engine_keeps_plain_convolutions_where_forms_do_not_pay(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFX_CACHE", str(tmp_path))
    monkeypatch.setattr("sfx.engines.openvino.forms_pay", lambda precision: False)
    choose("openvino").load(bundle, "mapping").close()
    [kept] = tmp_path.glob("openvino/*/model.xml")
    assert "plain" in kept.parent.name


def test_graphs_typed_fp16_stay_as_they_are() -> None:
    x = ops.parameter([1, 128, 64, 64], np.float16, name="x")
    weights = ops.constant(np.zeros((144, 128, 3, 3), np.float16))
    half = openvino.Model(
        [ops.result(ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1]))], [x], "half"
    )
    assert rewrite(half) == 0
    assert kinds_of(half).count("Convolution") == 1
