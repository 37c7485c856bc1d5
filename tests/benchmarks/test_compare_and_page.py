"""A report against an earlier one, and the report as a page."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sfx.benchmarks.bench import Case, Quality, Report, Runner
from sfx.benchmarks.compare import compare, read_report
from sfx.benchmarks.environment import describe
from sfx.benchmarks.folder import FolderRun
from sfx.benchmarks.machine import Ceilings
from sfx.benchmarks.page import page
from sfx.benchmarks.peers import EAGER
from sfx.benchmarks.report import to_json, write_json
from sfx.cli import main
from sfx.engines.bundle import Bundle
from sfx.errors import InputError


def case(name: str, batch: int, totals: list[float], precision: str = "fp32") -> Case:
    runner = Runner(name, batch, "openvino", "cpu", precision, dict)
    return Case(runner, {"sketch_encoder": [value / 2 for value in totals]}, totals)


@pytest.fixture
def report() -> Report:
    return Report(
        environment={"cpu": "a <cpu> & co", "cores": 2, "system": "Linux"},
        bundle={"output_size": 64, "parameters": 10},
        cases=[
            case("interactive", 1, [0.1, 0.11, 0.12]),
            case("interactive", 2, [0.15, 0.16, 0.17]),
            case(EAGER, 1, [1.0, 1.1, 1.2]),
        ],
        cold_start_ms=500.0,
        peak_rss_mb=300.0,
        multiply_adds={"sketch_encoder": 10**9},
        ceilings=[Ceilings("fp32", 200.0, 20.0)],
        quality=[Quality("bf16", "fp32", 44.4, 3)],
        folder=FolderRun(4, 1, 2.0, (100.0, 101.0, 102.0, 102.0)),
        left_out=["torch.compile: no compiler"],
    )


def slower(report: Report, factor: float) -> dict[str, Any]:
    changed = copy.deepcopy(to_json(report))
    changed["cases"][0]["total_ms"]["p50"] *= factor
    return changed


@pytest.mark.parametrize(("factor", "regressed"), [(1.0, False), (1.09, False), (1.2, True), (0.5, False)])
def test_a_slower_case_is_found(report: Report, factor: float, regressed: bool) -> None:
    changes = compare(to_json(report), slower(report, factor))
    assert [change.regressed(0.1) for change in changes] == [regressed, False, False]
    assert changes[0].ratio == pytest.approx(factor)


def test_what_changed_is_said(report: Report) -> None:
    words = [compare(to_json(report), slower(report, factor))[0].line(0.1) for factor in (0.5, 1.0, 2.0)]
    assert [line.rsplit(" ", 1)[1] for line in words] == ["faster", "before", "slower"]


def test_another_machine_is_not_compared(report: Report) -> None:
    old = to_json(report) | {"environment": {"cpu": "other", "cores": 2}}
    with pytest.raises(InputError, match="environment's cpu"):
        compare(old, to_json(report))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": 2}',
        "{",
        '{"schema": 1}',
        '{"schema": 1, "environment": {}, "bundle": []}',
        '{"schema": 1, "environment": {}, "bundle": {}, "cases": [{"name": 1}]}',
    ],
)
def test_a_stranger_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(InputError, match=r"old\.json"):
        read_report(tmp_path / "old.json")
    with pytest.raises(InputError, match=r"gone\.json"):
        read_report(tmp_path / "gone.json")


def test_damaged_cases_are_refused(report: Report) -> None:
    with pytest.raises(InputError, match="damage"):
        compare(to_json(report) | {"cases": [{"name": 1}]}, to_json(report))


def test_an_old_report_that_cannot_be_compared_is_refused_before_the_bundle_is_opened(
    report: Report, tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    for content, complaint in (("{}", "schema 1"), (json.dumps(to_json(report)), "environment's cpu")):
        old.write_text(content)
        result = CliRunner().invoke(main, ["bench", "--bundle", "absent", "--compare", str(old)])
        assert result.exit_code == 1
        assert complaint in result.stderr


def test_a_report_of_another_model_is_refused_before_measuring(
    bundle: Bundle, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfx.benchmarks.bench.run_bench", lambda *_: pytest.fail("measured for nothing"))
    old = to_json(report) | {"environment": describe()}
    (tmp_path / "old.json").write_text(json.dumps(old))
    options = ["bench", "--bundle", str(bundle.path), "--compare", str(tmp_path / "old.json")]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 1
    assert "bundle's parameters" in result.stderr


def test_a_report_that_cannot_be_written_is_an_error_of_one_line(report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"new\.json"):
        write_json(report, tmp_path / "file" / "new.json")


def test_the_page_stands_alone_and_shows_every_part(report: Report) -> None:
    text = page(report)
    assert not re.search(r"(src|href)=|<script|@import|url\(", text)
    assert "a &lt;cpu&gt; &amp; co" in text
    for part in ("10.0", "44.4 dB", "faces a second", "Left out", "GFLOP/s", "sketch_encoder", "500 ms"):
        assert part in text
    for chart in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(chart)
    assert len(re.findall(r"<svg", text)) == 4
    # Nine runs, two batch sizes of one case, four faces of a folder.
    assert text.count("<circle") == 9 + 2 + 4


def test_parts_that_were_not_measured_are_left_out(report: Report) -> None:
    text = page(Report(report.environment, report.bundle, [case("interactive", 1, [0.1])], 1.0, 2.0))
    assert "A folder of pairs" not in text
    assert "Precision against quality" not in text
    assert "Batch scaling" not in text
    assert "Cost by output size" not in text


def test_previews_and_faces_make_a_curve_of_cost_by_output_size(report: Report) -> None:
    cases = [
        case(name, 1, [seconds])
        for name, seconds in (("interactive", 0.3), ("first", 0.5), ("preview", 0.1), ("half_preview", 0.2))
    ]
    text = page(Report(report.environment, {"output_size": 64}, cases, 1.0, 2.0))
    (chart,) = re.findall(r"<h2>Cost by output size</h2>\s*(<svg.*?</svg>)", text, re.DOTALL)
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', chart)]
    assert len(heights) == 3
    assert heights == sorted(heights, reverse=True)
    assert all(f">{side}</text>" in chart for side in (16, 32, 64))


def test_memory_growth_ignores_the_first_tenth() -> None:
    assert FolderRun(20, 1, 1.0, (10.0, 50.0, 100.0, *[104.0] * 17)).growth_mb == 4.0


def test_the_command_writes_both_and_compares(bundle: Bundle, tmp_path: Path) -> None:
    runner = CliRunner()
    options = ["bench", "--bundle", str(bundle.path), "--iterations", "1", "--warmup", "0"]
    first = runner.invoke(
        main, [*options, "--json", str(tmp_path / "a.json"), "--html", str(tmp_path / "a.html")]
    )
    assert first.exit_code == 0, first.output
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    old = json.loads((tmp_path / "a.json").read_text())
    for one in old["cases"]:
        one["total_ms"]["p50"] = 1e-6
    (tmp_path / "fast.json").write_text(json.dumps(old))
    second = runner.invoke(main, [*options, "--compare", str(tmp_path / "fast.json")])
    assert second.exit_code == 1
    assert "slower" in second.output
    for one in old["cases"]:
        one["total_ms"]["p50"] = 1e9
    (tmp_path / "slow.json").write_text(json.dumps(old))
    third = runner.invoke(main, [*options, "--compare", str(tmp_path / "slow.json")])
    assert third.exit_code == 0
    assert "faster" in third.output


def test_json_of_every_part(report: Report, tmp_path: Path) -> None:
    write_json(report, tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["quality"][0]["psnr_db"] == 44.4
    assert content["folder"]["faces"] == 4
