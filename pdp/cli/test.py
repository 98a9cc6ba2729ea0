"""`pdp test`: what the tests of a policy folder say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from pdp.cli.commands import Command, Options, Refusal, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdp.cli.terminal import Terminal
    from pdp.testing.coverage import Report
    from pdp.testing.mutation.survey import Survey
    from pdp.testing.running import UnitResult
    from pdp.testing.suites import Suite, Unit, Unspecified

_HELP = """Run the tests of a policy folder: the `test` blocks of its policies, and the tables beside them.

\b
PATH  the policy folder, or one `.pdp` file; by default the current folder

A failure shows the place, the difference, and the trace of the answer. A request of a table of which nothing is said
is reported, and the run is not ok. Coverage is of each rule, scope and condition, in both outcomes. A mutant is the
policy with one small change; each that no test notices is shown with the test to add.

\b
Exit status:
  0  everything came out as expected
  1  something did not, or nothing is said of a request, or there is no test
  3  the path cannot be used, or no test is picked out
  4  the folder does not load, or something went wrong
  5  less is covered than --min-coverage asks for
  6  with --mutate: a mutant lives, since no test notices it

With --write-cases no test is run: what is answered today at the edges of conditions is written down, to be read."""

_EXAMPLES = """
pdp test policies
pdp test policies --only production --verbose
pdp test policies --coverage --min-coverage 100
pdp test policies --junit report.xml --cobertura coverage.xml
pdp test policies --mutate --jobs 0
pdp test policies --watch
"""


class _Percent(click.FloatRange):
    """A number from 0 to 100. What is no number is not in that range, although nothing is above or below it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if found != found:
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


_PERCENT = _Percent(0, 100)


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
@click.option("--mutate", is_flag=True, help="Find out which changes of the policy no test notices.")
@click.option(
    "--write-cases", metavar="FILE", type=click.Path(), help="Write tests at the edges of conditions, to read."
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What a run found out. What was not asked for is None."""

    suite: Suite
    results: list[UnitResult]
    unspecified: Sequence[Unspecified]
    seconds: float
    report: Report | None
    survey: Survey | None = None

    @property
    def passed(self) -> bool:
        return bool(self.results) and all(each.passed for each in self.results) and not self.unspecified

    def status(self, least: float | None) -> Status:
        if not self.passed:
            return Status.ERRORS
        if least is not None and self.report is not None and not self.report.meets(least):
            return Status.UNCOVERED
        return Status.OK if self.survey is None or not self.survey.survivors else Status.SURVIVED


def _run(options: Options, path: str, given: dict[str, Any]) -> Status:
    from pdp.testing.suites import collect

    begun = perf_counter()
    picked = given["only"] or given["files"]
    if picked and given["mutate"]:
        message = "mutants are held against all tests: `--mutate` goes without `--only` and `--file`"
        raise Refusal("invalid_usage", message)
    suite = collect(path)
    if given["write_cases"] is not None:
        from pdp.cli.edges import write_cases

        return write_cases(suite, given["write_cases"], options)
    outcome = _outcome(suite, given, begun)
    if options.json:
        _emit(outcome)
    else:
        _say(outcome, given, options.terminal())
    # What cannot be written is told below what was found out.
    _write(outcome, given)
    return outcome.status(given["min_coverage"])


def _outcome(suite: Suite, given: dict[str, Any], begun: float) -> _Outcome:
    from pdp.testing.running import ChangedError, coverage_of, run_units

    jobs = given["jobs"] or _cores()
    coverage = coverage_of(suite) if any(given[name] not in (None, False) for name in _COVERING) else None
    try:
        results = list(run_units(suite, _picked(suite, given), jobs, coverage))
    except ChangedError:
        message = "the policy folder changed while its tests were run"
        raise Refusal("folder_changed", message, help="run them again", status=Status.FAILED) from None
    outcome = _Outcome(
        suite=suite,
        results=results,
        unspecified=suite.silent(given["only"], given["files"]),
        seconds=perf_counter() - begun,
        report=None if coverage is None else coverage.report(),
    )
    if not given["mutate"] or not outcome.passed:
        return outcome
    from pdp.testing.mutation.survey import survey

    return replace(outcome, survey=survey(suite, jobs))


_COVERING = ("coverage", "min_coverage", "lcov", "cobertura", "html")


def _picked(suite: Suite, given: dict[str, Any]) -> Sequence[Unit]:
    units = suite.only(given["only"], given["files"])
    if not units and suite.tests and not suite.silent(given["only"], given["files"]):
        help_ = "`pdp test --verbose` shows the names of all tests"
        raise Refusal("no_test", "no test has such a name, in such a file", help=help_)
    return units


def _write(outcome: _Outcome, given: dict[str, Any]) -> None:
    """Write the files that others read."""
    if given["junit"] is not None:
        from pdp.cli.coverage import write_file
        from pdp.testing.failure import Failures
        from pdp.testing.junit import junit

        tell = Failures(outcome.suite.runner()).text
        write_file(given["junit"], junit(outcome.results, outcome.unspecified, tell))
    if outcome.report is not None:
        from pdp.cli.coverage import write_coverage

        write_coverage(outcome.report, outcome.suite.path, given)


def _emit(outcome: _Outcome) -> None:
    from pdp.cli.terminal import emit
    from pdp.testing.coverage import document
    from pdp.testing.mutation import report as mutants
    from pdp.testing.report import results_json

    found = results_json(outcome.results, outcome.unspecified, outcome.suite.runner())
    if outcome.report is not None:
        found["coverage"] = document.to_json(outcome.report)
    if outcome.survey is not None:
        found["mutants"] = mutants.to_json(outcome.survey)
    emit(found)


def _say(outcome: _Outcome, given: dict[str, Any], terminal: Terminal) -> None:
    from pdp.cli.terminal import say
    from pdp.testing.report import result_lines

    if not outcome.results and not outcome.unspecified:
        say("not ok: there is no test; `pdp test --help` says what is one")
        return
    results, unspecified, runner = outcome.results, outcome.unspecified, outcome.suite.runner()
    seconds, verbose = outcome.seconds, given["verbose"]
    for line in result_lines(results, unspecified, runner, terminal, seconds=seconds, verbose=verbose):
        say(line)
    if outcome.report is not None:
        from pdp.cli.coverage import say_coverage

        say_coverage(outcome.report, given, terminal)
    if outcome.survey is not None:
        from pdp.testing.mutation.report import text_lines

        say("")
        for line in text_lines(outcome.survey, terminal, everything=verbose):
            say(line)
    elif given["mutate"] and not outcome.passed:
        say("no mutant was looked at: first, everything has to come out as expected")


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
