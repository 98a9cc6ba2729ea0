"""Measure the sidecar beside Cerbos: `python -m benchmarks.sidecar [ROWS]`, which `make bench-sidecar` calls.

The exit status is 0 when every row was measured, reached or not, and 1 when one is missing.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import machine, report, targets
from benchmarks.__main__ import BUSY, attempt
from benchmarks.measures import Figures
from benchmarks.sidecar import clients, h2load, rounds, worlds
from benchmarks.sidecar import report as writing
from benchmarks.targets import Row

FILE = Path(__file__).with_name("targets.toml")
BINARY = "PDP_CERBOS"
"""The variable that says where the program of Cerbos is."""


def main(wanted: str) -> int:
    """Measure the rows whose name contains one of the words of `wanted`, or all, and report."""
    every = targets.read(FILE)
    rows = [row for row in every if any(word in row.name for word in wanted.split())] if wanted.strip() else every
    if not rows:
        print(f"no row is called `{wanted}`; there are: {', '.join(row.name for row in every)}", file=sys.stderr)
        return 1
    binary = Path(os.environ.get(BINARY) or "")
    problem = _missing(binary)
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    place = machine.describe(wanted, "make bench-sidecar", _versions(binary))
    if place.load > BUSY:
        print(f"warning: the machine is busy (load {place.load}): these figures do not count", file=sys.stderr)
    figures = measure(rows, binary, complete=rows == every)
    results = report.results(rows, figures)
    for protocol in writing.COLUMNS:
        print(*writing.tables(protocol, figures), "", sep="\n")
    print(report.table(results))
    if rows == every:
        writing.write(place, results, figures)
        print(f"\n{report.tally(results)} Written: {', '.join(writing.WRITTEN)}")
    else:
        print(f"\n{report.tally(results)} Some rows only: nothing is written.")
    missing = [result.row.name for result in results if result.measured is None]
    if missing:
        print(f"error: not measured: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def _missing(binary: Path) -> str:
    if not h2load.is_there():
        return "h2load is not on PATH: it is in the package `nghttp2-client` of Debian, and others"
    if not binary.is_file():
        return f"{BINARY} names no program of Cerbos: `make bench-sidecar` installs it where there is npm"
    return ""


def _versions(binary: Path) -> dict[str, str]:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[0]
    names = ("grpcio", "uvicorn", "uvloop")
    return {"Cerbos": said, "h2load": h2load.version()} | {name: importlib.metadata.version(name) for name in names}


def measure(rows: Iterable[Row], binary: Path, complete: bool) -> Figures:
    """Take every measurement that the rows are made of; in all ways to ask where the rows are complete."""
    needed = {tuple(figure.split(".")[:2]) for row in rows for figure in row.figures}
    subjects = {subject for kind, subject in needed if kind in ("p50", "p99", "rate")}
    figures: Figures = {}
    for name in worlds.NAMES:
        if complete or any(f"_{name}_" in subject for subject in subjects):
            figures |= attempt(f"servers of {name}", functools.partial(_world, name, binary, subjects, complete))
    for kind, take in clients.KINDS.items():
        for subject in sorted(subject for each, subject in needed if each == kind):
            figures |= attempt(f"{kind} {subject}", functools.partial(take, subject))
    return figures


def _world(name: str, binary: Path, subjects: set[str], complete: bool) -> Figures:
    world, figures = worlds.build(name), Figures()
    with tempfile.TemporaryDirectory(prefix="bench") as folder, ExitStack() as started:
        arena = rounds.Arena(world, binary, Path(folder), started)
        for shape in rounds.SHAPES.values():
            groups = {
                protocol: group
                for protocol, group in arena.contenders(shape).items()
                if group and (complete or f"{protocol}_{name}_{shape.name}" in subjects)
            }
            for protocol, group in groups.items():
                subject = f"{protocol} {name} {shape.name}"
                figures |= attempt(subject, functools.partial(rounds.measure, world, protocol, group, shape))
    return figures


if __name__ == "__main__":
    sys.exit(main(os.environ.get("ROWS", "") or " ".join(sys.argv[1:])))
