"""The benchmark: interleaved rounds, right arithmetic, and a report in schema 1."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from sfx.benchmarks.bench import Case, Plan, Report, Runner, StageTimes, _quality, run_bench, run_rounds
from sfx.benchmarks.environment import describe
from sfx.benchmarks.peers import COMPILED, EAGER, ONNX_RUNTIME, PLAIN_OPENVINO, peer_runners
from sfx.benchmarks.report import print_report, ratios, summary_ms, to_json, write_json
from sfx.engines.bundle import Bundle
from sfx.runtime.pipeline import Pipeline, load


def runner(name: str, log: list[str], *seconds: float) -> Runner:
    """Takes `seconds` in turn, over and over."""

    def run() -> StageTimes:
        taken = seconds[log.count(name) % len(seconds)]
        log.append(name)
        return {"a": taken, "b": 2 * taken}

    return Runner(name, 1, "openvino", "cpu", "fp32", run)


def test_rounds_are_interleaved_and_neither_warm_up_nor_the_first_run_of_a_turn_counts() -> None:
    log: list[str] = []
    cases = run_rounds([runner("x", log, 9.0, 0.1), runner("y", log, 9.0, 0.2)], iterations=3, warmup=2)
    assert log == ["x", "x", "y", "y"] * 5
    assert [case.totals for case in cases] == [pytest.approx([0.3] * 3), pytest.approx([0.6] * 3)]
    assert cases[1].stages["b"] == pytest.approx([0.4] * 3)


def test_summary_is_in_milliseconds() -> None:
    summary = summary_ms([0.001 * value for value in range(1, 101)])
    assert summary["p50"] == pytest.approx(50.5)
    assert summary["p90"] == pytest.approx(90.1)
    assert summary["mean"] == pytest.approx(50.5)
    assert (summary["min"], summary["max"], summary["n"]) == (pytest.approx(1), pytest.approx(100), 100)


def test_ratio_is_taken_within_rounds() -> None:
    log: list[str] = []
    ours = Case(runner("interactive", log), {}, [1.0, 2.0, 1.0])
    peer = Case(runner(EAGER, log), {}, [10.0, 24.0, 11.0])
    (ratio,) = ratios([ours, peer])
    assert (ratio["name"], ratio["median"], ratio["min"], ratio["max"]) == ("interactive", 11.0, 10.0, 12.0)
    assert ratios([ours]) == []


@pytest.fixture
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile takes minutes, and needs a compiler that a bare machine lacks."""
    monkeypatch.setattr("sfx.benchmarks.peers.shutil.which", lambda _: None)


@pytest.mark.usefixtures("_no_compiler")
def test_bench_of_a_bundle_with_its_peers(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with load(bundle.path) as pipeline:
        report = run_bench(
            pipeline, Plan((1, 2), iterations=2, warmup=1, peers=True, all_peers=True, folder=3)
        )
    write_json(report, tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["schema"] == 1
    assert {"environment", "bundle", "cases", "ratios", "cold_start_ms", "peak_rss_mb"} <= content.keys()
    cases = {(case["name"], case["batch"]): case for case in content["cases"]}
    names = ("interactive", "first", "preview", "half_preview", EAGER, PLAIN_OPENVINO, ONNX_RUNTIME)
    assert cases.keys() == {(name, batch) for name in names for batch in (1, 2)}
    interactive, first = cases["interactive", 1], cases["first", 1]
    assert set(interactive["stages_ms"]) == {"sketch_encoder", "combine", "synthesis"}
    assert set(first["stages_ms"]) == {"appearance_encoder", "sketch_encoder", "combine", "synthesis"}
    assert (interactive["backend"], interactive["device"], interactive["precision"]) == (
        "openvino",
        "cpu",
        "fp32",
    )
    for case in cases.values():
        assert set(case["total_ms"]) == {"p50", "p90", "p95", "p99", "mean", "min", "max", "n"}
        assert case["total_ms"]["n"] == 2
        assert 0 < case["total_ms"]["min"] <= case["total_ms"]["p50"] <= case["total_ms"]["max"]
        assert sum(stage["mean"] for stage in case["stages_ms"].values()) == pytest.approx(
            case["total_ms"]["mean"]
        )
    assert set(cases["preview", 1]["stages_ms"]) == {"sketch_encoder", "combine", "preview"}
    assert set(cases["half_preview", 2]["stages_ms"]) == {"sketch_encoder", "combine", "half_preview"}
    work = content["multiply_adds"]
    assert work["preview"] < work["half_preview"] < work["synthesis"]
    # The original has no preview to hold against.
    assert {ratio["name"] for ratio in content["ratios"]} == set(names) - {EAGER, "preview", "half_preview"}
    assert content["left_out"] == [f"{COMPILED}: no C++ compiler here"]
    assert content["cold_start_ms"] > 0
    assert content["peak_rss_mb"] > 10
    assert content["original_peak_rss_mb"] > 50, "torch alone takes more"
    assert content["environment"]["cores"] >= 1
    assert content["folder"]["faces"] == len(content["folder"]["rss_mb"]) == 3
    (ceiling,) = content["ceilings"]
    assert ceiling["gflops"] > 1
    stages = {(share["name"], share["batch"], share["stage"]): share for share in content["shares_of_peak"]}
    share = stages["first", 1, "synthesis"]
    seconds = first["stages_ms"]["synthesis"]["p50"] / 1e3
    assert share["gflops"] == pytest.approx(2e-9 * content["multiply_adds"]["synthesis"] / seconds)
    assert share["share"] == pytest.approx(share["gflops"] / ceiling["gflops"])
    print_report(report)
    printed = capsys.readouterr().out
    assert "times as fast as the eager original" in printed
    assert "interactive" in printed
    assert f"of the {report.original_peak_rss_mb:.0f} MB of the eager original" in printed


def test_stage_times_are_wall_time(bundle: Bundle) -> None:
    with load(bundle.path) as pipeline:
        started = time.perf_counter()
        report = run_bench(pipeline, Plan(iterations=2, warmup=0))
        elapsed = time.perf_counter() - started
    measured = sum(sum(case.totals) for case in report.cases) + report.cold_start_ms / 1e3
    assert measured < elapsed


def test_another_precision_is_held_against_the_first(bundle: Bundle) -> None:
    with load(bundle.path) as pipeline:
        report = run_bench(pipeline, Plan(iterations=1, warmup=0, also_precisions=("fp32",)))
    assert [case.runner.name for case in report.cases] == [
        "interactive",
        "first",
        "preview",
        "half_preview",
    ] * 2
    same, preview, half = report.quality
    assert (same.psnr_db, same.largest_difference) == (float("inf"), 0)
    assert (preview.precision, preview.against) == ("fp32 as previews", "fp32 averaged to 16 px")
    assert (half.precision, half.against) == ("fp32 as half previews", "fp32 averaged to 32 px")
    assert 5 < preview.psnr_db < 60
    assert 5 < half.psnr_db < 60


def test_pictures_of_another_precision_differ(bundle: Bundle) -> None:
    with load(bundle.path) as pipeline:
        changed = Pipeline(pipeline.bundle, pipeline.choice)
        original = changed.synthesize
        changed.synthesize = lambda codes: original(codes) ^ 1  # type: ignore[method-assign]
        quality = _quality(pipeline, changed)
    assert quality.largest_difference == 1
    assert quality.psnr_db == pytest.approx(20 * np.log10(255))


def test_peer_has_the_dead_heads(bundle: Bundle) -> None:
    with load(bundle.path) as pipeline:
        (eager, *_), _ = peer_runners(pipeline, 1)
    assert set(eager.run()) == {"appearance_encoder", "sketch_encoder", "synthesis"}
    every = bundle.manifest.model.with_all_heads()
    assert len(every.sketch_coarse.heads) == len(every.face_fine.heads) == 10


def test_environment_is_plain_json() -> None:
    assert json.loads(json.dumps(describe()))["packages"]["openvino"]


def test_report_without_peers_has_no_ratio() -> None:
    report = Report({}, {}, [Case(runner("interactive", []), {"a": [1.0]}, [1.0])], 1.0, 2.0)
    assert to_json(report)["ratios"] == []
