"""Working one step ahead: while one stage handles an item, a thread computes the next one of the stage before."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

T = TypeVar("T")
_END = object()


class Ahead(Generic[T]):
    """The items of a generator in their order, the next one always being computed in a thread of its own.

    No more than one item waits to be taken, so that a long chain of them needs no more memory than a short one.
    What the generator raises is raised in its place. Leaving the `with` block waits for the item that is being
    computed, then closes the generator: no thread is left behind.
    """

    def __init__(self, source: Generator[T, None, None]) -> None:
        self._source = source
        self._worker = ThreadPoolExecutor(1, "sfx-ahead")
        self._coming = self._start()

    def _start(self) -> Future[object]:
        return self._worker.submit(next, self._source, _END)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self._coming.result()
        if item is _END:
            raise StopIteration
        self._coming = self._start()
        return cast(T, item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.shutdown()
        self._source.close()
