import numpy as np
import pytest

from sfx.errors import InputError
from sfx.runtime.interpreter import Placement, Sketch, Stroke

IDENTITY = Placement(1.0, 0.0, 0.0)
DIAGONAL = np.array([[10.0, 10.0], [60.0, 60.0]], np.float32)
BOX = np.array([[100.0, 100.0], [140.0, 100.0], [140.0, 150.0], [100.0, 150.0]], np.float32)


def test_placement_fits_the_longer_side_and_centres_the_shorter():
    placement = Placement.fit(1200, 800)
    corners = placement.to_canvas(np.array([[0.0, 0.0], [1200.0, 800.0]]))
    margin = (256 - 256 * 800 / 1200) / 2
    np.testing.assert_allclose(corners, [[0, margin], [256, 256 - margin]])
    np.testing.assert_allclose(placement.to_source(corners), [[0, 0], [1200, 800]], atol=1e-9)


@pytest.mark.parametrize("size", [(0, 10), (10, -1)])
def test_placement_of_a_page_without_area_is_refused(size):
    with pytest.raises(InputError, match="page size"):
        Placement.fit(*size)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"points": np.zeros((1, 2))}, r"shape \(n >= 2, 2\), found \(1, 2\)"),
        ({"points": np.zeros((4, 3))}, "found"),
        ({"points": np.array([[0, 0], [np.nan, 1]])}, "NaN"),
        ({"points": DIAGONAL, "label": 0}, "label"),
        ({"points": DIAGONAL, "label": 23}, "1..22"),
        ({"points": DIAGONAL, "confidence": 1.5}, "confidence"),
    ],
)
def test_a_stroke_refuses_what_does_not_hold(values, message):
    with pytest.raises(InputError, match=message):
        Stroke(**values)


def test_a_stroke_owns_its_points():
    points = DIAGONAL.copy()
    stroke = Stroke(points)
    points[0] = 99
    np.testing.assert_array_equal(stroke.points, DIAGONAL)
    with pytest.raises(ValueError, match="read-only"):
        stroke.points[0] = 1


def test_a_closed_stroke_returns_to_its_first_point():
    assert Stroke(BOX, closed=True).length == pytest.approx(180)
    assert Stroke(BOX).length == pytest.approx(130)
    np.testing.assert_array_equal(Stroke(BOX, closed=True).path[-1], BOX[0])


def test_a_label_map_holds_the_labels_where_their_strokes_run():
    sketch = Sketch((Stroke(DIAGONAL, label=7), Stroke(BOX, closed=True, label=15)), IDENTITY)
    labels = sketch.label_map(256)
    assert labels.dtype == np.uint8
    assert labels.shape == (256, 256)
    assert labels[30, 30] == 7
    assert labels[120, 100] == 15  # the side that only closing draws
    assert set(np.unique(labels)) == {0, 7, 15}


def test_strokes_without_a_label_are_ink_but_not_in_the_label_map():
    sketch = Sketch((Stroke(DIAGONAL), Stroke(BOX, label=15)), IDENTITY)
    assert sketch.mask()[30, 30]
    assert sketch.label_map()[30, 30] == 0
    assert sketch.label_map()[100, 120] == 15


def test_the_later_of_two_crossing_strokes_stays_on_top():
    across = np.array([[10.0, 61.0], [61.0, 10.0]], np.float32)
    sketch = Sketch((Stroke(DIAGONAL, label=1), Stroke(across, label=2)), IDENTITY)
    assert sketch.stroke_map()[35, 35] == 1
    assert sketch.label_map()[35, 35] == 2


@pytest.mark.parametrize("size", [64, 256, 512, 1000])
def test_drawing_scales_with_the_size(size):
    sketch = Sketch((Stroke(DIAGONAL), Stroke(BOX, closed=True)), IDENTITY)
    rows, columns = np.nonzero(sketch.mask(size))
    np.testing.assert_allclose(
        [columns.min(), columns.max() + 1], np.array([10, 140]) * size / 256, atol=size / 256 + 1
    )
    np.testing.assert_allclose(
        [rows.min(), rows.max() + 1], np.array([10, 150]) * size / 256, atol=size / 256 + 1
    )


def test_the_pen_is_one_unit_wide_unless_asked_otherwise():
    line = Sketch((Stroke(np.array([[10.0, 128.0], [240.0, 128.0]], np.float32)),), IDENTITY)
    for size, width, rows in ((256, None, 1), (512, None, 2), (1024, None, 4), (512, 1, 1), (512, 7, 7)):
        assert line.mask(size, width)[:, size // 2].sum() == rows, (size, width)


def test_points_off_the_canvas_do_not_appear_on_it():
    outside = np.array([[-30.0, 20.0], [-0.5, 200.0]], np.float32)
    assert not Sketch((Stroke(outside),), IDENTITY).mask(512, 1).any()


def test_an_empty_sketch_draws_nothing():
    sketch = Sketch((), IDENTITY)
    assert not sketch.label_map().any()
    assert (sketch.stroke_map(32) == -1).all()
    with pytest.raises(InputError, match="size"):
        sketch.mask(0)
