"""What a calibration measured: tables for a person, JSON (schema 1) for a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sfx.calibration.calibrate import Result
from sfx.calibration.plans import Damage
from sfx.calibration.ranges import PERCENTILES

SCHEMA = 1


def to_json(result: Result) -> dict[str, Any]:
    """The plan, what it was chosen on, what every group costs alone, and the ranges, as plain values."""
    return {
        "schema": SCHEMA,
        "bundle": str(result.bundle.path),
        **asdict(result.lowering),
        "groups": [
            {
                "graph": damage.group.graph,
                "layers": [layer.name for layer in damage.group.layers],
                "multiply_adds": damage.group.multiply_adds,
                "psnr_db": damage.psnr_db,
                "precision": precision_of(result, damage),
            }
            for damage in result.damages
        ],
        "percentiles": list(PERCENTILES),
        "ranges": [asdict(one) for by_tensor in result.ranges.values() for one in by_tensor.values()],
    }


def label(damage: Damage) -> str:
    """A group's graph and name, short enough for a table and a chart."""
    return f"{damage.group.graph.removesuffix('_encoder')}: {damage.group.name}"


def precision_of(result: Result, damage: Damage) -> str:
    """What a group computes in: a group is lowered as a whole."""
    first = damage.group.layers[0]
    return next(
        entry.precision
        for entry in result.lowering.plan
        if (entry.graph, entry.layer) == (first.graph, first.name)
    )


def shares(result: Result) -> Iterator[tuple[str, int, int, float]]:
    """Of each graph: its layers in INT8, all its layers, and INT8's share of their multiply-adds."""
    for graph in dict.fromkeys(damage.group.graph for damage in result.damages):
        layers = [layer for damage in result.damages for layer in damage.group.layers if layer.graph == graph]
        lowered = [layer for layer in layers if layer in result.chosen]
        work = sum(layer.multiply_adds for layer in lowered) / sum(layer.multiply_adds for layer in layers)
        yield graph, len(lowered), len(layers), work


def findings(result: Result) -> Iterator[str]:
    """What the figures say, a line each."""
    chosen_on = result.lowering.chosen_on
    seed = "" if chosen_on.seed is None else f", seed {chosen_on.seed}"
    yield f"chosen on {chosen_on.pairs} pairs: {chosen_on.source}{seed}"
    yield "FP32 is what the same graphs draw without INT8, computed in FP32 on the CPU"
    for graph, lowered, layers, work in shares(result):
        yield f"{graph}: {lowered} of {layers} layers in INT8, {work:.0%} of their multiply-adds"
    beyond = [
        f"{graph}, {one.tensor}"
        for graph, by_tensor in result.ranges.items()
        for one in by_tensor.values()
        if one.beyond_fp16
    ]
    if beyond:
        yield f"{len(beyond)} tensors hold values beyond FP16's range, the first of them {beyond[0]}"
    for price in result.lowering.prices:
        yield str(price)


def print_report(result: Result) -> None:
    """Print every group, the most sensitive first, and the findings."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=box.SIMPLE)
    table.add_column("alone in INT8", overflow="fold")
    for heading in ("G multiply-adds", "PSNR dB", "plan"):
        table.add_column(heading, justify="right")
    for damage in sorted(result.damages, key=lambda one: one.psnr_db):
        table.add_row(
            label(damage),
            f"{damage.group.multiply_adds / 1e9:.2f}",
            f"{damage.psnr_db:.1f}",
            precision_of(result, damage),
        )
    console.print(table)
    for line in findings(result):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
