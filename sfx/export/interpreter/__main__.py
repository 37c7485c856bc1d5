"""`python -m sfx.export.interpreter draw|train|finish`: the interpreter's network from nothing to ONNX."""

from __future__ import annotations

from pathlib import Path

import click

from sfx.cli_errors import OneLineErrorsGroup

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(cls=OneLineErrorsGroup, help=__doc__)
def main() -> None:
    """The commands' common part."""


@main.command()
@click.option("--out", type=FOLDER, required=True, help="Folder of the data set; extended if it exists.")
@click.option("--portraits", default=9000, show_default=True, help="Training portraits, rounded up to 500s.")
@click.option("--held-out", default=500, show_default=True, help="Portraits that are never trained on.")
@click.option("--seed", default=1, show_default=True)
@click.option("--processes", default=2, show_default=True)
def draw(out: Path, portraits: int, held_out: int, seed: int, processes: int) -> None:
    """Draw the labelled strokes of portraits, two sketches each (about 25 ms a portrait)."""
    from sfx.export.interpreter import dataset

    dataset.draw(out, portraits, held_out, seed, processes)


@main.command()
@click.option("--data", type=FOLDER, required=True, help="Data set made by `draw`.")
@click.option("--out", type=FOLDER, required=True, help="Folder of the run; resumed if it holds one.")
@click.option("--minutes", type=float, required=True, help="Planned processor time; may change on resume.")
@click.option("--learning-rate", default=2e-3, show_default=True)
@click.option(
    "--decay-from", default=0.45, show_default=True, help="Share of the time after which the rate falls."
)
@click.option("--batch", default=16, show_default=True, help="Drawings a step.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--begin-from", type=FOLDER, help="Bundle whose network a new run starts with; wants a lower rate."
)
@click.option(
    "--evaluate-every", default=180.0, show_default=True, help="Seconds of training between evaluations."
)
def train(
    data: Path,
    out: Path,
    minutes: float,
    learning_rate: float,
    decay_from: float,
    batch: int,
    seed: int,
    begin_from: Path | None,
    evaluate_every: float,
) -> None:
    """Train, or go on training, on one core; SIGTERM saves and ends."""
    from sfx.export.interpreter.train import Options
    from sfx.export.interpreter.train import train as run

    run(
        Options(
            data,
            out,
            minutes,
            learning_rate,
            decay_from,
            batch,
            seed,
            begin_from,
            evaluation_seconds=evaluate_every,
        )
    )


@main.command()
@click.option("--run", type=FOLDER, required=True, help="Folder of a training run.")
@click.option(
    "--out", type=FOLDER, required=True, help="Bundle to write, such as sfx/runtime/interpreter/model."
)
@click.option("--force", is_flag=True, help="Replace a bundle that is already there.")
def finish(run: Path, out: Path, force: bool) -> None:
    """Write a run's averaged network as a verified bundle with the graph `interpreter`."""
    from sfx.export.interpreter.finish import finish as write
    from sfx.export.interpreter.finish import read_run

    bundle = write(read_run(run), out, force=force)
    for measured in bundle.manifest.parity:
        click.echo(
            f"{measured.tensor}, {measured.link}: difference {measured.error:.2g} ({measured.tolerance:g})"
        )
    click.echo(f"{out}: {sum(file.bytes for file in bundle.manifest.files()) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
