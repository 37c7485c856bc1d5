"""Strokes get one class, or several where the evidence changes for long enough."""

import numpy as np
import pytest

from sfx.errors import EngineError
from sfx.runtime.interpreter import Placement, Sketch, Stroke
from sfx.runtime.interpreter.deciding import decide
from sfx.runtime.interpreter.evidence import SCORE_STEP, Evidence, gather_evidence, spread, with_heard
from sfx.runtime.interpreter.sides import set_sides


def evidence(*strokes, length=4.0):
    """Evidence whose strokes' segments have the given most likely labels, each 3 nats above all others."""
    labels = np.concatenate(strokes)
    logits = np.zeros((len(labels), 22), np.float32)
    logits[np.arange(len(labels)), labels - 1] = 3.0
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    starts = np.concatenate([[0], np.cumsum([len(stroke) for stroke in strokes])])
    return Evidence(logits, np.full(len(labels), length, np.float32), starts)


def found(pieces):
    return [(piece.stroke, piece.first, piece.last, piece.label) for piece in pieces]


def test_a_stroke_has_one_class_whatever_a_single_segment_says():
    assert found(decide(evidence([15, 15, 7, 15, 15, 15]))) == [(0, 0, 6, 15)]


def test_a_stroke_changes_its_class_where_the_evidence_does():
    pieces = decide(evidence([17] * 8 + [10] * 9, [6], [1] * 3))
    assert found(pieces) == [(0, 0, 8, 17), (0, 8, 17, 10), (1, 17, 18, 6), (2, 18, 21, 1)]


def test_strokes_of_one_class_side_by_side_stay_apart():
    assert found(decide(evidence([7, 7], [7], [7, 7, 7]))) == [(0, 0, 2, 7), (1, 2, 3, 7), (2, 3, 6, 7)]


def test_classes_without_a_meaning_are_never_found():
    assert {piece.label for piece in decide(evidence([20] * 9, [22] * 9))}.isdisjoint({20, 22})


def test_confidence_is_the_classes_mean_probability():
    sure = decide(evidence([6] * 5))[0].confidence
    mixed = decide(evidence([6, 6, 6, 7, 6]))[0].confidence
    assert sure == pytest.approx(np.exp(3) / (np.exp(3) + 21), rel=1e-5)
    assert mixed == pytest.approx(0.8 * sure + 0.2 / (np.exp(3) + 21), rel=1e-5)


def test_evidence_is_read_under_the_stroke():
    scores = np.zeros((22, 256, 256), np.uint8)
    scores[:, 40, 10:90] = 255 - 32  # 2 nats below the best
    scores[5, 40, 10:50] = 255
    scores[6, 40, 50:90] = 255
    stroke = Stroke(np.array([[10.5, 40.5], [89.5, 40.5]], np.float32))
    dot = Stroke(np.array([[20.5, 40.5], [20.5, 40.5]], np.float32))
    gathered = gather_evidence((stroke, dot), scores)
    assert gathered.starts.tolist() == [0, 40, 41]
    np.testing.assert_allclose(gathered.lengths, [79 / 40] * 40 + [0], rtol=1e-6)
    best = 1 / (1 + 21 * np.exp(-32 * SCORE_STEP))
    np.testing.assert_allclose(np.exp(gathered.log_probabilities[0, 5]), best, rtol=1e-5)
    np.testing.assert_allclose(np.exp(gathered.log_probabilities).sum(1)[[0, 40]], 1.0, rtol=1e-5)
    assert gathered.log_probabilities.argmax(1).tolist() == [5] * 20 + [6] * 20 + [5]


def test_paper_says_nothing():
    stroke = Stroke(np.array([[10.5, 40.5], [12.5, 40.5]], np.float32))
    gathered = gather_evidence((stroke,), np.zeros((22, 256, 256), np.uint8))
    np.testing.assert_allclose(gathered.log_probabilities, -np.log(22), rtol=1e-6)


def test_scores_of_another_shape_are_refused():
    stroke = Stroke(np.array([[10.5, 40.5], [12.5, 40.5]], np.float32))
    with pytest.raises(EngineError, match="output scores: expected uint8"):
        gather_evidence((stroke,), np.zeros((23, 256, 256), np.uint8))


def test_the_subjects_left_is_the_pictures_right():
    def eye(x, label):
        return Stroke(np.array([[x - 8, 120], [x + 8, 122]], np.float32), label=label)

    sided = set_sides(
        [eye(90, 2), eye(92, 1), eye(91, 2), eye(160, 1), eye(161, 2), eye(159, 1), eye(120, 6)]
    )
    assert [stroke.label for stroke in sided] == [2, 2, 2, 1, 1, 1, 6]


def test_a_lone_eye_keeps_its_side():
    eyes = [Stroke(np.array([[90, 120], [100, 122]], np.float32), label=1)] * 2
    assert [stroke.label for stroke in set_sides(eyes)] == [1, 1]


def test_what_is_heard_decides_and_the_evidence_tells_how_sure_it_is():
    seen, heard = evidence([15] * 6), evidence([10] * 6)
    (piece,) = decide(seen, heard)
    assert piece.label == 10
    assert piece.confidence < 0.2


def test_what_a_picture_showed_tips_what_was_doubtful_only():
    """Two lines: of the upper one classes 15 and 10 are as likely; of the lower one 15 by far."""
    scores = np.zeros((22, 256, 256), np.uint8)
    scores[14, [50, 90], 20:200] = 255
    scores[9, 50, 20:200] = 255 - 1
    scores[9, 90, 20:200] = 255 - round(4 / SCORE_STEP)
    lines = [np.array([[20.5, row], [199.5, row]], np.float32) for row in (50.5, 90.5)]
    understood = Sketch(tuple(Stroke(line, label=10) for line in lines), Placement.fit(256, 256))
    evidence = gather_evidence(tuple(Stroke(line) for line in lines), with_heard(spread(scores), understood))
    assert [piece.label for piece in decide(evidence)] == [10, 15]


def test_strokes_beside_the_ink_get_its_scores_by_spreading():
    scores = np.zeros((22, 256, 256), np.uint8)
    scores[6, 100, 30:150] = 255
    beside = (Stroke(np.array([[40.5, 103.5], [140.5, 103.5]], np.float32)),)
    assert (gather_evidence(beside, spread(scores)).log_probabilities.argmax(1) == 6).all()
    assert np.ptp(gather_evidence(beside, scores).log_probabilities) == 0.0
