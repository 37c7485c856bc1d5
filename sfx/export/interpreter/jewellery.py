"""Earrings that the portrait generator does not know: from a stud to an ornament that reaches the shoulder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sfx.export.interpreter.changes import Rng, wobbled
from sfx.export.interpreter.drawing import Drawing, Points

EARRING = 8
_EARS = (11, 12)
_EYES = (1, 2)
_MOUTH = 7
_FACE_SIDES = (10, 17)

Profile = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Half the width of an ornament, as a share of its greatest, at positions 0 (top) to 1 (bottom)."""
_PROFILES: tuple[Profile, ...] = (
    lambda t: np.full_like(t, 1.0),
    lambda t: np.sqrt(np.clip(1.0 - (2.0 * t - 1.0) ** 2, 0.0, 1.0)),
    lambda t: np.sin(np.pi * t**1.8) ** 0.7,
    lambda t: np.sin(np.pi * t**0.6),
    lambda t: 0.15 + 0.85 * t,
    lambda t: 0.35 + 0.65 * np.abs(np.sin(3.0 * np.pi * t)),
    lambda t: np.where(t < 0.55, 0.18, np.sqrt(np.clip(1.0 - ((t - 0.78) / 0.23) ** 2, 0.03, 1.0))),
)


def with_earrings(drawing: Drawing, rng: Rng) -> Drawing:
    """Rings, drops, chains and studs at the lobes of one ear or both, where there are none yet."""
    if (drawing.labels == EARRING).any():
        return drawing
    half = rng.uniform(1.2, 7.0) * np.array([1.0, rng.uniform(0.7, 2.6)])
    rings = [_ellipse((0.0, 0.0), 1.0, 1.0)]
    if rng.random() < 0.5:
        rings.append(_ellipse((0.0, 0.0), *rng.uniform(0.3, 0.8, 2)))
    if rng.random() < 0.4:
        rings.append(np.array([[0.0, -1.0], [0.0, -1.0 - rng.uniform(0.5, 2.0)]]))
    if rng.random() < 0.3:
        rings += [_ellipse((0.0, 1.4), 0.5, 0.4), np.array([[-0.6, 1.0], [0.6, 1.9]])]
    paths: list[Points] = []
    for lobe in _lobes(drawing, rng, hidden_too=False):
        paths += [(path * half + lobe + np.array([0.0, half[1]])).astype(np.float32) for path in rings]
    return drawing.joined(paths, [EARRING] * len(paths))


def with_hanging_earrings(drawing: Drawing, rng: Rng) -> Drawing:
    """Long ornaments, plain or full of detail, from the lobes down; nothing is drawn behind them.

    Both of a kind, but drawn each by itself. They hang where the ears are, or would be under the hair.
    """
    if (drawing.labels == EARRING).any():
        return drawing
    profile = _PROFILES[rng.integers(len(_PROFILES))]
    length, half = float(np.exp(rng.uniform(2.3, 4.4))), float(rng.uniform(1.8, 8.0))
    half = min(half, 0.6 * length)
    filling = _FILLINGS[rng.integers(len(_FILLINGS))]
    outlined = filling is _nothing or rng.random() < 0.75
    paths: list[Points] = []
    result = drawing
    for lobe in _lobes(drawing, rng, hidden_too=True):
        lean = rng.normal(0.0, 0.06)
        sides = _outline(profile, rng)
        pieces = [*([sides] if outlined else []), *filling(profile, rng)]
        if rng.random() < 0.5:
            pieces.append(np.array([[0.0, -rng.uniform(0.05, 0.3)], [0.0, 0.02]]))
        top = lobe + np.array([0.0, rng.uniform(0.0, 4.0)])
        result = result.kept(~_covered(result.points, top, length, half, profile))
        for piece in pieces:
            x = piece[:, 0] * half + lean * length * piece[:, 1]
            paths.append((np.stack([x, length * piece[:, 1]], 1) + top).astype(np.float32))
    ornaments = Drawing.of(paths, [EARRING] * len(paths))
    ornaments = wobbled(ornaments, rng, float(rng.uniform(0.0, 1.0)))
    return result.joined([ornaments.path(index) for index in range(len(paths))], ornaments.labels.tolist())


def _lobes(drawing: Drawing, rng: Rng, *, hidden_too: bool) -> list[NDArray[np.float64]]:
    """Where earrings hang, usually two places: the lowest point of an ear, or beside the cheek."""
    label_of = drawing.label_of
    places = []
    for label in _EARS:
        ear = drawing.points[label_of == label]
        if rng.random() < 0.12:
            continue
        if len(ear) >= 4:
            places.append(ear[ear[:, 1].argmax()] + np.array([0.0, rng.uniform(-1.0, 2.0)]))
        elif hidden_too:
            places += _beside_cheek(drawing, on_the_right=label == _EARS[0], rng=rng)
    return [place + rng.normal(0.0, 1.5, 2) for place in places]


def _beside_cheek(drawing: Drawing, on_the_right: bool, rng: Rng) -> list[NDArray[np.float64]]:
    label_of = drawing.label_of
    eyes, mouth = drawing.points[np.isin(label_of, _EYES)], drawing.points[label_of == _MOUTH]
    sides = drawing.points[np.isin(label_of, _FACE_SIDES)]
    if len(eyes) < 4 or len(mouth) < 4:
        return []
    upper, lower, middle = eyes[:, 1].mean(), mouth[:, 1].mean(), eyes[:, 0].mean()
    level = upper + rng.uniform(0.35, 0.75) * (lower - upper)
    near = sides[np.abs(sides[:, 1] - level) < 6.0]
    near = near[(near[:, 0] > middle) == on_the_right]
    if not len(near):
        return []
    edge = (
        near[:, 0].max() + rng.uniform(2.0, 14.0)
        if on_the_right
        else near[:, 0].min() - rng.uniform(2.0, 14.0)
    )
    return [np.array([edge, level])]


def _covered(
    points: Points, top: NDArray[np.float64], length: float, half: float, profile: Profile
) -> NDArray[np.bool_]:
    """(n,) which points lie behind an ornament."""
    along = (points[:, 1] - top[1]) / length
    across = np.abs(points[:, 0] - top[0]) / half
    inside = (along > 0.0) & (along < 1.0) & (across < profile(np.clip(along, 0.0, 1.0)) + 0.1)
    return np.asarray(inside, np.bool_)


def _ellipse(at: tuple[float, float], rx: float, ry: float) -> NDArray[np.float64]:
    angle = np.linspace(0.0, 2.0 * np.pi, 18)
    return np.stack([at[0] + rx * np.cos(angle), at[1] + ry * np.sin(angle)], 1)


def _outline(profile: Profile, rng: Rng) -> NDArray[np.float64]:
    """A closed path around an ornament, x from -1 to 1 and y from 0 to 1; rarely open at the top."""
    first = 0.0 if rng.random() < 0.8 else rng.uniform(0.05, 0.3)
    along = np.linspace(first, 1.0, 28)
    width = profile(along)
    path = np.concatenate([np.stack([width, along], 1), np.stack([-width, along], 1)[::-1]])
    return path if first else np.concatenate([path, path[:1]])


def _nothing(_profile: Profile, _rng: Rng) -> list[NDArray[np.float64]]:
    return []


def _cells(profile: Profile, rng: Rng) -> list[NDArray[np.float64]]:
    """A network of short lines, as an edge detector finds in filigree."""
    knots = np.sort(rng.uniform(0.02, 0.98, int(rng.integers(5, 26))))
    side = rng.uniform(-1.0, 1.0, len(knots)) * profile(knots)
    spots = np.stack([side, knots], 1)
    paths = []
    for index in range(len(spots) - 1):
        for step in rng.choice(3, int(rng.integers(1, 3)), replace=False) + 1:
            if index + step < len(spots):
                ends = spots[[index, index + step]]
                bend = ends.mean(0) + rng.normal(0.0, (0.25, 0.01))
                paths.append(np.stack([ends[0], bend, ends[1]]))
    return paths


def _beads(profile: Profile, rng: Rng) -> list[NDArray[np.float64]]:
    """A chain of rings."""
    count = int(rng.integers(3, 12))
    height = 0.5 / count * rng.uniform(0.6, 1.05)
    middles = (np.arange(count) + 0.5) / count
    widths = np.maximum(profile(middles), 0.3) * rng.uniform(0.5, 1.0)
    return [_ellipse((0.0, float(y)), float(rx), height) for y, rx in zip(middles, widths, strict=True)]


def _threads(profile: Profile, rng: Rng) -> list[NDArray[np.float64]]:
    """A tassel: lines from the top down."""
    paths = []
    for place in np.linspace(-0.8, 0.8, int(rng.integers(2, 8))):
        along = np.linspace(rng.uniform(0.0, 0.3), rng.uniform(0.75, 1.1), 8)
        x = place * profile(np.clip(along, 0.0, 1.0)) + rng.normal(0.0, 0.05, 8)
        paths.append(np.stack([x, along], 1))
    return paths


def _zigzag(profile: Profile, rng: Rng) -> list[NDArray[np.float64]]:
    """One line from side to side."""
    along = np.linspace(0.03, 0.97, int(rng.integers(6, 22)))
    side = np.where(np.arange(len(along)) % 2, 1.0, -1.0) * profile(along) * rng.uniform(0.6, 1.0)
    return [np.stack([side, along], 1)]


def _inner(profile: Profile, rng: Rng) -> list[NDArray[np.float64]]:
    """The outline once more inside, and a stone or two."""
    inner = _outline(profile, rng) * np.array([rng.uniform(0.4, 0.8), 0.8]) + np.array([0.0, 0.1])
    stones = [
        _ellipse((0.0, float(y)), float(rng.uniform(0.2, 0.5)), float(rng.uniform(0.03, 0.08)))
        for y in rng.uniform(0.3, 0.9, int(rng.integers(0, 3)))
    ]
    return [inner, *stones]


_FILLINGS: tuple[Callable[[Profile, Rng], list[NDArray[np.float64]]], ...] = (
    _nothing,
    _cells,
    _cells,
    _beads,
    _threads,
    _zigzag,
    _inner,
)
