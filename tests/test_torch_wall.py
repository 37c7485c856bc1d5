"""Two worlds: the runtime never reaches torch or the export's packages, and `--help` reaches nothing heavy."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import sfx

EXPORT_ONLY = ("torch", "onnx", "onnxscript", "onnx_ir", "skia")
RUNTIME = (
    "sfx.cli",
    "sfx.doctor",
    "sfx.samples",
    "sfx.benchmarks.bench",
    "sfx.benchmarks.report",
    "sfx.calibration.calibrate",
    "sfx.calibration.page",
    "sfx.calibration.report",
)


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after `code`."""
    script = (
        f"{code}\nimport sys, json\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def runtime_modules() -> list[str]:
    """Every module of the torch-free world, found on disk and not listed by hand."""
    names = [name for _, name, _ in pkgutil.walk_packages(sfx.__path__, "sfx.")]
    return [*(name for name in names if name.startswith(("sfx.engines", "sfx.runtime"))), *RUNTIME]


def test_importing_the_runtime_loads_nothing_of_the_export() -> None:
    names = runtime_modules()
    assert {"sfx.engines.openvino", "sfx.engines.onnxruntime", "sfx.runtime.pipeline", "sfx.cli"} <= set(
        names
    )
    loaded = modules_after("\n".join(f"import {name}" for name in names))
    assert not loaded & set(EXPORT_ONLY)
    # Backends import their packages when an engine is made, so that one without the other works.
    assert not loaded & {"openvino", "onnxruntime", "polygraphy"}


def test_drawing_a_face_works_where_torch_cannot_be_imported(
    bundle: sfx.Pipeline, sketch_path: str, photo_path: str, tmp_path: str
) -> None:
    block = "import sys\n" + "".join(
        f"sys.modules[{name!r}] = None\n" for name in (*EXPORT_ONLY, "polygraphy")
    )
    arguments = ["run", str(sketch_path), "--appearance", str(photo_path), "--bundle", str(bundle.path)]
    arguments += ["--out", str(tmp_path)]
    script = f"{block}from sfx.cli import main\nmain({arguments!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "sketch_face.png" in done.stdout


@pytest.mark.parametrize("code", ["import sfx", "import sfx.cli"])
def test_import_is_light(code: str) -> None:
    loaded = modules_after(code)
    assert not loaded & {"numpy", "PIL", "rich", "openvino", "onnxruntime", "scipy", "skimage", *EXPORT_ONLY}


def test_public_names_are_all_there() -> None:
    for name in sfx.__all__:
        assert getattr(sfx, name) is not None
    with pytest.raises(AttributeError, match="module 'sfx' has no attribute 'nonsense'"):
        sfx.nonsense  # noqa: B018
