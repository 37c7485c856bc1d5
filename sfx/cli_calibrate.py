"""The command `calibrate`: its options, and what is done with what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfx.cli_compile import telling

if TYPE_CHECKING:
    from sfx.calibration.sets import CalibrationSet
    from sfx.engines.bundle import Bundle

_PATH = click.Path(path_type=Path)


def calibrate_options(command: Any) -> Any:
    """What to calibrate on and for, and where bundle and report go."""
    for option in (
        click.option("--force", is_flag=True, help="Replace a bundle that is already at --out."),
        click.option(
            "--picture",
            "picture_file",
            type=_PATH,
            help="Write FP32 | as calibrated | difference here, a .png.",
        ),
        click.option("--html", "html_file", type=_PATH, help="Write the report as a page here."),
        click.option("--json", "json_file", type=_PATH, help="Write the plan, damages and ranges here."),
        click.option(
            "--groups",
            type=click.IntRange(min=1),
            default=48,
            show_default=True,
            help="About how many groups of layers to measure one by one.",
        ),
        click.option(
            "--high",
            type=click.Choice(["fp32", "bf16", "fp16"]),
            help="What the other layers are to run in [default: what the graphs were exported in]; bf16 is for graphs "
            "in fp32, and asked for by --precision bf16, for a graph as a whole.",
        ),
        click.option(
            "--max-dissimilarity",
            type=click.FloatRange(0.0, 2.0),
            help="Budget of 1 - SSIM, the mean over the faces.",
        ),
        click.option(
            "--target-psnr",
            type=click.FloatRange(min=1.0),
            default=40.0,
            show_default=True,
            help="Budget in dB: how near the faces are to stay to FP32.",
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the drawn portraits."
        ),
        click.option(
            "--pairs",
            type=click.IntRange(min=1),
            default=8,
            show_default=True,
            help="Sketches with a photo, at most.",
        ),
        click.option(
            "--data",
            type=_PATH,
            help="Folder with 'sketches' and 'photos' [default: portraits that sfx draws, needs sfx[portraits]].",
        ),
        click.option("--out", type=_PATH, required=True, help="Directory of the new bundle."),
    ):
        command = option(command)
    return command


def calibrate_bundle(path: Path, settings: Mapping[str, Any]) -> None:
    """Calibrate, print the report, and write it where it is asked for."""
    from sfx.calibration.calibrate import Request, calibrate
    from sfx.calibration.page import side_by_side, write_html
    from sfx.calibration.plans import Budget
    from sfx.calibration.report import print_report, to_json
    from sfx.engines.bundle import Bundle
    from sfx.engines.bundle_writing import check_target
    from sfx.runtime.pictures import write_picture, write_text

    check_target(settings["out"], force=settings["force"])
    source = Bundle.open(path)
    budget = Budget(settings["target_psnr"], settings["max_dissimilarity"])
    with telling() as tell:
        pairs = _pairs(source, settings, tell)
        request = Request(budget, settings["high"], settings["groups"])
        result = calibrate(source, settings["out"], pairs, request, force=settings["force"], progress=tell)
    print_report(result)
    if settings["json_file"] is not None:
        write_text(settings["json_file"], json.dumps(to_json(result), indent=2) + "\n")
    if settings["html_file"] is not None:
        write_html(result, settings["html_file"])
    if settings["picture_file"] is not None:
        write_picture(settings["picture_file"], side_by_side(result.expected, result.found))
    size = sum(file.bytes for file in result.bundle.manifest.files())
    click.echo(f"{settings['out']}: {size / 1e6:.0f} MB")


def _pairs(source: Bundle, settings: Mapping[str, Any], tell: Any) -> CalibrationSet:
    from sfx.calibration.sets import folder_set, portrait_set
    from sfx.errors import BundleError

    config = source.manifest.model
    if config is None:
        raise BundleError(f"{source.path}: expected a sketch-to-face model, found a bundle without one")
    tell("reading or drawing the calibration set")
    if settings["data"] is not None:
        return folder_set(config, settings["data"], settings["pairs"], tell)
    return portrait_set(config, settings["pairs"], settings["seed"])
