"""Small charts as inline SVG: enough for a bench report, and nothing to install or fetch."""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_WIDTH, _LABEL, _RIGHT = 860, 290, 70
_ROW, _DOT_ROW = 22, 18
_LEGEND_ROW, _AXIS = 22, 28
_CHARACTER = 7.2
"""Mean width of a character at 13 px, a little more than most sans-serif fonts have: nothing is cut."""
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#6b7280")
"""Okabe and Ito's colours, which colour-blind people tell apart, without black and yellow but with a grey."""
_GRID, _FAINT = "#e3e6ea", "#5b6673"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Bar:
    """A bar of several parts, (name, value), one after the other."""

    label: str
    parts: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Dot:
    """A value of a row, and the kind that gives it its colour."""

    label: str
    value: float
    kind: str


def bars(rows: Sequence[Bar], unit: str) -> str:
    """Horizontal bars on a common scale from 0, with a legend of their parts."""
    names = list(dict.fromkeys(name for row in rows for name, _ in row.parts))
    most = max((sum(value for _, value in row.parts) for row in rows), default=1.0) or 1.0
    drawn, top = _legend(names)
    bottom = top + len(rows) * _ROW + 6
    place = _linear(0.0, most, _LABEL, _WIDTH - _RIGHT)
    drawn += _axis([(tick, place(tick)) for tick in _ticks(0.0, most)], top, bottom, unit)
    for number, row in enumerate(rows):
        y, reached = top + number * _ROW, 0.0
        drawn.append(_text(_LABEL - 8, y + 15, row.label, "end"))
        for name, value in row.parts:
            x, colour = place(reached), _colour(names.index(name))
            drawn.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{place(reached + value) - x:.1f}" height="{_ROW - 8}" '
                f'fill="{colour}"><title>{html.escape(f"{name}: {value:.1f} {unit}")}</title></rect>'
            )
            reached += value
        drawn.append(
            _text(place(reached) + 6, y + 15, f"{reached:.0f}" if reached >= 100 else f"{reached:.1f}")
        )
    return _svg(bottom + _AXIS, drawn)


def scatter(rows: Sequence[tuple[str, Sequence[float]]], unit: str) -> str:
    """Every value of each row as a dot, its median as a line; on a logarithmic scale, so that spreads compare."""
    values = [value for _, row in rows for value in row] or [1.0]
    least, most = min(values) / 1.1, max(values) * 1.1
    place = _logarithmic(least, most, _LABEL, _WIDTH - _RIGHT)
    bottom = len(rows) * _ROW + 6
    drawn = _axis([(tick, place(tick)) for tick in _log_ticks(least, most)], 0, bottom, f"{unit}, log.")
    for number, (label, row) in enumerate(rows):
        y = number * _ROW
        drawn.append(_text(_LABEL - 8, y + 15, label, "end"))
        drawn += [
            f'<circle cx="{place(value):.1f}" cy="{y + 11}" r="3.5" fill="{_COLOURS[0]}" opacity="0.45"/>'
            for value in row
        ]
        x = place(statistics.median(row))
        drawn.append(_line(x, y + 4, x, y + 18, _COLOURS[4], 2))
    return _svg(bottom + _AXIS, drawn)


def dots(rows: Sequence[Dot], unit: str, mark: float) -> str:
    """One dot a row on a common scale that need not begin at 0, with a legend and a line at `mark`."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    values = [mark, *(row.value for row in rows)]
    least, most = min(values), max(values)
    place = _linear(least, most, _LABEL + 60, _WIDTH - _RIGHT)
    drawn, top = _legend(kinds)
    bottom = top + len(rows) * _DOT_ROW + 8
    drawn += _axis([(tick, place(tick)) for tick in _ticks(least, most)], top, bottom, unit)
    drawn.append(_line(place(mark), top, place(mark), bottom, _COLOURS[4], 1, dashed=True))
    for number, row in enumerate(rows):
        y = top + number * _DOT_ROW + 12
        drawn.append(_text(_LABEL + 50, y + 4, row.label, "end"))
        title = html.escape(f"{row.label}: {row.value:.1f} {unit}, {row.kind}")
        drawn.append(
            f'<circle cx="{place(row.value):.1f}" cy="{y}" r="4.5" fill="{_colour(kinds.index(row.kind))}">'
            f"<title>{title}</title></circle>"
        )
    return _svg(bottom + _AXIS, drawn)


def curves(title: str, lines: Sequence[tuple[str, Points]], across: str) -> str:
    """Lines through (x, y) points with y from 0, a legend where there are several, and x, which is `across`."""
    left, right, height = 60, _WIDTH - _RIGHT, 190
    points = [point for _, line in lines for point in line]
    most = max(y for _, y in points) or 1.0
    columns = sorted({x for x, _ in points})
    marked = len(columns) <= 12
    heading = [_text(0, 13, title)]
    legend, top = _legend([name for name, _ in lines] if len(lines) > 1 else [], 26.0)
    bottom = top + height
    place_x = _linear(columns[0], columns[-1], left, right)
    place_y = _linear(0.0, most, bottom, top + 8)
    x_ticks = columns if marked else _ticks(columns[0], columns[-1])
    drawn = heading + legend + _axis([(tick, place_x(tick)) for tick in x_ticks], bottom - 4, bottom, across)
    for tick in _ticks(0.0, most):
        drawn.append(_line(left, place_y(tick), right, place_y(tick), _GRID))
        drawn.append(_text(left - 8, place_y(tick) + 4, f"{tick:g}", "end", _FAINT))
    for number, (_, line) in enumerate(lines):
        places = [(place_x(x), place_y(y)) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        colour = _colour(number)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if marked:
            drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
    return _svg(bottom + _AXIS, drawn)


def _legend(names: Sequence[str], top: float = 0.0) -> tuple[list[str], float]:
    """A key of the colours, in as many lines as it takes, and the height where the chart may begin."""
    drawn: list[str] = []
    x = 0.0
    for number, name in enumerate(names):
        width = 17 + _CHARACTER * len(name) + 18
        if x > 0 and x + width > _WIDTH:
            x, top = 0.0, top + _LEGEND_ROW
        drawn.append(f'<rect x="{x:.0f}" y="{top + 2:.0f}" width="12" height="12" fill="{_colour(number)}"/>')
        drawn.append(_text(x + 17, top + 13, name))
        x += width
    return drawn, top + _LEGEND_ROW if names else top


def _axis(ticks: Points, top: float, bottom: float, unit: str) -> list[str]:
    """Lines down from `top` at each (value, x), the values below `bottom`, and the unit at the right edge."""
    drawn = [_text(_WIDTH, bottom + 17, unit, "end", _FAINT)]
    for value, x in ticks:
        drawn.append(_line(x, top, x, bottom, _GRID))
        drawn.append(_text(x, bottom + 17, f"{value:g}", "middle", _FAINT))
    return drawn


def _ticks(least: float, most: float) -> list[float]:
    """Four to ten round values from `least` to `most`."""
    rough = (most - least) / 5.0 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough * 0.99)
    return [number * step for number in range(math.ceil(least / step), math.floor(most / step) + 1)]


def _log_ticks(least: float, most: float) -> list[float]:
    """1, 2 and 5 times the powers of ten from `least` to `most`."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    return [tick for tick in ticks if least <= tick <= most]


def _linear(least: float, most: float, start: float, end: float) -> Callable[[float], float]:
    scale = (end - start) / ((most - least) or 1.0)
    return lambda value: start + (value - least) * scale


def _logarithmic(least: float, most: float, start: float, end: float) -> Callable[[float], float]:
    place = _linear(math.log(least), math.log(most), start, end)
    return lambda value: place(math.log(value))


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, width: int = 1, *, dashed: bool = False
) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"{dashes}/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "#1c2430") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{html.escape(text)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" font-size="13" '
        f'role="img">{"".join(drawn)}</svg>\n'
    )
