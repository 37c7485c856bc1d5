"""Changes to training examples, so that hand-drawn sketches and ordinary photos work as inputs.

Sketches and pictures are NumPy arrays as stored in the data set; every function draws from the generator
that it is given and returns new arrays.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from sfx.labels import MAX_LABEL

Sketch = NDArray[np.uint8]
Picture = NDArray[np.uint8]

_FURTHEST = 10
"""Pixels by which a portrait and its sketch are shifted at most."""
FACE_OUTLINE = (10, 17, 18, 19)
"""Classes that people and automatic labelling take for each other."""
DISPENSABLE = (14, 16, 18, 19, 21)
"""Classes whose strokes a drawing may lack altogether; hats and glasses are never dropped: a network
that has seen targets with glasses for sketches without would invent them."""
LEFT_RIGHT = ((1, 2), (4, 5), (11, 12))
ODD_FEATURES = (
    "pose.yaw",
    "pose.tilt",
    "pose.shift_x",
    "eyes.gaze_x",
    "brows.raised",
    "mouth.skew",
    "hair.parting",
)
"""Entries of the geometry vector that change their sign in a mirror."""


def mirrored_labels(sketch: Sketch) -> Sketch:
    """(..., H, W) left-right mirrored, with left and right eye, brow and ear exchanged."""
    table = _table()
    for left, right in LEFT_RIGHT:
        table[left], table[right] = right, left
    return np.ascontiguousarray(table[sketch[..., ::-1]])


def mirror_signs(names: tuple[str, ...]) -> NDArray[np.float32]:
    """What the geometry vector is multiplied by when its portrait is mirrored."""
    return np.array([-1.0 if name in ODD_FEATURES else 1.0 for name in names], np.float32)


def augmented_sketch(sketch: Sketch, rng: np.random.Generator) -> Sketch:
    """(H, W) -> (H, W): as another hand would have drawn and another labeller labelled it."""
    if rng.random() < 0.6:
        sketch = _warped(sketch, rng, rng.uniform(0.3, 1.8))
    sketch = _relabelled(sketch, rng)
    chances = rng.random(4)
    if chances[0] < 0.2:
        sketch = _thickened(sketch, rng)
    if chances[1] < 0.2:
        sketch = _jittered(sketch, rng)
    if chances[2] < 0.25:
        sketch = _with_gaps(sketch, rng)
    if chances[3] < 0.2:
        sketch = _erased(sketch, rng)
    return sketch


def moved_together(
    sketch: Sketch, picture: Picture, part_map: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[Sketch, Picture, NDArray[np.uint8], tuple[int, int]]:
    """Shift a sketch, its picture and its part map alike; also (right, down) in pixels of the sketch.

    By whole pixels of the smallest, and without scaling: an interpolated picture would be a lesson in blur.
    """
    coarseness = sketch.shape[0] // part_map.shape[0]
    furthest = _FURTHEST // coarseness
    right, down = (int(shift) for shift in rng.integers(-furthest, furthest + 1, 2))
    fine = (right * coarseness, down * coarseness)
    matrix = _about_centre(sketch.shape[0], 1.0, 0.0, *fine)
    small = _about_centre(part_map.shape[0], 1.0, 0.0, right, down)
    nearest = Image.Resampling.NEAREST
    moved = _transformed(sketch, matrix, nearest)
    return moved, _moved(picture, matrix, nearest), _moved(part_map, small, nearest), fine


def colour_table(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(3, 256): a gain and a gamma per channel as look-up tables, for target and reference alike."""
    gain = rng.uniform(0.88, 1.1, (3, 1)) * rng.uniform(0.95, 1.05)
    gamma = rng.uniform(0.85, 1.18) * rng.uniform(0.97, 1.03, (3, 1))
    levels = np.clip(np.arange(256) / 255.0 * gain, 0.0, 1.0) ** gamma
    return np.rint(levels * 255.0).astype(np.uint8)


def recoloured(picture: Picture, table: NDArray[np.uint8]) -> Picture:
    """(H, W, 3) with each channel looked up in (3, 256)."""
    return np.stack([table[channel][picture[..., channel]] for channel in range(3)], axis=-1)


def photographed(picture: Picture, rng: np.random.Generator) -> Picture:
    """(H, W, 3) -> (H, W, 3): a reference as a camera might have seen it; its colours nearly stay."""
    chances = rng.random(6)
    if chances[0] < 0.6:
        matrix = _about_centre(
            picture.shape[0], rng.uniform(0.85, 1.2), rng.uniform(-10.0, 10.0), *rng.uniform(-14.0, 14.0, 2)
        )
        picture = _moved(picture, matrix, Image.Resampling.BILINEAR)
    if chances[1] < 0.3:
        blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.0)))
        picture = np.asarray(blurred)
    if chances[2] < 0.4:
        picture = _textured(picture, rng)
    if chances[3] < 0.4:
        noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(1.0, 9.0))
        picture = _as_bytes(picture + noise)
    if chances[4] < 0.3:
        picture = _as_bytes(picture * rng.uniform(0.96, 1.04, 3))
    if chances[5] < 0.3:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(rng.integers(25, 90)))
        picture = np.asarray(Image.open(buffer))
    return picture


def _table() -> NDArray[np.uint8]:
    return np.arange(MAX_LABEL + 1, dtype=np.uint8)


def _as_bytes(values: NDArray[np.floating[Any]]) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _smooth_field(rng: np.random.Generator, size: int, cells: int) -> NDArray[np.float32]:
    """(size, size) smooth noise of deviation about 1, `cells` independent values a side."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def _warped(sketch: Sketch, rng: np.random.Generator, strength: float) -> Sketch:
    """Every point moved along a smooth field, by `strength` pixels on average."""
    size = sketch.shape[0]
    cells = int(rng.integers(4, 12))
    rows, columns = np.mgrid[0:size, 0:size]
    rows = np.rint(rows + strength * _smooth_field(rng, size, cells)).astype(np.int64)
    columns = np.rint(columns + strength * _smooth_field(rng, size, cells)).astype(np.int64)
    moved: Sketch = sketch[np.clip(rows, 0, size - 1), np.clip(columns, 0, size - 1)]
    return moved


def _relabelled(sketch: Sketch, rng: np.random.Generator) -> Sketch:
    table = _table()
    chances = rng.random(8)
    if chances[0] < 0.25:
        table[18] = 10 if chances[0] < 0.15 else 17
    if chances[1] < 0.2:
        table[10 if chances[1] < 0.1 else 17] = 17 if chances[1] < 0.1 else 10
    if chances[2] < 0.05:
        for left, right in LEFT_RIGHT:
            table[left], table[right] = right, left
    if chances[3] < 0.04:
        table[[11, 12]] = 15
    for label, chance in zip(DISPENSABLE, rng.random(len(DISPENSABLE)), strict=True):
        if chance < 0.08:
            table[label] = 0
    if chances[4] < 0.04:
        table[rng.choice([4, 5, 11, 12])] = 0
    sketch = table[sketch]
    if chances[5] < 0.15:
        # One side of a line through the picture has one outline class taken for another.
        confused = _table()
        confused[rng.choice(FACE_OUTLINE)] = rng.choice(FACE_OUTLINE)
        size = sketch.shape[0]
        rows, columns = np.mgrid[0:size, 0:size]
        angle = rng.uniform(0.0, 2.0 * np.pi)
        offset = rng.uniform(-0.25, 0.25) * size
        side = np.cos(angle) * (columns - size / 2) + np.sin(angle) * (rows - size / 2) > offset
        sketch = np.where(side, confused[sketch], sketch)
    return sketch


def _thickened(sketch: Sketch, rng: np.random.Generator) -> Sketch:
    """Lines 1 or 2 pixels wider, towards the lower right; drawn lines stay on top of the added pixels."""
    for _ in range(int(rng.integers(1, 3))):
        wider = sketch.copy()
        right, below = wider[:, 1:], wider[1:]
        np.copyto(right, sketch[:, :-1], where=right == 0)
        np.copyto(below, sketch[:-1], where=below == 0)
        sketch = wider
    return sketch


def _jittered(sketch: Sketch, rng: np.random.Generator) -> Sketch:
    """Single pixels moved by one pixel, as at ragged edges of scanned lines."""
    rows, columns = np.nonzero(sketch)
    chosen = rng.random(rows.size) < rng.uniform(0.05, 0.35)
    jittered = sketch.copy()
    values = sketch[rows[chosen], columns[chosen]]
    jittered[rows[chosen], columns[chosen]] = 0
    last = sketch.shape[0] - 1
    shift = rng.integers(-1, 2, (2, values.size))
    jittered[np.clip(rows[chosen] + shift[0], 0, last), np.clip(columns[chosen] + shift[1], 0, last)] = values
    return jittered


def _with_gaps(sketch: Sketch, rng: np.random.Generator) -> Sketch:
    """Lines interrupted in many places, as a quick hand or a weak edge detector leaves them."""
    size = sketch.shape[0]
    field = _smooth_field(rng, size, int(rng.integers(24, 64)))
    return np.where(field > rng.uniform(0.7, 1.6), np.uint8(0), sketch)


def _erased(sketch: Sketch, rng: np.random.Generator) -> Sketch:
    """One or two rectangles of the sketch missing."""
    erased = sketch.copy()
    size = sketch.shape[0]
    for _ in range(int(rng.integers(1, 3))):
        width, height = rng.integers(size // 25, size // 7, 2)
        left, top = rng.integers(0, size - width), rng.integers(0, size - height)
        erased[top : top + height, left : left + width] = 0
    return erased


def _textured(picture: Picture, rng: np.random.Generator) -> Picture:
    """Uneven light: smooth multiplicative noise, coarse or fine, a few percent strong."""
    size = picture.shape[0]
    field = _smooth_field(rng, size, int(rng.choice([3, 6, 40, 90])))
    return _as_bytes(picture * (1.0 + np.float32(rng.uniform(0.02, 0.07)) * field)[..., None])


Matrix = tuple[float, float, float, float, float, float]


def _about_centre(size: int, scale: float, degrees: float, shift_x: float, shift_y: float) -> Matrix:
    """PIL's AFFINE data (output to input) that scales, turns and then shifts a square's content."""
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    middle = size / 2
    left, top = middle + shift_x, middle + shift_y
    return (
        cosine,
        sine,
        middle - cosine * left - sine * top,
        -sine,
        cosine,
        middle + sine * left - cosine * top,
    )


_PADDING = 48
"""Pixels of repeated edge around a picture before it is moved, so that no black corner comes in."""


def _moved(array: NDArray[np.uint8], matrix: Matrix, resampling: Image.Resampling) -> NDArray[np.uint8]:
    """(H, W, ...) transformed; the repeated edge comes in."""
    widths = [(_PADDING, _PADDING)] * 2 + [(0, 0)] * (array.ndim - 2)
    a, b, c, d, e, f = matrix
    in_padding = (a, b, c + _PADDING * (1 - a - b), d, e, f + _PADDING * (1 - d - e))
    moved = _transformed(np.pad(array, widths, mode="edge"), in_padding, resampling)
    return np.ascontiguousarray(moved[_PADDING:-_PADDING, _PADDING:-_PADDING])


def _transformed(array: NDArray[np.uint8], matrix: Matrix, resampling: Image.Resampling) -> NDArray[np.uint8]:
    """(H, W, ...) transformed; nothing comes in."""
    image = Image.fromarray(array)
    return np.asarray(image.transform(image.size, Image.Transform.AFFINE, matrix, resampling))
