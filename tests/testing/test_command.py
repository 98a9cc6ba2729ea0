"""`pdp test`: what it says, what it exits with, and what it writes."""

import json
import re
from xml.etree import ElementTree

import pytest

from pdp.testing import suites
from pdp.testing.suites import Unit, numbered
from tests.testing.conftest import FAILING, PASSING, WORLD

EXPECTED = """\
✗ editing.pdp  1 failed, 0 passed
  ✗ ada edits (1 of 2 came out otherwise)
✓ world.pdp  1 passed

error[test_failed]: expected allow, found deny (forbidden) by inside
  and expected by editors, found by inside
"""


@pytest.fixture
def passing(folder):
    (folder / "editing.pdp").unlink()
    return folder


def test_a_folder_whose_tests_pass_is_ok(run, passing):
    done = run("test", passing)

    assert done.exit_code == 0
    assert done.stdout.startswith("✓ world.pdp  1 passed\n\nok: 1 test, 2 requests in 0.")


def test_a_failure_shows_the_place_the_difference_and_the_trace(run, folder):
    done = run("test", folder)

    assert done.exit_code == 1
    assert done.stdout.startswith(EXPECTED)
    assert " --> editing.pdp:5:3\n" in done.stdout
    assert "  DENIES: forbid inside  world.pdp:" in done.stdout
    assert "context.ip = 192.0.2.1" in done.stdout
    assert "not ok: 2 tests, 4 requests, 1 failed in 0." in done.stdout.splitlines()[-1]


def test_verbose_names_each_test(run, passing):
    done = run("test", passing, "--verbose")

    assert "  ✓ everybody reads what is public\n" in done.stdout


@pytest.mark.parametrize("picked", [["--only", "PUBLIC"], ["-k", "world.pdp::"], ["--file", "w*.pdp"]])
def test_tests_are_picked_out_by_name_and_by_file(run, folder, picked):
    done = run("test", folder, *picked)

    assert done.exit_code == 0
    assert "editing.pdp" not in done.stdout


def test_to_pick_out_nothing_is_no_success(run, folder):
    done = run("test", folder, "--only", "pubic")

    assert done.exit_code == 3
    assert done.stderr == (
        "error: no test has such a name, in such a file\nhelp: `pdp test --verbose` shows the names of all tests\n"
    )


def test_a_folder_without_a_test_is_not_ok(run, folder):
    (folder / "world.pdp").write_text(WORLD)
    (folder / "editing.pdp").unlink()

    done = run("test", folder)

    assert done.exit_code == 1
    assert done.stdout == "not ok: there is no test; `pdp test --help` says what is one\n"


def test_a_folder_that_does_not_load_runs_no_test(run, folder):
    (folder / "world.pdp").write_text(WORLD.replace("public_pages:", "public_pages") + PASSING)

    done = run("test", folder)

    assert done.exit_code == 4
    assert done.stdout == ""
    assert "world.pdp:" in done.stderr


def test_json_has_every_test_and_the_trace_of_what_failed(run, folder):
    done = run("test", folder, "--json")

    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert found["ok"] is False
    assert found["summary"] == {"tests": 2, "requests": 4, "failed": 1, "unspecified": 0}
    failed, passed = found["tests"]
    assert (failed["file"], failed["name"], failed["passed"]) == ("editing.pdp", "ada edits", False)
    assert (passed["name"], passed["failures"]) == ("everybody reads what is public", [])
    (failure,) = failed["failures"]
    assert failure["place"] == "editing.pdp:5:3"
    assert failure["trace"]["decision"]["determining_rules"] == ["inside"]


def test_junit_has_a_suite_for_each_file_and_a_case_for_each_test(run, folder, tmp_path):
    report = tmp_path / "report.xml"

    done = run("test", folder, "--junit", report)

    assert done.exit_code == 1
    root = ElementTree.parse(report).getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    suites = {suite.get("name"): suite for suite in root}
    assert [*suites] == ["editing.pdp", "world.pdp"]
    (case,) = suites["editing.pdp"]
    assert (case.get("name"), case.get("line")) == ("ada edits", "2")
    (failure,) = case
    assert "expected allow, found deny" in failure.get("message")
    assert "DENIES: forbid inside" in failure.text
    assert len(suites["world.pdp"][0]) == 0


def test_junit_holds_a_name_with_anything_in_it(run, folder, tmp_path):
    report, name = tmp_path / "report.xml", "a\\u{0}]]>\\u{1b}[31m&<b>"
    (folder / "editing.pdp").write_text(FAILING.replace("ada edits", name))

    run("test", folder, "--junit", report)

    (case,) = ElementTree.parse(report).getroot()[0]
    assert "\x1b" not in case.get("name")
    assert "]]>" in case.get("name")


def test_a_report_that_cannot_be_written_is_told(run, passing, tmp_path):
    done = run("test", passing, "--junit", tmp_path / "none" / "report.xml")

    assert done.exit_code == 4
    assert "report.xml`: no such file or directory" in done.stderr


@pytest.mark.parametrize("jobs", [2, 3])
def test_several_processes_say_what_one_says(run, folder, jobs):
    def said(*options):
        told = run("test", folder, "-v", *options).stdout
        return re.sub(r" in [0-9.]+ s$", "", told, flags=re.MULTILINE).splitlines()

    assert said("--jobs", jobs) == said()


def test_watch_and_json_do_not_go_together(run, folder):
    done = run("test", folder, "--watch", "--json")

    assert done.exit_code == 3
    assert "goes without `--json`" in done.stdout


# --------------------------------------------------------------------------------------------------------- coverage


def test_coverage_shows_what_the_tests_do_not_reach(run, passing):
    done = run("test", passing, "--coverage")

    assert done.exit_code == 0
    assert "  rule editors\n" in done.stdout
    assert "never" in done.stdout
    assert "coverage:" in done.stdout.splitlines()[-2]


@pytest.mark.parametrize(("least", "status"), [("0", 0), ("20.5", 0), ("99", 5), ("100", 5)])
def test_too_little_coverage_has_a_status_of_its_own(run, passing, least, status):
    done = run("test", passing, "--min-coverage", least)

    assert done.exit_code == status
    assert ("% is covered, and" in done.stdout) == bool(status)


def test_a_failure_goes_before_too_little_coverage(run, folder):
    assert run("test", folder, "--min-coverage", "100").exit_code == 1


def test_coverage_is_written_with_paths_from_where_the_command_runs(run, passing, monkeypatch):
    monkeypatch.chdir(passing.parent)

    done = run("test", "policies", "--lcov", "c.lcov", "--cobertura", "c.xml", "--html", "c.html")

    assert done.exit_code == 0
    assert "SF:policies/world.pdp\n" in (passing.parent / "c.lcov").read_text()
    assert ElementTree.parse(passing.parent / "c.xml").findtext("sources/source") == "policies"
    assert "<title>Coverage of policies" in (passing.parent / "c.html").read_text()


def test_several_processes_cover_what_one_covers(run, folder):
    def covered(*options):
        return json.loads(run("test", folder, "--coverage", "--json", *options).stdout)["coverage"]

    assert covered("--jobs", 2) == covered()


# ---------------------------------------------------------------------------------------------------------- mutants


def test_a_mutant_that_no_test_notices_is_shown_with_the_test_to_add(run, passing):
    done = run("test", passing, "--mutate")

    assert done.exit_code == 6
    assert "error[mutant_survived]: editors: no test notices where" in done.stdout
    assert 'test "editors: notices where' in done.stdout
    assert " noticed, " in done.stdout.splitlines()[-1]


def test_mutants_are_not_looked_at_before_all_tests_pass(run, folder):
    done = run("test", folder, "--mutate")

    assert done.exit_code == 1
    assert done.stdout.endswith("no mutant was looked at: first, everything has to come out as expected\n")


def test_too_little_coverage_goes_before_mutants(run, passing):
    assert run("test", passing, "--mutate", "--min-coverage", "99").exit_code == 5


def test_mutants_are_held_against_all_tests(run, passing):
    done = run("test", passing, "--mutate", "--only", "public")

    assert done.exit_code == 3
    assert "`--mutate` goes without `--only` and `--file`" in done.stderr


def test_several_processes_find_the_mutants_that_one_finds(run, passing):
    def mutants(*options):
        return json.loads(run("test", passing, "--mutate", "--json", *options).stdout)["mutants"]

    found = mutants()

    assert found["summary"]["survived"] > 0
    assert mutants("--jobs", 2) == found


# ------------------------------------------------------------------------------------------------ cases at the edges


def test_cases_at_the_edges_are_written_and_pass(run, passing):
    done = run("test", passing, "--write-cases", passing / "edges.pdp")

    assert done.exit_code == 0
    assert done.stdout.endswith("  read them: they say what the policies do, and not what they should do\n")
    assert run("test", passing, "--verbose").exit_code == 0
    assert run("check", passing).exit_code == 0


def test_nothing_that_is_there_is_overwritten(run, passing):
    before = (passing / "world.pdp").read_text()

    done = run("test", passing, "--write-cases", passing / "world.pdp")

    assert (done.exit_code, (passing / "world.pdp").read_text()) == (3, before)
    assert "is there already\nhelp: name another file: nothing is overwritten" in done.stderr


def test_cases_are_written_where_policies_are_read(run, passing):
    done = run("test", passing, "--write-cases", passing / "edges.txt")

    assert done.exit_code == 3
    assert "its name ends in `.pdp`" in done.stderr


TABLE = """
tests:
  - name: reading
    entities: [{ type: User, id: ada }, { type: User, id: ben }, { type: Page, id: home, attributes: { public: true } }]
    principals: [User:ada, User:ben]
    resources: [Page:home]
    actions: [read]
    expect: { User:ada: allow }
"""


@pytest.mark.parametrize("picked", [["--file", "reading.test.yaml"], ["--only", "reading"], ["--only", '"ben"']])
def test_a_request_of_which_nothing_is_said_is_told_where_its_table_is_picked_out(run, passing, picked):
    (passing / "reading.test.yaml").write_text(TABLE)

    done = run("test", passing, *picked)

    assert done.exit_code == 1
    assert "1 unspecified" in done.stdout


def test_a_request_of_which_nothing_is_said_is_not_told_where_its_table_is_not_picked_out(run, passing):
    (passing / "reading.test.yaml").write_text(TABLE)

    done = run("test", passing, "--file", "world.pdp")

    assert done.exit_code == 0


def test_no_test_is_not_ok_as_json(run, passing):
    (passing / "world.pdp").write_text(WORLD)

    done = run("test", passing, "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["ok"] is False


@pytest.mark.parametrize("names", [["x #2", "x", "x"], ["x", "x", "x #2"], ["x", "x #2", "x", "x #3", "x"]])
def test_no_number_makes_the_name_of_another_test(names):
    units = [Unit(name=name, file="a.pdp", cases=()) for name in names]

    ids = [unit.id for unit in numbered(units)]

    assert len({*ids}) == len(names)
    assert all(f"a.pdp::{name}" in ids for name in names)


def test_several_processes_do_not_take_one_test_for_another_of_such_a_name(run, passing):
    given = 'given User "ada" Page "home" { public: false, note: "" }'
    asked = 'User "ada" to read on Page "home"'
    wrong = f'test "x #2": {given} expect allow {asked}\n'
    right = f'test "x": {given} expect deny {asked}\n'
    many = "".join(right.replace('"x"', f'"{number}"') for number in range(600))
    (passing / "names.pdp").write_text(wrong + right + right + many)

    done = run("test", passing, "--jobs", 2)

    assert done.exit_code == 1
    assert "1 failed" in done.stdout


@pytest.mark.parametrize(
    "name", ["a.tests.yaml", "a_test.yaml", "a_tests.yml", "a-test.csv", "a.test.json", "A.Test.yaml"]
)
def test_a_file_that_is_called_almost_like_one_of_tests_is_not_passed_over(run, passing, name):
    (passing / name).write_text(TABLE)

    done = run("test", passing)

    assert done.exit_code == 4
    assert "error[misnamed_policy]" in done.stderr
    assert "help: call it `" in done.stderr


def test_a_table_that_skips_everything_tests_nothing(run, passing):
    (passing / "reading.test.yaml").write_text(TABLE.replace("expect: { User:ada: allow }", "rest: skip"))

    done = run("test", passing)

    assert done.exit_code == 4
    assert "error[empty_table]: the table expects nothing" in done.stderr


@pytest.mark.parametrize("least", ["nan", "-1", "101", "inf"])
def test_the_coverage_that_is_asked_for_is_a_number_of_percent(run, passing, least):
    done = run("test", passing, "--min-coverage", least)

    assert done.exit_code == 3
    assert "internal error" not in done.stderr


def test_a_table_that_changes_while_several_processes_read_it_is_no_success(run, folder, monkeypatch):
    # The first look at the folder is that of the command, and the others are those of its processes.
    table = folder / "reading.test.yaml"
    expect = "{User:ada: {read: {Page:home: deny}}}"
    table.write_text(f"tests: [{{name: t, expect: {expect}, entities: [{{type: User, id: ada}}]}}]")
    (folder / "fixtures.yaml").write_text("entities: [{type: Page, id: home}]")
    look = suites.collect

    def changing(path):
        found = look(path)
        (folder / "fixtures.yaml").write_text("entities: [{type: Page, id: home, attributes: {public: true}}]")
        return found

    monkeypatch.setattr(suites, "collect", changing)

    done = run("test", folder, "--jobs", 2)

    assert done.exit_code == 4
    assert done.stderr == "error: the policy folder changed while its tests were run\nhelp: run them again\n"
