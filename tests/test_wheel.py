"""The wheel holds the package, whole, and nothing else."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = out.glob("*.whl")
    return path


def test_every_module_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "sfx").rglob("*.py")}
    assert modules <= names
    assert "sfx/py.typed" in names
    strangers = [name for name in names if not name.startswith("sfx/") and ".dist-info/" not in name]
    assert not strangers
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pt")]


def test_the_interpreters_network_and_its_proof_are_in_it(wheel: Path) -> None:
    model = "sfx/runtime/interpreter/model/"
    names = {name.removeprefix(model) for name in zipfile.ZipFile(wheel).namelist() if name.startswith(model)}
    assert names == {"manifest.json", "interpreter.onnx", "proof.npz"}


def test_the_demo_bundle_is_whole_or_absent(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("sfx/demo/")}
    assert packed == {str(path.relative_to(ROOT)) for path in (ROOT / "sfx" / "demo").glob("*")}


def test_the_command_and_the_extras_are_declared(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert "sfx = sfx.cli:main" in archive.read(entry_points).decode()
    message = email.message_from_bytes(archive.read(metadata))
    assert {"export", "onnxruntime", "onnxruntime-gpu"} <= set(message.get_all("Provides-Extra") or [])
    core = [line for line in message.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert any(line.startswith("openvino") for line in core)
    # The core leaves the choice between onnxruntime and onnxruntime-gpu open, and needs no torch.
    assert not any(line.startswith(("onnxruntime", "torch")) for line in core)


def test_size(wheel: Path) -> None:
    assert wheel.stat().st_size <= 30 << 20
