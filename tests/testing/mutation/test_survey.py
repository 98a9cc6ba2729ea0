"""What is reported of a folder: the same by one process and by several."""

import json

import pytest

from pdp.cli.terminal import Terminal
from pdp.testing.mutation import report
from pdp.testing.mutation.survey import survey
from pdp.testing.suites import collect
from tests.testing.mutation.conftest import GIVEN, WORLD

RULES = """
rule grown: permit User to deploy on Service when principal.level > 2
"""
ASKED = '  at 2026-11-23T09:00:00Z\n  expect allow User "ada" to deploy on Service "api" by grown\n'


@pytest.fixture
def folder(tmp_path):
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "rules.pdp").write_text(WORLD + RULES)
    (policies / "shop.pdp").write_text(GIVEN + ASKED)
    return str(policies)


def test_a_survey_shows_each_mutant_that_lives_with_the_test_to_add(folder):
    found = survey(collect(folder))

    lines = "\n".join(report.text_lines(found, Terminal(unicode=True), everything=True))

    assert "error[mutant_survived]: grown: no test notices where `>` becomes `>=`" in lines
    assert " --> rules.pdp:" in lines
    assert '  add to rules.pdp:\n\n    test "grown: notices where > becomes >=":\n' in lines
    assert lines.endswith(f"{found.killed} noticed, {len(found.survivors)} not")


def test_a_survey_is_the_same_by_several_processes(folder):
    suite = collect(folder)

    one, several = (report.to_json(survey(suite, jobs)) for jobs in (1, 2))

    assert one == several
    assert json.loads(json.dumps(one)) == one
    assert one["summary"]["mutants"] == one["summary"]["noticed"] + len(one["survivors"])


def test_once_all_tests_to_add_are_there_nothing_survives(folder, tmp_path):
    found = survey(collect(folder))
    texts = [survivor.added.text for survivor in found.survivors]
    (tmp_path / "policies" / "added.pdp").write_text("\n".join(texts))

    again = survey(collect(folder))

    assert found.survivors
    assert again.survivors == ()
    assert report.to_json(again)["ok"]
    assert list(report.text_lines(again, Terminal()))[-1] == f"ok: {len(again.mutants)} mutants, {again.killed} noticed"


def test_a_long_list_is_cut(folder):
    found = survey(collect(folder))
    most, report.SHOWN = report.SHOWN, 1
    try:
        lines = list(report.text_lines(found, Terminal()))
    finally:
        report.SHOWN = most

    assert f"… and {len(found.survivors) - 1} more that no test notices; `--verbose` shows them" in lines


def test_no_two_tests_to_add_have_one_name_and_none_that_of_a_test_that_is_there(folder, tmp_path):
    taken = "grown: notices where > becomes >="
    twice = "rule again: permit User to deploy on Service when principal.level > 3 and resource.tier > 3\n"
    (tmp_path / "policies" / "rules.pdp").write_text(WORLD + RULES + twice)
    (tmp_path / "policies" / "shop.pdp").write_text(GIVEN.replace('"asked"', f'"{taken}"') + ASKED)

    names = [each.added.text.split('"')[1] for each in survey(collect(folder)).survivors if each.added]

    assert f"{taken} (2)" in names
    assert "again: notices where > becomes >= (2)" in names
    assert len(names) == len({taken, *names}) - 1
