"""The doctor names what clashes and the command that fixes it."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from sfx import doctor
from sfx.doctor import Finding


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
