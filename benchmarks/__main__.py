"""Measure, compare with the targets, and report: `python -m benchmarks [ROWS]`, which `make bench` calls.

The exit status is 0 when every row was measured, reached or not, and 1 when one is missing.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterable

from benchmarks import machine, measures, report, targets
from benchmarks.measures import Figures, MeasurementError
from benchmarks.targets import Row

BUSY = 0.7
"""A load above this, before anything is measured, is not a quiet machine."""


def main(wanted: str) -> int:
    """Measure the rows whose name contains one of the words of `wanted`, or all, and report."""
    every = targets.read()
    rows = [row for row in every if any(word in row.name for word in wanted.split())] if wanted.strip() else every
    if not rows:
        print(f"no row is called `{wanted}`; there are: {', '.join(row.name for row in every)}", file=sys.stderr)
        return 1
    place = machine.describe(wanted)
    if place.load > BUSY:
        print(f"warning: the machine is busy (load {place.load}): these figures do not count", file=sys.stderr)
    figures = measure(rows, complete=rows == every)
    results = report.results(rows, figures)
    print(report.table(results))
    if rows == every:
        report.write(place, results, figures)
        print(f"\n{report.tally(results)} Written: {', '.join(report.WRITTEN)}")
    else:
        print(f"\n{report.tally(results)} Some rows only: nothing is written.")
    missing = [result.row.name for result in results if result.measured is None]
    if missing:
        print(f"error: not measured: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def measure(rows: Iterable[Row], complete: bool) -> Figures:
    """Take every measurement that the rows are made of; all groups of calls where the rows are complete."""
    needed = {tuple(figure.split(".")[:2]) for row in rows for figure in row.figures}
    groups = measures.call_groups() if complete else [subject for kind, subject in needed if kind == "call"]
    figures: Figures = {}
    for kind, take in measures.KINDS.items():
        for subject in sorted(subject for each, subject in needed if each == kind):
            figures |= attempt(f"{kind} {subject}", functools.partial(take, subject))
    if groups:
        figures |= attempt(f"{len(groups)} groups of calls", functools.partial(measures.calls, groups))
    return figures


def attempt(name: str, take: Callable[[], Figures]) -> Figures:
    """Take a measurement. One that fails leaves its rows missing, and says so; the others go on."""
    begun = time.perf_counter()
    try:
        found = take()
    except (MeasurementError, OSError, ValueError, KeyError) as error:
        print(f"error: {name}: {error}", file=sys.stderr)
        return {}
    print(f"measured {name} in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main(os.environ.get("ROWS", "") or " ".join(sys.argv[1:])))
