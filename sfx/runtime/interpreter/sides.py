"""Left and right: the subject's left is the picture's right, for all strokes of a pair together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sfx.runtime.interpreter.strokes import Stroke

PAIRS = ((1, 2), (4, 5), (11, 12))
"""Left and right eye, eyebrow, ear."""
APART = 10.0
"""Canvas units between the middles of two parts from which they are two."""


def set_sides(strokes: Sequence[Stroke]) -> tuple[Stroke, ...]:
    """The strokes, with every one of a pair of classes named after the side that it lies on.

    Where strokes of both classes were found, the boundary lies halfway between the two groups' middles;
    where one alone was found, nothing is changed: it may be an eye of a face off the page's middle.
    """
    result = list(strokes)
    for left, right in PAIRS:
        members = [index for index, stroke in enumerate(result) if stroke.label in (left, right)]
        labels = {result[index].label for index in members}
        if len(labels) < 2:
            continue
        middles = {index: float(result[index].points[:, 0].mean()) for index in members}
        means = {
            label: np.average(
                [middles[index] for index in members if result[index].label == label],
                weights=[1e-3 + result[index].length for index in members if result[index].label == label],
            )
            for label in (left, right)
        }
        if abs(means[left] - means[right]) < APART:
            continue
        boundary = (means[left] + means[right]) / 2
        for index in members:
            label = left if middles[index] > boundary else right
            if label != result[index].label:
                result[index] = replace(result[index], label=label)
    return tuple(result)
