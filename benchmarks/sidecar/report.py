"""What is written: results.json, and the page, with what each server takes in every way that it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from benchmarks import report
from benchmarks.machine import ROOT, Place
from benchmarks.report import Result, number
from benchmarks.sidecar import rounds, worlds

RESULTS = "benchmarks/sidecar/results.json"
PAGE = "docs/performance-sidecar.md"
WRITTEN = (RESULTS, PAGE)

BEGIN = "<!-- benchmarks: begin; written by `make bench-sidecar` -->"
END = "<!-- benchmarks: end -->"

COLUMNS = {
    "grpc": ("pdp_unix", "pdp", "pdp_2", "cerbos_unix", "cerbos", "cerbos_rules"),
    "http": ("pdp", "pdp_2", "cerbos"),
}
"""Who is shown, by protocol."""

TITLES = {"grpc": "gRPC", "http": "HTTP: AuthZEN, and the API of Cerbos"}
SAID = {"c1": "1 client", "c8": "8 clients", "c32": "32 clients", "batch": "8 clients, batches of 50"}
AGAINST = {"pdp_unix": "cerbos_unix", "pdp": "cerbos", "pdp_2": "cerbos"}


def write(place: Place, found: Sequence[Result], figures: Mapping[str, float]) -> None:
    """Write the results and the page."""
    text = json.dumps(report.document(place, found, figures), indent=2) + "\n"
    (ROOT / RESULTS).write_text(text, encoding="utf-8")
    page = ROOT / PAGE
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has lost its marks")
    page.write_text(f"{before}{BEGIN}\n{section(place, found, figures)}\n{END}{after}", encoding="utf-8")


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
        f"| with | {versions} |",
        "",
        report.tally(found),
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
    for protocol in COLUMNS:
        lines += ["", *tables(protocol, figures)]
    return "\n".join([*lines, ""])


def tables(protocol: str, figures: Mapping[str, float]) -> Iterator[str]:
    """Return every figure of a protocol beside that of Cerbos."""
    yield f"### {TITLES[protocol]}"
    for kind, what in (("p50", "Median of a call, in µs"), ("p99", "99th percentile, in µs"), ("rate", "Decisions/s")):
        columns = COLUMNS[protocol]
        shown = [name for name in columns if name in AGAINST]
        yield from ("", f"{what}; × is how pdp stands to Cerbos on the same kind of socket: above 1 it is ahead.", "")
        yield f"| | {' | '.join(columns)} | {' | '.join(f'× {name}' for name in shown)} |"
        yield "|---|" + "--:|" * (len(columns) + len(shown))
        for world in worlds.NAMES:
            for shape in rounds.SHAPES:
                subject = f"{kind}.{protocol}_{world}_{shape}"
                cells = [figures.get(f"{subject}.{name}") for name in columns]
                if any(cells):
                    row = (f"{world}, {SAID[shape]}", *map(_cell, cells), *_ratios(subject, shown, figures))
                    yield f"| {' | '.join(row)} |"


def _cell(value: float | None) -> str:
    return "-" if value is None else number(value)


def _ratios(subject: str, shown: Sequence[str], figures: Mapping[str, float]) -> Iterator[str]:
    def ratio(name: str) -> str:
        ours, theirs = figures.get(f"{subject}.{name}"), figures.get(f"{subject}.{AGAINST[name]}")
        if not ours or not theirs:
            return "-"
        return number(ours / theirs if subject.startswith("rate") else theirs / ours)

    return map(ratio, shown)
