"""Lines measured together are measured as they would be alone."""

from __future__ import annotations

import numpy as np

from sfx.runtime.interpreter.measuring import measured, ranks


def test_places_on_a_line_are_those_of_the_line_alone() -> None:
    bent = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 10.0]])
    dot = np.array([[50.0, 60.0], [50.0, 60.0]])
    straight = np.array([[100.0, 0.0], [100.0, 8.0]])
    ways = measured(np.concatenate([bent, dot, straight]), np.array([3, 2, 2]))
    assert ways.length.tolist() == [11.0, 0.0, 8.0]
    found = ways.at(
        np.array([*(ways.begin[0] + [0.0, 2.5, 6.0, 11.0]), *ways.begin[1:], ways.begin[2] + 8.0])
    )
    expected = [[0.0, 0.0], [1.5, 2.0], [3.0, 5.0], [3.0, 10.0], [50.0, 60.0], [100.0, 0.0], [100.0, 8.0]]
    assert np.allclose(found, expected, atol=1e-12)


def test_ranks_begin_anew_in_every_group() -> None:
    assert ranks(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
