"""The interpreter as shipped: a drawn face is understood, at any size, in pixels and in lines."""

from dataclasses import replace

import numpy as np
import pytest
from drawn import arc, draw, face
from scipy import ndimage

from sfx.engines.backends import choose
from sfx.engines.verify import verify_bundle
from sfx.labels import FAMILIES
from sfx.runtime.interpreter import Interpreter, Placement, Sketch, Stroke, interpret, read_drawing
from sfx.runtime.interpreter.interpreting import MODEL
from sfx.runtime.interpreter.json_files import sketch_from_json, sketch_to_json
from sfx.runtime.interpreter.overlay import overlay
from sfx.runtime.interpreter.plausibility import doubts, mean_confidence
from sfx.runtime.label_maps import find_label_map
from sfx.runtime.pictures import write_picture

MEANINGS = [15, 10, 17, 2, 1, 2, 1, 5, 4, 6, 7, 7, 7, 12, 11, 14, 14, 16, 15, 15, 16, 16]
"""What each stroke of `face()` draws."""
FAMILY = {label: number for number, family in enumerate(FAMILIES) for label in family}


@pytest.fixture(scope="module")
def interpreter():
    with Interpreter() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def sketch(interpreter):
    return interpreter.interpret(draw(face(), 512, 2))


def nearest_labels(sketch, size=256):
    labels = sketch.label_map(size)
    row, column = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return labels[row, column]


def right_share(sketch):
    """Share of the face's points whose nearest stroke has the right family."""
    labels = nearest_labels(sketch)
    right = []
    for path, meaning in zip(face(), MEANINGS, strict=True):
        column, row = np.clip(path, 0, 255.9).astype(int).T
        right += [FAMILY[label] == FAMILY[meaning] for label in labels[row, column]]
    return np.mean(right)


def test_a_drawn_face_is_understood(sketch):
    assert right_share(sketch) > 0.93
    assert all(0.0 <= stroke.confidence <= 1.0 for stroke in sketch.strokes)
    assert mean_confidence(sketch) > 0.8
    assert doubts(sketch) == ()


def test_what_is_shipped_is_whole_small_and_proven():
    assert len([*verify_bundle(MODEL)]) >= 4
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 8 << 20


def test_backends_agree(sketch):
    with Interpreter(choose("onnxruntime", "cpu")) as other:
        again = other.interpret(draw(face(), 512, 2))
    assert (again.label_map() == sketch.label_map()).mean() > 0.999


@pytest.mark.parametrize(("size", "pen"), [(300, 1.3), (1024, 4), (2048, 8)])
def test_the_size_of_the_page_changes_nothing(interpreter, sketch, size, pen):
    other = interpreter.interpret(draw(face(), size, pen))
    ink = sketch.mask() | other.mask()
    assert (nearest_labels(sketch)[ink] == nearest_labels(other)[ink]).mean() > 0.97


def test_svg_lines_are_understood(interpreter, tmp_path):
    path = tmp_path / "face.svg"
    lines = "".join(
        f'<polyline points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in points)}"/>' for points in face()
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" fill="none" stroke="#000">{lines}</svg>'
    )
    assert right_share(interpreter.interpret(path)) > 0.93


def vectors(paths=None):
    """The face as a drawing program's lines."""
    strokes = tuple(Stroke(np.asarray(path, np.float32)) for path in (face() if paths is None else paths))
    return Sketch(strokes, Placement.fit(256, 256))


def test_vectors_mean_what_their_picture_means(interpreter, sketch):
    before, after = sketch.label_map(), interpreter.interpret(vectors()).label_map()
    assert (before == after).mean() > 0.99
    both = (before > 0) & (after > 0)
    assert (before == after)[both].mean() > 0.97  # cheek and jaw lie on each other for 27 of 1669 pixels


def test_vectors_keep_their_strokes(interpreter):
    drawing = vectors()
    read = interpreter.interpret(drawing)
    assert not read.traced
    assert sum(stroke.length for stroke in read.strokes) == pytest.approx(
        sum(stroke.length for stroke in drawing.strokes), rel=1e-3
    )
    corner = drawing.strokes[0].points[0]
    assert any((stroke.points == corner).all(1).any() for stroke in read.strokes)


def test_a_persons_labels_on_vectors_are_kept(interpreter):
    first, *others = vectors().strokes
    corrected = replace(vectors(), strokes=(replace(first, label=13), *others))
    read = interpreter.interpret(corrected)
    (kept,) = [stroke for stroke in read.strokes if stroke.confidence is None]
    assert kept.label == 13
    np.testing.assert_array_equal(kept.points, first.points)


def test_vectors_beside_the_page_get_classes_too(interpreter):
    beside = interpreter.interpret(vectors([path + 400 for path in face()]))
    assert all(stroke.label is not None for stroke in beside.strokes)
    assert not beside.label_map().any()


def test_left_and_right_follow_a_mirrored_drawing(interpreter, sketch):
    mirrored = interpreter.interpret(np.ascontiguousarray(draw(face(), 512, 2)[:, ::-1]))
    for labels in ((1, 2), (4, 5), (11, 12)):
        left, right = (
            np.mean([s.points[:, 0].mean() for s in mirrored.strokes if s.label == label]) for label in labels
        )
        assert left > right


def test_part_of_a_face_is_understood(interpreter):
    eyes_and_nose = interpreter.interpret(draw([face()[index] for index in (3, 4, 5, 6, 9)], 512, 2))
    assert {stroke.label for stroke in eyes_and_nose.strokes} <= {1, 2, 6}
    assert {"no mouth", "no outline of a face"} <= set(doubts(eyes_and_nose))


def test_a_small_drawing_in_a_corner_gets_a_closer_look(interpreter):
    small = [(path - 128) * 0.45 + (70, 80) for path in face()]
    labels = nearest_labels(interpreter.interpret(draw(small, 700, 3)))
    right = [
        FAMILY[label] == FAMILY[meaning]
        for path, meaning in zip(small, MEANINGS, strict=True)
        for label in labels[tuple(path.astype(int).T[::-1])]
    ]
    assert np.mean(right) > 0.85


def test_a_persons_labels_are_kept(interpreter):
    plain = read_drawing(draw(face(), 512, 2))
    corrected = replace(plain, strokes=(replace(plain.strokes[0], label=13), *plain.strokes[1:]))
    interpreted = interpreter.interpret(corrected)
    (kept,) = [stroke for stroke in interpreted.strokes if stroke.confidence is None]
    assert kept.label == 13
    np.testing.assert_array_equal(kept.points, plain.strokes[0].points)
    assert all(stroke.label is not None for stroke in interpreted.strokes)


def test_labelled_strokes_need_no_network():
    stroke = Stroke(np.array([[1.0, 2.0], [30.0, 40.0]], np.float32), label=9)
    sketch = Sketch((stroke,), read_drawing(draw(face(), 128, 2)).placement)
    assert interpret(sketch) is sketch


def test_the_strokes_cover_what_they_covered(sketch):
    before = read_drawing(draw(face(), 512, 2))
    far = ndimage.distance_transform_edt(~sketch.mask())
    assert far[before.mask()].max() <= 1.5
    assert len(sketch.strokes) >= len(before.strokes)


def test_a_closed_stroke_that_changes_keeps_its_length(interpreter):
    head = read_drawing(draw([arc(128, 130, 70, 90), *face()[3:13], *face()[15:17]], 512, 2))
    (ring,) = [stroke for stroke in head.strokes if stroke.closed and stroke.length > 300]
    understood = interpreter.interpret(head)
    pieces = [stroke for stroke in understood.strokes if FAMILY[stroke.label] == FAMILY[10]]
    assert sum(stroke.length for stroke in pieces) == pytest.approx(ring.length, rel=0.1)


def test_json_reads_back(sketch):
    again = sketch_from_json(sketch_to_json(sketch).encode(), "face.json")
    assert again.placement == sketch.placement
    for before, after in zip(sketch.strokes, again.strokes, strict=True):
        assert (before.label, before.closed) == (after.label, after.closed)
        assert after.confidence == pytest.approx(before.confidence, abs=1e-4)
        np.testing.assert_allclose(before.points, after.points, atol=6e-4)


def test_the_label_map_survives_the_labelled_svg(sketch, tmp_path):
    path = tmp_path / "face.svg"
    path.write_text(sketch.to_svg())
    again = read_drawing(path)
    assert [stroke.label for stroke in again.strokes] == [stroke.label for stroke in sketch.strokes]
    before, after = sketch.label_map(256), again.label_map(256)
    both = (before > 0) & (after > 0)
    assert both.sum() > 0.95 * (before > 0).sum()  # coordinates are rounded to 0.001
    assert (before == after)[both].mean() > 0.995


def test_the_overlay_has_the_classes_colours_and_a_legend(sketch):
    picture = overlay(sketch, 512)
    assert picture.shape == (512, round(512 * 1.58), 3)
    colours = {tuple(colour) for colour in picture[:, :512].reshape(-1, 3).tolist()}
    assert {(0, 158, 60), (122, 40, 160), (80, 40, 190)} <= colours
    assert (picture[:, 520:] < 255).any()


def test_an_overlay_reads_back_as_labels(sketch, tmp_path):
    path = tmp_path / "overlay.png"
    write_picture(path, overlay(sketch, 768))
    labels = find_label_map(path)
    np.testing.assert_array_equal(labels, sketch.label_map(768, 3.0))
    # Another picture of the same shape is none.
    write_picture(path, np.roll(overlay(sketch, 768), 1, axis=1))
    assert find_label_map(path) is None


def test_two_noses_are_doubted(sketch):
    (nose, *_) = (stroke for stroke in sketch.strokes if stroke.label == 6)
    second = replace(nose, points=nose.points + np.array([110, 0], np.float32))
    assert "two noses" in doubts(replace(sketch, strokes=(*sketch.strokes, second)))


def test_low_confidence_is_doubted(sketch):
    unsure = tuple(replace(stroke, confidence=0.4) for stroke in sketch.strokes)
    assert doubts(replace(sketch, strokes=unsure)) == ("low confidence (0.40)",)
