"""Figures of interpretation: what counts as right, and what the command writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sfx.benchmarks.agreement import SHARES, Agreement, Knowing, by_form, has_nearby, same_where_inked
from sfx.benchmarks.confusion import confusion_picture
from sfx.benchmarks.interpretation import (
    Compared,
    calibration,
    compare,
    confusion,
    main,
    report,
)
from sfx.export.interpreter.drawing import Drawing
from sfx.runtime.interpreter import Interpreter
from sfx.runtime.interpreter.strokes import Placement, Sketch, Stroke
from sfx.samples import sample_label_map


def compared(truth: list[int], found: list[int], confidence: list[float]) -> Compared:
    return Compared(
        "real", "a", np.array(truth, np.uint8), np.array(found, np.uint8), np.array(confidence, np.float32)
    )


def test_families_forgive_what_a_person_cannot_tell() -> None:
    one = compared([10, 17, 15, 8, 6], [18, 17, 17, 9, 0], [0.9, 0.9, 0.1, 0.9, 0.1])
    assert one.family_accuracy == pytest.approx(0.6)
    assert one.accuracy == pytest.approx(0.2)
    table = confusion([one, one])
    assert table[15, 17] == 2
    assert table.sum() == 10
    figures = report([one])
    assert figures["groups"]["real"]["family_accuracy"] == pytest.approx(0.6)
    assert figures["families"]["hair"] == {"pixels": 1, "recall": 0.0, "precision": None}
    assert figures["families"]["earring, necklace"]["recall"] == 1.0
    assert figures["classes"]["earring"]["recall"] == 0.0
    json.dumps(figures)
    assert confusion_picture(table).shape[2] == 3


def test_calibration_compares_confidence_with_what_is_right() -> None:
    rows = calibration([compared([6] * 4, [6, 6, 7, 7], [0.95, 0.95, 0.95, 0.25])])
    assert [row["pixels"] for row in rows["bins"]] == [1, 3]
    assert rows["bins"][1]["right"] == pytest.approx(2 / 3)
    assert rows["expected_calibration_error"] == pytest.approx((0.25 + 3 * (0.95 - 2 / 3)) / 4, abs=1e-6)


def test_a_sketch_is_compared_at_its_own_pixels() -> None:
    labels = sample_label_map(size=512)[:400]
    with Interpreter() as interpreter:
        one = compare(interpreter, labels, labels > 0, "real", "a")
        shifted = compare(interpreter, np.roll(labels, 60, axis=1), labels > 0, "real", "b")
    assert len(one.truth) == (labels > 0).sum()
    assert one.family_accuracy > 0.8
    assert (shifted.found == 0).mean() > 0.5


def test_the_command_reads_real_sketches_and_writes_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "sketches"
    folder.mkdir()
    Image.fromarray(sample_label_map(size=512)).save(folder / "sketch.png")
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(folder / "photo.png")
    files = [tmp_path / "out.json", tmp_path / "confusion.png"]
    result = CliRunner().invoke(
        main, [str(folder), "--synthetic", "1", "--json", str(files[0]), "--confusion", str(files[1])]
    )
    assert result.exit_code == 0, result.output
    assert "sketch.png" in result.stdout
    assert "clean, rotation" in result.stdout
    figures = json.loads(files[0].read_text())
    assert figures["groups"]["real"]["drawings"] == 1
    assert {"clean, none", "dense, all together", "clean, partial"} <= figures["groups"].keys()
    assert figures["groups"]["clean, none"]["family_accuracy"] > 0.8
    assert Image.open(files[1]).width > 300


def test_a_folder_without_label_sketches_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        result = CliRunner().invoke(main, [str(folder)])
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].startswith(f"Error: {folder}: expected")


def test_agreement_compares_sizes_and_vectors_with_the_512_px_picture(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    result = CliRunner().invoke(main, ["--agreement", "1", "--json", str(file)])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures.keys() == {"agreement"}
    assert set(figures["agreement"]) == {
        f"{style}, {form}" for style in ("clean", "dense") for form in ("300 px", "1024 px", "2048 px", "svg")
    }
    for figure in figures["agreement"].values():
        assert figure["drawings"] == 1
        assert 0.9 < figure["same"] <= figure["near"]
        assert 0.9 < figure["mapped"] <= 1.0
        assert 0.97 < figure["equal"] <= 1.0
        assert 0.95 < figure["same_at_best"] <= 1.0
        assert 0.95 < figure["mapped_at_best"] <= 1.0
        assert figure["right"] > 0.9


def test_agreement_falls_where_labels_differ() -> None:
    half = Agreement(
        "clean",
        "svg",
        same=0.5,
        same_at_best=0.8,
        mapped=0.6,
        mapped_at_best=0.9,
        equal=0.96,
        near=0.7,
        right=0.9,
    )
    whole = Agreement("clean", "svg", **dict.fromkeys(SHARES, 1.0))
    assert by_form([half, whole]) == {
        "clean, svg": {
            "drawings": 2,
            "same": 0.75,
            "same_at_best": 0.9,
            "mapped": 0.8,
            "mapped_at_best": 0.95,
            "equal": 0.98,
            "near": 0.85,
            "right": 0.95,
        }
    }


def test_a_reader_that_knows_the_classes_errs_only_where_lines_touch() -> None:
    lines = [
        np.array([[10.5, 50.5], [120.5, 50.5]], np.float32),
        np.array([[120.5, 50.5], [120.5, 200.5]], np.float32),
    ]
    drawing = Drawing.of(lines, [10, 17])
    vectors = Sketch(tuple(Stroke(line) for line in lines), Placement.fit(256, 256))
    with Interpreter() as interpreter:
        knowing = Knowing(interpreter, drawing)
        assert [stroke.label for stroke in knowing.interpret(vectors).strokes] == [10, 17]
        swapped = Knowing(interpreter, Drawing.of(lines, [7, 6]))
        assert [stroke.label for stroke in swapped.interpret(vectors).strokes] == [6, 7]


def test_label_maps_are_compared_where_both_are_inked() -> None:
    whole = Sketch(
        (
            Stroke(np.array([[10.5, 50.5], [59.5, 50.5]]), label=10),
            Stroke(np.array([[60.5, 50.5], [109.5, 50.5]]), label=17),
        ),
        Placement.fit(256, 256),
    )
    longer = Sketch((Stroke(np.array([[10.5, 50.5], [149.5, 50.5]]), label=10),), Placement.fit(256, 256))
    assert same_where_inked(whole.label_map(), whole.label_map()) == 1.0
    assert same_where_inked(whole.label_map(), longer.label_map()) == 0.5


def test_a_class_counts_as_found_within_a_pens_width() -> None:
    ink = np.zeros((512, 512), np.bool_)
    ink[100, 100:120] = True
    wanted = np.repeat(np.array([10, 17], np.uint8), 10)
    moved = np.repeat(np.array([10, 17], np.uint8), [12, 8])
    assert has_nearby(moved, wanted, ink).all()
    moved_further = np.repeat(np.array([10, 17], np.uint8), [13, 7])
    assert has_nearby(moved_further, wanted, ink).tolist() == [True] * 10 + [False] + [True] * 9
    other = np.full(20, 10, np.uint8)
    assert has_nearby(other, wanted, ink).tolist() == [True] * 10 + [False] * 10
