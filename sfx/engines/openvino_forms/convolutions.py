"""3x3 convolutions on tokens in fewer multiplications, written in OpenVINO's own operators.

Tokens are (B, H*W, C): pixels in raster order, channels last. A stride of 2, in either direction, splits the
kernel along each axis into its outer two taps and its middle one, which meet different pixels; each of the
four combinations is a correlation of stride 1 with its own scheme. Multiplications a pixel, channel in and
channel out: 2.25 instead of 9 at stride 1, 5.06 instead of 9 where the stride is 2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfx.engines.openvino_forms.nodes import integers, name_of
from sfx.engines.openvino_forms.toom_cook import Scheme, scheme

STRIP_BYTES = 4 << 20
"""Bytes of transformed input that one strip of tiles may take: the next operator finds it in the caches."""

F43, F42, F11 = scheme(4, 3), scheme(4, 2), scheme(1, 1)


@dataclass(frozen=True)
class Axis:
    """One correlation along one axis: output i = sum over k of kernel[taps[k]] * pixel[step * i + start + step * k].

    Its outputs are the result's pixels `first`, `first + every`, ...
    """

    scheme: Scheme
    taps: tuple[int, ...]
    start: int
    step: int = 1
    first: int = 0
    every: int = 1

    def count(self, length: int) -> int:
        """How many of the result's `length` pixels these are."""
        return len(range(self.first, length, self.every))

    def tiles(self, length: int) -> int:
        """How many tiles hold them; the last one may reach beyond the end."""
        return -(-self.count(length) // self.scheme.outputs)

    def windows(self, length: int) -> NDArray[np.int64]:
        """Input pixels of each tile's window, (tiles, points)."""
        s = self.scheme
        return (
            self.step * (s.outputs * np.arange(self.tiles(length))[:, None] + np.arange(s.points))
            + self.start
        )


@dataclass(frozen=True)
class Form:
    """What a 3x3 convolution becomes: its parts along an axis, and how long an axis of the result is."""

    parts: tuple[Axis, ...]
    length: Callable[[int], int]


SAME = Form((Axis(F43, (0, 1, 2), start=-1),), lambda length: length)
"""Stride 1, padding 1."""
HALVING = Form(
    (Axis(F42, (0, 2), start=-1, step=2), Axis(F11, (1,), start=0, step=2)), lambda length: length // 2
)
"""Stride 2, padding 1, of an even length: outputs of both parts are added."""
DOUBLING = Form(
    (Axis(F42, (2, 0), start=-1, every=2), Axis(F11, (1,), start=0, first=1, every=2)),
    lambda length: 2 * length + 1,
)
"""Transposed, stride 2, no padding: each part makes its own pixels."""


class Convolver:
    """Builds the operators; convolutions of the same tokens share what is made of these."""

    def __init__(self) -> None:
        self._points: dict[tuple[str, int, int], list[Any]] = {}

    def __call__(self, form: Form, tokens: Any, height: int, width: int, kernel: NDArray[np.float32]) -> Any:
        """`tokens` (B, height*width, I) by `kernel` (O, I, 3, 3): (B, H*W of the result, O)."""
        from openvino import opset13 as ops

        size = form.length(height), form.length(width)
        pairs = [(rows, columns) for rows in form.parts for columns in form.parts]
        results = [
            self._part(tokens, (height, width), size, rows, columns, kernel) for rows, columns in pairs
        ]
        orders = [_places(rows, columns, size) for rows, columns in pairs]
        if any(part.every > 1 for part in form.parts):
            return _interleaved(pairs, results, orders, size)
        ordered = [_picked(result, order) for result, order in zip(results, orders, strict=True)]
        return functools.reduce(ops.add, ordered)

    def _part(
        self,
        tokens: Any,
        source: tuple[int, int],
        size: tuple[int, int],
        rows: Axis,
        columns: Axis,
        kernel: NDArray[np.float32],
    ) -> Any:
        """One pair of correlations: tokens tile after tile, (B, tiles * outputs, O)."""
        from openvino import opset13 as ops

        weights = ops.constant(transformed_kernel(kernel, rows, columns))
        back = ops.constant(np.kron(rows.scheme.output, columns.scheme.output).astype(np.float32))
        batch, *_ = list(tokens.get_shape())
        key = (name_of(tokens), id(rows), id(columns))
        if key not in self._points:
            self._points[key] = self._transformed(tokens, source, size, rows, columns)
        parts = []
        for points in self._points[key]:
            products = _products(points, weights)
            outputs = (
                ops.matmul(back, products, False, False)
                if rows.scheme.points * columns.scheme.points > 1
                else products
            )
            parts.append(ops.reshape(outputs, integers(batch, -1, kernel.shape[0]), False))
        return parts[0] if len(parts) == 1 else ops.concat(parts, 1)

    def _transformed(
        self, tokens: Any, source: tuple[int, int], size: tuple[int, int], rows: Axis, columns: Axis
    ) -> list[Any]:
        """Strips of transformed windows, each (B * tiles, points, I)."""
        from openvino import opset13 as ops

        batch, _, channels = list(tokens.get_shape())
        windows = _window_tokens(source, rows.windows(size[0]), columns.windows(size[1]))
        change = ops.constant(np.kron(rows.scheme.input, columns.scheme.input).astype(np.float32))
        count = -(-batch * windows.size * channels * 4 // STRIP_BYTES)
        strips = []
        for strip in np.array_split(windows, min(count, len(windows))):
            picked = _picked(tokens, strip)
            picked = ops.reshape(picked, integers(-1, strip.shape[2], channels), False)
            strips.append(ops.matmul(change, picked, False, False) if strip.shape[2] > 1 else picked)
        return strips


def transformed_kernel(kernel: NDArray[np.float32], rows: Axis, columns: Axis) -> NDArray[np.float32]:
    """The taps of a kernel (O, I, 3, 3) that a pair of axes uses, changed: (points, O, I, 1, 1)."""
    taps = kernel[:, :, rows.taps][:, :, :, columns.taps].astype(np.float64)
    outs, ins = kernel.shape[:2]
    changed = np.kron(rows.scheme.kernel, columns.scheme.kernel) @ taps.reshape(outs * ins, -1).T
    return np.ascontiguousarray(changed.reshape(-1, outs, ins, 1, 1), np.float32)


def _interleaved(
    pairs: list[tuple[Axis, Axis]], results: list[Any], orders: list[NDArray[np.int64]], size: tuple[int, int]
) -> Any:
    """Parts that make different pixels of one result, in raster order."""
    from openvino import opset13 as ops

    order = np.zeros(size, np.int64)
    before = 0
    for (rows, columns), result, places in zip(pairs, results, orders, strict=True):
        order[rows.first :: rows.every, columns.first :: columns.every] = places + before
        before += list(result.get_output_shape(0))[1]
    return _picked(ops.concat(results, 1), order)


def _picked(tokens: Any, order: NDArray[np.int64]) -> Any:
    from openvino import opset13 as ops

    return ops.gather(tokens, ops.constant(order.reshape(-1).astype(np.int32)), integers(1))


def _products(points: Any, weights: Any) -> Any:
    """Point by point, (tiles, points, I) by (points, O, I, 1, 1): (tiles, points, O).

    As one grouped 1x1 convolution, whose weights the plugin packs once; the points are its groups, channels last, so
    that nothing is moved.
    """
    from openvino import opset13 as ops

    tiles, count, channels = list(points.get_output_shape(0))
    channels_out = list(weights.get_output_shape(0))[1]
    picture = ops.reshape(points, integers(1, 1, tiles, count * channels), False)
    picture = ops.transpose(picture, integers(0, 3, 1, 2))
    products = ops.group_convolution(picture, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    products = ops.transpose(products, integers(0, 2, 3, 1))
    return ops.reshape(products, integers(tiles, count, channels_out), False)


def _window_tokens(
    source: tuple[int, int], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Tokens of each tile's window, (tile rows, tile columns, points); height*width for pixels outside.

    There is no such token, and Gather makes zeros where an index is out of range (its specification, since opset 8).
    """
    height, width = source
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None]
    tokens = np.where(inside, rows[:, None, :, None] * width + columns[:, None], height * width)
    return tokens.reshape(len(rows), len(columns), -1)


def _places(rows: Axis, columns: Axis, size: tuple[int, int]) -> NDArray[np.int64]:
    """For each pixel that a pair of axes makes, its place among outputs kept tile after tile."""
    tiles = rows.tiles(size[0]), columns.tiles(size[1])
    outputs = rows.scheme.outputs, columns.scheme.outputs
    places = np.arange(np.prod(tiles) * np.prod(outputs)).reshape(*tiles, *outputs)
    raster = places.transpose(0, 2, 1, 3).reshape(tiles[0] * outputs[0], tiles[1] * outputs[1])
    return raster[: rows.count(size[0]), : columns.count(size[1])]
