"""`pdp test`: what the tests of a policy folder say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdp.cli.commands import Command, Options, Refusal, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdp.testing.coverage import Report
    from pdp.testing.running import UnitResult
    from pdp.testing.suites import Suite, Unit

_HELP = """Run the tests of a policy folder: the `test` blocks of its policies, and the tables beside them.

\b
PATH  the policy folder, or one `.pdp` file; by default the current folder

A failure shows the place, the difference, and the trace of the answer. A request of a table of which nothing is said
is reported, and the run is not ok. Coverage is of each rule, scope and condition, in both outcomes.

\b
Exit status:
  0  everything came out as expected
  1  something did not, or nothing is said of a request, or there is no test
  3  the path cannot be used, or no test is picked out
  4  the folder does not load, or something went wrong
  5  less is covered than --min-coverage asks for"""

_EXAMPLES = """
pdp test policies
pdp test policies --only production --verbose
pdp test policies --coverage --min-coverage 100
pdp test policies --junit report.xml --cobertura coverage.xml
pdp test policies --watch
"""

_PERCENT = click.FloatRange(0, 100)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Run the tests of a policy folder.", help=_HELP)
@click.argument("path", type=click.Path(), default=".")
@click.option("-k", "--only", metavar="TEXT", multiple=True, help="Tests whose file or name holds TEXT.")
@click.option("--file", "files", metavar="PATTERN", multiple=True, help="Tests in such files, as in 'guards*.pdp'.")
@click.option("-v", "--verbose", is_flag=True, help="Show each test, and of coverage every line.")
@click.option("-j", "--jobs", type=click.IntRange(0, 256), default=1, help="Run in so many processes; 0 for each core.")
@click.option("--junit", metavar="FILE", type=click.Path(), help="Write JUnit XML as well.")
@click.option("--coverage", is_flag=True, help="Show what the tests do not reach.")
@click.option("--min-coverage", metavar="N", type=_PERCENT, help="End with 5 where less than N percent is covered.")
@click.option("--lcov", metavar="FILE", type=click.Path(), help="Write coverage as LCOV.")
@click.option("--cobertura", metavar="FILE", type=click.Path(), help="Write coverage as Cobertura XML.")
@click.option("--html", metavar="FILE", type=click.Path(), help="Write coverage as a page.")
@click.option("--watch", is_flag=True, help="Run again whenever a file of the folder changes.")
@click.pass_obj
def command(options: Options, /, path: str, watch: bool, **given: Any) -> int:
    """Run tests, and say what became of them."""
    if not watch:
        return _run(options, path, given)
    if options.json:
        raise Refusal("invalid_usage", "`--watch` shows results one after the other: it goes without `--json`")
    from pdp.cli.watching import watch_folder

    return watch_folder(path, lambda: _run(options, path, given), options)


def _run(options: Options, path: str, given: dict[str, Any]) -> Status:
    from time import perf_counter

    from pdp.testing.running import coverage_of, run_units
    from pdp.testing.suites import collect

    begun = perf_counter()
    suite = collect(path)
    units = _picked(suite, given)
    coverage = coverage_of(suite) if any(given[name] not in (None, False) for name in _COVERING) else None
    results = list(run_units(suite, units, given["jobs"] or _cores(), coverage))
    whole = not given["only"] and not given["files"]
    report = None if coverage is None else coverage.report()
    _say(options, suite, results, report, given, perf_counter() - begun, whole=whole)
    if not results or not all(result.passed for result in results) or (whole and suite.unspecified):
        return Status.ERRORS
    least = given["min_coverage"]
    return Status.OK if report is None or least is None or report.meets(least) else Status.UNCOVERED


_COVERING = ("coverage", "min_coverage", "lcov", "cobertura", "html")


def _picked(suite: Suite, given: dict[str, Any]) -> Sequence[Unit]:
    units = suite.only(given["only"], given["files"])
    if not units and suite.tests:
        help_ = "`pdp test --verbose` shows the names of all tests"
        raise Refusal("no_test", "no test has such a name, in such a file", help=help_)
    return units


def _say(
    options: Options,
    suite: Suite,
    results: list[UnitResult],
    report: Report | None,
    given: dict[str, Any],
    seconds: float,
    *,
    whole: bool,
) -> None:
    from pdp.cli.coverage import say_coverage, write_coverage, write_file
    from pdp.cli.terminal import emit, say
    from pdp.testing.failure import Failures
    from pdp.testing.junit import junit
    from pdp.testing.report import result_lines, results_json

    runner, unspecified = suite.runner(), suite.unspecified if whole else ()
    if given["junit"] is not None:
        write_file(given["junit"], junit(results, unspecified, Failures(runner).text))
    if report is not None:
        write_coverage(report, suite.path, given)
    if options.json:
        from pdp.testing.coverage.document import to_json

        found = results_json(results, unspecified, runner)
        emit(found if report is None else {**found, "coverage": to_json(report)})
        return
    if not results:
        say("not ok: there is no test; `pdp test --help` says what is one")
        return
    terminal, verbose = options.terminal(), given["verbose"]
    for line in result_lines(results, unspecified, runner, terminal, seconds=seconds, verbose=verbose):
        say(line)
    if report is not None:
        say_coverage(report, given, terminal)


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
