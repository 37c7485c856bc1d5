"""A drawing that does not fill its page is brought to where faces lie in training."""

import numpy as np

from sfx.runtime.interpreter import Stroke
from sfx.runtime.interpreter.framing import Frame, closer


def box(low, high, label=None):
    return Stroke(np.array([low, [high[0], low[1]], high], np.float32), label=label)


def test_a_small_drawing_fills_the_page():
    strokes = [box((10, 20), (60, 30), label=7), box((90, 60), (110, 120))]
    first, second = closer(strokes).seen(strokes)
    np.testing.assert_allclose(first.points[0], [128 - 118, 132 - 118], atol=1e-4)
    np.testing.assert_allclose(second.points[-1], [128 + 118, 132 + 118], atol=1e-4)
    assert (first.label, second.label) == (7, None)


def test_a_single_eye_stays_small():
    strokes = [box((100, 100), (120, 110))]
    (eye,) = closer(strokes).seen(strokes)
    np.testing.assert_allclose(np.ptp(eye.points, axis=0), [60, 30], rtol=1e-5)


def test_what_fills_the_page_needs_no_framing():
    strokes = [box((12, 14), (240, 250))]
    assert closer(strokes) is None
    assert Frame().seen(strokes) == (*strokes,)
