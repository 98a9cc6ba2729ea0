"""Runs the units of a suite, in this process or in several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from pdp.errors import DiagnosticError, PdpError
from pdp.testing.coverage import Coverage, Seen
from pdp.testing.runner import Result, Runner
from pdp.testing.suites import Suite, Unit, collect

_CHUNK: Final = 500
"""How many cases a process is given at a time, at least."""


class ChangedError(PdpError):
    """The folder changed while several processes read it: what one of them found says nothing of what another has."""


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


def run_unit(runner: Runner, unit: Unit, coverage: Coverage | None = None) -> UnitResult:
    """Run the cases of a unit; `coverage` takes note of each."""
    start = perf_counter()
    failures = []
    for case in unit.cases:
        result = runner.answer(case)
        if not result.passed:
            failures.append(result)
        if coverage is not None:
            _, facts = runner.world(case)
            coverage.add(result, facts)
    return UnitResult(unit=unit, failures=tuple(failures), seconds=perf_counter() - start)


def run_units(
    suite: Suite, units: Sequence[Unit], jobs: int = 1, coverage: Coverage | None = None
) -> Iterator[UnitResult]:
    """Run units in their order, by so many processes; `coverage` takes note of each case."""
    runner = suite.runner()
    if jobs <= 1 or len(units) <= 1:
        yield from (run_unit(runner, unit, coverage) for unit in units)
        return
    # What takes long to import is needed here alone.
    from concurrent.futures import ProcessPoolExecutor

    chunks = _chunks(units)
    given = suite.path, suite.digest, coverage is not None
    with ProcessPoolExecutor(max_workers=min(jobs, len(chunks)), initializer=_begin, initargs=given) as pool:
        named = [[unit.id for unit in chunk] for chunk in chunks]
        for chunk, (found, seen) in zip(chunks, pool.map(_run_chunk, named), strict=True):
            if coverage is not None and seen is not None:
                coverage.merge(seen)
            for unit, (passed, seconds) in zip(chunk, found, strict=True):
                # Judgements stay where they were made. What failed is run once more here, to be shown.
                failures = () if passed else run_unit(runner, unit).failures
                yield UnitResult(unit=unit, failures=failures, seconds=seconds)


def coverage_of(suite: Suite) -> Coverage:
    """Return what takes note of the cases of a suite."""
    return Coverage(suite.policy, grants=any(test.beside for test in suite.tests))


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

    def __init__(self, path: str, digest: str, covers: bool) -> None:
        self.suite = collect(path)
        self.covers = covers
        self.same = self.suite.digest == digest
        self.runner = self.suite.runner()
        self.units = {unit.id: unit for unit in self.suite.units()}


_WORKER: list[_Worker] = []


def _begin(path: str, digest: str, covers: bool) -> None:
    try:
        _WORKER[:] = [_Worker(path, digest, covers)]
    except DiagnosticError:
        # It was sound a moment ago.
        _WORKER.clear()


def _run_chunk(ids: Sequence[str]) -> tuple[list[tuple[bool, float]], Seen | None]:
    if not _WORKER or not _WORKER[0].same:
        raise ChangedError
    worker = _WORKER[0]
    coverage = coverage_of(worker.suite) if worker.covers else None
    results = [run_unit(worker.runner, worker.units[each], coverage) for each in ids]
    found = [(result.passed, result.seconds) for result in results]
    return found, None if coverage is None else coverage.seen
