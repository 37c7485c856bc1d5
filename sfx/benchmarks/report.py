"""A bench report, as a table for a person and as JSON (schema 1) for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from sfx.benchmarks.bench import Case, Report
from sfx.benchmarks.peers import EAGER
from sfx.config import PREVIEWS
from sfx.runtime.pictures import write_text

SCHEMA = 1
OWN_CASES = ("interactive", "first", *PREVIEWS)


def summary_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles, mean and extremes in milliseconds, and the number of runs."""
    values = np.asarray(seconds) * 1e3
    p50, p90, p95, p99 = (float(value) for value in np.percentile(values, (50, 90, 95, 99)))
    mean, least, most = float(values.mean()), float(values.min()), float(values.max())
    return {
        "p50": p50,
        "p90": p90,
        "p95": p95,
        "p99": p99,
        "mean": mean,
        "min": least,
        "max": most,
        "n": len(values),
    }


def ratios(cases: Sequence[Case]) -> list[dict[str, object]]:
    """How many times as fast each case is as the eager original at the same batch: median, lowest and highest round.

    Of previews there is none: the original has nothing alike to draw.
    """
    found: list[dict[str, object]] = []
    for peer in (case for case in cases if case.runner.name == EAGER):
        for case in cases:
            if case.runner.name in (EAGER, *PREVIEWS) or case.runner.batch != peer.runner.batch:
                continue
            rounds = np.asarray(peer.totals) / np.asarray(case.totals)
            median, low, high = float(np.median(rounds)), float(rounds.min()), float(rounds.max())
            found.append(
                {
                    "name": case.runner.name,
                    "batch": case.runner.batch,
                    "precision": case.runner.precision,
                    "against": EAGER,
                    "median": median,
                    "min": low,
                    "max": high,
                }
            )
    return found


def shares_of_peak(report: Report) -> list[dict[str, object]]:
    """Each stage of our own cases against the measured ceiling: direct-form GFLOP/s, and its share of the peak.

    Above 1 where a form needs fewer multiplications than the direct one that the arithmetic counts.
    """
    peaks = {ceiling.precision: ceiling.gflops for ceiling in report.ceilings}
    found: list[dict[str, object]] = []
    for case in report.cases:
        runner = case.runner
        peak = peaks.get(runner.precision)
        if runner.name not in OWN_CASES or peak is None:
            continue
        for stage, seconds in case.stages.items():
            if stage in report.multiply_adds:
                gflops = 2e-9 * report.multiply_adds[stage] * runner.batch / float(np.median(seconds))
                found.append(
                    {
                        "name": runner.name,
                        "batch": runner.batch,
                        "precision": runner.precision,
                        "stage": stage,
                        "gflops": gflops,
                        "share": gflops / peak,
                    }
                )
    return found


def to_json(report: Report) -> dict[str, object]:
    """The report as plain values."""
    return {
        "schema": SCHEMA,
        "environment": dict(report.environment),
        "bundle": dict(report.bundle),
        "cases": [
            {
                "name": case.runner.name,
                "batch": case.runner.batch,
                "backend": case.runner.backend,
                "device": case.runner.device,
                "precision": case.runner.precision,
                "stages_ms": {stage: summary_ms(seconds) for stage, seconds in case.stages.items()},
                "total_ms": summary_ms(case.totals),
            }
            for case in report.cases
        ],
        "ratios": ratios(report.cases),
        "multiply_adds": dict(report.multiply_adds),
        "ceilings": [asdict(ceiling) for ceiling in report.ceilings],
        "shares_of_peak": shares_of_peak(report),
        "quality": [asdict(quality) for quality in report.quality],
        "folder": asdict(report.folder) if report.folder is not None else None,
        "left_out": list(report.left_out),
        "cold_start_ms": report.cold_start_ms,
        "peak_rss_mb": report.peak_rss_mb,
        "original_peak_rss_mb": report.original_peak_rss_mb,
    }


def write_json(report: Report, path: Path) -> None:
    """Write the report to `path`; raises InputError where it cannot be."""
    write_text(path, json.dumps(to_json(report), indent=2) + "\n")


def print_report(report: Report) -> None:
    """Print the report as tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # Where nobody is watching it takes 80 columns, and cuts the last one of the table.
    console = Console(width=max(100, Console().width))
    environment = report.environment
    console.print(
        f"{environment['cpu']}, {environment['cores']} cores, {environment['system']}", markup=False
    )
    table = Table(box=box.SIMPLE)
    for heading in ("case", "ran on", "p50 ms", "p90", "p99", "min", "n"):
        table.add_column(heading, no_wrap=True, justify="left" if heading in ("case", "ran on") else "right")
    for case in report.cases:
        runner = case.runner
        where = f"{runner.backend} {runner.device} {runner.precision}"
        table.add_row(f"{runner.name} x{runner.batch}", where, *_cells(case.totals), style="bold")
        for stage, seconds in case.stages.items():
            table.add_row(f"  {stage}", "", *_cells(seconds))
    console.print(table)
    for line in _findings(report):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _findings(report: Report) -> Iterator[str]:
    """What the figures say, a line each."""
    for ratio in ratios(report.cases):
        yield (
            f"{ratio['name']} in {ratio['precision']}, batch {ratio['batch']}: {ratio['median']:.1f} times as fast as "
            f"the eager original (rounds {ratio['min']:.1f} to {ratio['max']:.1f})"
        )
    for line in report.left_out:
        yield f"left out: {line}"
    for ceiling in report.ceilings:
        yield (
            f"this machine at best in {ceiling.precision}: {ceiling.gflops:.0f} GFLOP/s in a convolution, "
            f"{ceiling.copy_gb:.0f} GB/s copying"
        )
    for share in shares_of_peak(report):
        if share["name"] == "first" or share["stage"] in PREVIEWS:
            yield (
                f"  {share['stage']} in {share['precision']}, batch {share['batch']}: {share['gflops']:.0f} GFLOP/s of "
                f"direct arithmetic, {share['share']:.2f} of that"
            )
    for quality in report.quality:
        yield (
            f"pictures in {quality.precision} against {quality.against}: {quality.psnr_db:.1f} dB, at most "
            f"{quality.largest_difference} of 255 apart"
        )
    if report.folder is not None:
        folder = report.folder
        yield (
            f"folder of {folder.faces} pairs, batch {folder.batch}: {folder.faces_per_second:.2f} faces a second, "
            f"memory {folder.rss_mb[-1]:.0f} MB at the end, {folder.growth_mb:+.0f} MB since the first tenth"
        )
    yield (f"cold start, process to first face: {report.cold_start_ms:.0f} ms, peak memory {memory(report)}")


def memory(report: Report) -> str:
    """Peak memory of the fresh process, beside the original's where that was measured."""
    own = f"{report.peak_rss_mb:.0f} MB"
    if report.original_peak_rss_mb is None:
        return own
    share = report.peak_rss_mb / report.original_peak_rss_mb
    return f"{own}, {share:.2f} of the {report.original_peak_rss_mb:.0f} MB of the eager original in a fresh process"


def _cells(seconds: Sequence[float]) -> list[str]:
    numbers = summary_ms(seconds)
    return [*(f"{numbers[key]:.1f}" for key in ("p50", "p90", "p99", "min")), str(numbers["n"])]
