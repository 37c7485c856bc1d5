"""`sfx calibrate` on a bundle in FP16: INT8 in FP16 graphs, on both CPU backends, and as TensorRT-RTX builds it."""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from sfx.calibration.calibrate import GRAPHS, PROOF, SET, Request, Result, calibrate
from sfx.calibration.drawing import draw_with
from sfx.calibration.emulated import draw_emulated, emulated_bundle
from sfx.calibration.forms import FORMS
from sfx.calibration.half_rounding import round_every_half
from sfx.calibration.layers import convolutions
from sfx.calibration.plans import Budget
from sfx.calibration.quality import psnr
from sfx.calibration.quantise import load_model
from sfx.calibration.sets import CalibrationSet
from sfx.cli import main
from sfx.engines import backends
from sfx.engines.bundle import Bundle
from sfx.engines.compiled import BuildOptions
from sfx.engines.compiling import compile_bundle
from sfx.engines.locate import PACKAGED_DEMO
from sfx.engines.manifest_reading import read_manifest
from sfx.engines.processor import cpu_features
from sfx.engines.recorded import read_arrays
from sfx.engines.verify import verify_bundle
from sfx.errors import InputError, MissingPackageError
from sfx.export.checkpoint import Checkpoint
from sfx.export.emulation import emulate
from sfx.export.graphs import graphs
from tests.calibration.test_ranges_and_quantise import even_out
from tests.export.test_half import adversarial_styles

HALF = FORMS["fp16"]
TARGET_DB = 46.0
"""Between the encoders in INT8 and the synthesis in INT8, each alone."""


@pytest.fixture(scope="module")
def result(half_bundle: Bundle, pairs: CalibrationSet, tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("half-int8") / "engines"
    return calibrate(half_bundle, out, pairs, Request(Budget(TARGET_DB), groups=3))


def test_the_other_layers_are_planned_in_fp16(result: Result) -> None:
    lowering = read_manifest(result.bundle.path).lowering
    assert lowering == result.lowering
    assert {entry.precision for entry in lowering.plan} == {"int8", "fp16"}
    assert {graph.precision for graph in result.bundle.manifest.graphs} == {"fp16"}


def test_convolutions_read_int8_through_fp16_scales(result: Result) -> None:
    for entry in result.bundle.manifest.graphs:
        model = onnx.load(result.bundle.path / entry.file.path)
        onnx.checker.check_model(model, full_check=True)
        assert [one.version for one in model.opset_import] == [entry.opset]
        types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
        makers = {node.output[0]: node for node in model.graph.node}
        lowered = 0
        for node in model.graph.node:
            made_by = [makers[name].op_type for name in node.input if name in makers]
            if "DequantizeLinear" in made_by:
                assert node.op_type == "Conv"
                assert made_by == ["DequantizeLinear"] * 2
                lowered += 1
            if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                assert types[node.input[1]] == onnx.TensorProto.FLOAT16
        assert lowered == entry.int8_layers


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_both_backends_draw_with_the_psnr_of_the_manifest(
    backend: str, result: Result, half_bundle: Bundle, pairs: CalibrationSet
) -> None:
    prices = [one for one in result.lowering.prices if (one.backend, one.precision) == (backend, "fp32")]
    assert {one.faces for one in prices} == {SET, PROOF}
    price = next(one for one in prices if one.faces == SET)
    expected = draw_with(half_bundle, backends.choose("openvino", "cpu"), pairs)
    found = draw_with(result.bundle, backends.choose(backend, "cpu"), pairs)
    assert psnr(expected, found) == pytest.approx(price.psnr_db, abs=0.2)
    assert price.psnr_db >= TARGET_DB


def test_the_budget_is_kept_with_every_fp16_result_rounded(
    result: Result, half_bundle: Bundle, pairs: CalibrationSet
) -> None:
    prices = {one.faces: one for one in result.lowering.prices if one.precision == "fp16, emulated"}
    assert prices.keys() == {SET, PROOF}
    assert prices[SET].psnr_db >= TARGET_DB
    fp32 = draw_with(half_bundle, backends.choose("openvino", "cpu"), pairs)
    rounded = draw_emulated(result.bundle, pairs)
    assert psnr(fp32, rounded) == pytest.approx(prices[SET].psnr_db, abs=0.2)
    unrounded = draw_with(result.bundle, backends.choose("onnxruntime", "cpu"), pairs)
    assert (rounded != unrounded).any(), "expected FP16 to round otherwise than FP32"


def test_an_emulated_bundle_computes_what_export_emulates(
    half_bundle: Bundle, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """The same arithmetic by way of an engine: each graph's outputs, to the bit."""
    emulated = emulated_bundle(half_bundle, tmp_path)
    proof = read_arrays(half_bundle, half_bundle.manifest.proof)
    for graph in graphs(checkpoint.config):
        feeds = {spec.name: proof[spec.name][:1] for spec in graph.inputs}
        with closing(backends.choose("onnxruntime", "cpu").load(emulated, graph.name)) as engine:
            found = engine(feeds)
        expected = emulate(graph, half_bundle.path / half_bundle.manifest.graph(graph.name).file.path, feeds)
        for name in found:
            np.testing.assert_array_equal(found[name], expected.outputs[name], err_msg=name)


def test_integers_are_not_rounded_on_their_way_to_a_convolution() -> None:
    half = onnx.TensorProto.FLOAT16
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("DequantizeLinear", ["integers", "scale"], ["widened"]),
            onnx.helper.make_node("Relu", ["widened"], ["result"]),
            onnx.helper.make_node("Cast", ["result"], ["output"], to=onnx.TensorProto.FLOAT),
        ],
        "graph",
        [info("integers", onnx.TensorProto.INT8, [4])],
        [info("output", onnx.TensorProto.FLOAT, [4])],
        [numpy_helper.from_array(np.float16(0.1), "scale")],
        value_info=[info("widened", half, [4]), info("result", half, [4])],
    )
    model = ir.from_proto(onnx.helper.make_model(graph))
    round_every_half(model)
    expected = ["Cast", "DequantizeLinear", "Relu", "Cast", "Cast", "Cast"]
    assert [node.op_type for node in model.graph] == expected
    assert {value.dtype for node in model.graph for value in node.outputs if value.name == "widened"} == {
        ir.DataType.FLOAT
    }


def test_an_emulated_bundle_is_whole(tmp_path: Path) -> None:
    """Of the model that ships, which has statistics of its codes."""
    demo = Bundle.open(PACKAGED_DEMO)
    emulated = emulated_bundle(demo, tmp_path)
    assert emulated.manifest.statistics is not None
    assert [file.path for file in emulated.manifest.files()] == [file.path for file in demo.manifest.files()]
    emulated.expect_files()


def test_what_emulates_fp16_is_named_where_it_is_missing(
    half_bundle: Bundle, pairs: CalibrationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx_ir", None)
    with pytest.raises(MissingPackageError, match=r"expected the package onnx_ir, .*sfx\[calibration\]"):
        calibrate(half_bundle, tmp_path / "out", pairs, Request(Budget(TARGET_DB), groups=3))
    assert list(tmp_path.iterdir()) == []


def test_the_bundle_verifies_and_claims_nothing_of_the_graphs_before(result: Result) -> None:
    lowered = {entry.name for entry in result.bundle.manifest.graphs if entry.int8_layers}
    assert lowered == {layer.graph for layer in result.chosen}
    # Without VNNI INT8 products saturate: all of synthesis at 31 dB instead of 43, and none of it keeps this budget.
    if "avx512_vnni" in cpu_features():
        assert lowered == set(GRAPHS)
    lines = list(verify_bundle(result.bundle.path))
    assert {line.split(",")[0] for line in lines if "layers int8" in line} == lowered
    assert not lowered & {one.graph for one in result.bundle.manifest.accuracy}


@pytest.mark.parametrize("name", ["times 1", "times 1e+08", "one channel 1e7", "all zero"])
def test_nothing_overflows_in_fp16(name: str, result: Result, checkpoint: Checkpoint) -> None:
    """With every operator's FP16 result rounded as on a GPU, and styles beyond all that the set had."""
    (graph,) = (graph for graph in graphs(checkpoint.config) if graph.name == "synthesis")
    codes = adversarial_styles(32)[name].expand(10, 32)[None].contiguous().numpy()
    path = result.bundle.path / result.bundle.manifest.graph("synthesis").file.path
    emulated = emulate(graph, path, {"codes": codes})
    assert {layer.name for layer in result.chosen if layer.graph == "synthesis"} <= emulated.layers.keys()
    for layer, values in (emulated.layers | emulated.outputs).items():
        assert np.isfinite(values).all(), layer


@pytest.mark.parametrize("capabilities", [(), ("7.5",)])
def test_tensorrt_rtx_multiplies_every_lowered_layer_in_int8_but_on_turing(
    capabilities: tuple[str, ...], result: Result, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(result.bundle.path, tmp_path / "engines"))
    compiled = compile_bundle(path, ("tensorrt-rtx",), BuildOptions(capabilities, max_batch=1))
    for plan in compiled.manifest.plans:
        content = compiled.checked(plan.file).read_bytes().decode("latin-1")
        lowered = compiled.manifest.graph(plan.graph).int8_layers
        assert int8_convolutions(content) == (0 if capabilities else lowered), plan.graph


def int8_convolutions(plan: str) -> int:
    """How many convolutions of a plan have int8 operands: TensorRT-RTX 1 keeps its compiled graph as text there."""
    types = dict(re.findall(r'tensor=\{[^\n]*? name="?([^\s"]+)"? [^\n]*type=(\w+) \}', plan))
    operands = re.findall(r"(?:corrltn|deconvolution)=\{ name=[^\n]*? input=\{ ?([^}]*)\}", plan)
    read = [[types.get(name) for name in re.findall(r'[^\s"]+', names)[:2]] for names in operands]
    return read.count(["int8", "int8"])


def test_transposed_convolutions_stay_and_channels_are_evened_out(half_bundle: Bundle) -> None:
    model = load_model(half_bundle.path / "synthesis.onnx")
    found = convolutions("synthesis", model, HALF)
    modulated = ["conv1", *(f"convs.{index}" for index in (1, 3, 5, 7)), "to_rgb1"]
    modulated += [f"to_rgbs.{index}" for index in range(4)]
    assert {one.name for one in found} == {f"decoder.{name}.conv.conv" for name in modulated}
    change, gain = even_out(model, found)
    assert change <= 2  # kernels are rounded to FP16 again
    assert gain > 1.1, "expected the largest values nearer to the others"
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.name in {one.node for one in found}:
            kernel = constants[node.input[1]]
            assert kernel.dtype == np.float16
            # 1 would be the bound before kernels are rounded to FP16.
            assert np.abs(kernel.astype(np.float64)).sum((1, 2, 3)).max() < 1.001, node.name


def test_what_fp16_graphs_cannot_compute_in_is_refused_in_one_line(
    half_bundle: Bundle, tmp_path: Path
) -> None:
    arguments = ["calibrate", str(half_bundle.path), "--out", str(tmp_path / "out"), "--pairs", "1"]
    done = CliRunner().invoke(main, [*arguments, "--high", "bf16"])
    assert done.exit_code != 0
    assert (
        done.output.strip()
        .splitlines()[-1]
        .endswith("high: expected fp16 for graphs exported in fp16, found bf16")
    )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="expected fp32 or bf16 for graphs exported in fp32, found fp16"):
        FORMS["fp32"].high("fp16")
    assert [form.high(None) for form in FORMS.values()] == ["fp32", "fp16"]
