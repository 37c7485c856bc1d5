"""Compiling leaves the process's locale alone, whatever OpenVINO does to it meanwhile."""

from __future__ import annotations

import locale
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sfx.engines.backends import choose
from sfx.engines.bundle import Bundle
from sfx.engines.process_locale import LocaleKept


@pytest.fixture(autouse=True)
def utf8() -> Iterator[str]:
    """A locale that is not "C", in every category: only such a one does OpenVINO change."""
    before = locale.setlocale(locale.LC_ALL)
    yield locale.setlocale(locale.LC_ALL, "C.UTF-8")
    locale.setlocale(locale.LC_ALL, before)


def test_the_last_one_out_puts_back_what_the_first_one_found(utf8: str) -> None:
    kept = LocaleKept()
    with kept:
        with kept:
            locale.setlocale(locale.LC_ALL, "C")
        assert locale.setlocale(locale.LC_ALL) == "C"  # the other one still computes
    assert locale.setlocale(locale.LC_ALL) == utf8


def test_an_error_puts_it_back_too(utf8: str) -> None:
    def fail() -> None:
        with LocaleKept():
            locale.setlocale(locale.LC_ALL, "C")
            raise RuntimeError("compile")

    with pytest.raises(RuntimeError, match="compile"):
        fail()
    assert locale.setlocale(locale.LC_ALL) == utf8


def test_engines_made_side_by_side_leave_it(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utf8: str
) -> None:
    """Without `locale_kept` around compiling, it is "C" after the first few of these rounds."""
    monkeypatch.setenv("SFX_CACHE", str(tmp_path / "cache"))
    choice = choose("openvino")
    parts = ("mapping", "sketch_encoder", "appearance_encoder", "synthesis")
    for part in parts:
        choice.load(bundle, part).close()
    for _ in range(10):
        with ThreadPoolExecutor(len(parts)) as pool:
            for engine in pool.map(lambda part: choice.load(bundle, part), parts):
                engine.close()
        assert locale.setlocale(locale.LC_ALL) == utf8
