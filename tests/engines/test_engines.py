"""Engines behind the one seam: both backends keep the same contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.cache import cache_directory
from sfx.engines.engine import Device, Engine
from sfx.engines.openvino_forms import FORMS_VERSION
from sfx.errors import BundleError, EngineError, InputError, MissingPackageError

BACKENDS = ("openvino", "onnxruntime")


@pytest.fixture(params=BACKENDS)
def mapping(request: pytest.FixtureRequest, bundle: Bundle) -> Engine:
    return choose(request.param, "cpu").load(bundle, "mapping")


def z(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).standard_normal((batch, 32)).astype(np.float32)


def test_engine_says_what_it_is(mapping: Engine) -> None:
    assert isinstance(mapping, Engine)
    assert mapping.backend in BACKENDS
    assert (mapping.device, mapping.precision) == ("cpu", "fp32")
    assert mapping.inputs["z"].shape == (-1, 32)
    assert mapping.outputs["w"].dtype == "float32"


def test_batches_of_any_size_give_the_rows_one_by_one(mapping: Engine) -> None:
    rows = z(5)
    whole = mapping({"z": rows})["w"]
    for index in range(5):
        np.testing.assert_allclose(mapping({"z": rows[index : index + 1]})["w"][0], whole[index], atol=1e-5)


def test_outputs_belong_to_the_caller(mapping: Engine) -> None:
    first = mapping({"z": z(1)})["w"]
    before = first.copy()
    mapping({"z": -z(1)})
    np.testing.assert_array_equal(first, before)
    first[:] = 0  # writable


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, r"graph mapping: expected the inputs \['z'\], found \[\]"),
        ({"x": z(1)}, r"expected the inputs \['z'\], found \['x'\]"),
        ({"z": z(1).astype(np.float64)}, r"input z: expected float32 \(B, 32\), found float64 \(1, 32\)"),
        ({"z": z(1)[:, :31]}, r"expected float32 \(B, 32\), found float32 \(1, 31\)"),
        ({"z": z(1)[0]}, r"expected float32 \(B, 32\), found float32 \(32,\)"),
        ({"z": z(1)[:0]}, "expected one batch size of at least 1"),
    ],
)
def test_feeds_that_do_not_fit_are_named(feeds: dict[str, np.ndarray], message: str, mapping: Engine) -> None:
    with pytest.raises(EngineError, match=message):
        mapping(feeds)


def test_auto_takes_openvino_on_a_cpu_and_says_so() -> None:
    choice = choose()
    assert (choice.backend, str(choice.device), choice.precision) == ("openvino", "cpu", "fp32")
    assert "auto" in str(choice)
    assert "as asked" in str(choose("onnxruntime"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("tensorflow",),
            InputError,
            "backend: expected one of openvino, onnxruntime, tensorrt, tensorrt-rtx, found 'tensorflow'",
        ),
        (("auto", "tpu"), InputError, "device: expected cpu, cuda or cuda:N, found 'tpu'"),
        (("auto", "cuda:x"), InputError, "device: expected"),
        (("auto", "cpu", "int2"), InputError, "precision: expected one of fp32, bf16, fp16, found 'int2'"),
        (
            ("onnxruntime", "cpu", "fp16"),
            EngineError,
            "onnxruntime on cpu: expected precision fp32 or bf16 for graphs exported in fp32, found fp16",
        ),
        (
            ("openvino", "cuda"),
            EngineError,
            "backend openvino: expected to run on cuda:0, found support here for cpu",
        ),
    ],
)
def test_what_cannot_run_is_refused(arguments: tuple[str, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        choose(*arguments)


def test_cuda_without_cuda_is_an_error_and_not_the_cpu() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine may have CUDA")
    with pytest.raises(EngineError, match="expected to run on cuda:1, found support here for cpu only"):
        choose("auto", "cuda:1")


def test_silent_fall_back_of_onnx_runtime_is_caught(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    asked: list[object] = []

    class FellBack(onnxruntime.InferenceSession):  # type: ignore[misc]
        """A session that was asked for CUDA and quietly took the CPU, as onnxruntime-gpu does without a driver."""

        def __init__(self, *arguments: object, **named: object) -> None:
            asked.append(named["providers"])
            super().__init__(*arguments, **(named | {"providers": ["CPUExecutionProvider"]}))

    monkeypatch.setattr(onnxruntime, "InferenceSession", FellBack)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(EngineError, match="expected to run on cuda:0 with CUDAExecutionProvider, found only"):
        choose("onnxruntime", "cuda").load(bundle, "mapping")
    assert asked == [[("CUDAExecutionProvider", {"device_id": "0", "use_tf32": "0"})]]


def test_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'sfx\[onnxruntime\]'"):
        choose("onnxruntime")


def test_device_text() -> None:
    assert str(Device.parse("cuda")) == "cuda:0"
    assert str(Device.parse("cuda:3")) == "cuda:3"
    assert str(Device.parse("cpu")) == "cpu"


def test_openvino_keeps_one_compiled_model_a_batch_size(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFX_CACHE", str(tmp_path / "cache"))
    engine = choose("openvino").load(bundle, "mapping")
    expected = engine({"z": z(2)})["w"]
    kept = sorted(path.name for path in (tmp_path / "cache" / "openvino").iterdir())
    sha = bundle.manifest.graph("mapping").file.sha256
    assert len(kept) == 2
    assert kept[0].startswith(f"{sha}-forms{FORMS_VERSION}-fp32-batch1-")
    assert kept[1].startswith(f"{sha}-forms{FORMS_VERSION}-fp32-batch2-")
    # A second start reads the cache and not the ONNX file.
    monkeypatch.setattr(Bundle, "checked", lambda *_: pytest.fail("the ONNX file was read again"))
    again = choose("openvino").load(bundle, "mapping")
    np.testing.assert_array_equal(again({"z": z(2)})["w"], expected)


def test_openvino_leaves_out_what_one_output_does_not_need(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFX_CACHE", str(tmp_path))
    codes = np.random.default_rng(0).standard_normal((1, 10, 32)).astype(np.float32)
    weights, results = {}, {}
    for output in (None, "image", "preview"):
        before = set(tmp_path.rglob("model.bin"))
        results[output] = choose("openvino").load(bundle, "synthesis", output=output)({"codes": codes})
        (kept,) = set(tmp_path.rglob("model.bin")) - before
        weights[output] = kept.stat().st_size
    assert [list(found) for found in results.values()] == [
        ["image", "preview", "half_preview"],
        ["image"],
        ["preview"],
    ]
    for output in ("image", "preview"):
        np.testing.assert_array_equal(results[output][output], results[None][output])
    assert weights["preview"] < 0.9 * weights["image"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_output_that_a_bundle_does_not_have_is_named(backend: str, bundle: Bundle) -> None:
    with pytest.raises(
        BundleError, match=r"graph mapping: expected an output 'preview', found \['w'\].*export it again"
    ):
        choose(backend).load(bundle, "mapping", output="preview")


def test_a_start_beside_another_one_tries_again(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    compiled = openvino.Core.compile_model
    calls = []

    def disturbed(core: openvino.Core, *args: object) -> object:
        calls.append(args)
        if len(calls) in failing:
            raise RuntimeError("filesystem error: cannot set permissions: No such file or directory")
        return compiled(core, *args)

    monkeypatch.setattr(openvino.Core, "compile_model", disturbed)
    failing = {1}
    assert choose("openvino", "cpu").load(bundle, "mapping")({"z": z(1)})["w"].shape == (1, 32)
    assert len(calls) == 2
    failing = {3, 4}
    with pytest.raises(EngineError, match=r"OpenVINO failed to compile it: .*cannot set permissions"):
        choose("openvino", "cpu").load(bundle, "mapping")


def test_unwritable_cache_warns_and_runs(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SFX_CACHE", str(tmp_path / "file"))
    engine = choose("openvino").load(bundle, "mapping")
    assert engine({"z": z(1)})["w"].shape == (1, 32)
    assert "cannot keep the compiled model there" in caplog.text


def test_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SFX_CACHE", "off")
    assert cache_directory() is None
    monkeypatch.delenv("SFX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "sfx"


def test_precision_is_set_and_not_left_to_the_cpu(bundle: Bundle) -> None:
    """BF16 rounds to 8 bits: where the CPU has it, FP32 must not have been replaced by it."""
    import openvino

    proof_z = z(4)
    exact = choose("onnxruntime").load(bundle, "mapping")({"z": proof_z})["w"]
    fp32 = choose("openvino", precision="fp32").load(bundle, "mapping")({"z": proof_z})["w"]
    assert np.abs(fp32 - exact).max() < 1e-4
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        engine = choose("openvino", precision="bf16").load(bundle, "mapping")
        assert engine.precision == "bf16"
        assert 1e-4 < np.abs(engine({"z": proof_z})["w"] - exact).max() < 0.1
    else:
        with pytest.raises(EngineError, match="expected a CPU with BF16 instructions"):
            choose("openvino", precision="bf16").load(bundle, "mapping")
    with pytest.raises(EngineError, match="backend onnxruntime: expected precision fp32, found bf16"):
        choose("onnxruntime", precision="bf16").load(bundle, "mapping")
