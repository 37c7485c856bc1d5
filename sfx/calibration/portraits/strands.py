"""The way hair runs, and single strands along it."""

from __future__ import annotations

import numpy as np

from sfx.calibration.portraits.curve_tools import Points, blend, normals, resampled
from sfx.calibration.portraits.geometry import Hair

_FLOW_PER_SIDE = 7
_MANY_STRANDS = 46


def _apex(inner: Points) -> int:
    """Index of the highest point of the hairline: the parting."""
    return int(np.argmin(inner[:, 1]))


def _crown(outer: Points, x: float) -> int:
    """Index of the point of the upper edge nearest to x."""
    low = outer[:, 1] > outer[:, 1].min() + 25.0
    return int(np.argmin(np.abs(outer[:, 0] - x) + 1000.0 * low))


def parted_flow(inner: Points, outer: Points) -> list[Points]:
    """Lines from the parting to both ends, between the hairline and the outer edge."""
    start = _apex(inner)
    crown = _crown(outer, inner[start, 0] * 0.55)
    lines = []
    for inner_side, outer_side in (
        (inner[start::-1], outer[crown::-1]),
        (inner[start:], outer[crown:]),
    ):
        first, second = resampled(inner_side, 44), resampled(outer_side, 44)
        along = np.linspace(0.0, 1.0, 44)
        for level in (np.arange(_FLOW_PER_SIDE) + 0.6) / (_FLOW_PER_SIDE + 0.2):
            # Near the parting the strands leave from a line, lower down they spread over the whole width.
            amount = level * (0.75 + 0.25 * along)
            lines.append(blend(first, second, amount))
    return lines


def fan_flow(inner: Points, outer: Points, crown_x: float) -> list[Points]:
    """Lines from the crown to points spread over the hairline; at the sides they follow the outer edge."""
    count = len(inner)
    crown = _crown(outer, crown_x)
    along = np.linspace(0.0, 1.0, 30)
    level = 0.93 * (1.0 - along**1.3)
    indices = np.arange(count, dtype=np.float64)
    lines = []
    for end in np.linspace(0.03, 0.97, 2 * _FLOW_PER_SIDE) * (count - 1):
        # All lines leave the crown, but not from one point, which would be a knot.
        start = crown + 0.16 * (end - crown)
        position = start + (end - start) * along**0.85
        low = np.stack([np.interp(position, indices, inner[:, k]) for k in (0, 1)], axis=1)
        high = np.stack([np.interp(position, indices, outer[:, k]) for k in (0, 1)], axis=1)
        lines.append(blend(low, high, level))
    return lines


def sample_strands(flow: list[Points], hair: Hair) -> list[Points]:
    """Pieces of lines between neighbouring flow lines; `hair.strands` says how many."""
    rng = np.random.default_rng(hair.strand_seed)
    half = len(flow) // 2
    result = []
    for _ in range(round(hair.strands * _MANY_STRANDS)):
        first = int(rng.integers(0, len(flow) - 1))
        second = first + 1
        amount, start, length = rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.6), rng.uniform(0.25, 0.6)
        drift = rng.uniform(-0.25, 0.25)
        if second == half:  # the two sides of the head are not neighbours
            second = first
        end = min(start + length, 0.99)
        points = len(flow[first])
        piece = slice(int(start * points), max(int(end * points), int(start * points) + 6))
        line_a, line_b = flow[first][piece], flow[second][piece]
        if len(line_a) < 4:
            continue
        weight = np.clip(amount + drift * np.linspace(-0.5, 0.5, len(line_a)), 0.0, 1.0)
        result.append(blend(line_a, line_b, weight))
    return result


def scallops(hair: Hair) -> int:
    """How many scallops curls have along the outer edge.

    The same for all heads, so that a scallop is where its share of the edge is: cut to a length instead, a pixel more
    of edge moved all of them, and networks drew none. Of a head's poses and shapes, the deviation of where along the
    edge a scallop is, is 7 to 12 of 256 pixels: of 16 and 24 scallops that was half of one, of these it is a third.
    """
    return 14 if hair.covers_ears else 10


def curl_rows(inner: Points, outer: Points, hair: Hair) -> list[Points]:
    """Scallops in rows between the hairline and the outer edge, one line a scallop."""
    result = []
    for row, level in enumerate((0.80, 0.60, 0.40, 0.20)):
        base = blend(inner, outer, level)
        base = resampled(base, round(scallops(hair) * (0.55 + 0.45 * level)) * 8 + 1)
        shift = 4 * (row % 2)
        normal = normals(base)
        for index in range(shift, len(base) - 8, 8):
            part = slice(index, index + 9)
            bump = np.sin(np.linspace(0.0, np.pi, 9))[:, None]
            result.append(base[part] + normal[part] * bump * hair.curl * 1.1)
    return result


def curl_strands(rows: list[Points], hair: Hair) -> list[Points]:
    """The scallops that are drawn as lines; `hair.strands` says how many."""
    rng = np.random.default_rng(hair.strand_seed)
    kept = rng.random(len(rows)) < 0.25 + 0.7 * hair.strands
    moved = rng.normal(0.0, 0.8, (len(rows), 2))
    return [
        row + shift for row, shift, keep in zip(rows, moved, kept, strict=True) if keep and hair.strands > 0
    ]
