"""The picture of the figures: bars on a logarithmic scale, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

COLORS = {
    "pdp allows": "#1b7f5c",
    "pdp decide": "#58b795",
    "cedarpy": "#c0703a",
    "pycasbin, FastEnforcer": "#7d6bb0",
}

WIDTH = 960
LEFT = 150
RIGHT = 90
TOP = 112
BAR = 11
GAP = 12
BOTTOM = 46
FONT = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"'


@dataclass(frozen=True, slots=True)
class Group:
    """A workload and how long each engine takes, in µs."""

    label: str
    bars: Sequence[tuple[str, float]]


def draw(groups: Sequence[Group], subtitle: str) -> str:
    """Return the picture."""
    values = [value for group in groups for _, value in group.bars] or [1.0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    height = TOP + sum(len(group.bars) * BAR + GAP for group in groups) + BOTTOM

    def x(value: float) -> float:
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" {FONT}>',
        "<title>Median time of a decision, by engine and workload</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(24, 32, "Median time of one decision", 19, weight=600),
        _text(
            24,
            54,
            "Same requests, same process, in turns. Logarithmic scale: each line is ten times the one before.",
            12.5,
        ),
        _text(24, 72, subtitle, 11, fill="#666666"),
        *_legend(groups),
        *_axis(low, high, height, x),
    ]
    y = float(TOP)
    for group in groups:
        middle = y + len(group.bars) * BAR / 2 + 4
        parts.append(_text(LEFT - 10, middle, group.label, 12, anchor="end"))
        for engine, value in group.bars:
            end = x(value)
            parts.append(
                f'<rect x="{LEFT}" y="{y:.1f}" width="{max(end - LEFT, 1.5):.1f}" height="{BAR - 1.5}" '
                f'fill="{COLORS[engine]}"><title>{escape(group.label)}, {escape(engine)}: {_time(value)}</title></rect>'
            )
            parts.append(_text(max(end, LEFT + 1.5) + 5, y + BAR - 2.5, _time(value), 9.5, fill="#333333"))
            y += BAR
        y += GAP
    return "\n".join([*parts, "</svg>", ""])


def _legend(groups: Sequence[Group]) -> Iterator[str]:
    used = {engine for group in groups for engine, _ in group.bars}
    x = float(LEFT)
    for engine, color in COLORS.items():
        if engine in used:
            yield f'<rect x="{x:.0f}" y="84" width="12" height="12" fill="{color}"/>'
            yield _text(x + 17, 94, engine, 12)
            x += 45 + len(engine) * 6.6


def _axis(low: int, high: int, height: int, x: Callable[[float], float]) -> Iterator[str]:
    for power in range(low, high + 1):
        at = x(10.0**power)
        yield (
            f'<line x1="{at:.1f}" y1="{TOP - 6}" x2="{at:.1f}" y2="{height - BOTTOM + 4}" stroke="#dddddd" '
            'stroke-width="1"/>'
        )
        yield _text(at, height - BOTTOM + 20, _time(10.0**power), 11, anchor="middle", fill="#666666")


def _time(micros: float) -> str:
    if micros < 1e3:
        return f"{micros:.3g} µs"
    if micros < 1e6:
        return f"{micros / 1e3:.3g} ms"
    return f"{micros / 1e6:.3g} s"


def _text(
    x: float, y: float, text: str, size: float, *, anchor: str = "start", fill: str = "#111111", weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{fill}">{escape(text)}</text>'
    )
