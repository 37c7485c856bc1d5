"""One item is computed ahead in a thread: order, errors in their place, no more than one, nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from sfx.runtime.ahead import Ahead

SECONDS = 30.0


def ahead_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("sfx-ahead")]


def test_items_come_in_order_from_another_thread() -> None:
    def numbers() -> Generator[tuple[int, int], None, None]:
        for number in range(20):
            yield number, threading.get_ident()

    with Ahead(numbers()) as items:
        found = list(items)
    assert [number for number, _ in found] == list(range(20))
    assert threading.get_ident() not in {thread for _, thread in found}
    assert not ahead_threads()


def test_the_next_item_is_computed_while_one_is_handled_and_no_other() -> None:
    started, next_one_computed, taken = [], threading.Event(), threading.Event()

    def numbers() -> Generator[int, None, None]:
        for number in range(5):
            started.append(number)
            if number == 1:
                # Only a thread of its own gets past this: the first item has to be handled meanwhile.
                assert taken.wait(SECONDS)
                next_one_computed.set()
            yield number

    with Ahead(numbers()) as items:
        assert next(items) == 0
        taken.set()
        assert next_one_computed.wait(SECONDS)
        assert started == [0, 1]
        assert next(items) == 1
        assert 3 not in started
    assert len(started) <= 3


def test_an_error_comes_in_its_place() -> None:
    def numbers() -> Generator[int, None, None]:
        yield 0
        yield 1
        raise ValueError("the third")

    found: list[int] = []
    with Ahead(numbers()) as items, pytest.raises(ValueError, match="the third"):
        found.extend(items)
    assert found == [0, 1]
    assert not ahead_threads()


def test_leaving_early_closes_the_chain() -> None:
    closed = []

    def first() -> Generator[int, None, None]:
        try:
            yield from range(10)
        finally:
            closed.append("first")

    def second(items: Ahead[int]) -> Generator[int, None, None]:
        try:
            for item in items:
                yield 2 * item
        finally:
            closed.append("second")

    def interrupted() -> None:
        with Ahead(first()) as numbers, Ahead(second(numbers)) as doubled:
            assert next(doubled) == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert closed == ["second", "first"]
    assert not ahead_threads()
