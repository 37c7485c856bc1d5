"""Which bundle is meant: the one given, else $SFX_BUNDLE, else ./engines, else the demo in the package."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sfx.engines.manifest import MANIFEST
from sfx.errors import BundleError

DEFAULT_DIRECTORY = Path("engines")
"""What `sfx export` writes and the other commands look for in the working directory."""
PACKAGED_DEMO = Path(__file__).parents[1] / "demo"
"""The demo model's bundle, which ships with the package; `python -m sfx.export.demo ship` writes it."""


@dataclass(frozen=True)
class Found:
    """A bundle's path and where the choice came from."""

    path: Path
    reason: str


def find_bundle(given: Path | None) -> Found:
    """The bundle to use. Raises BundleError where none is given and none is found."""
    if given is not None:
        return Found(given, "as asked")
    named = os.environ.get("SFX_BUNDLE")
    if named:
        return Found(Path(named), "from SFX_BUNDLE")
    if (DEFAULT_DIRECTORY / MANIFEST).is_file():
        return Found(DEFAULT_DIRECTORY, "found in the working directory")
    if (PACKAGED_DEMO / MANIFEST).is_file():
        return Found(PACKAGED_DEMO, "the demo model that ships with sfx")
    raise BundleError(
        f"bundle: expected --bundle DIR, SFX_BUNDLE or ./{DEFAULT_DIRECTORY}, found none; 'sfx export' makes one"
    )
