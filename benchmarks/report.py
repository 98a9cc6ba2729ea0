"""What is shown and written: the table, results.json, the picture and the page."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import chart, targets, workloads
from benchmarks.machine import ROOT, Place
from benchmarks.targets import Row

RESULTS = "benchmarks/results.json"
PICTURE = "docs/performance.svg"
PAGE = "docs/performance.md"
WRITTEN = (RESULTS, PICTURE, PAGE)

BEGIN = "<!-- benchmarks: begin; written by `make bench` -->"
END = "<!-- benchmarks: end -->"


@dataclass(frozen=True, slots=True)
class Result:
    """A row and what was measured: None where a figure is missing. `shown` is the absolute figure beside a ratio."""

    row: Row
    measured: float | None
    shown: float | None

    @property
    def reached(self) -> bool:
        """Tell whether the target is met; what is not measured meets none."""
        return self.measured is not None and self.row.reached(self.measured)

    @property
    def verdict(self) -> str:
        """Say it in words, with the reason where a target is not reached."""
        if self.measured is None:
            return "MISSING"
        if self.reached:
            return "reached"
        return f"not reached: {self.row.reason or 'no reason is on record'}"

    @property
    def figure(self) -> str:
        """The measured figure with its unit."""
        return "-" if self.measured is None else f"{number(self.measured)} {self.row.unit}"

    @property
    def absolute(self) -> str:
        """The absolute figure with its unit, or nothing."""
        if self.shown is None or self.row.shown is None:
            return ""
        return f"{number(self.shown)} {targets.unit(self.row.shown)}"


def results(rows: Iterable[Row], figures: Mapping[str, float]) -> list[Result]:
    """Compare figures with rows."""
    return [Result(row, row.measured(figures), figures.get(row.shown) if row.shown else None) for row in rows]


def number(value: float) -> str:
    """Write a number with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def table(found: Sequence[Result]) -> str:
    """Return the table for a terminal."""
    heads = ("row", "measured", "target", "absolute", "")
    lines = [heads, *((each.row.name, each.figure, each.row.target, each.absolute, each.verdict) for each in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return "\n".join(
        "  ".join((line[0].ljust(widths[0]), *(line[i].rjust(widths[i]) for i in (1, 2, 3)), line[4])).rstrip()
        for line in lines
    )


def tally(found: Sequence[Result]) -> str:
    """Say how many rows are measured and reached."""
    measured = sum(each.measured is not None for each in found)
    return f"{len(found)} rows, {measured} measured, {sum(each.reached for each in found)} reached."


def write(place: Place, found: Sequence[Result], figures: Mapping[str, float]) -> None:
    """Write the results, the picture and the page."""
    (ROOT / RESULTS).write_text(json.dumps(document(place, found, figures), indent=2) + "\n", encoding="utf-8")
    subtitle = f"{place.date}, {place.machine}, {place.python}, commit {place.commit}"
    (ROOT / PICTURE).write_text(chart.draw(series(figures), subtitle), encoding="utf-8")
    page = ROOT / PAGE
    page.write_text(between(page.read_text(encoding="utf-8"), section(place, found, figures)), encoding="utf-8")


def document(place: Place, found: Sequence[Result], figures: Mapping[str, float]) -> dict[str, object]:
    """Return the results as plain data."""
    return {
        **dataclasses.asdict(place),
        "rows": [
            {
                "row": each.row.name,
                "measured": each.measured,
                "target": each.row.target,
                "reached": each.reached,
                "absolute": each.shown,
                "absolute_unit": targets.unit(each.row.shown) if each.row.shown else None,
                "reason": "" if each.reached else each.row.reason,
            }
            for each in found
        ],
        "figures": {name: figures[name] for name in sorted(figures)},
    }


def series(figures: Mapping[str, float]) -> list[chart.Group]:
    """Return the bars of the picture: each workload with what each engine takes, in µs."""
    labels = {"allows": "pdp allows", "decide": "pdp decide", "cedarpy": "cedarpy", "casbin": "pycasbin, FastEnforcer"}
    groups = []
    for name in workloads.names():
        bars = [(label, figures.get(f"call.{name}.{key}")) for key, label in labels.items()]
        kind, _, size = name.partition("_")
        groups.append(chart.Group(f"{kind} {int(size):,}".replace(",", " "), [bar for bar in bars if bar[1]]))  # type: ignore[misc]
    return groups


def between(text: str, section: str) -> str:
    """Put a section between the marks of a page; raise ValueError where they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has lost its marks")
    return f"{before}{BEGIN}\n{section}\n{END}{after}"


def section(place: Place, found: Sequence[Result], figures: Mapping[str, float]) -> str:
    """Return what stands between the marks."""
    versions = ", ".join(f"{name} {version}" for name, version in place.versions.items())
    lines = [
        "",
        "| | |",
        "|---|---|",
        f"| date | {place.date} |",
        f"| machine | {place.machine}; load before the run {place.load} |",
        f"| Python | {place.python} |",
        f"| commit | {place.commit} |",
        f"| command | `{place.command}` |",
        f"| beside | {versions} |",
        "",
        tally(found),
        "",
        "| row | measured | target | absolute | |",
        "|---|--:|--:|--:|---|",
    ]
    lines += [
        f"| `{each.row.name}` | {each.figure} | {each.row.target} | {each.absolute} | {each.verdict} |"
        for each in found
    ]
    lines += ["", "What each row measures:", ""]
    whats = {each.row.name.partition(".")[0]: each.row.what for each in found}
    lines += [f"- `{name}`: {what}." for name, what in whats.items()]
    lines += ["", "Median time of a decision, in µs:", ""]
    lines += ["| workload | pdp `allows` | pdp `decide` | cedarpy | pycasbin |", "|---|--:|--:|--:|--:|"]
    for name in workloads.names():
        cells = (figures.get(f"call.{name}.{key}") for key in ("allows", "decide", "cedarpy", "casbin"))
        lines.append(f"| {name} | " + " | ".join("-" if cell is None else number(cell) for cell in cells) + " |")
    return "\n".join([*lines, ""])
