"""Which bundle the commands take, in the order that the command line promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfx.engines import locate
from sfx.engines.manifest import MANIFEST
from sfx.errors import BundleError


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locate, "PACKAGED_DEMO", tmp_path / "package" / "demo")


def _put(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{}")


def test_each_place_goes_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleError, match="expected --bundle DIR, SFX_BUNDLE or"):
        locate.find_bundle(None)
    _put(tmp_path / "package" / "demo")
    found = locate.find_bundle(None)
    assert found.path == tmp_path / "package" / "demo"
    assert found.reason == "the demo model that ships with sfx"
    _put(tmp_path / "engines")
    assert locate.find_bundle(None) == locate.Found(Path("engines"), "found in the working directory")
    monkeypatch.setenv("SFX_BUNDLE", "elsewhere")
    assert locate.find_bundle(None) == locate.Found(Path("elsewhere"), "from SFX_BUNDLE")
    assert locate.find_bundle(Path("given")) == locate.Found(Path("given"), "as asked")
