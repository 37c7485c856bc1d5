from xml.etree import ElementTree

import numpy as np
import pytest
from drawn import draw, face

from sfx.labels import CLASSES
from sfx.runtime.interpreter import Placement, Sketch, Stroke, read_drawing
from sfx.runtime.interpreter.svg_writing import class_slug

GROUP = "{http://www.w3.org/2000/svg}g"


@pytest.fixture
def labelled() -> Sketch:
    sketch = read_drawing(draw(face(), 512, 2))
    strokes = [
        Stroke(stroke.points, stroke.closed, 1 + number % 22, (number % 5) / 4 if number % 3 else None)
        for number, stroke in enumerate(sketch.strokes)
    ]
    return Sketch((*strokes, Stroke(np.array([[1.0, 2.0], [1.5, 3.0]]))), sketch.placement)


def by_label(sketch: Sketch) -> dict[int | None, list[Stroke]]:
    groups: dict[int | None, list[Stroke]] = {}
    for stroke in sketch.strokes:
        groups.setdefault(stroke.label, []).append(stroke)
    return groups


def test_a_labelled_sketch_reads_back_as_it_was(labelled, tmp_path):
    path = tmp_path / "labelled.svg"
    path.write_text(labelled.to_svg())
    written, read = by_label(labelled), by_label(read_drawing(path))
    assert written.keys() == read.keys()
    for label, strokes in written.items():
        assert len(strokes) == len(read[label])
        for before, after in zip(strokes, read[label], strict=True):
            assert (before.closed, before.confidence) == (after.closed, after.confidence)
            np.testing.assert_allclose(before.points, after.points, atol=6e-4)


def test_one_group_stands_for_each_class(labelled):
    groups = ElementTree.fromstring(labelled.to_svg()).findall(GROUP)
    ids = [group.get("id") for group in groups]
    labels = [group.get("data-label") for group in groups]
    assert ids[0] == "unlabelled"
    assert labels[0] is None
    expected = [label for label in by_label(labelled) if label]
    assert labels[1:] == [str(label) for label in sorted(expected)]
    assert ids[1:] == [class_slug(CLASSES[label]) for label in sorted(expected)]


def test_every_class_has_a_name_of_its_own():
    assert len({class_slug(label_class) for label_class in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize(
    "group",
    [
        'id="mouth"',
        'id="Mouth"',
        'id="mouth-2"',
        'id="mouth_1_"',
        'id="g12" inkscape:label="mouth"',
        'data-label="7"',
    ],
)
def test_a_group_named_by_hand_labels_its_strokes(group, tmp_path):
    path = tmp_path / "named.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" '
        'xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" fill="none" stroke="#000">'
        f'<g {group}><g transform="translate(1,2)"><path d="M10 10L90 90"/></g></g><path d="M9 9L8 90"/></svg>'
    )
    assert [stroke.label for stroke in read_drawing(path).strokes] == [7, None]


def test_the_inner_group_decides_and_0_takes_a_label_away(tmp_path):
    path = tmp_path / "nested.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" fill="none" stroke="#000">'
        '<g data-label="15"><path d="M10 10L90 90"/><path data-label="17" d="M10 20L90 80"/>'
        '<g data-label="0"><path d="M10 30L90 70"/></g></g></svg>'
    )
    assert [stroke.label for stroke in read_drawing(path).strokes] == [15, 17, None]


def test_an_empty_sketch_is_still_a_document():
    assert ElementTree.fromstring(Sketch((), Placement(1, 0, 0)).to_svg()).findall(GROUP) == []
