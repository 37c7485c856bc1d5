"""Compiling for real, by TensorRT-RTX on the CPU: engines, cache keys, failures, and builds that are interrupted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from sfx.cli import main
from sfx.engines import compiling, cuda, tensorrt_builder
from sfx.engines.bundle import Bundle
from sfx.engines.compiled import BuildOptions, build_key, stale_reason
from sfx.engines.compiling import compile_bundle
from sfx.engines.tensorrt_library import LIBRARIES
from sfx.errors import BundleError, EngineError, InputError
from tests.engines.fake_gpu import FakeCuda

RTX = ("tensorrt-rtx",)
SMALL = "mapping"


@pytest.fixture(scope="module")
def compiled(half_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The FP16 bundle with engines for the default targets, compiled by the command line."""
    path = Path(shutil.copytree(half_bundle.path, tmp_path_factory.mktemp("compiled") / "engines"))
    result = CliRunner().invoke(main, ["compile", str(path), "--target", "tensorrt-rtx"])
    assert result.exit_code == 0, result.output
    assert result.output.count("SM 8.0 and later, batch 1 to 8") == 4
    return Bundle.open(path)


@pytest.fixture
def copy(compiled: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compiled.path, tmp_path / "engines"))


@pytest.fixture
def only_mapping(half_bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle of the smallest graph alone, which compiles in a moment."""
    return keep_mapping(half_bundle, tmp_path / "engines")


def keep_mapping(bundle: Bundle, path: Path) -> Path:
    shutil.copytree(bundle.path, path)
    manifest = replace(bundle.manifest, graphs=(bundle.manifest.graph(SMALL),))
    (path / "manifest.json").write_text(manifest.to_json())
    return path


def test_every_graph_has_an_engine(compiled: Bundle) -> None:
    plans = compiled.manifest.plans
    assert {plan.graph for plan in plans} == {graph.name for graph in compiled.manifest.graphs}
    for plan in plans:
        assert compiled.checked(plan.file).stat().st_size > 10_000
        assert plan.version == LIBRARIES["tensorrt-rtx"].load().__version__
        assert plan.onnx_sha256 == compiled.manifest.graph(plan.graph).file.sha256
        assert (plan.capabilities, plan.max_batch) == ((), 8)


def test_unchanged_engines_are_not_rebuilt(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "build_plan", lambda *_: pytest.fail("built again"))
    steps: list[str] = []
    compile_bundle(copy, RTX, BuildOptions(), steps.append)
    assert steps == [f"{name}: the tensorrt-rtx engine is up to date" for name in order(copy)]


def order(path: Path) -> list[str]:
    return [graph.name for graph in Bundle.open(path).manifest.graphs]


def test_every_graph_compiles_for_turing(half_bundle: Bundle, tmp_path: Path) -> None:
    path = Path(shutil.copytree(half_bundle.path, tmp_path / "engines"))
    bundle = compile_bundle(path, RTX, BuildOptions(capabilities=("7.5",), max_batch=2))
    assert [plan.capabilities for plan in bundle.manifest.plans] == [("7.5",)] * 4


def test_other_options_replace_the_engine(only_mapping: Path) -> None:
    first = compile_bundle(only_mapping, RTX, BuildOptions()).manifest.plans
    steps: list[str] = []
    second = compile_bundle(only_mapping, RTX, BuildOptions(("8.9", "12.0")), steps.append).manifest.plans
    assert "mapping: compiling for tensorrt-rtx again (built for SM 8.0 and later)" in steps
    assert len(second) == 1
    assert second[0].capabilities == ("8.9", "12.0")
    assert [path.name for path in (only_mapping / "engines").iterdir()] == [Path(second[0].file.path).name]
    assert first[0].file.path != second[0].file.path


def test_key_covers_all_that_an_engine_depends_on(half_bundle: Bundle) -> None:
    graph, library = half_bundle.manifest.graph(SMALL), LIBRARIES["tensorrt-rtx"]
    keys = {
        build_key(graph, library, "1.7", BuildOptions()),
        build_key(half_bundle.manifest.graph("synthesis"), library, "1.7", BuildOptions()),
        build_key(graph, LIBRARIES["tensorrt"], "1.7", BuildOptions()),
        build_key(graph, library, "1.8", BuildOptions()),
        build_key(graph, library, "1.7", BuildOptions(("8.9",))),
        build_key(graph, library, "1.7", BuildOptions(max_batch=4)),
        build_key(graph, library, "1.7", BuildOptions(workspace_bytes=1 << 30)),
    }
    assert len(keys) == 7
    assert build_key(graph, library, "1.7", BuildOptions()) in keys


def test_engine_of_another_version_says_so(compiled: Bundle) -> None:
    plan, graph = compiled.manifest.plans[0], compiled.manifest.graphs[0]
    assert stale_reason(plan, graph, plan.version, (12, 0)) is None
    assert stale_reason(plan, graph, "2.0", None) == f"built by tensorrt-rtx {plan.version}, this is 2.0"


def test_failed_layer_is_named_with_its_onnx_node(bundle: Bundle, tmp_path: Path) -> None:
    """The FP32 bundle multiplies matrices in FP32, which TensorRT-RTX cannot do on Turing."""
    path = keep_mapping(bundle, tmp_path / "engines")
    with pytest.raises(
        EngineError, match=r"mapping\.onnx: .*cannot build it: layer (\S+) \(\w+, .*\1.*FP32 GEMM"
    ):
        compile_bundle(path, RTX, BuildOptions(("7.5",)))
    assert Bundle.open(path).manifest.plans == ()


def test_too_small_a_workspace_says_what_to_do(only_mapping: Path) -> None:
    with pytest.raises(EngineError, match=r"workspace limit.*; raise --workspace, or lower --max-batch$"):
        compile_bundle(only_mapping, RTX, BuildOptions(workspace_bytes=4096))


def unreadable(kind: str) -> bytes:
    if kind == "noise":
        return b"no graph"
    node = helper.make_node("Unheard", ["z"], ["w"], "odd_node", domain="nowhere")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 32]) for name in ("z", "w")]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("nowhere", 1)]
    graph = helper.make_graph([node], "odd", ends[:1], ends[1:])
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("noise", r"graph\.onnx: the parser fails: .*Failed to parse the ONNX model"),
        ("odd", r"graph\.onnx: the parser fails at node odd_node \(Unheard\): "),
    ],
)
def test_unreadable_graphs_are_named_with_the_reason(
    kind: str, message: str, bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(unreadable(kind))
    module = LIBRARIES["tensorrt-rtx"].load()
    with pytest.raises(EngineError, match=message) as caught:
        tensorrt_builder.build_plan(
            module, path, bundle.manifest.graph(SMALL), BuildOptions(), b"", lambda _: None
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--compute-capability", "9.0"], r"an H100 \(9.0\) needs --target tensorrt"),
        (["--compute-capability", "fast"], "compute capability: expected a number such as 8.9, found 'fast'"),
    ],
)
def test_capabilities_that_cannot_be(options: list[str], message: str, only_mapping: Path) -> None:
    result = CliRunner().invoke(main, ["compile", str(only_mapping), "--target", "tensorrt-rtx", *options])
    assert result.exit_code == 1
    assert re.search(message, result.output)


def test_ctrl_c_stops_the_build_and_leaves_the_old_engine(copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in sorted((copy / "engines").iterdir())}
    steps: list[str] = []

    def interrupt(step: str) -> None:
        steps.append(step)
        if "step 1" in step:
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        compile_bundle(copy, RTX, BuildOptions(max_batch=4), interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    assert {path.name: path.read_bytes() for path in sorted((copy / "engines").iterdir())} == before
    assert {plan.max_batch for plan in Bundle.open(copy).manifest.plans} == {8}
    assert not [step for step in steps if step.startswith("appearance_encoder")]


def test_what_telling_raises_ends_the_build(copy: Path) -> None:
    def closed_pipe(step: str) -> None:
        if "step 1" in step:
            raise BrokenPipeError(step)

    with pytest.raises(BrokenPipeError, match=r"sketch_encoder: .*step 1 of"):
        compile_bundle(copy, RTX, BuildOptions(max_batch=4), closed_pipe)
    assert {plan.max_batch for plan in Bundle.open(copy).manifest.plans} == {8}


@pytest.mark.parametrize("failure", ["interrupt", "telling", "capability"])
def test_a_failed_build_frees_the_library_s_objects_at_once(
    failure: str, only_mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever keeps the error, as here, must not keep a builder: it would be freed during the next build."""
    import tensorrt_rtx

    real, made = tensorrt_rtx.Builder, []

    def builder(logger: Any) -> Any:
        made.append(weakref.ref(new := real(logger)))
        return new

    def progress(step: str) -> None:
        if "step 1" in step and failure == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        if "step 1" in step and failure == "telling":
            raise OSError(step)

    monkeypatch.setattr(tensorrt_rtx, "Builder", builder)
    options = BuildOptions(("9.9",)) if failure == "capability" else BuildOptions()
    with pytest.raises((KeyboardInterrupt, OSError, EngineError)) as caught:
        compile_bundle(only_mapping, RTX, options, progress)
    assert caught.value.__traceback__ is not None
    assert [reference() for reference in made] == [None]


def test_failure_between_plan_and_manifest_leaves_the_old_engine(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = compiling.write_whole

    def full_disk(path: Path, content: bytes) -> None:
        if path.name == "manifest.json":
            raise EngineError(f"{path}: cannot be written: no space left")
        real(path, content)

    monkeypatch.setattr(compiling, "write_whole", full_disk)
    monkeypatch.setattr(compiling, "build_plan", lambda *_: (b"new plan", b""))
    with pytest.raises(EngineError, match="no space left"):
        compile_bundle(copy, RTX, BuildOptions(max_batch=4))
    bundle = Bundle.open(copy)
    for plan in bundle.manifest.plans:
        assert plan.max_batch == 8
        bundle.checked(plan.file)


def test_damaged_plans_are_found(copy: Path) -> None:
    plan = Bundle.open(copy).manifest.plans[0]
    content = (copy / plan.file.path).read_bytes()
    (copy / plan.file.path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    result = CliRunner().invoke(main, ["verify", str(copy), "--backend", "tensorrt-rtx"])
    assert result.exit_code == 1
    assert f"{plan.file.path}: expected SHA-256" in result.output


@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
def test_damaged_plans_are_made_anew(harm: str, only_mapping: Path) -> None:
    (plan,) = compile_bundle(only_mapping, RTX, BuildOptions()).manifest.plans
    path = only_mapping / plan.file.path
    content = path.read_bytes()
    harms = {
        "changed": lambda: path.write_bytes(content[:-1] + bytes([content[-1] ^ 1])),
        "cut": lambda: path.write_bytes(content[:-1]),
        "gone": path.unlink,
    }
    harms[harm]()
    steps: list[str] = []
    (again,) = compile_bundle(only_mapping, RTX, BuildOptions(), steps.append).manifest.plans
    assert f"mapping: without the tensorrt-rtx engine that is there: {path}: expected" in steps[0]
    assert "mapping: compiling for tensorrt-rtx" in steps
    assert again.key == plan.key
    bundle = Bundle.open(only_mapping)
    assert bundle.checked(again.file) == path


def test_other_damage_is_refused(only_mapping: Path) -> None:
    (only_mapping / "proof.npz").unlink()
    with pytest.raises(BundleError, match=r"proof\.npz: expected a file"):
        compile_bundle(only_mapping, RTX, BuildOptions())


def test_verify_says_what_it_could_not_check(copy: Path) -> None:
    if cuda.driver_present():
        pytest.skip("this machine has a driver")
    result = CliRunner().invoke(main, ["verify", str(copy), "--backend", "tensorrt-rtx"])
    assert result.exit_code == 0, result.output
    assert result.output.count("not run: CUDA: looking for a GPU failed: the NVIDIA driver is missing") == 4
    assert result.output.count("checksum right") == 9
    result = CliRunner().invoke(main, ["verify", str(copy), "--backend", "tensorrt"])
    assert result.exit_code == 1
    assert "expected a tensorrt engine of graph sketch_encoder, found none" in result.output


def test_tensorrt_itself_needs_its_gpu(only_mapping: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT cannot run here: a module of its name stands in, and the missing GPU ends it."""
    if cuda.driver_present():
        pytest.skip("this machine has a driver")
    fake: Any = SimpleNamespace(__name__="tensorrt", __version__="11.4.0.106")
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    with pytest.raises(EngineError, match="the NVIDIA driver is missing or too old"):
        compile_bundle(only_mapping, ("tensorrt",), BuildOptions())


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning")
def test_tensorrt_keeps_its_timings(only_mapping: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT-RTX under TensorRT's name, on a fake GPU: the build, its timing cache, and its capability."""
    import tensorrt_rtx

    gpu = FakeCuda()
    stand_in = ModuleType("tensorrt")
    vars(stand_in).update({name: value for name, value in vars(tensorrt_rtx).items() if name != "__name__"})
    vars(stand_in)["__version__"] = "11.4.0.106"
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in)
    monkeypatch.setattr(cuda, "bindings", lambda: gpu)
    (plan,) = compile_bundle(only_mapping, ("tensorrt",), BuildOptions()).manifest.plans
    assert (plan.target, plan.version, plan.capabilities) == ("tensorrt", "11.4.0.106", ("8.9",))
    timings = only_mapping / "engines" / "timing-11.4.0.106-sm8.9.cache"
    assert timings.stat().st_size > 0
    gpu.capability = (9, 0)
    steps: list[str] = []
    (plan,) = compile_bundle(only_mapping, ("tensorrt",), BuildOptions(), steps.append).manifest.plans
    assert "mapping: compiling for tensorrt again (built for SM 8.9)" in steps
    assert plan.capabilities == ("9.0",)
    with pytest.raises(InputError, match=r"TensorRT builds for the GPU that is here, SM 9\.0; found 8\.6"):
        compile_bundle(only_mapping, ("tensorrt",), BuildOptions(("8.6",)))


@pytest.mark.parametrize(
    ("stand_in", "message"),
    [
        (None, "pip install 'sfx[tensorrt]'"),
        (SimpleNamespace(__version__="11.4.0.106"), "the NVIDIA driver is missing or too old"),
    ],
)
def test_export_for_what_is_not_here_fails_at_once(
    stand_in: Any, message: str, checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cuda.driver_present():
        pytest.skip("this machine has a driver")
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in)
    arguments = ["export", str(checkpoint_path), "--out", str(tmp_path / "out"), "--target", "tensorrt"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_unknown_target(only_mapping: Path) -> None:
    with pytest.raises(InputError, match="target: expected one of tensorrt, tensorrt-rtx, found 'tvm'"):
        compile_bundle(only_mapping, ("tvm",), BuildOptions())


def test_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected a bundle"):
        compile_bundle(tmp_path, RTX, BuildOptions())
