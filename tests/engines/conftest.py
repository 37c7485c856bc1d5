"""A machine with a fake GPU, and a bundle with engines that it runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfx.engines import backends, cuda
from sfx.engines.bundle import Bundle
from tests.engines.fake_gpu import VERSIONS, FakeCuda, FakeTensorRt, add_fake_plans


class Machine:
    """A machine with one fake GPU and both libraries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cuda = FakeCuda()
        self.libraries = {
            target: FakeTensorRt(target.replace("-", "_"), version, self.cuda)
            for target, version in VERSIONS.items()
        }
        monkeypatch.setattr(cuda, "bindings", lambda: self.cuda)
        monkeypatch.setattr(cuda, "driver_present", lambda: True)
        monkeypatch.setattr(backends, "driver_present", lambda: True)
        for library in self.libraries.values():
            monkeypatch.setitem(sys.modules, library.__name__, library)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    monkeypatch.setenv("SFX_CACHE", str(tmp_path / "cache"))
    machine = Machine(monkeypatch)
    yield machine
    if any(library.alive for library in machine.libraries.values()):
        gc.collect()  # takes 2 s: only for what the traceback of an expected error still holds
    assert not machine.cuda.memory, "GPU or page-locked memory was not freed"
    assert not machine.cuda.streams
    assert not machine.cuda.graphs
    assert not any(library.alive for library in machine.libraries.values())


@pytest.fixture(params=VERSIONS)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def compiled(target: str, bundle_copy: Path, machine: Machine) -> Bundle:
    return add_fake_plans(bundle_copy, target, VERSIONS[target], ("8.9",))
