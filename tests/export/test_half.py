"""The FP16 form: the same function as the plain form, finite for every style, and measured as FP16 computes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto, helper

import sfx
from sfx.cli import main
from sfx.engines.bundle import Bundle
from sfx.engines.manifest import TensorSpec
from sfx.errors import ParityError
from sfx.export.checkpoint import Checkpoint
from sfx.export.emulation import Emulated, emulate
from sfx.export.graphs import IMAGE_FLOAT, Graph, graphs
from sfx.export.half import LIMIT, HalfConv2d, HalfModulatedConv2d, ScaledConv2d, Stored, half_form
from sfx.export.half_proof import compare, half_share
from sfx.export.networks import Spse
from sfx.export.onnx_files import write_onnx
from sfx.export.operators import ModulatedConv2d


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint) -> Spse:
    return checkpoint.build().eval()


def adversarial_styles(width: int) -> dict[str, torch.Tensor]:
    """Styles (1, width) that plain FP16 gets wrong: out of its range, uneven by seven orders, or all zero."""
    style = torch.randn(1, width, generator=torch.Generator().manual_seed(1))
    uneven = style.clone()
    uneven[0, 3] = 1e7
    scaled = {f"times {scale:g}": style * scale for scale in (1e-6, 1e-3, 1.0, 1e3, 1e5, 1e8)}
    return scaled | {"one channel 1e7": uneven, "all zero": torch.zeros(1, width)}


class FixedStyle(torch.nn.Module):
    """Stands for the affine layer that makes the style, and gives the one under test."""

    def __init__(self, style: torch.Tensor) -> None:
        super().__init__()
        self.style = style

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        return self.style.expand(len(w), -1)


@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("name", adversarial_styles(4))
def test_modulated_convolution_survives_every_style(name: str, upsample: bool) -> None:
    torch.manual_seed(0)
    form = ModulatedConv2d(48, 40, 3, 16, demodulate=True, upsample=upsample)
    style = adversarial_styles(48)[name]
    x, w = torch.randn(2, 48, 12, 12), torch.randn(2, 16)
    half = HalfModulatedConv2d(form, torch.float16)
    form.modulation = FixedStyle(style)  # type: ignore[assignment]
    half.modulation = FixedStyle(style)  # type: ignore[assignment]
    with torch.inference_mode():
        expected, found = form(x, w), half(x, w)
    assert torch.isfinite(found).all()
    error = (found - expected).square().mean().sqrt()
    assert error <= 1e-3 * expected.square().mean().sqrt()


def test_form_in_float32_computes_the_same(model: Spse) -> None:
    single = half_form(model, torch.float32)
    generator = torch.Generator().manual_seed(4)
    one_hot = (torch.rand(2, 22, 64, 64, generator=generator) > 0.9).float()
    codes = torch.randn(2, 10, 32, generator=generator)
    with torch.inference_mode():
        torch.testing.assert_close(
            single.sketch_codes(one_hot), model.sketch_codes(one_hot), atol=1e-5, rtol=0
        )
        torch.testing.assert_close(
            single.decoder.synthesis(codes), model.decoder.synthesis(codes), atol=2e-5, rtol=0
        )
        torch.testing.assert_close(single.decoder.mapping(codes[:, 0]), model.decoder.mapping(codes[:, 0]))


def test_form_leaves_the_model_as_it_is(model: Spse) -> None:
    before = {name: value.data_ptr() for name, value in model.state_dict().items()}
    half_form(model)
    assert {name: value.data_ptr() for name, value in model.state_dict().items()} == before
    assert isinstance(model.decoder.conv1.conv, ModulatedConv2d)


def test_scaling_is_exact_and_bounds_the_result() -> None:
    weight = torch.randn(7, 5, 3, 3) * torch.logspace(-6, 6, 7)[:, None, None, None]
    weight[6] = 0
    conv = ScaledConv2d(weight, 1, 1, torch.float32)
    torch.testing.assert_close(conv.weight * conv.gain[:, None, None, None], weight, atol=0, rtol=0)
    sums = conv.weight.abs().sum((1, 2, 3))
    assert ((sums[:6] >= 0.5) & (sums[:6] <= 1)).all()
    loud = torch.full((1, 5, 8, 8), 1e30)
    assert torch.isfinite(HalfConv2d(weight, None, 1, 1, torch.float16)(loud)).all()
    assert Stored(torch.float16)(loud).max() == LIMIT


def test_proof_is_in_the_manifest(half_bundle: Bundle) -> None:
    manifest = half_bundle.manifest
    measured = {(entry.graph, entry.tensor): entry for entry in manifest.accuracy}
    image, whole = measured["synthesis", IMAGE_FLOAT], measured["whole model", IMAGE_FLOAT]
    assert image.psnr_db > 60
    assert whole.psnr_db > 60
    assert image.worst_layer.startswith("decoder.")
    assert 40 < image.worst_layer_db < 100
    assert 0.9 < image.share < 1
    assert measured["mapping", "w"].share == 0
    assert {entry.precision for entry in manifest.graphs} == {"fp16"}


def test_export_prints_what_is_computed_in_which_precision(
    half_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfx.export.exporter.export", lambda *_, **__: half_bundle)
    result = CliRunner().invoke(main, ["export", "spse.pt", "--out", str(tmp_path), "--precision", "fp16"])
    assert result.exit_code == 0, result.output
    lines = re.findall(r"fp16, emulated: (\w+), .*multiply-adds: (.*)% FP16, (.*)% FP32", result.output)
    assert {graph for graph, _, _ in lines} >= {graph.name for graph in half_bundle.manifest.graphs}
    for _, half, single in lines:
        assert float(half) + float(single) == pytest.approx(100, abs=0.02)


def test_weights_are_stored_in_half_the_bytes(half_bundle: Bundle, bundle: Bundle) -> None:
    for name in ("sketch_encoder", "appearance_encoder", "synthesis"):
        initializers = onnx.load(half_bundle.path / f"{name}.onnx").graph.initializer
        large = [tensor for tensor in initializers if len(tensor.dims) == 4 and tensor.dims[-1] == 3]
        assert large
        assert {tensor.data_type for tensor in large} == {TensorProto.FLOAT16}
        assert (
            abs(half_bundle.manifest.graph(name).parameters / bundle.manifest.graph(name).parameters - 1)
            < 0.2
        )


def test_bytes_are_cast_first_and_last(half_bundle: Bundle) -> None:
    """TensorRT takes a byte input only into a Cast, and gives a byte output only out of one."""
    for entry in half_bundle.manifest.graphs:
        graph = onnx.load(half_bundle.path / entry.file.path).graph
        for spec in entry.inputs:
            if spec.dtype == "uint8":
                assert {node.op_type for node in graph.node if spec.name in node.input} == {"Cast"}
        for spec in entry.outputs:
            if spec.dtype == "uint8":
                assert [node.op_type for node in graph.node if spec.name in node.output] == ["Cast"]


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_half_bundle_runs_on_the_cpu(
    backend: str, half_bundle: Bundle, bundle: Bundle, sketch_path: Path, photo_path: Path
) -> None:
    faces = []
    for path in (half_bundle.path, bundle.path):
        with sfx.load(path, backend=backend) as pipeline:
            label_map = sfx.read_label_map(sketch_path, pipeline.config.encoder_size)
            appearance = pipeline.encode_appearance(sfx.read_picture(photo_path))
            faces.append(pipeline.draw(label_map, appearance).astype(int))
    assert 0 < np.abs(faces[0] - faces[1]).max() <= 4


def test_half_bundle_verifies(half_bundle: Bundle) -> None:
    result = CliRunner().invoke(main, ["verify", str(half_bundle.path)])
    assert result.exit_code == 0, result.output


def small_graph(path: Path) -> Graph:
    """y = x * 3 computed in FP16."""
    nodes = [
        helper.make_node("Cast", ["x"], ["x16"], to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["x16", "three"], ["tripled"]),
        helper.make_node("Cast", ["tripled"], ["y"], to=TensorProto.FLOAT),
    ]
    tensors = [helper.make_tensor("three", TensorProto.FLOAT16, [1], [3.0])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in ("x", "y")]
    inner = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT16, ["batch", 2]) for name in ("x16", "tripled")
    ]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], tensors, value_info=inner)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    spec = TensorSpec("x", "float32", (-1, 2))
    return Graph("small", (spec,), (replace(spec, name="y"),), lambda _: torch.nn.Identity())


def test_emulator_rounds_after_every_operator(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    x = np.array([[0.1, 30000.0]], np.float32)
    found = emulate(small_graph(path), path, {"x": x}).outputs["y"]
    with np.errstate(over="ignore"):
        expected = (x.astype(np.float16) * np.float16(3)).astype(np.float32)
    np.testing.assert_array_equal(found, expected)
    assert found[0, 0] != x[0, 0] * 3
    assert np.isinf(found[0, 1])


def test_emulated_convolutions_match_torch_in_half(model: Spse, tmp_path: Path) -> None:
    """The emulator and PyTorch's own FP16 on the CPU round at the same places."""
    (graph,) = (graph for graph in graphs(model.config) if graph.name == "synthesis")
    written = write_onnx(graph, half_form(model), tmp_path / "half.onnx")
    codes = torch.randn(1, 10, 32, generator=torch.Generator().manual_seed(2))
    emulated = emulate(graph, written.path, {"codes": codes.numpy()}).outputs[IMAGE_FLOAT]
    with torch.inference_mode():
        torch_half = half_form(model).decoder.synthesis(codes).numpy()
        plain = model.decoder.synthesis(codes).numpy()
    error = np.square(torch_half - plain).mean()
    assert 0.5 < np.square(emulated - plain).mean() / error < 2
    assert half_share(written.path) > 0.9


@pytest.mark.parametrize("name", adversarial_styles(4))
def test_synthesis_never_overflows(name: str, half_bundle: Bundle, model: Spse) -> None:
    """Every convolution of the emulated graph stays finite, and the image close to FP32 in its own range."""
    (graph,) = (graph for graph in graphs(model.config) if graph.name == "synthesis")
    codes = adversarial_styles(32)[name].expand(10, 32)[None].contiguous()
    emulated = emulate(graph, half_bundle.path / "synthesis.onnx", {"codes": codes.numpy()})
    assert emulated.layers
    for layer, values in emulated.layers.items():
        assert np.isfinite(values).all(), layer
    with torch.inference_mode():
        plain = model.decoder.synthesis(codes).numpy()
    assert np.abs(emulated.outputs[IMAGE_FLOAT] - plain).max() <= 1e-2 * np.abs(plain).max()


def test_damage_is_named_by_layer() -> None:
    good = np.ones((1, 3, 4, 4), np.float32)
    ramp = np.linspace(-1, 1, good.size, dtype=np.float32).reshape(good.shape)
    expected = {IMAGE_FLOAT: ramp}
    single = {"decoder.a": good, "decoder.b": good}
    poor = Emulated({IMAGE_FLOAT: ramp * 1.01}, {"decoder.a": good * 1.0001, "decoder.b": good * 1.01})
    with pytest.raises(
        ParityError, match=r"within 60 dB of FP32, found 5\d\.\d dB; the worst layer is decoder.b"
    ):
        compare("synthesis", poor, single, expected, 1.0)
    overflown = Emulated({IMAGE_FLOAT: ramp}, {"decoder.a": good, "decoder.b": good * np.inf})
    with pytest.raises(
        ParityError, match=r"layer decoder\.b: expected finite values in FP16, found overflow"
    ):
        compare("synthesis", overflown, single, expected, 1.0)
    nan = Emulated({IMAGE_FLOAT: ramp * np.nan}, {})
    with pytest.raises(ParityError, match="output image_float: expected finite values in FP16, found NaN"):
        compare("synthesis", nan, {}, expected, 1.0)
