"""The examples: they check without a word, and their tests are models: complete, and none of them is spare."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from pdp import terms
from pdp.folder import load
from pdp.interpreter import Judgement
from pdp.syntax.messages import render_all
from pdp.testing.coverage import Coverage
from pdp.testing.mutation.bench import Bench
from pdp.testing.mutation.mutants import mutants
from pdp.testing.mutation.survey import survey
from pdp.testing.running import coverage_of
from pdp.testing.suites import Suite, collect

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
FOLDERS = sorted({path.parent for ending in ("pdp", "cedar") for path in EXAMPLES.rglob(f"*.{ending}")})
GALLERY = EXAMPLES / "gallery"
START = ROOT / "pdp" / "cli" / "start"
"""What `pdp init` writes is an example, too."""

each_folder = pytest.mark.parametrize(
    "folder", [*FOLDERS, START], ids=lambda folder: folder.relative_to(ROOT).as_posix().removeprefix("examples/")
)


@cache
def suite_of(folder: Path) -> Suite:
    return collect(str(folder))


def judgements(suite: Suite) -> Iterator[tuple[terms.Expectation, Judgement]]:
    return ((result.case.expectation, result.judgement) for result in suite.runner().run(suite.tests))


def name_of(rule: terms.Rule) -> str:
    """Return what a test calls a rule: a grant goes by its role."""
    return rule.role or rule.id


def test_the_examples_are_found():
    found = {folder.relative_to(EXAMPLES).as_posix() for folder in FOLDERS}

    assert {"delivery", "enforcement", "github", "photos-cedar", "reverify/policies", "todo"} <= found
    assert sum(name.startswith("gallery/") for name in found) == 16


@each_folder
def test_an_example_checks_without_a_diagnostic(folder):
    loaded = load(folder)

    # Of Cedar's policies, pdp says more than Cedar does: its page tells what.
    diagnostics = [each for each in loaded.diagnostics if each.code != "forbid_can_be_skipped"]

    assert not diagnostics, render_all(diagnostics)
    assert loaded.store is not None


# ------------------------------------------------------------------------------------------- their tests, as models


@each_folder
def test_every_expectation_of_an_example_comes_true(folder):
    suite = suite_of(folder)

    failures = [str(result) for result in suite.runner().run(suite.tests) if not result.passed]

    assert suite.tests
    assert suite.unspecified == ()
    assert failures == []


@each_folder
def test_every_expectation_of_an_example_says_what_decides(folder):
    suite = suite_of(folder)

    silent = [str(expectation.span) for expectation, _ in judgements(suite) if expectation.rules is None]

    assert silent == []


@each_folder
def test_every_rule_of_an_example_is_seen_deciding_and_not_deciding(folder):
    suite = suite_of(folder)
    rules = {name_of(rule): rule for rule in suite.policy.rules}

    decides, passes = set(), set()
    for expectation, judgement in judgements(suite):
        determining = {name_of(finding.rule) for finding in judgement.determining}
        decides |= determining & rules.keys()
        passes |= {name for name, rule in rules.items() if expectation.action in rule.actions} - determining

    assert decides == rules.keys()
    assert passes == rules.keys()


@each_folder
def test_the_tests_of_an_example_reach_every_clause_both_ways(folder):
    suite = suite_of(folder)

    report = covered_by(suite, suite.tests).report()

    assert [f"{mark.point.span}: {mark.remark}" for mark in report.missing] == []


@each_folder
def test_the_tests_of_an_example_notice_whatever_is_changed_in_it(folder):
    found = survey(suite_of(folder))

    assert found.mutants
    assert [str(survivor.mutant) for survivor in found.survivors] == []


@each_folder
def test_no_test_of_an_example_can_be_taken_away(folder):
    suite = suite_of(folder)
    needed = {id(test) for test in alone_in_noticing(suite)}

    spare = [
        test.name
        for test in suite.tests
        if id(test) not in needed
        and not covered_by(suite, [other for other in suite.tests if other is not test]).report().missing
    ]

    assert spare == []


def covered_by(suite: Suite, tests: Iterable[terms.Test]) -> Coverage:
    coverage = coverage_of(suite)
    for _ in coverage.watch(suite.runner(), tests):
        pass
    return coverage


def alone_in_noticing(suite: Suite) -> Iterator[terms.Test]:
    """Yield the tests without which a mutant would live, a table as one."""
    bench = Bench(suite.runner(), suite.tests)
    for mutant in mutants(suite.policy):
        killers = {id(case.test): case.test for case in bench.killers(mutant)}
        if len(killers) == 1:
            yield from killers.values()


# --------------------------------------------------------------------------------------------------------- the gallery


@pytest.mark.parametrize("folder", sorted(GALLERY.glob("*/")), ids=lambda folder: folder.name)
def test_a_policy_of_the_gallery_starts_by_saying_what_it_shows(folder):
    text = (folder / "policy.pdp").read_text(encoding="utf-8")

    lines = text.partition("\nnamespace ")[0].splitlines()
    header = " ".join(line.removeprefix("# ") for line in lines)

    assert all(line.startswith("# ") for line in lines)
    assert header.endswith(".")
    assert len(header.split(". ")) == 2
    assert " shows " in header


def test_the_gallery_lists_every_policy_of_its_own():
    readme = (GALLERY / "README.md").read_text(encoding="utf-8")

    missing = [
        folder.name for folder in GALLERY.glob("*/") if f"[{folder.name}]({folder.name}/policy.pdp)" not in readme
    ]

    assert missing == []


# ------------------------------------------------------------------------------------------------------- the demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo from a folder of its own, with the `pdp` of this interpreter; return what it printed."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    path = f"{command_folder(elsewhere)}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("there is no `sh`")
    done = subprocess.run(
        [shell, str(EXAMPLES / "delivery" / "demo.sh")],
        cwd=elsewhere,
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command_folder(scratch: Path) -> Path:
    """Return the folder that holds the command `pdp`; make one where it is not installed."""
    beside = Path(sys.executable).parent
    if (beside / "pdp").exists():
        return beside
    command = scratch / "pdp"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m pdp "$@"\n', encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return scratch


def section(output: str, start: str) -> str:
    """Return what the demo printed under the title that starts so."""
    found = [each for each in output.split("\n== ") if each.removeprefix("== ").startswith(start)]
    assert len(found) == 1, output
    return found[0]


def test_the_demo_shows_an_allow(demo):
    shown = section(demo, "Allowed: an engineer ships to staging")

    assert "allow" in shown.lower()
    assert "staging_is_open" in shown
    assert "exit status 0" in shown


def test_the_demo_shows_a_deny_with_its_remedy(demo):
    shown = section(demo, "Denied, with what it would take")

    assert "deny" in shown.lower()
    assert "sign in again with a second factor" in shown
    assert '2 approvals of "c1" from Group "release-managers"' in shown
    assert "exit status 2" in shown


def test_the_demo_shows_a_forbid_that_fails_closed(demo):
    shown = section(demo, "Why a guard fails closed")

    assert "production_from_inside" in shown
    assert "context.ip" in shown
    assert "unknown" in shown
    assert "connect to the company network" in shown
    assert "exit status 2" in shown


# --------------------------------------------------------------------------------------- the demo of re-verification


def demonstrate(folder: Path, elsewhere: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "demo.py")],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_access_is_asked_for_approved_worked_under_and_taken_back(tmp_path):
    done = demonstrate(EXAMPLES / "reverify", tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 8 steps came out as they have to." in done.stdout
    assert 'pdp.LeaseEnded: User "ada" may not deploy Service "pay": User "ada" is revoked' in done.stdout
    # It is read by no terminal here.
    assert "\x1b" not in done.stdout
    assert [*tmp_path.iterdir()] == []


def test_a_demo_that_comes_out_otherwise_fails(tmp_path):
    shutil.copytree(EXAMPLES / "reverify", tmp_path / "reverify")
    policy = tmp_path / "reverify" / "policies" / "policy.pdp"
    policy.write_text(policy.read_text(encoding="utf-8").replace("== production", "== staging"), encoding="utf-8")

    done = demonstrate(tmp_path / "reverify", tmp_path)

    assert done.returncode == 1
    assert done.stderr == "demo.py: what is missing has to be told\n"
