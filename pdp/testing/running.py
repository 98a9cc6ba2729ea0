"""Runs the units of a suite, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from pdp.testing.runner import Result, Runner
from pdp.testing.suites import Suite, Unit, collect

_CHUNK: Final = 500
"""How many cases a process is given at a time, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResult:
    """What became of a unit: the cases that did not come out as expected, and how many seconds it took."""

    unit: Unit
    failures: tuple[Result, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether each of its cases came out as expected."""
        return not self.failures


def run_unit(runner: Runner, unit: Unit, seen: Callable[[Result], object] | None = None) -> UnitResult:
    """Run the cases of a unit; `seen` is told of every result."""
    start = perf_counter()
    failures = []
    for case in unit.cases:
        result = runner.answer(case)
        if not result.passed:
            failures.append(result)
        if seen is not None:
            seen(result)
    return UnitResult(unit=unit, failures=tuple(failures), seconds=perf_counter() - start)


def run_units(suite: Suite, units: Sequence[Unit], jobs: int = 1) -> Iterator[UnitResult]:
    """Run units in their order, by so many processes."""
    runner = suite.runner()
    if jobs <= 1 or len(units) <= 1:
        yield from (run_unit(runner, unit) for unit in units)
        return
    # What takes long to import is needed here alone.
    from concurrent.futures import ProcessPoolExecutor

    chunks = _chunks(units)
    with ProcessPoolExecutor(max_workers=min(jobs, len(chunks)), initializer=_begin, initargs=(suite.path,)) as pool:
        for chunk, found in zip(
            chunks, pool.map(_run_chunk, [[unit.id for unit in chunk] for chunk in chunks]), strict=True
        ):
            for unit, (passed, seconds) in zip(chunk, found, strict=True):
                # Judgements stay where they were made. What failed is run once more here, to be shown.
                failures = () if passed else run_unit(runner, unit).failures
                yield UnitResult(unit=unit, failures=failures, seconds=seconds)


def _chunks(units: Sequence[Unit]) -> list[list[Unit]]:
    chunks: list[list[Unit]] = [[]]
    size = 0
    for unit in units:
        if size >= _CHUNK:
            chunks.append([])
            size = 0
        chunks[-1].append(unit)
        size += len(unit.cases)
    return chunks


class _Worker:
    """What a process of the pool holds: the suite, read by itself."""

    def __init__(self, path: str) -> None:
        suite = collect(path)
        self.runner = suite.runner()
        self.units = {unit.id: unit for unit in suite.units()}


_WORKER: list[_Worker] = []


def _begin(path: str) -> None:
    _WORKER[:] = [_Worker(path)]


def _run_chunk(ids: Sequence[str]) -> list[tuple[bool, float]]:
    worker = _WORKER[0]
    found = []
    for each in ids:
        unit = worker.units.get(each)
        # The folder may have changed meanwhile: what is not there any more has not passed.
        result = None if unit is None else run_unit(worker.runner, unit)
        found.append((result is not None and result.passed, 0.0 if result is None else result.seconds))
    return found
