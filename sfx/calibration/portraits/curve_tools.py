"""Polylines and the splines they are sampled from: plain functions on arrays of points.

Points are float64 arrays of shape (n, 2), x to the right and y down, in canvas units.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]

_CATMULL_ROM = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], dtype=np.float64)
_B_SPLINE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]], dtype=np.float64) / 6


@lru_cache(maxsize=512)
def _weights(kind: str, count: int, closed: bool, samples: int) -> NDArray[np.float64]:
    """Matrix (points of the curve, control points) of a uniform cubic spline."""
    basis = _CATMULL_ROM if kind == "catmull-rom" else _B_SPLINE
    spans = count if closed else count - 1
    t = np.linspace(0.0, 1.0, samples, endpoint=False)
    powers = np.stack([np.ones_like(t), t, t * t, t**3], axis=1)
    local = powers @ basis
    rows = []
    for span in range(spans):
        block = np.zeros((samples, count))
        for k in range(4):
            index = span + k - 1
            if closed:
                block[:, index % count] += local[:, k]
            elif index < 0:  # the first control point reflected through the end, so that the curve reaches it
                block[:, 0] += 2 * local[:, k]
                block[:, 1] -= local[:, k]
            elif index >= count:
                block[:, count - 1] += 2 * local[:, k]
                block[:, count - 2] -= local[:, k]
            else:
                block[:, index] += local[:, k]
        rows.append(block)
    if not closed:
        last = np.zeros((1, count))
        last[0, count - 1] = 1.0
        rows.append(last)
    return np.concatenate(rows)


def through(points: ArrayLike, closed: bool = False, samples: int = 10) -> Points:
    """Smooth curve through the given points (uniform Catmull-Rom), `samples` points per span."""
    control = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return _weights("catmull-rom", len(control), closed, samples) @ control


def near(points: ArrayLike, closed: bool = False, samples: int = 10) -> Points:
    """Very smooth curve near the given points (uniform cubic B-spline); an open one reaches its ends."""
    control = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return _weights("b-spline", len(control), closed, samples) @ control


def mirrored_x(points: ArrayLike) -> Points:
    """The points reflected in x = 0, in the same order."""
    return np.asarray(points, dtype=np.float64).reshape(-1, 2) * (-1.0, 1.0)


def symmetric(right_half: ArrayLike) -> Points:
    """Left to right: the mirrored half in reverse, then the half, whose first point lies on the axis."""
    half = np.asarray(right_half, dtype=np.float64).reshape(-1, 2)
    return np.concatenate([mirrored_x(half)[:0:-1], half])


def arc_length(points: Points) -> NDArray[np.float64]:
    """Length along the polyline at every point, starting with 0."""
    step = points[1:] - points[:-1]
    length = np.zeros(len(points))
    np.cumsum(np.sqrt(np.einsum("ij,ij->i", step, step)), out=length[1:])
    return length


def resampled(points: Points, count: int) -> Points:
    """`count` points at equal distances along the polyline."""
    along = arc_length(points)
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, points[:, 0]), np.interp(wanted, along, points[:, 1])], axis=1)


def resampled_every(points: Points, step: float) -> Points:
    """Points about `step` apart along the polyline, at least two."""
    return resampled(points, max(2, round(float(arc_length(points)[-1]) / step) + 1))


def normals(points: Points, closed: bool = False) -> Points:
    """Unit normals, to the left of the direction of travel on a canvas whose y points down."""
    around = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    tangent = around if closed else np.gradient(points, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    length = np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-9)
    return np.asarray(normal / length[:, None], dtype=np.float64)


def signed_area(points: Points) -> float:
    """Area of a closed polyline; its sign says which way it turns."""
    following = np.roll(points, -1, axis=0)
    return float(0.5 * np.sum(points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]))


def ribbon(centre: Points, half_width: ArrayLike) -> Points:
    """Closed outline of a line whose half-width varies along it; `half_width` has one value a point."""
    offset = normals(centre) * np.asarray(half_width, dtype=np.float64).reshape(-1, 1)
    return np.concatenate([centre + offset, (centre - offset)[::-1]])


def ellipse(
    x: float, y: float, radius_x: float, radius_y: float, squareness: float = 0.0, count: int = 40
) -> Points:
    """Closed ellipse around (x, y); `squareness` 0..1 swells it into a rounded rectangle (superellipse)."""
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    power = 1.0 / (1.0 + 1.4 * squareness)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack(
        [
            x + radius_x * np.sign(cosine) * np.abs(cosine) ** power,
            y + radius_y * np.sign(sine) * np.abs(sine) ** power,
        ],
        axis=1,
    )


def blend(first: Points, second: Points, amount: ArrayLike) -> Points:
    """(1 - amount) * first + amount * second; `amount` is a number or one a point."""
    weight = np.asarray(amount, dtype=np.float64)
    if weight.ndim == 1:
        weight = weight[:, None]
    return np.asarray(first * (1.0 - weight) + second * weight, dtype=np.float64)


def smoothstep(low: float, high: float, value: ArrayLike) -> NDArray[np.float64]:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((np.asarray(value, dtype=np.float64) - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float64)


def moved(points: Points, x: float, y: float) -> Points:
    """The points shifted by (x, y)."""
    return np.asarray(points + np.array([x, y]))
