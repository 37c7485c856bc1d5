"""`sfx verify` of compiled engines, on a GPU of host memory."""

from __future__ import annotations

import ctypes
import math
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfx.cli import main
from sfx.engines.bundle import Bundle
from sfx.engines.verify import verify_bundle
from sfx.errors import BundleError, MissingPackageError
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


def test_engines_for_one_face_are_compared_too(bundle_copy: Path, target: str, machine: Machine) -> None:
    """The proof holds two of everything."""
    add_fake_plans(bundle_copy, target, VERSIONS[target], ("8.9",), max_batch=1)
    lines = list(verify_bundle(bundle_copy, [target]))
    assert [line for line in lines if "image: difference" in line]


@pytest.mark.parametrize(
    ("amount", "found"), [(0.01, r"0\.\d+"), (math.nan, "nan"), (math.inf, "inf")], ids=["off", "nan", "inf"]
)
def test_an_engine_that_computes_something_else_is_found(
    amount: float, found: str, compiled: Bundle, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakeContext.execute_async_v3

    def off(context: FakeContext, stream: int) -> bool:
        started = real(context, stream)
        if "w" in context.addresses:
            context.engine.module.cuda.start(lambda: add_to_first(context, amount))
        return started

    monkeypatch.setattr(FakeContext, "execute_async_v3", off)
    result = CliRunner().invoke(main, ["verify", str(compiled.path), "--backend", target])
    assert result.exit_code == 1
    assert re.search(
        rf"graph mapping, output w, ONNX -> {target}: expected a difference of at most 0\.0001, found {found}; "
        rf"worst at \[0, 0\]: expected \S+, found \S+$",
        result.stderr.strip(),
    )


def add_to_first(context: FakeContext, amount: float) -> None:
    ctypes.c_float.from_address(context.addresses["w"]).value += amount


def test_a_machine_with_a_gpu_needs_polygraphy(
    compiled: Bundle, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polygraphy.comparator", None)
    with pytest.raises(MissingPackageError, match="expected the package polygraphy"):
        list(verify_bundle(compiled.path, [target]))


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
