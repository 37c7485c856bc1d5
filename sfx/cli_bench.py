"""The command `bench`: its options, and what is done with what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sfx.benchmarks.bench import Plan
    from sfx.runtime.pipeline import Pipeline

_PATH = click.Path(path_type=Path)


def bench_options(command: Any) -> Any:
    """What to measure, and where the report goes."""
    for option in (
        click.option(
            "--threshold",
            type=click.FloatRange(min=0.0),
            default=0.1,
            show_default=True,
            help="Slow-down of a median that counts for --compare.",
        ),
        click.option(
            "--compare",
            "old_file",
            type=_PATH,
            help="Compare with an earlier --json; exit code 1 if a case is slower.",
        ),
        click.option("--html", "html_file", type=_PATH, help="Write the report as a page here."),
        click.option("--json", "json_file", type=_PATH, help="Write the report here."),
        click.option(
            "--folder", type=click.IntRange(min=0), default=0, help="Also draw a folder of this many pairs."
        ),
        click.option(
            "--also-precision",
            multiple=True,
            help="Also measure at this precision, and how far its pictures are from --precision's; may be given again.",
        ),
        click.option(
            "--all-peers",
            is_flag=True,
            help="Also torch.compile of it, ONNX Runtime and plain OpenVINO.",
        ),
        click.option(
            "--peers",
            is_flag=True,
            help="Also time the original's form in eager PyTorch (needs sfx[export]).",
        ),
        click.option("--batch", default="1", show_default=True, help="Batch sizes, such as 1,2,4."),
        click.option(
            "--warmup", type=click.IntRange(min=0), default=3, show_default=True, help="Rounds before them."
        ),
        click.option(
            "--iterations", type=click.IntRange(min=1), default=20, show_default=True, help="Timed rounds."
        ),
    ):
        command = option(command)
    return command


def bench_plan(settings: Mapping[str, Any]) -> Plan:
    """What the options ask to measure."""
    from sfx.benchmarks.bench import Plan

    return Plan(
        batches=_batches(settings["batch"]),
        iterations=settings["iterations"],
        warmup=settings["warmup"],
        peers=settings["peers"] or settings["all_peers"],
        all_peers=settings["all_peers"],
        also_precisions=settings["also_precision"],
        folder=settings["folder"],
    )


def baseline(settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The report of `--compare`. Raises InputError where nothing could be compared with it on this machine."""
    from sfx.benchmarks.compare import expect_same, read_report
    from sfx.benchmarks.environment import describe

    if settings["old_file"] is None:
        return None
    old = read_report(settings["old_file"])
    expect_same("environment", old, describe())
    return old


def measure(
    pipeline: Pipeline, plan: Plan, old: Mapping[str, Any] | None, settings: Mapping[str, Any]
) -> None:
    """Measure, print and write the report; exit with 1 where a case became slower than in the `old` one."""
    from sfx.benchmarks.bench import about_bundle, run_bench
    from sfx.benchmarks.compare import compare, expect_same
    from sfx.benchmarks.page import write_html
    from sfx.benchmarks.report import print_report, to_json, write_json

    if old is not None:
        expect_same("bundle", old, about_bundle(pipeline))
    report = run_bench(pipeline, plan)
    print_report(report)
    if settings["json_file"] is not None:
        write_json(report, settings["json_file"])
    if settings["html_file"] is not None:
        write_html(report, settings["html_file"])
    if old is None:
        return
    changes = compare(old, to_json(report))
    for change in changes:
        click.echo(change.line(settings["threshold"]))
    if any(change.regressed(settings["threshold"]) for change in changes):
        raise SystemExit(1)


def _batches(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise click.UsageError(f"--batch: expected sizes such as 1,2,4, found '{text}'")
    return tuple(int(part) for part in parts)
