"""A small bundle that was calibrated once, and a set of two pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sfx.calibration.calibrate import Request, Result, calibrate
from sfx.calibration.plans import Budget
from sfx.calibration.sets import CalibrationSet, portrait_set
from sfx.engines.bundle import Bundle

TARGET_DB = 43.0
"""Between what all layers of the small model in INT8 keep and what most of them keep: some have to stay high."""


@dataclass(frozen=True)
class Calibrated:
    """What `calibrate` gave, and what it was told on the way."""

    result: Result
    told: tuple[str, ...]


@pytest.fixture(scope="session")
def pairs(bundle: Bundle) -> CalibrationSet:
    assert bundle.manifest.model is not None
    return portrait_set(bundle.manifest.model, 2)


@pytest.fixture(scope="session")
def calibrated(bundle: Bundle, pairs: CalibrationSet, tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    out: Path = tmp_path_factory.mktemp("calibrated") / "engines"
    told: list[str] = []
    result = calibrate(bundle, out, pairs, Request(Budget(TARGET_DB), groups=6), progress=told.append)
    return Calibrated(result, tuple(told))
