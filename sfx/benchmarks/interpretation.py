"""How well drawings are understood: `python -m sfx.benchmarks.interpretation [DIR]`.

DIR holds real label sketches (class ids), each of which is turned into a plain black drawing, interpreted,
and compared at every stroke pixel. Without DIR, or with `--synthetic`, held-out portraits of the project's own
generator are drawn in each style and corruption (needs `sfx[portraits]`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from sfx.benchmarks.agreement import SHARES, Agreement, agreements, by_form
from sfx.benchmarks.confusion import FAMILY_OF, MISSED, confusion_picture
from sfx.cli_errors import OneLineErrors
from sfx.errors import InputError
from sfx.labels import CLASSES, FAMILIES, MAX_LABEL
from sfx.runtime.interpreter import Interpreter
from sfx.runtime.interpreter.strokes import Sketch
from sfx.runtime.label_maps import find_label_map
from sfx.runtime.pictures import READ_SUFFIXES, write_picture, write_text

if TYPE_CHECKING:
    from sfx.export.interpreter.drawing import Drawing

Labels = NDArray[np.uint8]

SIDE = 512
"""Side of the synthetic drawings in pixels, as the published sketches have; their lines are two pixels wide."""
SYNTHETIC_SEED = 1
"""The training set's seed; held-out portraits come from a stream of their own."""
REACH = 6.0
"""Canvas units beyond which a drawn pixel counts as missed by every stroke, and so as wrong."""
BINS = 10
"""Steps of confidence, for its calibration."""


@dataclass(frozen=True, eq=False)
class Compared:
    """One drawing's stroke pixels: true and found class ids and the confidence of what was found, each (P,)."""

    group: str
    name: str
    truth: Labels
    found: Labels
    confidence: NDArray[np.float32]
    milliseconds: float = 0.0
    """From pixels to labelled strokes."""

    @property
    def family_accuracy(self) -> float:
        """Share of the pixels whose family is right."""
        return float((FAMILY_OF[self.truth] == FAMILY_OF[self.found]).mean())

    @property
    def accuracy(self) -> float:
        """Share of the pixels whose class is right."""
        return float((self.truth == self.found).mean())


def compare(
    interpreter: Interpreter, labels: Labels, ink: NDArray[np.bool_], group: str, name: str
) -> Compared:
    """Interpret the ink bool (h, w) as black lines on white, and look up what was found at labelled pixels.

    labels: uint8 (h, w); a pixel counts where its class id belongs to a family.
    """
    drawing = np.where(ink, 0, 255).astype(np.uint8)
    started = time.perf_counter()
    sketch = interpreter.interpret(drawing)
    milliseconds = 1e3 * (time.perf_counter() - started)
    found, confidence = _nearest(sketch, labels.shape)
    counted = FAMILY_OF[labels] > 0
    return Compared(group, name, labels[counted], found[counted], confidence[counted], milliseconds)


def _nearest(sketch: Sketch, shape: tuple[int, ...]) -> tuple[Labels, NDArray[np.float32]]:
    """For every source pixel the class and the confidence of the nearest stroke, MISSED beyond REACH."""
    from scipy import ndimage

    side = max(shape)
    strokes = sketch.stroke_map(side, 1)
    distance, (row, column) = ndimage.distance_transform_edt(strokes < 0, return_indices=True)
    label = np.array([stroke.label or MISSED for stroke in sketch.strokes], np.uint8)
    certain = np.array([stroke.confidence or 0.0 for stroke in sketch.strokes], np.float32)
    nearest = strokes[row, column]
    far = distance > REACH * side / 256
    # The canvas is square, the source centred on it.
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    page = (slice(top, top + shape[0]), slice(left, left + shape[1]))
    found = np.where(far, MISSED, label[nearest]).astype(np.uint8)
    return found[page], np.where(far, 0.0, certain[nearest]).astype(np.float32)[page]


def real_sketches(interpreter: Interpreter, folder: Path) -> Iterator[Compared]:
    """Every label sketch in a folder; pictures without class ids are left out. Raises InputError for none."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: expected a folder of label sketches, found {'a file' if folder.exists() else 'nothing'}"
        )
    found = 0
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in READ_SUFFIXES):
        labels = find_label_map(path)
        if labels is not None and labels.any():
            found += 1
            yield compare(interpreter, labels, labels > 0, "real", path.name)
    if not found:
        raise InputError(f"{folder}: expected label sketches (class ids 0..{MAX_LABEL}), found none")


def synthetic_sketches(interpreter: Interpreter, count: int) -> Iterator[Compared]:
    """Held-out portraits: `count` drawings of each style, as drawn, under each corruption, and under all together."""
    from sfx.export.interpreter.varying import CORRUPTIONS, varied

    conditions = {"none": lambda drawing, _rng: drawing, **CORRUPTIONS, "all together": varied}
    for style, drawings in _held_out(count).items():
        for name, change in conditions.items():
            for index, drawing in enumerate(drawings):
                changed = change(drawing, np.random.default_rng([7, index]))
                labels = changed.label_map(SIDE, 2)
                if FAMILY_OF[labels].any():
                    yield compare(interpreter, labels, labels > 0, f"{style}, {name}", str(index))


def _held_out(count: int) -> dict[str, list[Drawing]]:
    from sfx.export.interpreter.dataset import sketches_of
    from sfx.export.shards import HELD_OUT

    drawings: dict[str, list[Drawing]] = {"clean": [], "dense": []}
    portrait = 0
    while min(len(members) for members in drawings.values()) < count:
        for drawing, dense in sketches_of(SYNTHETIC_SEED, HELD_OUT, portrait):
            drawings["dense" if dense else "clean"].append(drawing)
        portrait += 1
    return {style: members[:count] for style, members in drawings.items()}


def confusion(compared: list[Compared]) -> NDArray[np.int64]:
    """(23, 23) pixels by true class (rows) and class found (columns); column 0 is what no stroke was near to."""
    table = np.zeros((MAX_LABEL + 1, MAX_LABEL + 1), np.int64)
    for one in compared:
        np.add.at(table, (one.truth, one.found), 1)
    return table


def report(compared: list[Compared]) -> dict[str, Any]:
    """The figures as JSON content: by group, by drawing, by family and class, and the confidence's calibration."""
    groups: dict[str, list[Compared]] = {}
    for one in compared:
        groups.setdefault(one.group, []).append(one)
    table = confusion(compared)
    return {
        "schema": 1,
        "groups": {
            name: {
                "drawings": len(members),
                "family_accuracy": _pooled(members, "family_accuracy"),
                "accuracy": _pooled(members, "accuracy"),
                "median_milliseconds": float(np.median([one.milliseconds for one in members])),
            }
            for name, members in groups.items()
        },
        "drawings": [
            {
                "group": one.group,
                "name": one.name,
                "pixels": len(one.truth),
                "family_accuracy": one.family_accuracy,
                "accuracy": one.accuracy,
            }
            for one in compared
        ],
        "families": {_family_name(family): _recall(table, family) for family in FAMILIES},
        "classes": {entry.name: _recall(table, frozenset({entry.id})) for entry in CLASSES[1:]},
        "confidence": calibration(compared),
        "confusion": table.tolist(),
    }


def _family_name(family: frozenset[int]) -> str:
    return ", ".join(CLASSES[label].name for label in sorted(family))


def _pooled(members: list[Compared], figure: str) -> float:
    """A figure's mean over all pixels of a group."""
    return float(
        np.average([getattr(one, figure) for one in members], weights=[len(one.truth) for one in members])
    )


def _recall(table: NDArray[np.int64], family: frozenset[int]) -> dict[str, float | int | None]:
    ids = sorted(family)
    pixels, right = int(table[ids].sum()), int(table[np.ix_(ids, ids)].sum())
    found = int(table[:, ids].sum())
    return {
        "pixels": pixels,
        "recall": right / pixels if pixels else None,
        "precision": right / found if found else None,
    }


def calibration(compared: list[Compared]) -> dict[str, Any]:
    """What confidence means: for each tenth of it, the mean confidence, the share of right families, and pixels."""
    confidence = np.concatenate([one.confidence for one in compared])
    right = np.concatenate([FAMILY_OF[one.truth] == FAMILY_OF[one.found] for one in compared])
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = []
    for index in np.unique(bins):
        chosen = bins == index
        rows.append(
            {
                "mean": float(confidence[chosen].mean()),
                "right": float(right[chosen].mean()),
                "pixels": int(chosen.sum()),
            }
        )
    error = sum(abs(row["mean"] - row["right"]) * row["pixels"] for row in rows) / len(right)
    return {"bins": rows, "expected_calibration_error": error}


@click.command(cls=OneLineErrors, help=__doc__)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--synthetic",
    type=click.IntRange(min=1),
    help="Held-out drawings a style and corruption [default: 20, without DIR].",
)
@click.option(
    "--agreement",
    type=click.IntRange(min=1),
    help="Held-out drawings a style to interpret as PNG of several sizes and as vector strokes.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures here.")
@click.option(
    "--confusion",
    "confusion_file",
    type=click.Path(path_type=Path),
    help="Write the confusion picture (PNG) here.",
)
def main(
    folder: Path | None,
    synthetic: int | None,
    agreement: int | None,
    json_file: Path | None,
    confusion_file: Path | None,
) -> None:
    """Measure, print, write."""
    compared: list[Compared] = []
    agreed: list[Agreement] = []
    with Interpreter() as interpreter:
        click.echo(f"interpreter, {interpreter.choice}", err=True)
        if folder is not None:
            compared += real_sketches(interpreter, folder)
        if (folder is None and agreement is None) or synthetic is not None:
            compared += synthetic_sketches(interpreter, synthetic or 20)
        if agreement is not None:
            agreed += agreements(interpreter, _held_out(agreement))
    figures = report(compared) if compared else {}
    if agreed:
        figures["agreement"] = by_form(agreed)
    print_figures(figures)
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=1) + "\n")
    if confusion_file is not None:
        write_picture(confusion_file, confusion_picture(confusion(compared)))


def print_figures(figures: dict[str, Any]) -> None:
    """A line for every real drawing, group and form; a form as compared with the drawing's picture of 512 px."""
    for one in figures.get("drawings", ()):
        if one["group"] == "real":
            click.echo(f"{one['name']:<32} {_shares(one)}")
    for name, group in figures.get("groups", {}).items():
        click.echo(
            f"{name:<32} {_shares(group)}   "
            f"({group['drawings']} drawings, {group['median_milliseconds']:.0f} ms each)"
        )
    if "confidence" in figures:
        error = figures["confidence"]["expected_calibration_error"]
        click.echo(f"confidence: expected calibration error {error:.3f}")
    for form, figure in figures.get("agreement", {}).items():
        share = {name: f"{100 * figure[name]:.1f} %" for name in SHARES}
        click.echo(
            f"{form:<16} equal in the label maps {share['equal']}, where both are inked {share['mapped']} "
            f"(every class known: {share['mapped_at_best']})   nearest strokes at 512 px {share['same']} "
            f"({share['same_at_best']}), within a pen's width {share['near']}   family {share['right']}   "
            f"({figure['drawings']} drawings)"
        )


def _shares(figures: dict[str, Any]) -> str:
    return f"family {100 * figures['family_accuracy']:5.1f} %   class {100 * figures['accuracy']:5.1f} %"


if __name__ == "__main__":
    main()
