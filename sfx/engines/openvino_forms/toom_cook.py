"""Schemes that compute several outputs of a short correlation with fewer multiplications.

`m` outputs of a correlation with `r` taps need `m + r - 1` multiplications instead of `m * r`, by evaluating
at `m + r - 1` points (Toom and Cook; Winograd's F(m, r)). For two-dimensional convolutions: Lavin and Gray,
"Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import NDArray

_POINTS = (0, 1, -1, 2, -2)
"""Finite points, in the order in which they keep rounding errors small; infinity is always the last one."""


@dataclass(frozen=True, eq=False)
class Scheme:
    """F(outputs, taps): y = output @ ((kernel @ g) * (input @ d)), all float64.

    `input` (points, points) changes the window d, `kernel` (points, taps) the taps g, and `output`
    (outputs, points) the products.
    """

    outputs: int
    taps: int
    input: NDArray[np.float64]
    kernel: NDArray[np.float64]
    output: NDArray[np.float64]

    @property
    def points(self) -> int:
        """Multiplications; also the length of the window."""
        return self.outputs + self.taps - 1


def scheme(outputs: int, taps: int) -> Scheme:
    """F(outputs, taps): the transposed Toom-Cook product of a polynomial of `outputs` and one of `taps` terms."""
    points = outputs + taps - 1
    whole = _powers(points, points)
    inverse = _inverse(whole)
    # Fractions move from the input's side to the kernel's, which is transformed once and in float64.
    scales = [lcm(*(inverse[row][column].denominator for row in range(points))) for column in range(points)]
    change = [[inverse[row][column] * scales[column] for row in range(points)] for column in range(points)]
    kernel = [[value / scales[i] for value in row] for i, row in enumerate(_powers(points, taps))]
    output = _powers(points, outputs)
    return Scheme(outputs, taps, _floats(change), _floats(kernel), _floats(output).T)


def _powers(points: int, terms: int) -> list[list[Fraction]]:
    """Values of the monomials 0..terms-1 at each point; at infinity only the highest one counts."""
    finite = [[Fraction(point) ** power for power in range(terms)] for point in _POINTS[: points - 1]]
    return [*finite, [Fraction(int(power == terms - 1)) for power in range(terms)]]


def _inverse(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """Gauss and Jordan, exact."""
    size = len(matrix)
    rows = [row + [Fraction(int(i == j)) for j in range(size)] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if rows[i][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for i in range(size):
            if i != column:
                factor = rows[i][column]
                rows[i] = [value - factor * other for value, other in zip(rows[i], rows[column], strict=True)]
    return [row[size:] for row in rows]


def _floats(rows: list[list[Fraction]]) -> NDArray[np.float64]:
    return np.array(rows, np.float64)
