"""Draws the example inputs: `python -m sfx.calibration.portraits.examples DIR`.

Three label sketches, `sketch_N.png`, in the classes' colours (a palette picture whose entries are class ids),
and three appearance pictures, `appearance_N.png`. They are never trained on.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image

from sfx.calibration.portraits import label_map, picture, sample_appearance, sample_geometry, sample_style
from sfx.labels import CLASSES

SKETCH_SEEDS = (1009, 1004, 1051)
APPEARANCE_SEEDS = (1044, 1050, 1057)
SIZE = 512


def example_sketch(seed: int) -> Image.Image:
    """A label sketch of 512 x 512 whose palette entries are class ids, shown in the classes' colours."""
    rng = np.random.default_rng(seed)
    geometry = sample_geometry(rng)
    sketch = Image.fromarray(label_map(geometry, sample_style(rng, geometry), SIZE)).convert("P")
    sketch.putpalette([channel for entry in CLASSES for channel in entry.colour])
    return sketch


def example_appearance(seed: int) -> Image.Image:
    """A portrait of 512 x 512."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(picture(sample_geometry(rng), sample_appearance(rng), SIZE))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Draw the example inputs into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SKETCH_SEEDS, start=1):
        example_sketch(seed).save(folder / f"sketch_{number}.png", optimize=True)
    for number, seed in enumerate(APPEARANCE_SEEDS, start=1):
        example_appearance(seed).save(folder / f"appearance_{number}.png", optimize=True)


if __name__ == "__main__":
    main()
