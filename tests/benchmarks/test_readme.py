"""The README's speed tables are what its committed reports say, and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sfx.benchmarks.bench import Case, Quality, Report, Runner
from sfx.benchmarks.folder import FolderRun
from sfx.benchmarks.machine import Ceilings
from sfx.benchmarks.peers import EAGER
from sfx.benchmarks.readme import BEGIN, END, README, REPORTS, tables, with_tables
from sfx.benchmarks.report import write_json
from sfx.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def case(name: str, batch: int, stages: dict[str, float]) -> Case:
    totals = [factor * sum(stages.values()) for factor in (0.9, 1.0, 1.1)]
    times = {stage: [value] * 3 for stage, value in stages.items()}
    return Case(Runner(name, batch, "openvino", "cpu", "fp32", dict), times, totals)


@pytest.fixture
def report() -> Report:
    encoders = {"appearance_encoder": 0.010, "sketch_encoder": 0.012}
    return Report(
        environment={"cpu": "a cpu", "cores": 2, "python": "3.11.9", "packages": {"openvino": "2025.4"}},
        bundle={"output_size": 64, "parameters": 12_300_000, "int8_layers": 0, "int8_psnr_db": None},
        cases=[
            case("first", 1, {**encoders, "synthesis": 0.020}),
            case("first", 2, {**encoders, "synthesis": 0.040}),
            case("preview", 1, {"sketch_encoder": 0.012, "preview": 0.005}),
            case(EAGER, 1, {**encoders, "synthesis": 0.399}),
        ],
        cold_start_ms=1234.0,
        peak_rss_mb=300.4,
        multiply_adds={"sketch_encoder": 10**9, "synthesis": 2 * 10**9, "preview": 10**9},
        ceilings=[Ceilings("fp32", 400.0, 20.0)],
        quality=[Quality("bf16", "fp32", 44.4, 3)],
        folder=FolderRun(4, 1, 2.0, (100.0,) * 4),
    )


def rows(block: str) -> list[list[str]]:
    lines = [line for line in block.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_readme_is_what_the_committed_reports_give() -> None:
    text = (ROOT / README).read_text()
    assert with_tables(text, tables(ROOT)) == text, "run: python -m sfx.benchmarks.readme"


def test_committed_reports_name_no_path_and_no_user() -> None:
    for _, path in REPORTS:
        if (ROOT / path).is_file():
            assert not re.search(r'"(/|~|[A-Z]:)|/home|/root', (ROOT / path).read_text())


def test_tables_hold_every_figure(report: Report, tmp_path: Path) -> None:
    write_json(report, tmp_path / REPORTS[0][1])
    block = tables(tmp_path)
    found = rows(block)
    assert ["first, fp32", "42.0 ms", "37.8 to 45.4 ms", "10.0 (10.0 to 10.0)"] in found
    assert ["first, fp32, batch 2", "62.0 ms", "55.8 to 67.0 ms", ""] in found
    assert ["preview, fp32", "17.0 ms", "15.3 to 18.4 ms", ""] in found
    assert [f"{EAGER}, fp32", "421 ms", "379 to 455 ms", ""] in found
    assert ["synthesis, fp32", "2.00", "200", "0.50"] in found
    assert ["preview, fp32", "1.00", "400", "1.00"] in found
    assert [row[0] for row in found].count("sketch_encoder, fp32") == 1
    for part in ("The demo model, 64 px", "a cpu, 2 cores", "openvino 2025.4", "44.4 dB", "300 MB", "1.2 s"):
        assert part in block
    assert "2.0 faces a second" in block
    assert "The published size" not in block


def test_both_sizes_have_a_table(report: Report, tmp_path: Path) -> None:
    for _, path in REPORTS:
        write_json(replace(report, folder=None), tmp_path / path)
    block = tables(tmp_path)
    assert block.index("The demo model") < block.index("The published size")
    assert "faces a second" not in block
    assert "INT8, pictures" not in block


def test_a_table_in_int8_says_its_price(report: Report, tmp_path: Path) -> None:
    write_json(
        replace(report, bundle={**report.bundle, "int8_layers": 5, "int8_psnr_db": 39.24}),
        tmp_path / REPORTS[2][1],
    )
    assert "5 layers in INT8, pictures at least 39.2 dB from FP32 when it was calibrated." in tables(tmp_path)


def test_only_what_is_between_the_markers_changes() -> None:
    text = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    once = with_tables(text, "new")
    assert once == f"above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"
    assert with_tables(once, "new") == once
    for damaged in ("no markers", f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}"):
        with pytest.raises(InputError, match=r"README\.md: expected one"):
            with_tables(damaged, "new")


def test_a_report_of_an_earlier_form_is_refused(report: Report, tmp_path: Path) -> None:
    path = tmp_path / REPORTS[0][1]
    write_json(report, path)
    content = json.loads(path.read_text())
    del content["shares_of_peak"]
    path.write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"figures\.json: expected a report of this sfx bench, .*shares_of_peak"
    ):
        tables(tmp_path)
