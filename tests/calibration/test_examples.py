"""The example inputs: what is in the repository is what the command draws, and reads as label sketches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfx.calibration.portraits.examples import (
    APPEARANCE_SEEDS,
    SKETCH_SEEDS,
    example_appearance,
    example_sketch,
)
from sfx.runtime.label_maps import read_label_map
from sfx.runtime.pictures import read_picture

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_example_sketches_are_as_drawn(number: int) -> None:
    drawn = np.asarray(example_sketch(SKETCH_SEEDS[number - 1]))
    labels = read_label_map(EXAMPLES / f"sketch_{number}.png", size=512)
    assert np.array_equal(labels, drawn)
    assert {1, 2, 4, 5, 6, 7, 15} <= set(np.unique(labels))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_example_appearances_are_as_drawn(number: int) -> None:
    """Within rounding: another build of skia may blend a level apart."""
    drawn = np.asarray(example_appearance(APPEARANCE_SEEDS[number - 1])).astype(int)
    kept = read_picture(EXAMPLES / f"appearance_{number}.png").astype(int)
    assert np.mean(np.abs(kept - drawn)) < 0.5


def test_example_sketches_show_their_classes_in_colour() -> None:
    shown = Image.open(EXAMPLES / "sketch_1.png").convert("RGB")
    assert shown.getpixel((0, 0)) == (255, 255, 255)
    assert len(shown.getcolors() or []) > 8
