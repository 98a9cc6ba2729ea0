"""Cases at the edges of conditions: they load beside the policy, and expect what it answers today."""

import shutil
from pathlib import Path

import pytest

from pdp.folder import load
from pdp.source import Source
from pdp.syntax.printer import reformat
from pdp.testing.mutation.boundaries import NOTE, boundary_cases
from pdp.testing.runner import run
from pdp.testing.suites import collect

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
QUICK = ["01_github", "04_github_oidc", "05_secrets_guard", "06_break_glass", "09_duties", "10_residency", "15_agent"]

POLICY = """
type Group
type User in Group { level: Int, ends?: Datetime }
type Page
context { ip: Ip }
action read on Page by User

rule grown:
  permit User to read on Page
  when principal.level >= 3 and context.ip in 10.1.0.0/16
  until 2026-12-24

test "one reads":
  given User "ada" { level: 3 }
  expect allow User "ada" to read on Page "home" with { ip: 10.1.2.3 }
"""


def cases_of(folder: Path) -> str:
    (text,) = boundary_cases(collect(str(folder))).values()
    return text


@pytest.fixture
def folder(tmp_path):
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "wiki.pdp").write_text(POLICY)
    return policies


@pytest.mark.parametrize("name", QUICK)
def test_cases_load_beside_the_policy_and_come_true(name, tmp_path):
    folder = shutil.copytree(EXAMPLES / "gallery" / name, tmp_path / name)
    text = cases_of(folder)
    (folder / "edges.pdp").write_text(text)

    loaded = load(folder)
    policy, store = loaded.require()
    results = [result for result in run(policy, store=store) if "edges.pdp" in str(result.case.expectation.span)]

    assert loaded.diagnostics == ()
    assert results
    assert [str(result) for result in results if not result.passed] == []
    assert reformat(Source("edges.pdp", text))[0] == text


def test_each_edge_has_a_case_on_both_of_its_sides(folder):
    text = cases_of(folder)

    assert text.startswith(NOTE)
    # The edges of the range, and no address.
    for address in ("10.0.255.255", "10.1.0.0", "10.1.255.255", "10.2.0.0"):
        assert f"with {{ ip: {address} }}" in text
    assert 'to read on Page "home" by default errs grown' in text
    # Right before the end, and at it.
    assert "at 2026-12-23T23:59:59.999999Z" in text
    assert "at 2026-12-24\n" in text
    # One less, and nothing.
    assert "{ level: 2 }" in text
    assert "{ level: 3 }" in text
    assert 'to read on Page "home" with { ip: 10.1.2.3 } by default errs grown' in text


def test_what_the_suite_has_is_not_written_again(folder):
    before = cases_of(folder)
    (folder / "edges.pdp").write_text(before)

    after = boundary_cases(collect(str(folder))).get("", "")

    had, has = ({line for line in text.splitlines() if "expect" in line} for text in (before, after))
    assert not had & has


def test_cases_stand_in_the_namespace_of_their_rule_and_import_what_they_name(tmp_path):
    (tmp_path / "people.pdp").write_text("namespace people\ntype User { level: Int }\n")
    (tmp_path / "shop.pdp").write_text(
        "namespace shop\nimport people: User as Person\ntype Order\naction ship on Order by Person\n"
        "rule grown: permit Person to ship on Order when principal.level >= 3\n"
    )

    (namespace, text), *others = boundary_cases(collect(str(tmp_path))).items()
    (tmp_path / "edges.pdp").write_text(text)

    assert (namespace, others) == ("shop", [])
    assert "\nnamespace shop\n\nimport people: User as Person\n" in text
    assert reformat(Source("edges.pdp", text))[0] == text
    assert load(tmp_path).diagnostics == ()


def test_there_are_none_for_policies_of_cedar():
    assert boundary_cases(collect(str(EXAMPLES / "photos-cedar"))) == {}
