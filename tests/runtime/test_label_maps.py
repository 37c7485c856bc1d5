"""Label sketches are recognised in every form a class id can take, and plain drawings are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfx.errors import InputError
from sfx.labels import CLASSES
from sfx.runtime.label_maps import colour_label_map, read_label_map
from sfx.samples import sample_label_map
from tests.conftest import SHARED

LABELS = sample_label_map(size=256)


def palette_image(labels: np.ndarray, colours: list[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(labels).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def saved(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


def forms() -> dict[str, Image.Image]:
    class_colours = [entry.colour for entry in CLASSES]
    bright = [(0, 0, 0)] + [(index * 11 % 256, 255 - index * 7, 90) for index in range(1, 23)]
    shuffled = np.random.default_rng(0).permutation(23)
    return {
        "grey": Image.fromarray(LABELS),
        "sixteen bits": Image.fromarray(LABELS.astype(np.uint16)),
        "palette of ids": palette_image(LABELS, bright),
        "palette of class colours": palette_image(LABELS, class_colours),
        "palette in another order": palette_image(
            np.argsort(shuffled).astype(np.uint8)[LABELS], [class_colours[i] for i in shuffled]
        ),
        "RGB": Image.fromarray(colour_label_map(LABELS)),
        "RGBA": Image.fromarray(colour_label_map(LABELS)).convert("RGBA"),
    }


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("kind", ["auto", "labels"])
def test_class_ids_are_read(form: str, kind: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "sketch.png", forms()[form])
    np.testing.assert_array_equal(read_label_map(path, 256, kind), LABELS)


def plain_drawings() -> dict[str, Image.Image]:
    ink = np.where(LABELS > 0, 0, 255).astype(np.uint8)
    soft = np.asarray(Image.fromarray(ink).resize((120, 120), Image.Resampling.BILINEAR))
    greys = [(255 - 12 * index,) * 3 for index in range(20)]
    return {
        "black on white": Image.fromarray(ink),
        "anti-aliased": Image.fromarray(soft),
        "one bit": Image.fromarray(ink).convert("1"),
        "RGB": Image.fromarray(ink).convert("RGB"),
        "palette of greys": palette_image((LABELS > 0).astype(np.uint8) * 19, greys),
        "two-colour palette": palette_image((LABELS > 0).astype(np.uint8), [(255, 255, 255), (0, 0, 0)]),
        "transparent": Image.fromarray(np.dstack([np.zeros((256, 256, 3), np.uint8), 255 - ink])),
    }


@pytest.mark.parametrize("form", plain_drawings())
def test_plain_drawings_are_not_taken_for_labels(form: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "drawing.png", plain_drawings()[form])
    with pytest.raises(InputError, match=r"drawing\.png: expected a label map .* sfx\.interpret makes one"):
        read_label_map(path)


def test_labels_asked_for_but_not_there(tmp_path: Path) -> None:
    path = saved(tmp_path / "sketch.png", Image.fromarray(LABELS * 11))
    with pytest.raises(
        InputError, match=r"expected a label map \(class ids 0\.\.22\), found values up to 198"
    ):
        read_label_map(path, 256, "labels")


def test_blank_sketch_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "sketch.png", Image.new("L", (64, 64)))
    with pytest.raises(InputError, match="expected a label map with strokes, found only background"):
        read_label_map(path)


@pytest.mark.parametrize("number", [1, 3])
def test_published_example_is_resized_as_the_original_does(number: int) -> None:
    path = SHARED / "examples" / f"sketch_{number}.png"
    if not path.is_file():
        pytest.skip("the published examples are not beside this checkout")
    expected = np.asarray(Image.open(path).resize((256, 256), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(read_label_map(path), expected)
