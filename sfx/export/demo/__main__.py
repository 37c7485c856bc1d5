"""`python -m sfx.export.demo draw|train|finish|evaluate`: the demo model from nothing to a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from sfx.cli_errors import OneLineErrorsGroup
from sfx.engines.locate import PACKAGED_DEMO

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=OneLineErrorsGroup, help=__doc__)
def main() -> None:
    """The commands' common part."""


@main.command()
@click.option("--out", type=FOLDER, required=True, help="Folder of the data set; extended if it exists.")
@click.option("--pictures", default=48000, show_default=True, help="Training pictures, rounded up to 1000s.")
@click.option("--held-out", default=1000, show_default=True, help="Pictures that are never trained on.")
@click.option("--seed", default=1, show_default=True)
@click.option("--processes", default=2, show_default=True)
def draw(out: Path, pictures: int, held_out: int, seed: int, processes: int) -> None:
    """Draw the training set (about 60 ms a picture and process, 0.41 GB for 1000)."""
    from sfx.export.demo import dataset

    dataset.draw(out, pictures, held_out, seed, processes)


@main.command()
@click.option("--data", type=FOLDER, required=True, help="Data set made by `draw`.")
@click.option(
    "--more-data",
    type=FOLDER,
    multiple=True,
    help="Another data set to train on, of another seed, scaled as --data is. Repeatable.",
)
@click.option("--out", type=FOLDER, required=True, help="Folder of the run; resumed if it holds one.")
@click.option(
    "--minutes", type=float, required=True, help="Planned total training time; may be extended on resume."
)
@click.option(
    "--quarter-size-minutes",
    type=float,
    help="Training time at 64 px [default: 6; none with --begin-from].",
)
@click.option(
    "--half-size-minutes",
    type=float,
    help="Until then 128 px, then 256 px [default: 20; with --begin-from the seeing minutes].",
)
@click.option(
    "--decoder-minutes",
    type=float,
    help="Until then synthesis learns from descriptions [default: 45; none with --begin-from].",
)
@click.option(
    "--encoders-minutes",
    type=float,
    help="Until then the encoders learn its codes [default: 90; none with --begin-from].",
)
@click.option(
    "--seeing-minutes",
    default=0.0,
    show_default=True,
    help="Until then the encoders learn through pictures, from then on all networks.",
)
@click.option(
    "--colouring-minutes",
    default=0.0,
    show_default=True,
    help="Until then all but the sketch encoders learn.",
)
@click.option(
    "--drawing-minutes",
    default=0.0,
    show_default=True,
    help="Until then synthesis alone learns, from what the encoders say.",
)
@click.option(
    "--refining-minutes",
    default=0.0,
    show_default=True,
    help="Until then all learn but the fine encoders' first layers and the coarse encoder's trunk.",
)
@click.option(
    "--sharpening-minutes",
    default=0.0,
    show_default=True,
    help="How many of the last minutes a critic has its say.",
)
@click.option(
    "--begin-from", type=FOLDER, help="Bundle whose weights a new run starts with, such as sfx/demo."
)
@click.option(
    "--decay-from",
    default=0.6,
    show_default=True,
    help="Share of each phase's time after which its learning rate falls.",
)
@click.option(
    "--processes", default=2, show_default=True, help="One-threaded processes that share gradients."
)
@click.option(
    "--compile",
    "compiled",
    is_flag=True,
    help="Compile networks first, where there is a C++ compiler: faster.",
)
@click.option("--batch", default=8, show_default=True, help="Samples a step and process.")
@click.option("--seed", default=0, show_default=True)
@click.option("--examples", type=FOLDER, help="Label sketches and photos to show in the sample grids.")
@click.option(
    "--evaluate-every", default=300.0, show_default=True, help="Seconds of training between evaluations."
)
def train(
    data: Path,
    more_data: tuple[Path, ...],
    out: Path,
    minutes: float,
    quarter_size_minutes: float | None,
    half_size_minutes: float | None,
    decoder_minutes: float | None,
    encoders_minutes: float | None,
    seeing_minutes: float,
    colouring_minutes: float,
    drawing_minutes: float,
    refining_minutes: float,
    sharpening_minutes: float,
    begin_from: Path | None,
    decay_from: float,
    processes: int,
    compiled: bool,
    batch: int,
    seed: int,
    examples: Path | None,
    evaluate_every: float,
) -> None:
    """Train, or go on training; SIGTERM saves and ends, a killed run loses at most three minutes."""
    from sfx.export.demo.options import Options
    from sfx.export.demo.schedule import Schedule
    from sfx.export.demo.train import train as run

    asked = (quarter_size_minutes, half_size_minutes, decoder_minutes, encoders_minutes)
    usual = (6.0, 20.0, 45.0, 90.0) if begin_from is None else (0.0, seeing_minutes, 0.0, 0.0)
    quarter, half, decoder, encoders = (
        default if given is None else given for given, default in zip(asked, usual, strict=True)
    )
    schedule = Schedule(
        minutes=minutes,
        quarter_size_minutes=quarter,
        half_size_minutes=half,
        decoder_minutes=decoder,
        encoders_minutes=encoders,
        seeing_minutes=seeing_minutes,
        colouring_minutes=colouring_minutes,
        drawing_minutes=drawing_minutes,
        refining_minutes=refining_minutes,
        sharpening_minutes=sharpening_minutes,
    )
    options = Options(
        data=data,
        more_data=more_data,
        out=out,
        schedule=schedule,
        decay_from=decay_from,
        seed=seed,
        processes=processes,
        batch=batch,
        compiled=compiled,
        begin_from=begin_from,
        examples=examples,
        evaluation_seconds=evaluate_every,
    )
    run(options)


@main.command()
@click.option("--run", type=FOLDER, required=True, help="Folder of a training run.")
@click.option("--data", type=FOLDER, required=True, help="Its data set, for the statistics of the codes.")
@click.option("--out", type=FILE, required=True, help="Checkpoint to write.")
def finish(run: Path, data: Path, out: Path) -> None:
    """Write a run's averaged weights as a checkpoint that `sfx export` takes."""
    from sfx.export.demo.finish import finish as write

    write(run, out, data, "python -m sfx.export.demo " + " ".join(sys.argv[1:]))
    click.echo(f"written: {out} ({out.stat().st_size / 1e6:.1f} MB)")


@main.command()
@click.option("--run", type=FOLDER, required=True, help="Folder of a training run.")
@click.option("--data", type=FOLDER, required=True, help="Its data set.")
@click.option(
    "--out", type=FOLDER, default=PACKAGED_DEMO, help="Bundle to replace [default: the packaged demo]."
)
def ship(run: Path, data: Path, out: Path) -> None:
    """Finish a run and export it with FP16 weights as the demo model that ships with sfx."""
    import tempfile

    from sfx.export.demo.finish import finish as write
    from sfx.export.exporter import export

    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "demo.pt"
        write(run, checkpoint, data, "python -m sfx.export.demo draw, train, ship")
        bundle = export(checkpoint, out, weights="fp16", force=True, progress=click.echo)
    size = sum(file.bytes for file in bundle.manifest.files())
    click.echo(f"written: {out} ({size / 1e6:.1f} MB)")


@main.command()
@click.argument("target", type=click.Path(exists=True, path_type=Path))
@click.option("--data", type=FOLDER, required=True, help="Data set whose held-out portraits are drawn.")
@click.option("--pairs", default=200, show_default=True, help="Held-out pairs to draw.")
@click.option(
    "--sketches",
    type=click.Choice(["exact", "hand", "resized"]),
    default="exact",
    show_default=True,
    help="Lines where the portraits have them; as a drifting hand draws them; in another style, larger and resized.",
)
@click.option("--grid", type=FILE, help="PNG of 16 pairs to write.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(target: Path, data: Path, pairs: int, sketches: str, grid: Path | None, as_json: bool) -> None:
    """Evaluate a checkpoint file or a bundle folder on held-out portraits."""
    from sfx.export.demo.evaluate import evaluate as measure

    result = measure(target, data, pairs, grid, sketches)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
        return
    click.echo(
        f"{result.pairs} held-out pairs, sketches {sketches}: {result.psnr:.2f} dB PSNR, L1 {result.l1:.4f}"
    )
    if result.shown_psnr is not None:
        click.echo(
            f"{result.shown} of them, whose reference shows hair, clothes and glasses where they have them: "
            f"{result.shown_psnr:.2f} dB PSNR"
        )
    click.echo(f"perceptual distance {result.perceptual_distance:.4f} (1 - mean SSIM at three scales)")
    click.echo(
        "preserved features: " + ", ".join(f"{name} {value:.2f}" for name, value in result.preserved.items())
    )
    click.echo(f"hair outline: {100 * result.hair_outline:.1f} % of the pixels beside it on the right side")
    click.echo(
        "colour errors of 255: "
        + ", ".join(f"{name} {value:.1f}" for name, value in result.colour_errors.items())
    )
    of_colour = sum(error.of_mean_colour for error in result.squared_error.values())
    largest = list(result.squared_error.items())[:8]
    click.echo(
        f"squared error: {100 * of_colour:.0f} % of it is parts in a wrong mean colour; "
        + ", ".join(f"{name} {100 * error.total:.0f} %" for name, error in largest)
    )


if __name__ == "__main__":
    main()
