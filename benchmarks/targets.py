"""Rows and their targets, read from targets.toml, and what comes of them once there are figures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("targets.toml")

UNITS = {
    "call": "µs",
    "single": "µs",
    "first": "ms",
    "pause": "ms",
    "load": "ms",
    "load_cedar": "ms",
    "memory": "MiB",
    "start": "ms",
    "entity": "ms",
    "leases": "ms",
    "lease": "B",
    "traces": "ms",
    "held": "µs",
}
"""The unit of each kind of figure. A figure is called `kind.subject.what`."""


SIDECAR_UNITS = {"p50": "µs", "p99": "µs", "rate": "/s", "client": "µs", "revoked": "ms"}
"""The same for figures of the sidecar."""


class TargetError(Exception):
    """The file of targets does not say what it has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing to reach. `value` and `over` and `shown` are names of figures."""

    name: str
    what: str
    value: str
    over: str | None
    bound: float
    least: bool
    shown: str | None
    there: float | None
    reason: str

    @property
    def unit(self) -> str:
        """The unit of what is measured: times for a ratio."""
        return "×" if self.over else unit(self.value)

    @property
    def target(self) -> str:
        """The target as the tables show it."""
        return f"{'≥' if self.least else '≤'} {self.bound:g} {self.unit}"

    @property
    def figures(self) -> set[str]:
        """The figures that the row is made of."""
        return {name for name in (self.value, self.over, self.shown) if name}

    def measured(self, figures: Mapping[str, float]) -> float | None:
        """Return what the figures come to, or None where one is missing."""
        if not self.figures <= figures.keys():
            return None
        if self.over is None:
            return figures[self.value]
        return figures[self.value] / figures[self.over] if figures[self.over] > 0 else None

    def reached(self, measured: float) -> bool:
        """Tell whether a measurement meets the target."""
        return measured >= self.bound if self.least else measured <= self.bound


def unit(figure: str) -> str:
    """Return the unit of a figure."""
    kind = figure.partition(".")[0]
    return UNITS[kind] if kind in UNITS else SIDECAR_UNITS[kind]


def read(path: Path = FILE) -> list[Row]:
    """Read the rows; raise TargetError where one is not complete, and where a reason is for no row."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    reasons: dict[str, str] = data.get("reasons", {})
    rows = [row for table in data["row"] for row in _rows(table, reasons)]
    names = [row.name for row in rows]
    if len(set(names)) != len(names):
        raise TargetError("a row stands twice")
    for name in reasons:
        if not any(name in (row, row.partition(".")[0]) for row in names):
            raise TargetError(f"there is no row `{name}` to give a reason for")
    return rows


def _rows(table: Mapping[str, Any], reasons: Mapping[str, str]) -> list[Row]:
    name = table["name"]
    if ("at_least" in table) == ("at_most" in table):
        raise TargetError(f"row `{name}` has to have one of `at_least` and `at_most`")
    if "over" not in table and table.get("unit") != unit(table["value"]):
        raise TargetError(f"row `{name}` is in another unit than its figure")

    def row(case: str) -> Row:
        full = f"{name}.{case}" if case else name
        return Row(
            name=full,
            what=table["what"],
            value=table["value"].format(case=case),
            over=table["over"].format(case=case) if "over" in table else None,
            bound=table.get("at_least", table.get("at_most")),
            least="at_least" in table,
            shown=table["shown"].format(case=case) if "shown" in table else None,
            there=table.get("there"),
            reason=reasons.get(full, reasons.get(name, "")),
        )

    return [row(case) for case in table.get("cases", [""])]
