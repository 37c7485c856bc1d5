"""Draws a grid of portraits, each beside its sketch: `python -m sfx.calibration.portraits --grid out.png`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfx.calibration.portraits import label_map, picture, sample_appearance, sample_geometry, sample_style
from sfx.labels import CLASSES


def portrait_and_sketch(seed: int, size: int) -> NDArray[np.uint8]:
    """(size, 2 * size, 3): the portrait of a seed, and its sketch in the classes' colours."""
    rng = np.random.default_rng(seed)
    geometry, appearance = sample_geometry(rng), sample_appearance(rng)
    style = sample_style(rng, geometry)
    palette = np.array([item.colour for item in CLASSES], dtype=np.uint8)
    sketch = palette[label_map(geometry, style, size)]
    return np.concatenate([picture(geometry, appearance, size), sketch], axis=1)


@click.command()
@click.option("--grid", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG to write.")
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the first portrait; the next ones count on."
)
@click.option("--rows", default=4, show_default=True, type=click.IntRange(1))
@click.option("--columns", default=4, show_default=True, type=click.IntRange(1))
@click.option("--size", default=256, show_default=True, type=click.IntRange(32, 2048), help="Pixels a side.")
def main(grid: Path, seed: int, rows: int, columns: int, size: int) -> None:
    """Draw a grid of portraits with their sketches."""
    lines = [
        np.concatenate([portrait_and_sketch(seed + row * columns + k, size) for k in range(columns)], axis=1)
        for row in range(rows)
    ]
    Image.fromarray(np.concatenate(lines)).save(grid)
    click.echo(f"{rows * columns} portraits written to {grid}")


if __name__ == "__main__":
    main()
