"""Outputs against what is expected of them, with the real Polygraphy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from polygraphy.comparator import Comparator
from polygraphy.logger import G_LOGGER

from sfx.engines.comparing import POLYGRAPHY, Comparison, compare, worst_element
from sfx.engines.engine import Array
from sfx.engines.manifest import BundleFile, GraphEntry
from sfx.errors import EngineError, MissingPackageError, ParityError

TOLERANCES = {"codes": 0.01, "image": 4.0}


def graph(int8_layers: int = 0) -> GraphEntry:
    file = BundleFile("graph.onnx", 1, "0")
    return GraphEntry("graph", file, (), (), "fp16", 18, 1, int8_layers=int8_layers)


def expected() -> dict[str, Array]:
    """Codes of up to 8 in magnitude, zeros among them, and a picture with every level."""
    codes = np.linspace(-8, 8, 33, dtype=np.float32).reshape(3, 11)
    image = np.arange(256, dtype=np.uint8).reshape(1, 8, 8, 4)
    return {"codes": codes, "image": image}


def changed(tensor: str, place: tuple[int, ...], value: float) -> dict[str, Array]:
    found = expected()
    found[tensor][place] = value
    return found


def compared(found: dict[str, Array], int8_layers: int = 0) -> dict[str, Comparison]:
    comparisons = compare(graph(int8_layers), expected(), found, TOLERANCES)
    return {comparison.tensor: comparison for comparison in comparisons}


def test_what_is_the_same_is_within() -> None:
    for comparison in compared(expected()).values():
        assert (comparison.within, comparison.error) == (True, 0)


@pytest.mark.parametrize(
    ("amount", "within"), [(0.079, True), (-0.079, True), (0.081, False), (-0.081, False)]
)
@pytest.mark.parametrize("place", [(0, 0), (1, 5), (2, 3)])  # -8, 0 and 4: one tolerance for all
def test_codes_may_be_off_by_the_tolerance_of_the_largest(
    amount: float, within: bool, place: tuple[int, int]
) -> None:
    found = changed("codes", place, float(expected()["codes"][place]) + amount)
    comparisons = compared(found)
    assert comparisons["codes"].within is within
    assert comparisons["codes"].error == pytest.approx(abs(amount) / 8, rel=1e-4)
    assert f"worst at {list(place)}: expected" in comparisons["codes"].worst
    assert comparisons["image"].within


@pytest.mark.parametrize(("level", "within"), [(4, True), (5, False), (255, False)])
def test_bytes_are_compared_as_numbers(level: int, within: bool) -> None:
    """0 to 255 is 255 levels: in bytes it would wrap around to 1."""
    comparison = compared(changed("image", (0, 0, 0, 0), level))["image"]
    assert (comparison.within, comparison.error) == (within, level)
    back = compared(changed("image", (0, 7, 7, 3), 255 - level))["image"]
    assert (back.within, back.error) == (within, level)


@pytest.mark.parametrize("int8_layers", [0, 3])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_fails(value: float, int8_layers: int) -> None:
    comparison = compared(changed("codes", (2, 1), value), int8_layers)["codes"]
    assert not comparison.within
    assert comparison.worst == f"worst at [2, 1]: expected 3.5, found {value}"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_expected_values_that_are_not_finite_fail(value: float) -> None:
    """The same on both sides too."""
    wanted = changed("codes", (2, 1), value)
    for found in (expected(), wanted):
        with pytest.raises(
            ParityError, match="graph graph, output codes: its ONNX file gives NaN or infinity"
        ):
            list(compare(graph(), wanted, found, TOLERANCES))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"codes": expected()["codes"]}, r"expected the outputs \['codes', 'image'\], found \['codes'\]"),
        (
            {**expected(), "codes": expected()["codes"].T},
            r"output codes: expected float32 \(3, 11\), found float32 \(11, 3\)",
        ),
        (
            {**expected(), "image": expected()["image"].astype(np.float32)},
            r"output image: expected uint8 \(1, 8, 8, 4\), found float32 \(1, 8, 8, 4\)",
        ),
    ],
    ids=["name", "shape", "dtype"],
)
def test_names_shapes_and_dtypes_must_match(found: dict[str, Array], message: str) -> None:
    with pytest.raises(ParityError, match=message):
        compared(found)


def test_layers_in_int8_are_held_to_a_root_mean_square() -> None:
    """One pixel that is far off does not decide; all of them a little do."""
    assert compared(changed("image", (0, 0, 0, 0), 60), int8_layers=3)["image"].within
    found = expected()
    found["image"] = np.where(found["image"] < 128, found["image"] + 5, found["image"] - 5).astype(np.uint8)
    comparison = compared(found, int8_layers=3)["image"]
    assert (comparison.within, comparison.error) == (False, 5)


def test_polygraphy_is_silent(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    compared(changed("codes", (0, 0), np.nan))
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)


def test_its_failure_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def give_up(*_: object, **__: object) -> None:
        G_LOGGER.critical("All outputs were skipped!\nNote: engine outputs:\n[]")

    monkeypatch.setattr(Comparator, "compare_accuracy", give_up)
    with pytest.raises(
        EngineError,
        match=r"^graph graph: Polygraphy gives up: All outputs were skipped! Note: engine outputs: \[\]$",
    ):
        compared(expected())
    assert capfd.readouterr() == ("", "")


def test_the_extras_install_what_the_message_names() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for extra in ("tensorrt", "tensorrt-rtx"):
        assert POLYGRAPHY in project["optional-dependencies"][extra]


def test_without_polygraphy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polygraphy.comparator", None)
    with pytest.raises(MissingPackageError, match=f"pip install '{POLYGRAPHY}'"):
        compared(expected())


def test_comparing_loads_neither_torch_nor_tensorrt_and_installs_nothing(tmp_path: Path) -> None:
    """In an interpreter where Polygraphy was told to install what it misses."""
    np.savez(tmp_path / "outputs.npz", **expected())
    script = """
import json, sys
import numpy as np
from sfx.engines.comparing import compare
from sfx.engines.manifest import BundleFile, GraphEntry

outputs = dict(np.load(sys.argv[1]))
graph = GraphEntry("graph", BundleFile("graph.onnx", 1, "0"), (), (), "fp16", 18, 1)
within = [comparison.within for comparison in compare(graph, outputs, outputs, {"codes": 0.01, "image": 4.0})]
import polygraphy.config
print(json.dumps([within, polygraphy.config.AUTOINSTALL_DEPS, sorted(sys.modules)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "outputs.npz")],
        env={**os.environ, "POLYGRAPHY_AUTOINSTALL_DEPS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    within, installs, modules = json.loads(done.stdout)
    assert within == [True, True]
    assert not installs
    assert not {"torch", "tensorrt", "tensorrt_rtx", "onnx", "onnxruntime"} & set(modules)


def test_worst_element() -> None:
    wanted = np.zeros((2, 3), np.uint8)
    found = wanted.copy()
    found[0, 1], found[1, 2] = 3, 7
    assert worst_element(wanted, found) == "worst at [1, 2]: expected 0, found 7"
