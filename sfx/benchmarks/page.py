"""The report as one self-contained HTML page: no script, no file beside it, nothing fetched."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sfx.benchmarks.bench import Case, Report
from sfx.benchmarks.charts import Bar, bars, curves, scatter
from sfx.benchmarks.report import OWN_CASES, memory, ratios, shares_of_peak, summary_ms, to_json
from sfx.config import preview_sides
from sfx.runtime.pictures import write_text

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid #e3e6ea }
td:first-child, th:first-child { text-align: left } .note { color: #5b6673 } svg { max-width: 100% }
"""


def write_html(report: Report, path: Path) -> None:
    """Write the page to `path`; raises InputError where it cannot be."""
    write_text(path, page(report))


def page(report: Report) -> str:
    """The page's text."""
    sections = "\n".join(
        f"<h2>{html.escape(title)}</h2>\n{body}" for title, body in _sections(report) if body
    )
    about = report.environment
    where = f"{about.get('cpu', 'unknown')}, {about.get('cores', '?')} cores, {about.get('system', '')}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>sfx bench</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>sfx bench</h1>\n"
        f'<p class="note">{html.escape(where)}</p>\n{sections}\n</body></html>\n'
    )


def _sections(report: Report) -> Iterator[tuple[str, str]]:
    yield "Against the eager original", _against(report)
    yield "Latency, every run", _latency(report)
    yield "Stages", _stages(report)
    yield "Batch scaling", _scaling(report.cases)
    yield "Cost by output size", _by_output_size(report)
    yield "Precision against quality", _quality(report)
    yield "How far from this machine's peak", _roofline(report)
    yield "A folder of pairs", _folder(report)
    yield "Start and memory", _start(report)
    yield "Measured on", f"<pre>{html.escape(json.dumps(to_json(report)['environment'], indent=2))}</pre>"


def _against(report: Report) -> str:
    rows = [
        (
            f"{ratio['name']} x{ratio['batch']}, {ratio['precision']}",
            f"{ratio['median']:.1f}",
            f"{ratio['min']:.1f} to {ratio['max']:.1f}",
        )
        for ratio in ratios(report.cases)
    ]
    left_out = "".join(f'<p class="note">Left out: {html.escape(line)}</p>' for line in report.left_out)
    if not rows:
        return left_out
    note = (
        "<p>Times as fast; the median of ratios taken within a round, and the lowest and highest round.</p>"
    )
    return note + _table(("case", "ratio", "rounds"), rows) + left_out


def _latency(report: Report) -> str:
    rows = []
    for case in report.cases:
        numbers = summary_ms(case.totals)
        cells = [f"{numbers[key]:.1f}" for key in ("p50", "p90", "p99", "min", "max")]
        rows.append((_title(case), case.runner.backend, *cells, str(numbers["n"])))
    headings = ("case", "backend", "p50 ms", "p90", "p99", "min", "max", "n")
    points = [(_title(case), [1e3 * value for value in case.totals]) for case in report.cases]
    note = '<p class="note">A dot is a run, the line their median; the scale is logarithmic.</p>'
    return _table(headings, rows) + note + scatter(points, "ms")


def _stages(report: Report) -> str:
    return bars(
        [
            Bar(
                _title(case), [(stage, 1e3 * float(np.median(taken))) for stage, taken in case.stages.items()]
            )
            for case in report.cases
        ],
        "ms",
    )


def _scaling(cases: Sequence[Case]) -> str:
    lines = []
    for name in OWN_CASES:
        for precision in dict.fromkeys(case.runner.precision for case in cases):
            points = [
                (float(case.runner.batch), 1e3 * float(np.median(case.totals)) / case.runner.batch)
                for case in cases
                if case.runner.name == name and case.runner.precision == precision
            ]
            if len(points) > 1:
                lines.append((f"{name}, {precision}", points))
    return curves("ms a face", lines, "batch") if lines else ""


def _by_output_size(report: Report) -> str:
    """A new sketch with a kept appearance, one face: its previews, and the face."""
    side = report.bundle["output_size"]
    assert isinstance(side, int)
    sides = {"interactive": side, **preview_sides(side)}
    found: dict[str, list[tuple[float, float]]] = {}
    for case in report.cases:
        runner = case.runner
        if runner.name in sides and runner.batch == 1:
            point = float(sides[runner.name]), 1e3 * float(np.median(case.totals))
            found.setdefault(runner.precision, []).append(point)
    lines = [(precision, sorted(points)) for precision, points in found.items() if len(points) > 1]
    return curves("ms a face", lines, "side in pixels") if lines else ""


def _quality(report: Report) -> str:
    rows = [
        (quality.precision, quality.against, f"{quality.psnr_db:.1f} dB", str(quality.largest_difference))
        for quality in report.quality
    ]
    return _table(("precision", "against", "PSNR", "largest difference of 255"), rows) if rows else ""


def _roofline(report: Report) -> str:
    if not report.ceilings:
        return ""
    peaks = "".join(
        f"<p>In {html.escape(ceiling.precision)} a 3x3 convolution with 512 channels at 64x64 reaches "
        f"{ceiling.gflops:.0f} GFLOP/s here, copying {ceiling.copy_gb:.0f} GB/s.</p>"
        for ceiling in report.ceilings
    )
    rows = [
        (
            f"{share['stage']} ({share['name']} x{share['batch']}, {share['precision']})",
            f"{report.multiply_adds[str(share['stage'])] / 1e9:.1f}",
            f"{share['gflops']:.0f}",
            f"{share['share']:.2f}",
        )
        for share in shares_of_peak(report)
    ]
    note = "<p>Above 1 where a form needs fewer multiplications than the direct one that is counted.</p>"
    return peaks + note + _table(("stage", "G multiply-adds", "GFLOP/s", "share of peak"), rows)


def _folder(report: Report) -> str:
    if report.folder is None:
        return ""
    folder = report.folder
    text = (
        f"<p>{folder.faces} pairs, batch {folder.batch}: {folder.faces_per_second:.2f} faces a second, files read and "
        f"written. Memory grew by {folder.growth_mb:+.0f} MB after the first tenth.</p>"
    )
    points = [(float(number + 1), value) for number, value in enumerate(folder.rss_mb)]
    return text + curves("resident memory, MB", [("", points)], "faces")


def _start(report: Report) -> str:
    return (
        f"<p>From process to first face: {report.cold_start_ms:.0f} ms, with compiled models kept from before. "
        f"Peak memory of that process: {memory(report)}.</p>"
    )


def _title(case: Case) -> str:
    return f"{case.runner.name} x{case.runner.batch}, {case.runner.precision}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
