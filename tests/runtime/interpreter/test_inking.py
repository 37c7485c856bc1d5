"""Lines as pixels: where the pen is, and not where a line's points happen to lie."""

from itertools import pairwise

import numpy as np
import pytest

from sfx.runtime.interpreter import Placement, Sketch, Stroke
from sfx.runtime.interpreter.inking import Line, ink_lines


def line(*points, end=0.0):
    return Line(np.array(points, np.float64), end)


@pytest.mark.parametrize("width", [1.0, 2.0, 3.0, 5.0])
def test_ink_is_what_lies_under_the_pen(width):
    begin, end = np.array([9.3, 20.1]), np.array([50.7, 41.6])
    ink = ink_lines([line(begin, end)], 64, width) == 0
    row, column = np.mgrid[:64, :64] + 0.5
    way = end - begin
    share = ((column - begin[0]) * way[0] + (row - begin[1]) * way[1]) / (way @ way)
    nearest = begin + share.clip(0, 1)[..., None] * way
    distance = np.hypot(column - nearest[..., 0], row - nearest[..., 1])
    clear = np.abs(distance - width / 2) > 0.01
    np.testing.assert_array_equal(ink[clear], (distance < width / 2)[clear])


def test_more_points_on_the_same_line_change_nothing():
    corners = np.array([[10.2, 12.7], [201.4, 60.3], [97.0, 230.9]])
    many = np.concatenate([np.linspace(a, b, 50) for a, b in pairwise(corners)])
    few, dense = (ink_lines([line(*points)], 256, 1.0) for points in (corners, many))
    np.testing.assert_array_equal(few, dense)


def test_a_line_on_the_border_of_two_rows_inks_one():
    rows = np.flatnonzero((ink_lines([line((5, 20), (50, 20))], 64, 1.0) == 0).any(1))
    assert rows.tolist() == [20]


def test_a_dot_between_four_pixels_is_seen():
    assert (ink_lines([line((9.9, 10.0), (10.1, 10.0))], 32, 1.0) == 0).sum() == 1


def test_a_line_that_ends_at_another_lies_below_it_however_far_it_reaches():
    along = line((5.5, 20.5), (55.5, 20.5), end=2.0)
    for reach in (19.5, 20.5, 21.0):
        upon = line((30.5, 5.5), (30.5, reach), end=2.0)
        for first, second in ((along, upon), (upon, along)):
            drawn = ink_lines([first, second], 64, 1.0)
            owner = 0 if first is along else 1
            assert (drawn[20, 5:56] == owner).all(), reach


def test_lines_that_cross_keep_their_order():
    across, down = line((5.5, 20.5), (55.5, 20.5), end=2.0), line((30.5, 5.5), (30.5, 55.5), end=2.0)
    assert ink_lines([across, down], 64, 1.0)[20, 30] == 1
    assert ink_lines([down, across], 64, 1.0)[20, 30] == 1


def test_nothing_beside_the_page_is_drawn():
    assert (ink_lines([line((-20, 5), (-3, 50)), line((70, 70), (71, 70))], 64, 3.0) == -1).all()
    assert ink_lines([], 8, 1.0).shape == (8, 8)


def test_a_sketch_is_drawn_so_at_every_size():
    strokes = (
        Stroke(np.array([[20.5, 80.5], [220.5, 80.5]]), label=10),
        Stroke(np.array([[120.5, 20.5], [120.5, 80.8]]), label=15),
    )
    sketch = Sketch(strokes, Placement.fit(256, 256))
    for size in (128, 256, 512):
        row = sketch.label_map(size)[round(80.5 * size / 256 - 0.5), size // 8 : size // 2 + size // 4]
        assert (row == 10).all(), size


def test_only_the_part_on_the_page_of_a_line_without_end_is_drawn():
    drawn = ink_lines([line((-1e5, -1e5 + 0.5), (1e5, 1e5 + 0.5))], 64, 1.0)
    row, column = np.nonzero(drawn == 0)
    assert set(column - row) <= {0, -1}
    assert set(row) == set(range(64))
