"""Running compiled engines, on a GPU of host memory: what is bound, copied, captured, refused and freed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sfx
from sfx.engines import backends, cuda
from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.engine import Engine
from sfx.engines.onnxruntime import OnnxRuntimeEngine
from sfx.errors import EngineError, MissingPackageError, SfxError
from tests.engines.conftest import Machine
from tests.engines.fake_gpu import VERSIONS, FakeArray, FakeEngine, Status, add_fake_plans


@pytest.fixture
def mapping(target: str, compiled: Bundle) -> Iterator[Engine]:
    engine = choose(target).load(compiled, "mapping")
    yield engine
    engine.close()


def z(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((batch, 32)).astype(np.float32)


def load_and_run(bundle: Bundle) -> None:
    engine = choose("tensorrt").load(bundle, "mapping")
    try:
        engine({"z": z(1)})
    finally:
        engine.close()


def expected(bundle: Bundle, rows: np.ndarray) -> np.ndarray:
    return choose("onnxruntime").load(bundle, "mapping")({"z": rows})["w"]


def test_engine_says_what_it_is(mapping: Engine, target: str) -> None:
    assert isinstance(mapping, Engine)
    assert (mapping.backend, mapping.device, mapping.precision) == (target, "cuda:0", "fp32")


def test_inputs_and_batches_change_freely(mapping: Engine, compiled: Bundle) -> None:
    for batch, seed in ((1, 0), (1, 1), (3, 2), (1, 3), (3, 4), (8, 5)):
        rows = z(batch, seed)
        np.testing.assert_array_equal(mapping({"z": rows})["w"], expected(compiled, rows))


def test_buffers_are_made_once_a_batch_size(mapping: Engine, machine: Machine) -> None:
    for seed in range(3):
        mapping({"z": z(2, seed)})
    before = machine.cuda.calls.copy()
    mapping({"z": z(2)})
    mapping({"z": z(1)})
    after = machine.cuda.calls[len(before) :]
    assert not [call for call in after if "Malloc" in call or "Create" in call or "Capture" in call]
    assert before.count("cudaMalloc") == 4


def test_tensorrt_replays_a_graph_and_rtx_captures_itself(
    mapping: Engine, target: str, machine: Machine
) -> None:
    mapping({"z": z(1)})
    assert machine.cuda.calls.count("cudaGraphLaunch") == (1 if target == "tensorrt" else 0)
    assert machine.cuda.calls.count("cudaStreamBeginCapture") == (1 if target == "tensorrt" else 0)


def test_rtx_captures_where_addresses_stay(bundle_copy: Path, machine: Machine) -> None:
    compiled = add_fake_plans(bundle_copy, "tensorrt-rtx", VERSIONS["tensorrt-rtx"], ("8.9",))
    engine = choose("tensorrt-rtx").load(compiled, "mapping")
    engine({"z": FakeArray(z(1))})
    engine.close()
    assert machine.libraries["tensorrt-rtx"].strategies == [("whole", "eager"), ("disabled", "eager")]


def test_outputs_belong_to_the_caller(mapping: Engine) -> None:
    first = mapping({"z": z(1)})["w"]
    before = first.copy()
    mapping({"z": z(1, 7)})
    np.testing.assert_array_equal(first, before)
    first[:] = 0


def test_arrays_on_the_gpu_are_read_where_they_lie(
    mapping: Engine, compiled: Bundle, machine: Machine
) -> None:
    rows = [z(2, 1), z(2, 2)]
    mapping({"z": z(2)})
    before = len(machine.cuda.calls)
    for row in rows:
        found = mapping({"z": FakeArray(row, strides=(128, 4), stream=17)})["w"]
        np.testing.assert_array_equal(found, expected(compiled, row))
    # One copy for the warm-up's zeros, and one back to the host for each of three runs.
    assert machine.cuda.calls[before:].count("cudaMemcpyAsync") == 4
    np.testing.assert_array_equal(mapping({"z": rows[0]})["w"], expected(compiled, rows[0]))


def test_foreign_arrays_that_do_not_fit_are_named(mapping: Engine) -> None:
    with pytest.raises(EngineError, match=r"input z: expected a contiguous array on the GPU, found strides"):
        mapping({"z": FakeArray(z(2), strides=(4, 8))})
    with pytest.raises(EngineError, match=r"input z: expected float32 \(B, 32\), found float64"):
        mapping({"z": FakeArray(z(2).astype(np.float64))})
    with pytest.raises(
        EngineError, match=r"expected a batch of at most 8, found 9; compile with --max-batch 9"
    ):
        mapping({"z": z(9)})


def test_a_face_through_fake_engines_is_the_face(
    compiled: Bundle, target: str, sketch_path: Path, photo_path: Path
) -> None:
    faces = []
    for backend in (target, "onnxruntime"):
        with sfx.load(compiled.path, backend=backend) as pipeline:
            label_map = sfx.read_label_map(sketch_path, pipeline.config.encoder_size)
            appearance = pipeline.encode_appearance(sfx.read_picture(photo_path))
            faces.append(pipeline.draw(label_map, appearance))
    np.testing.assert_array_equal(*faces)


def test_auto_prefers_a_matching_engine_and_says_why_not(
    compiled: Bundle, target: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = choose(manifest=compiled.manifest)
    assert str(choice) == f"{target} on cuda:0 in fp32 (chosen by auto: its engines match this GPU)"
    machine.cuda.capability = (9, 0)
    choice = choose(manifest=compiled.manifest)
    assert choice.backend == "openvino"
    assert "built for SM 8.9, this is SM 9.0" in choice.reason
    with monkeypatch.context() as gpu:
        gpu.setattr(OnnxRuntimeEngine, "devices", staticmethod(lambda: ("cuda",)))
        choice = choose(manifest=compiled.manifest)
        assert (choice.backend, str(choice.device)) == ("onnxruntime", "cuda:0")
        assert "built for SM 8.9, this is SM 9.0" in choice.reason
        assert "no compiled engines in the bundle" in choose().reason
    monkeypatch.setattr(backends, "driver_present", lambda: False)
    assert f"no NVIDIA driver for {target}" in choose(manifest=compiled.manifest).reason


@pytest.mark.parametrize(
    ("capability", "version", "message"),
    [
        ((9, 0), None, "built for SM 8.9, this is SM 9.0"),
        ((8, 9), "10.13.0.35", "this is"),
    ],
)
def test_engines_of_another_gpu_or_version_are_refused(
    capability: tuple[int, int],
    version: str | None,
    message: str,
    target: str,
    compiled: Bundle,
    machine: Machine,
    bundle_copy: Path,
) -> None:
    machine.cuda.capability = capability
    if version is not None:
        text = (bundle_copy / "manifest.json").read_text().replace(VERSIONS[target], version)
        (bundle_copy / "manifest.json").write_text(text)
        message = f"built by {target} {version}, this is {VERSIONS[target]}"
    stale = Bundle.open(bundle_copy)
    for attempt in (
        lambda: choose(target).load(stale, "mapping"),
        lambda: choose(target, manifest=stale.manifest),
    ):
        with pytest.raises(EngineError, match=message):
            attempt()


def test_engines_of_a_changed_graph_are_refused(target: str, compiled: Bundle, bundle_copy: Path) -> None:
    text = (bundle_copy / "manifest.json").read_text()
    sha = compiled.manifest.graph("mapping").file.sha256
    changed = text.replace(f'"onnx_sha256": "{sha}"', f'"onnx_sha256": "{"0" * 64}"')
    (bundle_copy / "manifest.json").write_text(changed)
    with pytest.raises(EngineError, match="built from another ONNX file"):
        choose(target).load(Bundle.open(bundle_copy), "mapping")


def test_bundle_without_engines_says_the_command(machine: Machine, bundle: Bundle, target: str) -> None:
    with pytest.raises(EngineError, match=f"found none; 'sfx compile BUNDLE --target {target}' makes it"):
        choose(target).load(bundle, "mapping")


@pytest.mark.parametrize(
    ("call", "status", "message"),
    [
        (
            "cudaMalloc",
            Status.cudaErrorMemoryAllocation,
            r"reserving \d+\.\d MB for .* out of GPU memory; use a smal",
        ),
        ("cudaMallocHost", Status.cudaErrorMemoryAllocation, "MB of host memory"),
        ("cudaStreamCreateWithFlags", Status.cudaErrorDevicesUnavailable, "the GPU is busy"),
        (
            "cudaStreamSynchronize",
            Status.cudaErrorLaunchFailure,
            "running graph mapping failed: the GPU was lost",
        ),
        ("cudaMemcpyAsync", Status.cudaErrorLaunchFailure, "copying to the GPU failed"),
        ("cudaGetDeviceCount", Status.cudaErrorInsufficientDriver, "the NVIDIA driver is missing or too old"),
        ("cudaGetDeviceCount", Status.cudaErrorNoDevice, "no NVIDIA GPU found"),
        ("cudaGetDeviceProperties", Status.cudaErrorInvalidDevice, "no GPU with that number"),
        ("cudaSetDevice", Status.cudaErrorInvalidDevice, "no GPU with that number"),
    ],
)
def test_failures_of_cuda_are_one_clear_line(
    call: str, status: Status, message: str, target: str, compiled: Bundle, machine: Machine
) -> None:
    machine.cuda.failures[call] = status
    with pytest.raises(EngineError, match=message) as caught:
        choose(target).load(compiled, "mapping")
    assert "\n" not in str(caught.value)
    assert status.name in str(caught.value)
    machine.cuda.failures.clear()


@pytest.mark.parametrize(
    "call",
    ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphLaunch"],
)
def test_failures_of_capturing(call: str, bundle_copy: Path, machine: Machine) -> None:
    compiled = add_fake_plans(bundle_copy, "tensorrt", VERSIONS["tensorrt"], ("8.9",))
    machine.cuda.failures[call] = Status.cudaErrorLaunchFailure
    with pytest.raises(EngineError, match=r"graph.* failed: the GPU was lost"):
        load_and_run(compiled)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("deserialize_cuda_engine", "it cannot be loaded"),
        ("create_execution_context", "no execution context"),
        ("set_input_shape", r"input z refuses the shape \(1, 32\)"),
        ("set_tensor_address", "tensor z refuses its address"),
        ("execute_async_v3", "the engine does not start"),
    ],
)
def test_failures_of_tensorrt_are_one_clear_line(
    call: str, message: str, target: str, compiled: Bundle, machine: Machine
) -> None:
    machine.libraries[target].failures.add(call)
    with pytest.raises(EngineError, match=f"mapping.onnx: .*{message}: {call} failed on purpose") as caught:
        choose(target).load(compiled, "mapping")
    assert "\n" not in str(caught.value)


def test_errors_come_through_after_the_first_engine_is_gone(
    compiled: Bundle, target: str, machine: Machine
) -> None:
    choose(target).load(compiled, "mapping").close()
    machine.libraries[target].failures.add("create_execution_context")
    with pytest.raises(EngineError, match="no execution context: create_execution_context failed on purpose"):
        choose(target).load(compiled, "synthesis")


def test_an_error_without_a_reason_does_not_borrow_an_older_one(
    compiled: Bundle, target: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = machine.libraries[target]
    library.failures.add("deserialize_cuda_engine")
    with pytest.raises(EngineError, match="failed on purpose"):
        choose(target).load(compiled, "mapping")
    monkeypatch.setattr(library, "allowed", lambda _: False)
    with pytest.raises(EngineError, match="it cannot be loaded: it gave no reason"):
        choose(target).load(compiled, "mapping")


def test_engine_of_another_graph_is_caught(compiled: Bundle, target: str, machine: Machine) -> None:
    real = machine.libraries[target]._deserialize
    other = (compiled.path / "synthesis.onnx").read_bytes()
    machine.libraries[target]._deserialize = lambda _: real(other)  # type: ignore[method-assign]
    with pytest.raises(EngineError, match=r"expected the tensors \['z'\], found \['codes'\]"):
        choose(target).load(compiled, "mapping")


@pytest.mark.parametrize(
    ("method", "found", "message"),
    [
        ("get_tensor_shape", (-1, 33), r"tensor z: expected float32 \(-1, 32\), found float32 \(-1, 33\)"),
        (
            "get_tensor_dtype",
            "tensor(uint8)",
            r"tensor z: expected float32 \(-1, 32\), found uint8 \(-1, 32\)",
        ),
    ],
)
def test_engine_of_other_tensors_is_caught(
    method: str, found: Any, message: str, compiled: Bundle, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEngine, method, lambda *_: found)
    with pytest.raises(EngineError, match=message):
        choose(target).load(compiled, "mapping")


def test_everything_is_freed_before_what_it_was_made_from(
    compiled: Bundle, target: str, machine: Machine
) -> None:
    engine = choose(target).load(compiled, "mapping")
    engine({"z": z(3)})
    engine.close()
    kernels = ["kernels"] if target == "tensorrt-rtx" else []
    assert machine.libraries[target].freed == ["context", "context", *kernels, "engine", "runtime"]


def test_a_gpu_that_is_not_there_is_named(compiled: Bundle, target: str) -> None:
    with pytest.raises(EngineError, match="CUDA: expected the number of a GPU, 0 to 0, found 1"):
        choose(target, "cuda:1").load(compiled, "mapping")


def test_one_output_of_several_is_all_that_comes_back(
    compiled: Bundle, target: str, machine: Machine
) -> None:
    codes = np.random.default_rng(0).standard_normal((2, 10, 32)).astype(np.float32)
    whole = choose(target).load(compiled, "synthesis")
    expected = whole({"codes": codes})
    whole.close()
    engine = choose(target).load(compiled, "synthesis", batch=2, output="preview")
    before = len(machine.cuda.calls)
    found = engine({"codes": codes})
    assert expected.keys() == {"image", "preview", "half_preview"}
    assert found.keys() == {"preview"}
    np.testing.assert_array_equal(found["preview"], expected["preview"])
    copies = machine.cuda.calls[before:].count("cudaMemcpyAsync")
    assert copies == (0 if target == "tensorrt" else 2)  # what TensorRT replays holds its copies
    engine.close()


def test_closing_twice_and_calling_after(mapping: Engine) -> None:
    mapping.close()
    mapping.close()
    with pytest.raises(EngineError, match="graph mapping: the engine was closed"):
        mapping({"z": z(1)})


def test_rtx_keeps_its_kernels(bundle_copy: Path, machine: Machine, tmp_path: Path) -> None:
    compiled = add_fake_plans(bundle_copy, "tensorrt-rtx", VERSIONS["tensorrt-rtx"], ())
    choose("tensorrt-rtx").load(compiled, "mapping").close()
    (kept,) = (tmp_path / "cache" / "tensorrt-rtx").iterdir()
    assert kept.name.endswith("-sm8.9.cache")
    assert kept.read_bytes() == b"kernel;"
    choose("tensorrt-rtx").load(compiled, "mapping").close()
    assert machine.libraries["tensorrt-rtx"].kept == b"kernel;"


def test_unwritable_cache_warns_and_runs(
    bundle_copy: Path, machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiled = add_fake_plans(bundle_copy, "tensorrt-rtx", VERSIONS["tensorrt-rtx"], ())
    (tmp_path / "cache").touch()
    choose("tensorrt-rtx").load(compiled, "mapping").close()
    assert "cannot be written" in caplog.text


def test_default_rtx_engines_are_refused_on_turing(bundle_copy: Path, machine: Machine) -> None:
    compiled = add_fake_plans(bundle_copy, "tensorrt-rtx", VERSIONS["tensorrt-rtx"], ())
    machine.cuda.capability = (7, 5)
    with pytest.raises(EngineError, match=r"this is SM 7\.5; compile with --compute-capability 7\.5"):
        choose("tensorrt-rtx").load(compiled, "mapping")


@pytest.mark.parametrize(
    ("name", "version"), [("tensorrt", "8.6.1"), ("tensorrt", "12.0"), ("tensorrt-rtx", "2.0")]
)
def test_unsupported_versions_are_refused(
    name: str, version: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.libraries[name].__version__ = version
    with pytest.raises(EngineError, match=rf"expected {name.replace('-', '_')} .*\.x, found {version}"):
        choose(name)


def test_missing_packages_name_their_extra(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setitem(sys.modules, target.replace("-", "_"), None)
    with pytest.raises(MissingPackageError, match=rf"pip install 'sfx\[{target}\]'"):
        choose(target)


def test_missing_cuda_bindings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(MissingPackageError, match="expected the package cuda-bindings"):
        cuda.bindings()


def test_precision_is_what_was_exported(compiled: Bundle, target: str) -> None:
    assert choose(target, precision="fp32", manifest=compiled.manifest).precision == "fp32"
    with pytest.raises(EngineError, match="expected precision fp32 for graphs exported in fp32, found fp16"):
        choose(target, precision="fp16", manifest=compiled.manifest)


def test_without_a_gpu_it_is_one_line(half_bundle: Bundle) -> None:
    """The real bindings, on this machine; where it has a GPU there is nothing to refuse."""
    if cuda.driver_present():
        pytest.skip("this machine has a driver")
    with pytest.raises(SfxError, match="the NVIDIA driver is missing or too old"):
        choose("tensorrt-rtx")
    assert "its FP16 graphs compute in fp32" in str(choose("openvino", manifest=half_bundle.manifest))
