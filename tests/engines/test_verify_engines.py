"""`sfx verify` of compiled engines, on a GPU of host memory."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from sfx.engines.bundle import Bundle
from sfx.engines.verify import verify_bundle
from sfx.engines.verify_engines import worst_element
from sfx.errors import BundleError, ParityError
from tests.engines.conftest import Machine
from tests.engines.fake_gpu import VERSIONS, FakeContext, add_fake_plans


def test_engines_are_held_against_their_graphs(compiled: Bundle, target: str) -> None:
    lines = list(verify_bundle(compiled.path, [target]))
    for graph in compiled.manifest.graphs:
        assert f"{graph.file.path}: built from {graph.file.path} ({target} {VERSIONS[target]})" in lines
        for spec in graph.outputs:
            (line,) = [
                line for line in lines if line.startswith(f"{graph.file.path}, {spec.name}: difference")
            ]
            assert "worst at [" in line


def test_an_engine_that_computes_something_else_is_found(
    compiled: Bundle, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakeContext.execute_async_v3

    def off(context: FakeContext, stream: int) -> bool:
        started = real(context, stream)
        if "w" in context.addresses:
            context.engine.module.cuda.start(lambda: add_to_first(context, 0.01))
        return started

    monkeypatch.setattr(FakeContext, "execute_async_v3", off)
    with pytest.raises(
        ParityError, match=rf"graph mapping, output w, ONNX -> {target}: expected a difference"
    ):
        list(verify_bundle(compiled.path, [target]))


def add_to_first(context: FakeContext, amount: float) -> None:
    ctypes.c_float.from_address(context.addresses["w"]).value += amount


def test_every_target_of_the_bundle_is_checked_by_default(
    compiled: Bundle, bundle_copy: Path, target: str
) -> None:
    (other,) = VERSIONS.keys() - {target}
    add_fake_plans(bundle_copy, other, VERSIONS[other], ("8.9",))
    lines = list(verify_bundle(bundle_copy))
    for name in VERSIONS:
        assert any(f"({name} {VERSIONS[name]})" in line for line in lines)
    assert any("published -> openvino" in line for line in lines)


def test_engines_for_another_gpu_are_refused(compiled: Bundle, target: str, machine: Machine) -> None:
    machine.cuda.capability = (9, 0)
    with pytest.raises(BundleError, match=r"built for SM 8\.9, this is SM 9\.0; 'sfx compile' makes it anew"):
        list(verify_bundle(compiled.path, [target]))


def test_worst_element_is_shown() -> None:
    expected = np.zeros((2, 3), np.uint8)
    found = expected.copy()
    found[1, 2] = 7
    assert worst_element(expected, found) == "worst at [1, 2]: expected 0, found 7"
