"""Every kind of sketch ends as class ids: labels as they are, strokes drawn, drawings interpreted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfx.errors import InputError
from sfx.runtime.interpreter import Sketch, interpret
from sfx.runtime.interpreter.json_files import sketch_to_json
from sfx.runtime.sketches import SketchReader
from sfx.samples import sample_label_map

LABELS = sample_label_map(size=256)
INK = np.where(sample_label_map(size=512) > 0, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def understood() -> Sketch:
    return interpret(INK)


@pytest.fixture
def read_as() -> Iterator[object]:
    readers = []

    def make(kind: str, size: int = 256) -> SketchReader:
        readers.append(SketchReader(size, kind))
        return readers[-1]

    yield make
    for reader in readers:
        reader.close()


def test_a_label_map_is_taken_as_it_is(read_as, tmp_path: Path) -> None:
    path = tmp_path / "labels.png"
    Image.fromarray(LABELS).save(path)
    for kind in ("auto", "labels"):
        read = read_as(kind).read(path)
        np.testing.assert_array_equal(read.labels, LABELS)
        assert (read.strokes, read.doubts) == (None, ())


def test_a_drawing_is_interpreted(read_as, understood: Sketch, tmp_path: Path) -> None:
    path = tmp_path / "drawing.png"
    Image.fromarray(INK).save(path)
    for kind in ("auto", "drawing"):
        np.testing.assert_array_equal(read_as(kind, 128).read(path).labels, understood.label_map(128))
    with pytest.raises(InputError, match=r"expected a label map .* found values up to 255"):
        read_as("labels").read(path)


def test_strokes_keep_the_labels_they_carry(read_as, understood: Sketch, tmp_path: Path) -> None:
    svg, as_json = tmp_path / "a.svg", tmp_path / "strokes"
    svg.write_text(understood.to_svg().replace('data-label="15"', 'data-label="13"'))
    as_json.write_text(sketch_to_json(understood).replace('"label": 15', '"label": 13'))
    expected = np.where(understood.label_map() == 15, 13, understood.label_map())
    for path in (svg, as_json):
        for kind in ("auto", "labels"):
            labels = read_as(kind).read(path).labels
            assert (labels == expected).mean() > 0.998
        # As a plain drawing its labels count for nothing.
        assert 13 not in read_as("drawing").read(path).labels


def test_strokes_without_labels_are_no_labels(read_as, understood: Sketch, tmp_path: Path) -> None:
    path = tmp_path / "plain.svg"
    path.write_text(understood.without_labels().to_svg())
    with pytest.raises(InputError, match=r"plain\.svg: expected strokes with labels, found some without"):
        read_as("labels").read(path)
    assert (read_as("auto").read(path).labels == understood.label_map()).mean() > 0.99


def test_a_missing_file_is_named(read_as, tmp_path: Path) -> None:
    for kind in ("auto", "labels", "drawing"):
        with pytest.raises(InputError, match=r"none\.png: expected a"):
            read_as(kind).read(tmp_path / "none.png")
