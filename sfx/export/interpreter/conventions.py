"""Ways of drawing that the portrait generator does not know: signs instead of likenesses, scribbled hair, folds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sfx.export.interpreter.changes import Rng, rotation, warped, with_gaps, wobbled
from sfx.export.interpreter.drawing import Drawing, Points
from sfx.export.interpreter.jewellery import with_earrings, with_hanging_earrings

Glyph = list[NDArray[np.float64]]
"""Paths in a box from -1 to 1 both ways."""


def _arc(
    start: float, stop: float, rx: float = 1.0, ry: float = 1.0, at: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float64]:
    """Part of an ellipse around `at`, degrees clockwise on the page from the right."""
    angle = np.deg2rad(np.linspace(start, stop, 18))
    return np.stack([at[0] + rx * np.cos(angle), at[1] + ry * np.sin(angle)], 1)


def _line(*points: tuple[float, float]) -> NDArray[np.float64]:
    knots = np.array(points)
    along = np.linspace(0.0, len(points) - 1.0, 6 * len(points))
    return np.stack([np.interp(along, np.arange(len(points)), knots[:, axis]) for axis in (0, 1)], 1)


_EYES: tuple[Glyph, ...] = (
    [_arc(0, 360)],
    [_arc(0, 360), _arc(0, 360, 0.4, 0.5)],
    [_arc(0, 360, 0.35, 0.5)],
    [_arc(180, 360)],
    [_arc(0, 180)],
    [_arc(190, 350), _arc(0, 360, 0.45, 0.6)],
    [_arc(180, 360), _line((-1, 0), (1, 0)), _arc(0, 180, 0.5, 0.8)],
    [_line((-1, 0), (0, -0.9), (1, 0), (0, 0.9), (-1, 0)), _arc(0, 360, 0.35, 0.5)],
)
_BROWS: tuple[Glyph, ...] = (
    [_line((-1, 0.6), (0.2, -0.6), (1, 0.2))],
    [_line((-1, 0), (1, 0))],
    [_arc(200, 340)],
    [_line((x, 0.8), (x + 0.25, -0.8)) for x in np.linspace(-1, 0.8, 9)],
    [_arc(180, 360), _arc(190, 350, 0.95, 0.5)],
)
_NOSES: tuple[Glyph, ...] = (
    [_line((-0.2, -1), (-0.9, 0.9), (0.6, 0.9))],
    [_line((0.2, -1), (0.9, 0.9), (-0.6, 0.9))],
    [_arc(0, 180, 0.9, 0.5, at=(0, 0.4))],
    [_line((0, -1), (-0.9, 0.9), (0.9, 0.9), (0, -1))],
    [_arc(0, 360, 0.25, 0.12, at=(-0.5, 0.8)), _arc(0, 360, 0.25, 0.12, at=(0.5, 0.8))],
    [_line((-0.3, -1), (-0.4, 0.4)), _line((0.3, -1), (0.4, 0.4)), _arc(0, 180, 0.5, 0.4, at=(0, 0.5))],
    [
        _arc(90, 270, 0.3, 0.3, at=(-0.7, 0.6)),
        _arc(0, 180, 0.5, 0.3, at=(0, 0.6)),
        _arc(-90, 90, 0.3, 0.3, at=(0.7, 0.6)),
    ],
    [_line((-0.4, -1), (-0.3, 0.3), (-0.9, 0.7), (-0.4, 1), (0.4, 1), (0.9, 0.7), (0.3, 0.3), (0.4, -1))],
)
_MOUTHS: tuple[Glyph, ...] = (
    [_arc(20, 160)],
    [_line((-1, 0), (1, 0))],
    [_arc(0, 360)],
    [_arc(0, 360), _line((-1, 0), (1, 0))],
    [_line((-1, -0.4), (1, -0.4)), _arc(0, 180, at=(0, -0.4))],
    [
        _line((-1, 0), (-0.3, -0.6), (0, -0.4), (0.3, -0.6), (1, 0)),
        _arc(0, 180, 1, 0.8),
        _line((-1, 0), (1, 0)),
    ],
    [_arc(200, 340)],
    [_line((-1, 0), (0, 0.2), (1, 0)), _arc(30, 150, 0.5, 0.8)],
)
_LEFT_EARS: tuple[Glyph, ...] = (
    [_arc(-100, 100)],
    [_arc(-110, 110), _arc(-90, 60, 0.5, 0.6)],
    [_line((-1, -0.8), (0.4, -1), (1, -0.2), (0.2, 0.8), (-0.8, 1))],
)
_GLYPHS: dict[int, tuple[Glyph, ...]] = {
    1: _EYES,
    2: _EYES,
    4: _BROWS,
    5: _BROWS,
    6: _NOSES,
    7: _MOUTHS,
    11: _LEFT_EARS,
    12: tuple([path * (-1, 1) for path in glyph] for glyph in _LEFT_EARS),
}
_PAIRS = ((1, 2), (4, 5), (11, 12))


def with_signs(drawing: Drawing, rng: Rng) -> Drawing:
    """Some features drawn as simple signs at their place; both eyes, brows or ears by the same sign."""
    choice = {label: int(rng.integers(len(glyphs))) for label, glyphs in _GLYPHS.items()}
    exchanged = {label for label in _GLYPHS if rng.random() < 0.45}
    for left, right in _PAIRS:
        choice[right] = choice[left]
        exchanged = (exchanged - {right}) | ({right} if left in exchanged else set())
    label_of = drawing.label_of
    paths: list[Points] = []
    labels: list[int] = []
    for label in sorted(exchanged):
        part = drawing.points[label_of == label]
        if len(part) < 4:
            continue
        middle, half = (part.min(0) + part.max(0)) / 2, np.maximum((part.max(0) - part.min(0)) / 2, 2.0)
        if label in (1, 2):
            half[1] *= rng.uniform(0.8, 1.8)
        turn = rotation(rng.normal(0.0, 4.0)).T
        for path in _GLYPHS[label][choice[label]]:
            paths.append(((path * half) @ turn + middle).astype(np.float32))
            labels.append(label)
    left_over = drawing.only(~np.isin(drawing.labels, labels)) if labels else drawing
    return left_over.joined(paths, labels)


def with_lashes(drawing: Drawing, rng: Rng) -> Drawing:
    """Short ticks outward from the eyes, or inside them, or across the brows."""
    label_of = drawing.label_of
    paths, labels = [], []
    for label in (1, 2) if rng.random() < 0.6 else (1, 2, 4, 5):
        part = drawing.points[label_of == label]
        if len(part) < 4:
            continue
        middle = part.mean(0)
        for _ in range(int(rng.integers(3, 14))):
            start = part[rng.integers(len(part))]
            outward = start - middle
            reach = outward / (np.hypot(*outward) + 1e-3) * rng.uniform(1.5, 6.0)
            if rng.random() < 0.3:
                reach = -reach
            paths.append(np.stack([start, start + reach + rng.normal(0.0, 0.8, 2)]).astype(np.float32))
            labels.append(label)
    return drawing.joined(paths, labels)


def with_strands(drawing: Drawing, rng: Rng) -> Drawing:
    """Scribbled hair: curves between the hairline and the outline of the hair, around the face's middle."""
    label_of = drawing.label_of
    hair, line = drawing.points[label_of == 15], drawing.points[label_of == 17]
    if len(hair) < 20 or len(line) < 10:
        return drawing
    middle = line.mean(0) + np.array([0.0, 20.0])
    bins = 48
    outer, inner = _reach(hair - middle, bins), _reach(line - middle, bins)
    open_bins = np.flatnonzero((outer > inner + 5.0) & (inner > 10.0))
    if not len(open_bins):
        return drawing
    paths = []
    across = rng.random() < 0.5
    for _ in range(int(rng.integers(4, 70))):
        at = float(rng.choice(open_bins)) + rng.random()
        turn, rise = (
            (rng.normal(0.0, 1.2), rng.uniform(0.3, 0.9))
            if across
            else (rng.normal(0, 5), rng.normal(0, 0.1))
        )
        along = np.linspace(0.0, 1.0, 9)
        bin_at = at + turn * along
        start = rng.uniform(0.05, 0.9)
        depth = np.clip(
            start + (rise if start < 0.5 else -rise) * along + rng.normal(0, 0.06) * np.sin(3 * along), 0, 1
        )
        spots = np.floor(bin_at).astype(int) % bins
        radius = inner[spots] + depth * (outer[spots] - inner[spots])
        inside = (outer[spots] > inner[spots] + 4.0) & (inner[spots] > 10.0)
        angle = 2.0 * np.pi * bin_at / bins
        path = middle + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        if inside.all():
            paths.append(path.astype(np.float32))
    return drawing.joined(paths, [15] * len(paths))


def with_hair_beside(drawing: Drawing, rng: Rng) -> Drawing:
    """Strands that run along the hairline, the cheeks and the ears, just outside them."""
    label_of = drawing.label_of
    face = drawing.points[np.isin(label_of, (10, 17))]
    if len(face) < 20:
        return drawing
    middle = (face.min(0) + face.max(0)) / 2
    upper = drawing.points[:, 1] < middle[1] + rng.uniform(-0.2, 0.35) * float(np.ptp(face[:, 1]))
    along = np.isin(label_of, (10, 15, 17) if rng.random() < 0.5 else (17,)) & upper
    beside = drawing.kept(along)
    result = drawing
    for _ in range(int(rng.integers(1, 6)) if len(beside.labels) else 0):
        outward = beside.points - middle
        outward = outward / (np.hypot(*outward.T)[:, None] + 1e-3)
        copy = warped(beside.moved(beside.points + outward * rng.uniform(2.0, 16.0)), rng, 10, 2.0)
        copy = with_gaps(copy, rng, float(rng.uniform(0.2, 0.8)))
        result = result.joined(
            [copy.path(index) for index in range(len(copy.labels))], [15] * len(copy.labels)
        )
    return result


def with_beard(drawing: Drawing, rng: Rng) -> Drawing:
    """A hatched beard, moustache or stubble around the mouth; hair, as the generator's beards are."""
    label_of = drawing.label_of
    mouth, face = drawing.points[label_of == 7], drawing.points[np.isin(label_of, (10, 17, 18))]
    if len(mouth) < 4 or len(face) < 20:
        return drawing
    low, high = mouth.min(0), mouth.max(0)
    middle, half = (low + high) / 2, np.maximum(high - low, 4.0) / 2
    chin = max(float(face[:, 1].max()), high[1] + 6.0)
    count = int(rng.integers(8, 90))
    left, right = middle[0] - half[0] * rng.uniform(0.8, 1.7), middle[0] + half[0] * rng.uniform(0.8, 1.7)
    top = low[1] - rng.uniform(0.0, 10.0) if rng.random() < 0.6 else high[1]
    starts = np.stack([rng.uniform(left, right, count), rng.uniform(top, chin, count)], 1)
    ends = starts + np.stack([rng.normal(0.0, 1.5, count), rng.uniform(2.0, 11.0, count)], 1)
    outside = (np.abs(starts - middle) > half + 1.0).any(1) & (np.abs(ends - middle) > half + 1.0).any(1)
    paths = np.stack([starts, ends], 1)[outside].astype(np.float32)
    return drawing.joined([*paths], [15] * len(paths))


def _reach(offsets: NDArray[np.floating], bins: int) -> NDArray[np.float64]:
    """(bins,) the greatest distance in each of `bins` directions, 0 where nothing lies."""
    angle = np.arctan2(offsets[:, 1], offsets[:, 0]) % (2.0 * np.pi)
    reach = np.zeros(bins)
    np.maximum.at(reach, (angle / (2.0 * np.pi) * bins).astype(int) % bins, np.hypot(*offsets.T))
    return reach


def with_folds(drawing: Drawing, rng: Rng) -> Drawing:
    """Clothes, neck, hats and hair with more lines of the same kind beside those they have."""
    chance = np.zeros(256)
    chance[[9, 13, 14, 15, 16]] = np.array([0.1, 0.25, 0.25, 0.2, 0.9]) * rng.uniform(0.3, 1.0)
    chosen = rng.random(len(drawing.labels)) < chance[drawing.labels]
    if not chosen.any():
        return drawing
    beside = drawing.only(chosen)
    result = drawing
    for _ in range(int(rng.integers(1, 4))):
        offset = rng.normal(0.0, 4.0, 2) + np.array([0.0, rng.uniform(0.0, 6.0)])
        # Lines on the upper body have more of their kind below them, hair and hats to all sides.
        downward = np.isin(beside.label_of, (14, 16))[:, None]
        points = beside.points + np.where(downward, offset, rng.normal(0.0, 2.0, 2))
        copy = warped(beside.moved(points), rng, 6, 2.5)
        copy = with_gaps(copy, rng, 0.5) if rng.random() < 0.6 else copy
        result = result.joined([copy.path(index) for index in range(len(copy.labels))], copy.labels.tolist())
    return result


def with_wild_hair(drawing: Drawing, rng: Rng) -> Drawing:
    """The hair's lines jagged or wavy."""
    hair = drawing.label_of == 15
    if rng.random() < 0.3:
        hair |= drawing.label_of == 17
    along = np.arange(len(drawing.points))
    wave = np.sin(along * rng.uniform(0.5, 2.2) + rng.uniform(0, 6)) * rng.uniform(0.6, 3.0)
    direction = np.diff(drawing.points, axis=0, append=drawing.points[-1:])
    normal = np.stack([-direction[:, 1], direction[:, 0]], 1) / (np.hypot(*direction.T)[:, None] + 1e-3)
    return drawing.moved(drawing.points + (hair * wave)[:, None] * normal)


def with_eyes_hidden(drawing: Drawing, _rng: Rng) -> Drawing:
    """No eyes behind glasses, as with sunglasses."""
    if not (drawing.labels == 3).any():
        return drawing
    return drawing.only(~np.isin(drawing.labels, (1, 2)))


Change = Callable[[Drawing, Rng], Drawing]

CONVENTIONS: tuple[tuple[float, Change], ...] = (
    (0.16, with_signs),
    (0.14, with_lashes),
    (0.12, with_strands),
    (0.14, with_hair_beside),
    (0.15, with_earrings),
    (0.15, with_hanging_earrings),
    (0.08, with_beard),
    (0.25, with_folds),
    (0.14, with_wild_hair),
    (0.3, with_eyes_hidden),
    (0.3, lambda drawing, rng: wobbled(drawing, rng, float(rng.uniform(0.2, 0.9)))),
)
"""Each with the share of drawings that it happens to."""
