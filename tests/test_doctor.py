"""The doctor names what clashes and the command that fixes it."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sfx import doctor
from sfx.doctor import Finding
from sfx.engines import cuda
from tests.engines.fake_gpu import FakeCuda, Status


def installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        key = name.replace("-", "_")
        if key in versions:
            if not versions[key]:
                raise importlib.metadata.PackageNotFoundError(name)
            return versions[key]
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def finding(subject: str) -> Finding:
    return next(one for one in doctor.diagnose() if one.subject == subject)


def test_this_machine_runs_openvino() -> None:
    found = finding("OpenVINO on the CPU")
    assert found.level == "good"
    assert "fp32" in found.found


def test_clash_of_the_two_onnx_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, onnxruntime="1.22.0", onnxruntime_gpu="1.22.0")
    found = finding("ONNX Runtime")
    assert found.level == "problem"
    assert "overwrite each other's files" in found.found
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in found.fix


def test_missing_packages_name_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, onnxruntime="", onnxruntime_gpu="", torch="")
    assert finding("ONNX Runtime").fix == "pip install 'sfx[onnxruntime]'"
    assert "torch" in finding("export").found
    assert finding("export").fix == "pip install 'sfx[export]'"


def test_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SFX_CACHE", str(tmp_path / "file"))
    assert finding("cache").level == "problem"
    monkeypatch.setenv("SFX_CACHE", "off")
    assert finding("cache").level == "missing"


def test_bundle_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle_copy: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert finding("bundle").level == "good"
    (bundle_copy / "synthesis.onnx").unlink()
    assert "synthesis.onnx: expected a file" in finding("bundle").found


def fake_gpu(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    machine = FakeCuda()
    for name, value in settings.items():
        setattr(machine, name, value)
    monkeypatch.setattr(doctor, "driver_present", lambda: True)
    monkeypatch.setattr(cuda, "bindings", lambda: machine)


def test_gpu_and_driver_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gpu(monkeypatch)
    found = finding("NVIDIA GPU")
    assert (found.level, found.found) == (
        "good",
        "Fake GPU, SM 8.9, 8 GiB; the driver runs CUDA up to 13.2",
    )


def test_gpu_that_fails_and_drivers_that_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gpu(monkeypatch, failures={"cudaGetDeviceCount": Status.cudaErrorInsufficientDriver})
    assert finding("NVIDIA GPU").level == "problem"
    fake_gpu(monkeypatch, cudaDriverGetVersion=lambda: (Status.cudaSuccess, 12040))
    found = finding("NVIDIA GPU")
    assert found.level == "problem"
    assert "CUDA up to 12.4" in found.found
    assert "update the NVIDIA driver to one for CUDA 13" in found.fix


def test_no_driver_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "driver_present", lambda: False)
    found = finding("NVIDIA GPU")
    assert (found.level, found.fix) == ("missing", "")


def test_tensorrt_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("tensorrt-rtx engines").level == "good"
    assert "compiles on any machine" in finding("tensorrt-rtx engines").found
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    found = finding("tensorrt-rtx engines")
    assert (found.level, found.fix) == ("missing", "pip install 'sfx[tensorrt-rtx]'")
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__="8.6.1"))
    found = finding("tensorrt engines")
    assert found.level == "problem"
    assert "expected tensorrt 10 or 11.x, found 8.6.1" in found.found


def test_polygraphy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = finding("Polygraphy")
    assert (found.level, found.fix) == ("good", "")
    assert importlib.metadata.version("polygraphy") in found.found
    with monkeypatch.context() as old:
        old.setitem(sys.modules, "polygraphy.comparator", None)
        found = finding("Polygraphy")
        assert found.level == "problem"
        assert "pip install --upgrade 'polygraphy>=" in found.fix
    installed(monkeypatch, polygraphy="")
    found = finding("Polygraphy")
    assert found.level == "missing"
    assert "pip install 'sfx[tensorrt-rtx]'" in found.fix
