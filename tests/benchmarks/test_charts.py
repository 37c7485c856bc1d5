"""Charts: everything lies on the canvas, legends included, and where a value says."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from sfx.benchmarks.charts import Bar, Dot, bars, curves, dots, scatter

KINDS = [f"a stage with a long name, {number}" for number in range(7)]
LINES = [(kind, [(1.0, 10.0 + number), (8.0, 5.0)]) for number, kind in enumerate(KINDS)]
CHARTS = {
    "bars": bars([Bar("one", [(kind, 100.0) for kind in KINDS]), Bar("two", [("other", 900.0)])], "ms"),
    "scatter": scatter([("one", [0.8, 1.0, 1.2]), ("two", [7000.0])], "ms"),
    "dots": dots([Dot("a layer", 40.0 + number, kind) for number, kind in enumerate(KINDS)], "dB", 52.0),
    "curves": curves("ms a face", LINES, "batch"),
    "a single point": curves("memory", [("", [(1.0, 100.0)])], "faces"),
    "nothing": bars([], "ms"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_everything_lies_on_the_canvas(name: str) -> None:
    chart = ET.fromstring(CHARTS[name])
    width, height = float(chart.attrib["width"]), float(chart.attrib["height"])
    for element in chart:
        for key in ("x", "cx", "x1", "x2"):
            assert 0 <= float(element.get(key, 0)) <= width
        for key in ("y", "cy", "y1", "y2"):
            assert 0 <= float(element.get(key, 0)) <= height
        if element.tag == "text" and element.attrib["text-anchor"] == "start":
            assert float(element.attrib["x"]) + 6 * len(element.text or "") <= width


@pytest.mark.parametrize("name", ["bars", "dots", "curves"])
def test_every_name_of_a_legend_has_its_own_place_and_colour(name: str) -> None:
    chart = ET.fromstring(CHARTS[name])
    keys = [element for element in chart if element.tag == "rect" and element.get("height") == "12"]
    places = [(key.attrib["x"], key.attrib["y"]) for key in keys]
    assert len(set(places)) == len(places) >= 7
    assert len({key.attrib["fill"] for key in keys}) == 7
    texts = {element.text for element in chart if element.tag == "text"}
    assert texts >= set(KINDS)


def test_positions_follow_values() -> None:
    chart = ET.fromstring(scatter([("one", [10.0, 100.0, 1000.0])], "ms"))
    x = [float(element.attrib["cx"]) for element in chart if element.tag == "circle"]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert x[2] > x[1] + 100
    ticks = {element.text for element in chart if element.tag == "text"}
    assert {"10", "20", "50", "100", "200", "500", "1000"} <= ticks
    lengths = [
        float(element.attrib["width"])
        for element in ET.fromstring(bars([Bar("one", [("a", 10.0), ("b", 30.0)])], "ms"))
        if element.tag == "rect" and element.get("height") != "12"
    ]
    assert lengths[1] == pytest.approx(3 * lengths[0], rel=0.01)
