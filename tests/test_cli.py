"""The command line as a person uses it: every option, every exit code, one line for every mistake."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from sfx.cli import main
from sfx.engines import locate
from sfx.engines.bundle import Bundle
from sfx.engines.manifest_reading import read_manifest
from sfx.samples import sample_label_map


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


def test_run_draws_a_preview_under_a_name_of_its_own(here: Path, bundle: Bundle, bundle_copy: Path) -> None:
    arguments = ("run", "sketch.png", "--appearance", "photo.png", "--preview", "--bundle")
    result = sfx(*arguments, bundle.path)
    assert result.exit_code == 0, result.output
    assert result.stdout == "sketch_preview.png\n"
    assert Image.open(here / "sketch_preview.png").size == (16, 16)
    manifest = read_manifest(bundle_copy)
    *others, synthesis = manifest.graphs
    earlier = replace(synthesis, outputs=synthesis.outputs[:1])
    (bundle_copy / "manifest.json").write_text(replace(manifest, graphs=(*others, earlier)).to_json())
    assert sfx("run", "sketch.png", "--appearance", "photo.png", "--bundle", bundle_copy).exit_code == 0
    refused = sfx(*arguments, bundle_copy)
    assert refused.exit_code == 1
    assert "expected an output 'preview', found ['image']; an earlier sfx wrote the bundle" in refused.stderr
    half = sfx(*arguments, bundle.path, "--size", "32")
    assert half.exit_code == 0, half.output
    assert Image.open(here / "sketch_preview.png").size == (32, 32)


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
    monkeypatch.setattr(locate, "PACKAGED_DEMO", here / "nowhere")
    missing = sfx(*arguments)
    assert missing.exit_code == 1
    assert "bundle: expected --bundle DIR, SFX_BUNDLE or ./engines, found none" in missing.stderr
    monkeypatch.setattr(locate, "PACKAGED_DEMO", bundle.path)
    assert f"bundle {bundle.path} (the demo model that ships with sfx)," in sfx(*arguments).stderr
    shutil.copytree(bundle.path, here / "engines")
    assert "bundle engines (found in the working directory)," in sfx(*arguments).stderr
    monkeypatch.setenv("SFX_BUNDLE", str(bundle.path))
    assert f"bundle {bundle.path} (from SFX_BUNDLE)," in sfx(*arguments).stderr


def test_mistakes_cost_one_line_and_exit_code_1(here: Path, bundle: Bundle) -> None:
    Image.new("RGB", (64, 64), "white").save("drawing.png")
    cases = [
        (("run", "sketch.png", "--appearance", "nowhere.png"), "nowhere.png: expected a picture"),
        (("run", "nowhere.png", "--appearance", "photo.png"), "nowhere.png: expected a picture"),
        (("run", "photo.png", "--appearance", "photo.png"), "photo.png: expected a line drawing"),
        (
            ("run", "drawing.png", "--appearance", "photo.png", "--input", "drawing"),
            "expected a line drawing",
        ),
        (("run", "photo.png", "--appearance", "photo.png", "--input", "labels"), "expected a label map"),
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


@pytest.fixture
def drawing(here: Path) -> Path:
    """A plain drawing of a face, black on white, beside the label sketch."""
    ink = sample_label_map(size=512) > 0
    Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).save(here / "drawing.png")
    return here / "drawing.png"


def test_run_takes_a_plain_drawing(here: Path, drawing: Path, bundle: Bundle) -> None:
    result = sfx(
        "run", "drawing.png", "--appearance", "photo.png", "--bundle", bundle.path, "--save-interpreted",
        "--couple", "--out", "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert names(here / "out") == {"drawing_face.png", "drawing_couple.png", "drawing_interpreted.png"}
    assert Image.open(here / "out" / "drawing_interpreted.png").size == (1213, 768)
    assert "Warning" not in result.stderr
    assert "interpreter, openvino on cpu in fp32" in result.stderr


def test_a_drawing_that_is_no_face_warns_in_one_line(here: Path, bundle: Bundle) -> None:
    page = np.full((400, 400), 255, np.uint8)
    page[100:103, 50:350] = page[100:300, 200:203] = 0
    Image.fromarray(page).save("cross.png")
    result = sfx("run", "cross.png", "--appearance", "photo.png", "--bundle", bundle.path)
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("Warning"))
    assert line.startswith("Warning: cross.png: no eyes, ")
    assert (here / "cross_face.png").is_file()


def test_interpret_and_run_on_what_it_wrote(here: Path, drawing: Path, bundle: Bundle) -> None:
    result = sfx("interpret", "drawing.png", "--overlay", "--size", 512)
    assert result.exit_code == 0, result.output
    written = ["drawing_labels.png", "drawing_layers.svg", "drawing_strokes.json", "drawing_overlay.png"]
    assert result.stdout.split() == written
    assert "interpreter, openvino on cpu in fp32" in result.stderr
    labels = np.asarray(Image.open("drawing_labels.png"))
    assert labels.shape == (512, 512)
    assert {1, 2, 4, 5, 6, 7, 15} <= set(np.unique(labels).tolist()) <= set(range(23))
    faces = []
    for sketch in ("drawing.png", *written):
        result = sfx(
            "run", sketch, "--appearance", "photo.png", "--bundle", bundle.path, "--out", f"{sketch}.png"
        )
        assert result.exit_code == 0, result.output
        faces.append(np.asarray(Image.open(f"{sketch}.png")).astype(int))
    # The SVG and the JSON hold the strokes to 0.001 unit; the larger pictures have another pen.
    assert all(np.abs(face - faces[0]).mean() < 1 for face in (faces[2], faces[3]))
    assert all(np.abs(face - faces[0]).mean() < 20 for face in (faces[1], faces[4]))


def test_interpret_mistakes(here: Path, drawing: Path) -> None:
    cases = [
        (("interpret", "sketch.png"), "sketch.png: expected a plain drawing, found a label map"),
        (("interpret", "nowhere.png"), "nowhere.png: expected a picture"),
        (("interpret", "photo.png"), "photo.png: expected a line drawing"),
        (("interpret", "drawing.png", "--size", 8), "size: expected 64 to 4096, found 8"),
        (
            ("interpret", "drawing.png", "--out", "a.gif"),
            "a.gif: expected a folder or a file ending in .png, .svg",
        ),
        (
            ("interpret", "drawing.png", "--out", "drawing.png"),
            "drawing.png: expected another name than an input's",
        ),
        (
            ("interpret", "drawing.png", "sketch.png", "--out", "a.svg"),
            "expected a folder to write 2 drawings to",
        ),
        (("interpret", "drawing.png", "drawing.png"), "expected one drawing a name"),
        (("interpret", "drawing.png", "--backend", "tpu"), "backend: expected one of"),
    ]
    for arguments, message in cases:
        result = sfx(*arguments)
        assert result.exit_code == 1, (arguments, result.output)
        (line,) = (line for line in result.stderr.splitlines() if line.startswith("Error"))
        assert message in line
    assert names(here) == {"sketch.png", "photo.png", "drawing.png"}


def test_interpret_to_one_file_or_a_folder(here: Path, drawing: Path) -> None:
    assert sfx("interpret", "drawing.png", "--out", "my.svg").stdout.split() == ["my.svg"]
    assert sfx("interpret", "drawing.png", "--out", "maps").exit_code == 0
    assert names(here / "maps") == {"drawing_labels.png", "drawing_layers.svg", "drawing_strokes.json"}
    # What a person corrected is kept where it is interpreted again.
    text = (here / "my.svg").read_text().replace('data-label="6"', 'data-label="7"').replace("nose", "mouth")
    (here / "corrected.svg").write_text(text)
    assert sfx("interpret", "corrected.svg", "--out", "again.png").exit_code == 0
    assert 6 not in np.asarray(Image.open("again.png"))


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
