"""Where strokes are cut when their meaning changes."""

from __future__ import annotations

import numpy as np
import pytest

from sfx.runtime.interpreter.cutting import SNAP, cut
from sfx.runtime.interpreter.deciding import Piece
from sfx.runtime.interpreter.strokes import Stroke


def line(*points: tuple[float, float], closed: bool = False) -> Stroke:
    return Stroke(np.array(points, np.float32), closed)


JAW = line((20.0, 100.0), (120.0, 100.0))
"""50 segments of two units."""


def changed_at(segment: int) -> list[Piece]:
    return [Piece(0, 0, segment, 17, 0.9), Piece(0, segment, 50, 10, 0.8)]


def test_a_cut_goes_to_the_point_where_another_stroke_ends() -> None:
    hair = line((63.0, 60.0), (63.0, 99.0))
    jaw, cheek, other = cut((JAW, hair), [*changed_at(20), Piece(1, 0, 20, 15, 1.0)])
    assert (jaw.label, cheek.label, other.label) == (17, 10, 15)
    assert jaw.points[-1] == pytest.approx((63.0, 100.0), abs=0.2)
    assert cheek.points[0] == pytest.approx(jaw.points[-1])
    assert (jaw.confidence, cheek.confidence) == (0.9, 0.8)


def test_strokes_with_a_class_of_their_own_count_too() -> None:
    neck = line((57.5, 101.0), (57.5, 140.0))
    jaw, _ = cut((JAW,), changed_at(20), others=(neck,))
    assert jaw.points[-1] == pytest.approx((57.5, 100.0), abs=0.2)


@pytest.mark.parametrize(
    "hair",
    [
        line((61.0 + SNAP, 60.0), (61.0 + SNAP, 99.0)),
        line((62.0, 60.0), (62.0, 96.0)),
        line((62.0, 60.0), (62.0, 140.0)),
        line((62.0, 99.0), (62.0, 60.0), (70.0, 60.0), closed=True),
    ],
    ids=["too far along", "ends too early", "crosses", "has no end"],
)
def test_a_cut_stays_where_no_stroke_ends(hair: Stroke) -> None:
    jaw, *_ = cut((JAW, hair), [*changed_at(20), Piece(1, 0, 20, 15, 1.0)])
    assert jaw.points[-1] == pytest.approx((60.0, 100.0), abs=1e-3)


def test_every_piece_keeps_some_length() -> None:
    pieces = [Piece(0, 0, 1, 17, 0.9), Piece(0, 1, 2, 10, 0.9), Piece(0, 2, 50, 18, 0.9)]
    ends = [line((x, 60.0), (x, 99.0)) for x in (20.0, 25.0)]
    parts = cut((JAW,), pieces, others=tuple(ends))
    assert [part.label for part in parts] == [17, 10, 18]
    assert all(part.length > 0.2 for part in parts)
    assert sum(part.length for part in parts) == pytest.approx(100.0, abs=1e-3)


def test_a_ring_is_not_cut_at_its_first_point() -> None:
    ring = line((60.0, 60.0), (80.0, 60.0), (80.0, 80.0), (60.0, 80.0), closed=True)
    pieces = [Piece(0, 0, 10, 10, 0.5), Piece(0, 10, 30, 17, 0.9), Piece(0, 30, 40, 10, 0.7)]
    first, second = cut((ring,), pieces)
    assert (first.label, second.label) == (10, 17)
    assert first.confidence == pytest.approx(0.6)
    assert first.length == pytest.approx(40.0, abs=1e-3)
    assert second.length == pytest.approx(40.0, abs=1e-3)
