"""`sfx calibrate` on a small model: what it writes keeps its word on both backends, or nothing is written."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from sfx.benchmarks.bench import about_bundle
from sfx.calibration.calibrate import GRAPHS, PROOF, SET, Request, Way, calibrate, prices_of
from sfx.calibration.draft import Draft
from sfx.calibration.drawing import Fp32Faces, draw_with
from sfx.calibration.page import page, side_by_side
from sfx.calibration.plans import Budget, choose
from sfx.calibration.quality import psnr
from sfx.calibration.report import findings, print_report, to_json
from sfx.calibration.sensitivity import measure_damages, prepare_graphs
from sfx.calibration.sets import CalibrationSet
from sfx.cli import main
from sfx.engines import backends
from sfx.engines.bundle import Bundle
from sfx.engines.bundle_writing import bundle_file
from sfx.engines.manifest import MANIFEST
from sfx.engines.manifest_reading import read_manifest
from sfx.engines.verify import verify_bundle
from sfx.errors import BudgetError, BundleError, EngineError, MissingPackageError, ParityError
from sfx.runtime.pipeline import load
from tests.calibration.conftest import TARGET_DB, Calibrated

BACKENDS = ("openvino", "onnxruntime")


def test_the_plan_keeps_the_most_sensitive_layers_high(calibrated: Calibrated) -> None:
    result = calibrated.result
    plan = {(entry.graph, entry.layer): entry.precision for entry in result.lowering.plan}
    assert set(plan.values()) == {"int8", "fp32"}
    lowered, high = (
        [one for one in result.damages if plan[one.group.graph, one.group.layers[0].name] == precision]
        for precision in ("int8", "fp32")
    )
    most = max(one.rate for one in lowered)
    assert all(one.rate >= most or one.psnr_db < TARGET_DB for one in high)


def test_the_graphs_hold_what_the_plan_says(calibrated: Calibrated) -> None:
    result = calibrated.result
    for entry in result.bundle.manifest.graphs:
        model = onnx.load(result.bundle.path / entry.file.path)
        lowered = [one for one in result.lowering.plan if (one.graph, one.precision) == (entry.name, "int8")]
        assert entry.int8_layers == len(lowered)
        dequantised = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
        convolutions = [node for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")]
        assert sum(node.input[1] in dequantised for node in convolutions) == len(lowered)
        zero_points = [
            numpy_helper.to_array(tensor)
            for tensor in model.graph.initializer
            if tensor.name.endswith("_zero_point")
        ]
        assert not any(values.any() for values in zero_points), "expected symmetric scales"
        onnx.checker.check_model(model)


@pytest.mark.parametrize("backend", BACKENDS)
def test_both_backends_draw_with_the_psnr_of_the_manifest(
    backend: str, bundle: Bundle, calibrated: Calibrated, pairs: CalibrationSet
) -> None:
    lowered = calibrated.result.bundle
    lowering = read_manifest(lowered.path).lowering
    assert lowering is not None
    assert lowering == calibrated.result.lowering
    price = next(one for one in lowering.prices if (one.backend, one.faces) == (backend, SET))
    expected = draw_with(bundle, backends.choose("openvino", "cpu"), pairs)
    found = draw_with(lowered, backends.choose(backend, "cpu"), pairs)
    assert psnr(expected, found) == pytest.approx(price.psnr_db, abs=0.2)
    assert price.psnr_db >= TARGET_DB
    assert price.worst_psnr_db <= price.psnr_db
    assert lowering.chosen_on == pairs.description
    assert {one.faces for one in lowering.prices} == {SET, PROOF}


def test_the_bundle_is_an_ordinary_one(
    calibrated: Calibrated, sketch_path: Path, photo_path: Path, tmp_path: Path
) -> None:
    path = calibrated.result.bundle.path
    assert not list(path.glob("*prepared*"))
    assert {file.path for file in calibrated.result.bundle.manifest.files()} | {MANIFEST} == {
        found.name for found in path.iterdir()
    }
    lines = list(verify_bundle(path))
    assert any("layers int8" in line and line.startswith("synthesis, image") for line in lines)
    arguments = [
        "run",
        str(sketch_path),
        "--appearance",
        str(photo_path),
        "--bundle",
        str(path),
        "--out",
        str(tmp_path),
    ]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "layers quantised to int8" in done.output
    with load(path) as pipeline:
        about = about_bundle(pipeline)
    assert about["int8_psnr_db"] == min(price.psnr_db for price in calibrated.result.lowering.prices)


def test_verify_finds_a_lowered_graph_that_does_less_well(calibrated: Calibrated, tmp_path: Path) -> None:
    manifest = calibrated.result.bundle.manifest
    parity = tuple(
        replace(one, tolerance=one.error / 2) for one in manifest.parity if one.graph == "synthesis"
    )
    for file in manifest.files():
        (tmp_path / file.path).write_bytes((calibrated.result.bundle.path / file.path).read_bytes())
    rest = tuple(one for one in manifest.parity if one.graph != "synthesis")
    (tmp_path / MANIFEST).write_text(replace(manifest, parity=(*rest, *parity)).to_json())
    with pytest.raises(
        ParityError, match=r"graph synthesis, output image, .* layers int8: expected a difference"
    ):
        list(verify_bundle(tmp_path, ["openvino"]))
    (tmp_path / MANIFEST).write_text(replace(manifest, parity=rest).to_json())
    with pytest.raises(BundleError, match="key 'parity': expected what layers in int8 change in synthesis"):
        list(verify_bundle(tmp_path, ["openvino"]))


def test_a_layer_that_int8_ruins_is_kept_high(
    bundle_copy: Path, pairs: CalibrationSet, tmp_path: Path
) -> None:
    # One channel 3000 times as large, and its weights as much smaller: the same function, but INT8 loses the others.
    spoil(bundle_copy, "appearance_encoder", "encoder.body.1.res_layer.0", 3000.0)
    source = Bundle.open(bundle_copy)
    way = backends.choose("openvino", "cpu")
    with Fp32Faces(source, way, pairs) as fp32:
        draft = Draft.begin(source, tmp_path)
        layers, ranges = prepare_graphs(draft, fp32, lambda _: None)
        names = ("encoder.body.1.res_layer.1", "encoder.body.1.res_layer.4")
        two = [layer for layer in layers if layer.name in names]
        damages = measure_damages(draft, fp32, two, ranges, 2, lambda _: None)
        spoilt, sound = damages
        assert spoilt.psnr_db < sound.psnr_db - 10
        target = (spoilt.psnr_db + sound.psnr_db) / 2

        chosen, _ = choose(
            damages,
            Budget(target),
            lambda trial: prices_of(draft.with_int8(trial, ranges), [Way.by(way)], pairs, fp32.faces),
        )
    assert [layer.name for layer in chosen] == [names[1]]


def spoil(bundle: Path, graph: str, norm: str, factor: float) -> None:
    """Scale channel 0 of a BatchNorm by `factor`, and the kernel that reads it by its inverse."""
    manifest = read_manifest(bundle)
    path = bundle / manifest.graph(graph).file.path
    model = onnx.load(path)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    node = next(
        one
        for one in model.graph.node
        if one.op_type == "BatchNormalization"
        and any(f"'{norm}'" in entry.value for entry in one.metadata_props)
    )
    reader = next(one for one in model.graph.node if node.output[0] in one.input)
    for name, index, by in (
        (node.input[1], (0,), factor),
        (node.input[2], (0,), factor),
        (reader.input[1], (slice(None), 0), 1 / factor),
    ):
        values = numpy_helper.to_array(constants[name]).copy()
        values[index] *= np.float32(by)
        constants[name].CopyFrom(numpy_helper.from_array(values, name))
    onnx.save(model, path)
    graphs = tuple(
        replace(entry, file=bundle_file(path)) if entry.name == graph else entry for entry in manifest.graphs
    )
    (bundle / MANIFEST).write_text(replace(manifest, graphs=graphs).to_json())


def test_a_budget_that_cannot_be_kept_leaves_nothing(
    bundle: Bundle, pairs: CalibrationSet, tmp_path: Path
) -> None:
    out = tmp_path / "engines"
    with pytest.raises(BudgetError, match=r"at least 150 dB .* found \d+\.\d dB .* it misses by \d+"):
        calibrate(bundle, out, pairs, Request(Budget(150.0), groups=1))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_the_old_bundle(
    bundle_copy: Path, pairs: CalibrationSet, bundle: Bundle
) -> None:
    before = (bundle_copy / MANIFEST).read_bytes()

    def stop(step: str) -> None:
        if step.startswith("1/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(bundle, bundle_copy, pairs, Request(Budget(40.0), groups=1), force=True, progress=stop)
    assert (bundle_copy / MANIFEST).read_bytes() == before
    assert [path.name for path in bundle_copy.parent.iterdir()] == [bundle_copy.name]


def test_the_high_layers_run_in_bf16_where_it_is_asked_for(
    bundle: Bundle, pairs: CalibrationSet, tmp_path: Path
) -> None:
    request = Request(Budget(25.0), high="bf16", groups=1)
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(EngineError, match="expected a CPU with BF16 instructions"):
            calibrate(bundle, tmp_path / "out", pairs, request)
        return
    lowering = calibrate(bundle, tmp_path / "out", pairs, request).lowering
    assert {entry.precision for entry in lowering.plan} <= {"int8", "bf16"}
    on_set = [(price.backend, price.precision) for price in lowering.prices if price.faces == SET]
    assert on_set == [("openvino", "bf16"), ("openvino", "fp32"), ("onnxruntime", "fp32")]


def test_what_cannot_be_calibrated_is_refused_in_one_line(
    calibrated: Calibrated, bundle: Bundle, pairs: CalibrationSet, tmp_path: Path
) -> None:
    request = Request(Budget(40.0))
    first, *others = bundle.manifest.graphs
    mixed = replace(bundle.manifest, graphs=(replace(first, precision="fp16"), *others))
    with pytest.raises(
        BundleError, match="expected a bundle as exported, found one that was calibrated already"
    ):
        calibrate(calibrated.result.bundle, tmp_path / "out", pairs, request)
    with pytest.raises(
        BundleError,
        match="expected graphs all in fp32 or all in fp16, found sketch_encoder in fp16, appearance_encoder in fp32",
    ):
        calibrate(Bundle(bundle.path, mixed), tmp_path / "out", pairs, request)
    done = CliRunner().invoke(main, ["calibrate", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert done.output.strip().count("\n") == 0
    assert "expected a bundle directory, found nothing" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(
    bundle: Bundle, pairs: CalibrationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        MissingPackageError, match=r"expected the package onnx, found none; .*sfx\[calibration\]"
    ):
        calibrate(bundle, tmp_path / "out", pairs, Request(Budget(40.0)))


def test_the_report_says_what_was_measured(
    calibrated: Calibrated, capsys: pytest.CaptureFixture[str]
) -> None:
    result = calibrated.result
    content = json.loads(json.dumps(to_json(result)))
    assert content["schema"] == 1
    assert {group["graph"] for group in content["groups"]} == set(GRAPHS)
    assert len(content["plan"]) == sum(len(group["layers"]) for group in content["groups"])
    assert all(one["lowest"] <= one["highest"] for one in content["ranges"])
    print_report(result)
    printed = capsys.readouterr().out
    for line in findings(result):
        assert line in printed
    text = page(result)
    assert text.count("<circle") == len(result.damages), "expected a dot a group"
    assert all(f">{precision}</text>" in text for precision in ("int8", "fp32")), "expected a legend of two"
    assert "data:image/png;base64," in text


def test_the_difference_is_drawn_around_grey() -> None:
    expected = np.full((2, 4, 4, 3), 100, np.uint8)
    found = expected.copy()
    found[1, 0, 0] = 103
    picture = side_by_side(expected, found)
    assert picture.shape == (8, 12, 3)
    assert picture[0, 8, 0] == 128
    assert picture[4, 8, 0] == 128 + 24
