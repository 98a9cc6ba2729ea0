"""The results of a suite in lines for a terminal, and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from pdp.cli.terminal import Terminal, plain
from pdp.testing.failure import Failures, failure_lines
from pdp.testing.runner import Runner
from pdp.testing.running import UnitResult
from pdp.testing.suites import Unspecified

_SHOWN: Final = 20
"""How many failures, and how many requests of which nothing is said, are shown one by one."""


def result_lines(
    results: Sequence[UnitResult],
    unspecified: Sequence[Unspecified],
    runner: Runner,
    terminal: Terminal,
    *,
    seconds: float,
    verbose: bool = False,
) -> Iterator[str]:
    """Yield what became of each file, then each failure, then how many of what there were, and how long it took."""
    for file, found in groupby(results, lambda result: result.unit.file):
        yield from _file(file, list(found), terminal, verbose=verbose)
    failures = [failure for result in results for failure in result.failures]
    for failure in failures[:_SHOWN]:
        yield ""
        yield from failure_lines(failure, runner, terminal)
    if len(failures) > _SHOWN:
        yield ""
        yield f"… and {len(failures) - _SHOWN} more that came out otherwise"
    yield from _silent(unspecified, terminal)
    yield ""
    yield f"{_summary(results, unspecified, terminal)} in {seconds:.2f} s"


def _file(file: str, results: list[UnitResult], terminal: Terminal, *, verbose: bool) -> Iterator[str]:
    passed = sum(result.passed for result in results)
    good = passed == len(results)
    count = f"{passed} passed" if good else f"{len(results) - passed} failed, {passed} passed"
    yield f"{terminal.mark(good)} {terminal.paint(plain(file), 'strong')}  {count}"
    for result in results:
        if verbose or not result.passed:
            cases = len(result.unit.cases)
            failed = "" if result.passed else f" ({len(result.failures)} of {cases} came out otherwise)"
            yield f"  {terminal.mark(result.passed)} {plain(result.unit.name)}{failed}"


def _silent(unspecified: Sequence[Unspecified], terminal: Terminal) -> Iterator[str]:
    if not unspecified:
        return
    yield ""
    word = terminal.paint("unspecified", "unknown")
    yield f"{word}: nothing is said of these; write them down, or what holds for the `rest`"
    for each in unspecified[:_SHOWN]:
        yield f"  {plain(str(each.span))}: {plain(each.test)}: {plain(str(each))}"
    if len(unspecified) > _SHOWN:
        yield f"  … and {len(unspecified) - _SHOWN} more"


def _summary(results: Sequence[UnitResult], unspecified: Sequence[Unspecified], terminal: Terminal) -> str:
    failed = sum(not result.passed for result in results)
    cases = sum(len(result.unit.cases) for result in results)
    parts = [_count(len(results), "test"), _count(cases, "request")]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{len(unspecified)} unspecified"] if unspecified else []
    good = not failed and not unspecified
    word = terminal.paint("ok" if good else "not ok", "allow" if good else "deny")
    return f"{word}: {', '.join(parts)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def results_json(results: Iterable[UnitResult], unspecified: Iterable[Unspecified], runner: Runner) -> dict[str, Any]:
    """Return results as plain data."""
    failures = Failures(runner)
    tests = [
        {
            "file": result.unit.file,
            "name": result.unit.name,
            "passed": result.passed,
            "requests": len(result.unit.cases),
            "seconds": round(result.seconds, 6),
            "failures": [failures.to_json(failure) for failure in result.failures],
        }
        for result in results
    ]
    silent = [
        {
            "place": str(each.span),
            "test": each.test,
            "principal": str(each.principal),
            "action": each.action,
            "resource": str(each.resource),
            "outcome": None if each.outcome is None else str(each.outcome),
        }
        for each in unspecified
    ]
    return {
        # Where nothing was tested, nothing is shown to be right.
        "ok": bool(tests) and all(test["passed"] for test in tests) and not silent,
        "tests": tests,
        "unspecified": silent,
        "summary": {
            "tests": len(tests),
            "requests": sum(test["requests"] for test in tests),
            "failed": sum(not test["passed"] for test in tests),
            "unspecified": len(silent),
        },
    }
