"""Reading JSON that someone else may have written: every value asked for by key and type."""

from __future__ import annotations

from typing import Any, TypeVar

from sfx.errors import BundleError

T = TypeVar("T")


class Keys:
    """A JSON object whose values are asked for by key and type, with errors that name the key's full path."""

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, dict):
            raise BundleError(f"key '{where}': expected an object, found {type(content).__name__}")
        self.content = content
        self.where = where

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def get(self, key: str, kind: type[T]) -> T:
        if key not in self.content:
            raise BundleError(
                f"key '{self._name(key)}': expected a value of type {kind.__name__}, found none"
            )
        value = self.content[key]
        if kind is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BundleError(
                f"key '{self._name(key)}': expected {kind.__name__}, found {type(value).__name__}"
            )
        return value

    def has(self, key: str) -> bool:
        """Whether an optional key is there and not null."""
        return self.content.get(key) is not None

    def is_null(self, key: str) -> bool:
        """Whether a key is there and null."""
        return key in self.content and self.content[key] is None

    def child(self, key: str) -> Keys:
        return Keys(self.get(key, dict), self._name(key))

    def numbers(self, key: str, count: int | None = None) -> tuple[int, ...]:
        """A list of whole numbers, `count` of them where that is given."""
        values = self.get(key, list)
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
        if not whole or not values or count not in (None, len(values)):
            many = "" if count is None else f"{count} "
            raise BundleError(f"key '{self._name(key)}': expected {many}whole numbers, found {values}")
        return tuple(values)

    def children(self, key: str) -> list[Keys]:
        return [Keys(item, f"{self._name(key)}[{index}]") for index, item in enumerate(self.get(key, list))]

    def optional(self, key: str) -> list[Keys]:
        """The same, or nothing where the key is absent: bundles of older versions lack it."""
        return self.children(key) if self.has(key) else []
