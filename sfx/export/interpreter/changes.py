"""What may happen to a drawing before the interpreter sees it: another hand, another page, half of it missing.

Every change takes a drawing and a generator and returns a new drawing; lengths are canvas units.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfx.export.interpreter.drawing import SIDE, UNSCORED, Drawing, Points

MIDDLE = SIDE / 2

LEFT_RIGHT = ((1, 2), (4, 5), (11, 12))
"""Classes that change places in a mirror."""
FEATURES = (1, 2, 3, 4, 5, 6, 7, 11, 12)
"""Classes that people draw at places and sizes of their own."""
PARTS: tuple[tuple[int, ...], ...] = (
    (10, 18, 19, 21),
    (17,),
    (15,),
    (1,),
    (2,),
    (3,),
    (4,),
    (5,),
    (6,),
    (7,),
    (8,),
    (9,),
    (11,),
    (12,),
    (13,),
    (14,),
    (16,),
)
"""What is drawn in one go, or not at all."""

Rng = np.random.Generator


def mirrored(drawing: Drawing, _rng: Rng) -> Drawing:
    """The mirror image, with left and right eye, brow and ear exchanged."""
    table = np.arange(256, dtype=np.uint8)
    for left, right in LEFT_RIGHT:
        table[left], table[right] = right, left
    points = drawing.points * np.array([-1, 1], np.float32) + np.array([SIDE, 0], np.float32)
    return Drawing(points, drawing.starts, table[drawing.labels])


def placed(drawing: Drawing, rng: Rng, reach: float = 1.0) -> Drawing:
    """The whole drawing larger or smaller, stretched, turned, sheared and elsewhere on the page."""
    scale = np.exp(rng.normal(0.0, 0.13) * reach - 0.05 * reach)
    stretch = np.exp(rng.normal(0.0, 0.06) * reach)
    matrix = rotation(rng.normal(0.0, 6.0) * reach) @ np.array(
        [[scale * stretch, 0.0], [0.0, scale / stretch]]
    )
    matrix[0, 1] += rng.normal(0.0, 0.04) * reach
    shift = rng.normal(0.0, 13.0, 2) * reach
    return drawing.moved((drawing.points - MIDDLE) @ matrix.T + MIDDLE + shift)


def shifted(drawing: Drawing, rng: Rng, reach: float = 18.0) -> Drawing:
    """Elsewhere on the page."""
    return drawing.moved(drawing.points + rng.uniform(-reach, reach, 2))


def scaled(drawing: Drawing, rng: Rng) -> Drawing:
    """Larger or smaller about the page's middle."""
    return drawing.moved((drawing.points - MIDDLE) * rng.uniform(0.75, 1.18) + MIDDLE)


def rotated(drawing: Drawing, rng: Rng, degrees: float = 10.0) -> Drawing:
    """Turned about the page's middle."""
    return drawing.moved((drawing.points - MIDDLE) @ rotation(rng.uniform(-degrees, degrees)).T + MIDDLE)


def rotation(degrees: float) -> NDArray[np.float64]:
    """(2, 2): turns clockwise on the page."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def warped(drawing: Drawing, rng: Rng, cells: int, strength: float) -> Drawing:
    """Every point moved along a smooth field of `cells` independent values a side, `strength` units deviation."""
    return drawing.moved(drawing.points + strength * smooth_field(drawing.points, rng, cells))


def smooth_field(points: Points, rng: Rng, cells: int) -> NDArray[np.float32]:
    """(n, 2) smooth noise of deviation about 1 at the points."""
    knots = rng.normal(0.0, 1.0, (cells + 1, cells + 1, 2)).astype(np.float32)
    place = np.clip(points / SIDE, 0.0, 0.9999) * cells
    cell = place.astype(np.int64)
    part = place - cell
    part = part * part * (3.0 - 2.0 * part)
    x, y = cell[:, 0], cell[:, 1]
    across, down = part[:, :1], part[:, 1:]
    upper = knots[y, x] * (1.0 - across) + knots[y, x + 1] * across
    lower = knots[y + 1, x] * (1.0 - across) + knots[y + 1, x + 1] * across
    return np.asarray(upper * (1.0 - down) + lower * down, np.float32)


def reproportioned(drawing: Drawing, rng: Rng, reach: float = 1.0) -> Drawing:
    """Features larger, smaller, tilted and elsewhere on the face; eyes, and brows, alike as a person means them."""
    label_of = drawing.label_of
    points = drawing.points.copy()
    both_eyes = np.exp(rng.normal(0.0, 0.16 * reach, 2))
    eyes_shift = rng.normal(0.0, 4.0 * reach)
    apart = rng.normal(0.0, 3.5 * reach)
    for label in FEATURES:
        chosen = label_of == label
        if not chosen.any():
            continue
        scale = np.exp(rng.normal(0.0, 0.15 * reach, 2))
        shift = rng.normal(0.0, 3.0 * reach, 2)
        if label in (1, 2, 4, 5):
            scale = both_eyes * np.exp(rng.normal(0.0, 0.06 * reach, 2))
            shift = rng.normal(0.0, 1.6 * reach, 2)
            shift += np.array([apart if label in (1, 4) else -apart, eyes_shift])
        elif label == 3:
            scale = np.exp(rng.normal(0.0, 0.08 * reach, 2))
            shift = shift * 0.7 + [0.0, eyes_shift]
        turn = rotation(rng.normal(0.0, 4.0 * reach)) * scale
        part = points[chosen]
        middle = (part.min(0) + part.max(0)) / 2
        points[chosen] = (part - middle) @ turn.T + middle + shift
    return drawing.moved(points)


def wobbled(drawing: Drawing, rng: Rng, strength: float) -> Drawing:
    """Strokes each a little off: shifted, scaled, and drifting along their length."""
    stroke = drawing.stroke_of
    count = len(drawing.labels)
    shift = rng.normal(0.0, 0.6 * strength, (count, 2))
    drift = smooth_field((drawing.points + 7.0 * stroke[:, None].astype(np.float32)) % SIDE, rng, 28)
    return drawing.moved(drawing.points + shift[stroke] + 0.8 * strength * drift)


def partial(drawing: Drawing, rng: Rng) -> Drawing:
    """Any subset of the parts, as in the middle of drawing; never nothing."""
    kind = rng.random()
    if kind < 0.45:
        present = rng.random(len(PARTS)) < rng.uniform(0.35, 0.9)
    elif kind < 0.85:
        present = np.ones(len(PARTS), np.bool_)
        present[rng.choice(len(PARTS), int(rng.integers(1, 5)), replace=False)] = False
    else:
        present = np.zeros(len(PARTS), np.bool_)
        present[rng.choice(len(PARTS), int(rng.integers(2, 5)), replace=False)] = True
    table = np.zeros(256, np.bool_)
    table[UNSCORED] = True
    for part, is_there in zip(PARTS, present, strict=True):
        table[list(part)] = is_there
    left = drawing.only(table[drawing.labels])
    return left if len(left.labels) else drawing


def thinned_out(drawing: Drawing, rng: Rng) -> Drawing:
    """Some strokes missing."""
    left = drawing.only(rng.random(len(drawing.labels)) > rng.uniform(0.04, 0.3))
    return left if len(left.labels) else drawing


def with_gaps(drawing: Drawing, rng: Rng, share: float = 0.12) -> Drawing:
    """Lines interrupted in many places."""
    n = len(drawing.points)
    keep = np.ones(n, np.bool_)
    length = int(rng.integers(2, 9))
    for first in rng.integers(0, n, int(share * n / length)).tolist():
        keep[first : first + length] = False
    left = drawing.kept(keep)
    return left if len(left.labels) else drawing


def dashed(drawing: Drawing, rng: Rng) -> Drawing:
    """Lines drawn in short pieces."""
    along = np.arange(len(drawing.points)) + rng.integers(0, 40)
    left = drawing.kept(along % int(rng.integers(7, 22)) > int(rng.integers(1, 4)))
    return left if len(left.labels) else drawing


def erased(drawing: Drawing, rng: Rng) -> Drawing:
    """Round patches of the page rubbed out."""
    keep = np.ones(len(drawing.points), np.bool_)
    for _ in range(int(rng.integers(1, 5))):
        middle = drawing.points[rng.integers(len(drawing.points))] + rng.normal(0.0, 10.0, 2)
        keep &= np.square(drawing.points - middle).sum(1) > rng.uniform(5.0, 24.0) ** 2
    left = drawing.kept(keep)
    return left if len(left.labels) else drawing


def overshot(drawing: Drawing, rng: Rng, share: float = 0.4) -> Drawing:
    """Strokes that run on beyond their ends, or begin too early."""
    paths = []
    for index in range(len(drawing.labels)):
        path = drawing.path(index)
        if len(path) >= 3 and rng.random() < share:
            path = _longer(path, float(rng.uniform(1.5, 9.0)))
        if len(path) >= 3 and rng.random() < share:
            path = _longer(path[::-1], float(rng.uniform(1.5, 9.0)))
        paths.append(path)
    return Drawing.of(paths, drawing.labels)


def _longer(path: Points, length: float) -> Points:
    before = path[-min(4, len(path))]
    along = path[-1] - before
    norm = float(np.hypot(*along))
    if norm < 0.1:
        return path
    return np.concatenate([path, (path[-1] + along * (length / norm))[None]])


def doubled(drawing: Drawing, rng: Rng, share: float = 0.3, apart: float = 1.6) -> Drawing:
    """Some strokes drawn again beside themselves, partly."""
    again = drawing.only(rng.random(len(drawing.labels)) < share)
    if not len(again.labels):
        return drawing
    again = wobbled(warped(again, rng, 10, 0.8 * apart), rng, 1.2 * apart)
    if rng.random() < 0.6:
        again = with_gaps(again, rng, 0.35)
    return drawing.joined([again.path(index) for index in range(len(again.labels))], again.labels.tolist())


def angular(drawing: Drawing, rng: Rng) -> Drawing:
    """Curves drawn as few straight lines."""
    every = int(rng.integers(3, 9))
    n = len(drawing.points)
    first = np.repeat(drawing.starts[:-1], np.diff(drawing.starts))
    keep = (np.arange(n) - first) % every == 0
    keep[drawing.starts[1:] - 1] = True
    sizes = np.add.reduceat(keep, drawing.starts[:-1]) if n else np.zeros(0)
    return Drawing(
        drawing.points[keep], np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), drawing.labels
    )


def specked(drawing: Drawing, rng: Rng) -> Drawing:
    """Dabs, specks and stray lines that mean nothing."""
    paths = []
    for _ in range(int(rng.integers(1, 9))):
        start = rng.uniform(0.0, SIDE, 2)
        steps = rng.normal(0.0, 1.0, (int(rng.integers(1, 7)), 2)) + rng.normal(0.0, 2.0, 2)
        paths.append(np.vstack([start, start + np.cumsum(steps, 0)]).astype(np.float32))
    return drawing.joined(paths, [UNSCORED] * len(paths))
