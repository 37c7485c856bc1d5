"""The command line as a person uses it: every option, every exit code, one line for every mistake."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from sfx.cli import main
from sfx.engines.bundle import Bundle


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sketch_path: Path, photo_path: Path) -> Path:
    """A working directory with sketch.png and photo.png in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(sketch_path, tmp_path / "sketch.png")
    shutil.copy(photo_path, tmp_path / "photo.png")
    return tmp_path


def sfx(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_run_writes_the_face_and_says_what_ran(here: Path, bundle: Bundle) -> None:
    result = sfx("run", "sketch.png", "--appearance", "photo.png", "--bundle", bundle.path)
    assert result.exit_code == 0, result.output
    assert result.stdout == "sketch_face.png\n"
    assert "openvino on cpu in fp32 (chosen by auto" in result.stderr
    assert "1 face(s) in" in result.stderr
    assert Image.open(here / "sketch_face.png").size == (64, 64)
    assert names(here) == {"sketch.png", "photo.png", "sketch_face.png"}


def test_run_with_every_companion(here: Path, bundle: Bundle) -> None:
    result = sfx(
        "run", "sketch.png", "--appearance", "photo.png", "--bundle", bundle.path, "--out", "out", "--size", 32,
        "--couple", "--save-codes", "--save-reference", "--mix-layers", "8-9", "--mix-alpha", "0.5", "--seed", 3,
        "--backend", "onnxruntime", "--device", "cpu", "--input", "labels", "--batch", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert names(here / "out") == {
        "sketch_face.png", "sketch_couple.png", "sketch_codes.npy", "sketch_reference.png",
    }  # fmt: skip
    assert np.load(here / "out" / "sketch_codes.npy").shape == (10, 32)
    assert "onnxruntime on cpu in fp32 (as asked)" in result.stderr


def test_run_on_folders(here: Path, bundle: Bundle) -> None:
    for folder in ("s", "p"):
        (here / folder).mkdir()
    for name in ("a", "b", "c"):
        shutil.copy("sketch.png", here / "s" / f"{name}.png")
        shutil.copy("photo.png", here / "p" / f"{name}.png")
    result = sfx("run", "s", "--appearance", "p", "--bundle", bundle.path, "--out", "faces", "--limit", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == ["faces/a_face.png", "faces/b_face.png"]


def test_random_appearance_repeats_by_seed(here: Path, bundle: Bundle) -> None:
    for out, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        result = sfx(
            "run", "sketch.png", "--random-appearance", "--seed", seed, "--bundle", bundle.path, "--out", out
        )
        assert result.exit_code == 0, result.output
    a, b, c = (np.asarray(Image.open(name)) for name in ("a.png", "b.png", "c.png"))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_bundle_from_environment_and_working_directory(
    here: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("run", "sketch.png", "--appearance", "photo.png")
    missing = sfx(*arguments)
    assert missing.exit_code == 1
    assert "bundle: expected --bundle DIR, SFX_BUNDLE or ./engines, found none" in missing.stderr
    shutil.copytree(bundle.path, here / "engines")
    assert "bundle engines," in sfx(*arguments).stderr
    monkeypatch.setenv("SFX_BUNDLE", str(bundle.path))
    assert f"bundle {bundle.path}," in sfx(*arguments).stderr


def test_mistakes_cost_one_line_and_exit_code_1(here: Path, bundle: Bundle) -> None:
    Image.new("RGB", (64, 64), "white").save("drawing.png")
    cases = [
        (("run", "sketch.png", "--appearance", "nowhere.png"), "nowhere.png: expected a picture"),
        (("run", "nowhere.png", "--appearance", "photo.png"), "nowhere.png: expected a picture"),
        (("run", "photo.png", "--appearance", "photo.png"), "the sketch interpreter, which would read it"),
        (
            ("run", "sketch.png", "--appearance", "photo.png", "--size", "48"),
            "size: expected one of 64, 32, 16",
        ),
        (
            ("run", "sketch.png", "--appearance", "photo.png", "--mix-layers", "8-10"),
            "layers: expected layers 0 to 9",
        ),
        (
            ("run", "sketch.png", "--appearance", "photo.png", "--out", "photo.png"),
            "photo.png: expected another name",
        ),
        (("run", "sketch.png", "--appearance", "photo.png", "--backend", "tpu"), "backend: expected one of"),
        (("run", "sketch.png", "--appearance", "photo.png", "--device", "cuda"), "cuda"),
        (
            ("run", "sketch.png", "--appearance", "photo.png", "--precision", "int2"),
            "precision: expected one of",
        ),
    ]
    for arguments, message in cases:
        result = sfx(*arguments, "--bundle", bundle.path)
        assert result.exit_code == 1, (arguments, result.output)
        (line,) = (line for line in result.stderr.splitlines() if line.startswith("Error"))
        assert message in line
        assert "Traceback" not in result.output
    assert names(here) == {"sketch.png", "photo.png", "drawing.png"}


def test_usage_mistakes_exit_with_2(here: Path) -> None:
    for arguments in (
        ("run",),
        ("run", "sketch.png"),
        ("run", "sketch.png", "--appearance", "photo.png", "--random-appearance"),
        ("run", "sketch.png", "--appearance", "photo.png", "--mix-alpha", "0.5"),
        ("run", "sketch.png", "--appearance", "photo.png", "--mix-alpha", "2", "--mix-layers", "1"),
        ("run", "sketch.png", "--appearance", "photo.png", "--truncation", "-1"),
        ("bench", "--batch", "1,x"),
        ("nonsense",),
    ):
        assert sfx(*arguments).exit_code == 2, arguments


def test_export_verify_and_a_wrong_checkpoint(here: Path, checkpoint_path: Path) -> None:
    (here / "wrong.pt").write_text("not a checkpoint")
    wrong = sfx("export", "wrong.pt", "--out", "engines")
    assert wrong.exit_code == 1
    assert "wrong.pt: " in wrong.stderr.splitlines()[-1]
    assert not (here / "engines").exists()
    result = sfx("export", checkpoint_path, "--out", "engines")
    assert result.exit_code == 0, result.output
    assert "published -> deployable: largest difference" in result.stdout
    assert "deployable -> openvino: largest difference" in result.stdout
    assert "engines: 4 graphs" in result.stdout
    again = sfx("export", checkpoint_path, "--out", "engines")
    assert again.exit_code == 1
    assert "--force replaces it" in again.stderr
    verified = sfx("verify", "engines")
    assert verified.exit_code == 0, verified.output
    assert "synthesis, image, published -> onnxruntime fp32" in verified.stdout


def test_doctor_says_what_runs() -> None:
    result = sfx("doctor")
    assert result.exit_code == 0, result.output
    assert "OpenVINO on the CPU" in result.stdout
    assert "fp32" in result.stdout


def test_help_and_version() -> None:
    for command in ((), ("export",), ("run",), ("bench",), ("verify",), ("doctor",)):
        result = sfx(*command, "--help")
        assert result.exit_code == 0
        assert "Usage:" in result.stdout
    assert sfx("--version").stdout.startswith("sfx, version ")


def test_the_installed_command_works() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sfx.cli", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "verify" in done.stdout
