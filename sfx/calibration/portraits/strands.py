"""The way hair runs, and single strands along it."""

from __future__ import annotations

import numpy as np

from sfx.calibration.portraits.curve_tools import Points, blend, ellipse, resampled, through
from sfx.calibration.portraits.geometry import Hair

_FLOW_PER_SIDE = 7
_MANY_STRANDS = 46
_MANY_CURLS = 90


def _apex(inner: Points) -> int:
    """Index of the highest point of the hairline: the parting."""
    return int(np.argmin(inner[:, 1]))


def parted_flow(inner: Points, outer: Points, hair: Hair) -> list[Points]:
    """Lines from the parting to both ends, between the hairline and the outer edge."""
    start = _apex(inner)
    crown = int(
        np.argmin(np.abs(outer[:, 0] - inner[start, 0] * 0.55) + 4.0 * (outer[:, 1] > outer[:, 1].min() + 25))
    )
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


def fan_flow(inner: Points, outer: Points, crown: tuple[float, float], pulled_back: bool) -> list[Points]:
    """Lines between the crown and the hairline, bulging along the outer edge at the sides."""
    lines = []
    count = len(inner)
    for place in (np.arange(2 * _FLOW_PER_SIDE) + 0.5) / (2 * _FLOW_PER_SIDE):
        index = int(place * (count - 1))
        low, high = inner[index], outer[index]
        top = np.array(crown) + (float(high[0]) * (0.10 if pulled_back else 0.16), 0.0)
        bend = low * 0.38 + high * 0.62
        lines.append(through(np.array([top, (top + bend) * 0.5 + (high - low) * 0.10, bend, low]), samples=8))
    return lines


def sample_strands(flow: list[Points], inner: Points, outer: Points, hair: Hair) -> list[Points]:
    """Pieces of lines between neighbouring flow lines; `hair.strands` says how many."""
    rng = np.random.default_rng(hair.strand_seed)
    half = len(flow) // 2
    result = []
    for _ in range(int(round(hair.strands * _MANY_STRANDS))):
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


def curl_strands(inner: Points, outer: Points, hair: Hair) -> list[Points]:
    """Small hooks all over curly hair; `hair.strands` says how many."""
    rng = np.random.default_rng(hair.strand_seed)
    result = []
    count = len(inner)
    for _ in range(int(round(hair.strands * _MANY_CURLS))):
        index = int(rng.uniform(0.02, 0.98) * (count - 1))
        centre = blend(inner[index : index + 1], outer[index : index + 1], rng.uniform(0.12, 0.88))[0]
        radius = rng.uniform(0.7, 1.2) * (2.4 + 0.75 * hair.curl)
        start, turn = rng.uniform(0.0, 1.0), rng.uniform(0.35, 0.7)
        ring = ellipse(float(centre[0]), float(centre[1]), radius, radius * 0.8, 0.0, 28)
        first = int(start * 28)
        result.append(np.roll(ring, -first, axis=0)[: max(6, int(turn * 28))])
    return result
