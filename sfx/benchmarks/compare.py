"""This run against an earlier one: which cases became slower, and by how much."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfx.errors import InputError

MAX_REPORT_BYTES = 64 << 20

_DECIDING: Mapping[str, tuple[str, ...]] = {
    "environment": ("cpu", "cores"),
    "bundle": ("output_size", "parameters"),
}
"""Parts of a report, and what in them has to be the same for its times to be comparable."""

Key = tuple[str, int, str, str, str]
"""Name, batch, backend, device and precision of a case."""


@dataclass(frozen=True)
class Change:
    """One case in both reports: its medians, in milliseconds."""

    name: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """Above 1 is slower than before."""
        return self.after / self.before

    def line(self, threshold: float) -> str:
        """The change in words; `threshold` is the slow-down that counts, such as 0.1."""
        verdict = "slower" if self.regressed(threshold) else "as before"
        if self.ratio < 1 / (1 + threshold):
            verdict = "faster"
        return f"{self.name}: {self.before:.1f} ms before, {self.after:.1f} ms now, {verdict}"

    def regressed(self, threshold: float) -> bool:
        return self.ratio > 1 + threshold


def read_report(path: Path) -> Mapping[str, Any]:
    """A report of `sfx bench --json` that has all that `compare` reads. Raises InputError for anything else."""
    try:
        if path.stat().st_size > MAX_REPORT_BYTES:
            raise InputError(
                f"{path}: expected at most {MAX_REPORT_BYTES} bytes, found {path.stat().st_size}"
            )
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: expected a report of sfx bench, found: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: expected JSON of sfx bench, found damage: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != 1:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise InputError(f"{path}: expected a bench report of schema 1, found {found!r}")
    for part in _DECIDING:
        if not isinstance(content.get(part), dict):
            raise InputError(f"{path}: expected a bench report with an object '{part}', found none")
    try:
        _medians(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return content


def expect_same(part: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise InputError where the machine or model differs: times of two machines say nothing about the code.

    part: "environment" or "bundle" of the report `before`; now: the same part of this run.
    """
    for key in _DECIDING[part]:
        old = before[part].get(key)
        if old != now[key]:
            raise InputError(
                f"compare: expected the {part}'s {key} of the old report, {old}, found {now[key]}"
            )


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Cases that both reports have, by name, batch, backend, device and precision.

    Raises InputError where they have none in common, or where `expect_same` finds machines or models apart.
    """
    for part in _DECIDING:
        expect_same(part, before, after[part])
    old_cases, new_cases = _medians(before), _medians(after)
    shared = [key for key in new_cases if key in old_cases]
    if not shared:
        raise InputError(f"compare: expected a case of {sorted(old_cases)}, found {sorted(new_cases)}")
    return [Change(_title(key), old_cases[key], new_cases[key]) for key in shared]


def _medians(report: Mapping[str, Any]) -> dict[Key, float]:
    try:
        return {
            (case["name"], case["batch"], case["backend"], case["device"], case["precision"]): float(
                case["total_ms"]["p50"]
            )
            for case in report["cases"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected cases with medians in the report, found damage: {error!r}") from error


def _title(key: Key) -> str:
    name, batch, backend, device, precision = key
    return f"{name} x{batch} ({backend} {device} {precision})"
