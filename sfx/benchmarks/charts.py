"""Small charts as inline SVG: enough for a bench report, and nothing to install or fetch."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH, _ROW, _LABEL = 860, 24, 300
_DOT_ROW = 18
_COLOURS = ("#2f6fb0", "#e08a2e", "#3f9b6c", "#9a5fb5", "#b84a4a")


@dataclass(frozen=True)
class Bar:
    """A bar of several parts, (name, value), one after the other."""

    label: str
    parts: Sequence[tuple[str, float]]


def bars(rows: Sequence[Bar], unit: str) -> str:
    """Horizontal bars on a common scale, with a legend of their parts."""
    names = list(dict.fromkeys(name for row in rows for name, _ in row.parts))
    scale = (_WIDTH - _LABEL - 90) / max((sum(value for _, value in row.parts) for row in rows), default=1.0)
    drawn = []
    for number, row in enumerate(rows):
        y, x = number * _ROW, float(_LABEL)
        drawn.append(_text(_LABEL - 8, y + 16, row.label, "end"))
        for name, value in row.parts:
            colour = _COLOURS[names.index(name) % len(_COLOURS)]
            drawn.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{value * scale:.1f}" height="{_ROW - 8}" fill="{colour}">'
                f"<title>{html.escape(name)}: {value:.1f} {html.escape(unit)}</title></rect>"
            )
            x += value * scale
        drawn.append(_text(x + 6, y + 16, f"{sum(value for _, value in row.parts):.0f} {unit}"))
    y = len(rows) * _ROW + 8
    for number, name in enumerate(names):
        x = _LABEL + 140.0 * number
        colour = _COLOURS[number % len(_COLOURS)]
        drawn.append(f'<rect x="{x:.0f}" y="{y}" width="12" height="12" fill="{colour}"/>')
        drawn.append(_text(x + 17, y + 11, name))
    return _svg(y + 24, drawn)


def scatter(rows: Sequence[tuple[str, Sequence[float]]], unit: str) -> str:
    """Every value of each row as a dot on a common scale from 0."""
    most = max((value for _, values in rows for value in values), default=1.0)
    scale = (_WIDTH - _LABEL - 90) / most
    drawn = []
    for number, (label, values) in enumerate(rows):
        y = number * _ROW
        drawn.append(_text(_LABEL - 8, y + 16, label, "end"))
        drawn += [
            f'<circle cx="{_LABEL + value * scale:.1f}" cy="{y + 12}" r="3.5" fill="#2f6fb0" opacity="0.45"/>'
            for value in values
        ]
    y = len(rows) * _ROW
    drawn.append(_text(_LABEL, y + 16, "0"))
    drawn.append(_text(_WIDTH - 90, y + 16, f"{most:.0f} {unit}", "end"))
    return _svg(y + 24, drawn)


@dataclass(frozen=True)
class Dot:
    """A value of a row, and the kind that gives it its colour."""

    label: str
    value: float
    kind: str


def dots(rows: Sequence[Dot], unit: str, mark: float) -> str:
    """One dot a row on a common scale that need not begin at 0, with a legend and a line at `mark`."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    values = [mark, *(row.value for row in rows)]
    least, most = 5.0 * math.floor(min(values) / 5.0), 5.0 * math.ceil(max(values) / 5.0)
    left, right = _LABEL + 60, _WIDTH - 60
    scale = (right - left) / ((most - least) or 1.0)
    bottom = len(rows) * _DOT_ROW + 8
    drawn = []
    for tick in range(int(least), int(most) + 1, 5 if most - least <= 60 else 20):
        x = left + (tick - least) * scale
        drawn.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{bottom}" stroke="#e3e6ea"/>')
        drawn.append(_text(x, bottom + 16, f"{tick}", "middle"))
    drawn.append(_text(right + 16, bottom + 16, unit))
    x = left + (mark - least) * scale
    drawn.append(
        f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{bottom}" stroke="#b84a4a" stroke-dasharray="4 3"/>'
    )
    for number, row in enumerate(rows):
        y = number * _DOT_ROW + 12
        colour = _COLOURS[kinds.index(row.kind) % len(_COLOURS)]
        drawn.append(_text(left - 10, y + 4, row.label, "end"))
        drawn.append(
            f'<circle cx="{left + (row.value - least) * scale:.1f}" cy="{y}" r="4.5" fill="{colour}">'
            f"<title>{html.escape(row.label)}: {row.value:.1f} {html.escape(unit)}, {html.escape(row.kind)}</title>"
            "</circle>"
        )
    for number, kind in enumerate(kinds):
        x = left + 140.0 * number
        colour = _COLOURS[number % len(_COLOURS)]
        drawn.append(f'<circle cx="{x + 6:.0f}" cy="{bottom + 34}" r="4.5" fill="{colour}"/>')
        drawn.append(_text(x + 17, bottom + 38, kind))
    return _svg(bottom + 48, drawn)


def curve(title: str, points: Sequence[tuple[float, float]]) -> str:
    """A line through (x, y) points, both axes named by their ends, y from 0."""
    height, left, top = 180, 60, 24
    most = max(y for _, y in points) or 1.0
    first, last = points[0][0], points[-1][0]
    across = (_WIDTH - left - 40) / ((last - first) or 1.0)
    down = (height - top - 24) / most
    places = [(left + (x - first) * across, height - 24 - y * down) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = [
        _text(left, 14, title),
        f'<line x1="{left}" y1="{height - 24}" x2="{_WIDTH - 40}" y2="{height - 24}" stroke="#9aa4af"/>',
        f'<polyline points="{line}" fill="none" stroke="{_COLOURS[0]}" stroke-width="2"/>',
        _text(left - 6, top + 8, f"{most:.0f}", "end"),
        _text(left - 6, height - 24, "0", "end"),
        _text(left, height - 6, f"{first:g}"),
        _text(_WIDTH - 40, height - 6, f"{last:g}", "end"),
    ]
    return _svg(height, drawn)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" font-size="13" '
        f'fill="#1c2430" role="img">{"".join(drawn)}</svg>\n'
    )
