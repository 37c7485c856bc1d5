"""Figures of held-out results. Pictures are uint8 (H, W, 3); part maps uint8 (128, 128), see `dataset.PARTS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean

from sfx.export.demo.dataset import PARTS

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Value = TypeVar("Value", bound=np.generic)

FEATURES: dict[str, tuple[str, ...]] = {
    "eyes": ("left_eye", "right_eye"),
    "brows": ("brows",),
    "nose": ("nose",),
    "mouth": ("mouth", "mouth_opening"),
    "ears": ("left_ear", "right_ear"),
    "glasses": ("glasses",),
    "earrings": ("earrings",),
}
"""Features whose place and shape should follow the sketch, and their parts."""
COLOURED = ("skin", "hair", "background", "clothes")
"""Parts whose mean colour should be the reference's."""
COLOURED_BY_REFERENCE = ("hair", "clothes", "glasses")
"""Large parts whose colours nothing but the reference tells."""
LEAST_PIXELS = 12
"""Parts with fewer visible pixels at 128 px are not judged."""
LEAST_COLOURED_PIXELS = 4 * LEAST_PIXELS
"""Nor is their colour with fewer than these."""


def l1(drawn: Picture, target: Picture) -> float:
    """Mean absolute difference on a scale of 0..1."""
    return float(np.abs(drawn.astype(np.float64) - target).mean() / 255.0)


def perceptual_distance(drawn: Picture, target: Picture) -> float:
    """1 - the mean structural similarity (Wang et al. 2004) at full, half and quarter size; 0 is equal."""
    similarities = []
    first, second = drawn.astype(np.float64), target.astype(np.float64)
    for _ in range(3):
        similarities.append(
            structural_similarity(
                first, second, channel_axis=2, data_range=255.0, gaussian_weights=True, sigma=1.5
            )
        )
        first, second = (downscale_local_mean(side, (2, 2, 1)) for side in (first, second))
    return 1.0 - float(np.mean(similarities))


def preserved_features(drawn: Picture, target: Picture, part_map: NDArray[np.uint8]) -> dict[str, float]:
    """Correlation of the two pictures' luminance where each visible feature is, 1 where it is drawn alike.

    The correlation is taken over the feature's mask widened by two pixels (at 128 px), so that a feature's own
    outline counts and a face without the feature, or with it elsewhere, scores near 0.
    """
    scores = {}
    first, second = _luminance(drawn), _luminance(target)
    for feature, names in FEATURES.items():
        mask = np.isin(part_map, [PARTS.index(name) for name in names])
        if mask.sum() >= LEAST_PIXELS:
            where = _at_size(_widened(mask, 2), drawn.shape[0])
            scores[feature] = _correlation(first[where], second[where])
    return scores


def hair_outline(drawn: Picture, target: Picture, part_map: NDArray[np.uint8]) -> float | None:
    """Share of the pixels beside the hair's outline that have the right side's colour.

    A pixel counts as hair if its colour is nearer to the hair's mean colour than to that of the part beside
    it (background or skin). None where there is no hair, or its colour is too close to its neighbours'.
    """
    hair = part_map == PARTS.index("hair")
    near_hair = _widened(hair, 3) & _widened(~hair, 3)
    right, total = 0, 0
    small = _at_part_size(drawn, part_map.shape[0])
    reference = _at_part_size(target, part_map.shape[0])
    for name in ("background", "skin"):
        other = part_map == PARTS.index(name)
        if hair.sum() < 50 or other.sum() < 50:
            continue
        hair_colour, other_colour = reference[hair].mean(0), reference[other].mean(0)
        if np.abs(hair_colour - other_colour).mean() < 30.0:
            continue
        beside = near_hair & (other | (hair & _widened(other, 3)))
        nearer_hair = np.linalg.norm(small - hair_colour, axis=-1) < np.linalg.norm(
            small - other_colour, axis=-1
        )
        right += int((nearer_hair == hair)[beside].sum())
        total += int(beside.sum())
    return right / total if total else None


def colour_errors(drawn: Picture, target: Picture, part_map: NDArray[np.uint8]) -> dict[str, float]:
    """Difference of the mean colours of each part, in levels of 0..255, averaged over R, G, B."""
    first, second = (_at_part_size(side, part_map.shape[0]) for side in (drawn, target))
    errors = {}
    for name in COLOURED:
        mask = part_map == PARTS.index(name)
        if mask.sum() >= LEAST_COLOURED_PIXELS:
            errors[name] = float(np.abs(first[mask].mean(0) - second[mask].mean(0)).mean())
    return errors


def reference_shows(reference_map: NDArray[np.uint8], part_map: NDArray[np.uint8]) -> bool:
    """Whether the reference shows each part of `COLOURED_BY_REFERENCE` that the target shows; part maps of both."""
    least = LEAST_COLOURED_PIXELS
    values = [PARTS.index(name) for name in COLOURED_BY_REFERENCE]
    return not any((part_map == value).sum() >= least > (reference_map == value).sum() for value in values)


@dataclass(frozen=True)
class PartError:
    """What one part of a picture adds to its mean squared error, on a scale of 0..1."""

    total: float
    of_mean_colour: float
    """What would be left of it if the part had its own shading and outline, but the mean colour it was drawn in."""


def part_errors(drawn: Picture, target: Picture, part_map: NDArray[np.uint8]) -> dict[str, PartError]:
    """Each visible part's share of the mean squared error: the totals add up to it."""
    labels = _at_size(part_map, drawn.shape[0])
    difference = (drawn.astype(np.float64) - target) / 255.0
    errors = {}
    for value in np.unique(labels):
        inside = difference[labels == value]
        share = len(inside) / labels.size
        errors[PARTS[value]] = PartError(
            share * float(np.square(inside).mean()), share * float(np.square(inside.mean(0)).mean())
        )
    return errors


def _luminance(picture: Picture) -> Floats:
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114]))


def _correlation(first: Floats, second: Floats) -> float:
    first, second = first - first.mean(), second - second.mean()
    # The added level keeps two nearly flat surfaces from being compared by their noise.
    return float(
        (first * second).mean() / (np.sqrt(np.square(first).mean() * np.square(second).mean()) + 1.0)
    )


def _at_part_size(picture: Picture, size: int) -> Floats:
    factor = picture.shape[0] // size
    return np.asarray(downscale_local_mean(picture.astype(np.float64), (factor, factor, 1)))


def _at_size(part_map: NDArray[Value], size: int) -> NDArray[Value]:
    factor = size // part_map.shape[0]
    return part_map.repeat(factor, 0).repeat(factor, 1)


def _widened(mask: Mask, pixels: int) -> Mask:
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask, iterations=pixels))
