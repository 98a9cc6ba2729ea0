"""`pdp revoke`: what ends with 0 is on record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pdp.cli.commands import commands
from pdp.model import Mark, Revocation, RevocationKind
from pdp.revocation.log import RevocationLog
from pdp.values import Datetime

POLICY = """
namespace shop
type Team
type User in Team
type Page
action read on Page by User
rule reads: permit User to read on Page
"""
ENTITIES = '{"entities": [{"type": "User", "id": "ada"}, {"type": "User", "id": "ben"}]}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "policies"
    found.mkdir()
    (found / "policy.pdp").write_text(POLICY)
    (found / "entities.json").write_text(ENTITIES)
    return found


def pdp(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [*map(str, arguments)])


def test_what_is_revoked_beside_a_folder_is_denied_by_a_decision_that_reads_it(folder: Path) -> None:
    record = folder.parent / "policies.revocations.db"

    done = pdp("revoke", folder, "--principal", "User:ada", "--why", "left", "--not-before", "2026-11-23T09:00:00Z")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (f'revoked principal shop.User "ada", up to 2026-11-23T09:00:00Z\n  fact 1 of {record}\n')
    asked = ("decide", folder, "User:ada", "read", "Page:home", "--revocations", record)
    told = pdp(*asked)
    assert (told.exit_code, told.stdout) == (2, 'deny (principal_revoked): User "ada" is revoked\n')
    assert pdp(*asked, "--session", '{"authenticated_at": "2026-11-23T09:00:01Z"}').exit_code == 0
    assert pdp("decide", folder, "User:ben", "read", "Page:home", f"--revocations={record}").exit_code == 0
    facts = RevocationLog(record).read(Mark())[0]
    instant = Datetime.parse("2026-11-23T09:00:00Z")
    assert [*facts] == [Revocation(RevocationKind.PRINCIPAL, "ada", "shop.User", instant, "left")]


def test_a_record_of_its_own_is_begun_when_that_is_said(tmp_path: Path) -> None:
    record = tmp_path / "r.db"

    refused = pdp("revoke", record, "--session", "s-42")
    begun = pdp("revoke", record, "--create", "--session", "s-42", "--json")
    again = pdp("revoke", record, "--workload", "Workload:ci/")

    assert (refused.exit_code, refused.stderr) == (
        4,
        f"error: {record}: there is no such record\n"
        "help: TARGET is a policy folder or a record; `--create` begins a record\n",
    )
    assert (begun.exit_code, again.exit_code) == (0, 0)
    expected = {"sequence": 1, "record": str(record), "kind": "session", "type": "", "value": "s-42"}
    assert json.loads(begun.stdout) == {**expected, "not_before": None, "why": "", "notes": []}
    assert again.stdout.startswith('revoked workload Workload "ci/", up to 2')


@pytest.mark.parametrize(
    ("arguments", "message", "help_"),
    [
        (
            [],
            "one thing is revoked at a time: name a principal, a session, or another",
            "give one of `--principal`, `--group`, `--workload`, `--session`, `--token`, `--key`, `--device`",
        ),
        (
            ["--session", "s", "--token", "t"],
            "one thing is revoked at a time: name a principal, a session, or another",
            "",
        ),
        (["--principal", "Usr:ada"], "`--principal`: `Usr:ada`: there is no entity type `Usr`", "did you mean `User`?"),
        (["--group", "User:ada"], "nothing can be in a `User`", ""),
        (["--session", ""], "the session is no text, or an empty one", ""),
        (
            ["--session", "s", "--not-before", "soon"],
            "`--not-before`: `soon` is not a Datetime",
            'a Datetime is text such as `"2026-11-23T09:00:00Z"`',
        ),
    ],
)
def test_what_cannot_be_revoked_leaves_no_record(folder: Path, arguments: list[str], message: str, help_: str) -> None:
    done = pdp("revoke", folder, *arguments)

    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr == f"error: {message}\n" + (f"help: {help_}\n" if help_ else "")
    assert [path.name for path in folder.parent.iterdir()] == ["policies"]


def test_a_decision_needs_the_record_that_it_is_told_of(folder: Path) -> None:
    record = folder.parent / "nowhere.db"

    told = pdp("decide", folder, "User:ben", "read", "Page:home", "--revocations", record)

    assert (told.exit_code, told.stdout) == (4, "")
    assert told.stderr == f"error: `--revocations`: {record}: there is no such record\n"


@pytest.mark.parametrize("name", ['User::"ada"', "User:ada"])
def test_policies_of_cedar_are_told_names_as_cedar_writes_them(tmp_path: Path, name: str) -> None:
    policies = tmp_path / "photos"
    policies.mkdir()
    (policies / "all.cedar").write_text("permit (principal, action, resource);")

    said = pdp("revoke", policies, "--principal", name, "--json")

    assert said.exit_code == 0, said.output
    record = tmp_path / "photos.revocations.db"
    told = pdp("decide", policies, 'User::"ada"', 'Action::"read"', 'Photo::"p"', "--revocations", record)
    assert (told.exit_code, "principal_revoked" in told.output) == (2, True)


def test_what_is_no_name_by_policies_of_cedar_is_refused(tmp_path: Path) -> None:
    policies = tmp_path / "all.cedar"
    policies.write_text("permit (principal, action, resource);")

    said = pdp("revoke", policies, "--principal", "Shop::User::ada")

    assert said.exit_code == 3
    assert 'help: write `Shop::User::"ada"` or `Shop::User:ada`' in said.output
    assert [each.name for each in tmp_path.iterdir()] == ["all.cedar"]


def test_a_record_without_a_policy_takes_a_name_as_it_is_written_and_says_so(tmp_path: Path) -> None:
    record = tmp_path / "log.db"

    said = pdp("revoke", record, "--create", "--principal", 'Shop::User::"ada"')

    assert said.exit_code == 0
    assert "no policy was asked whether there is a type `Shop::User`" in said.output
    fact = RevocationLog(record).read(Mark())[0][0]
    assert (fact.type, fact.value) == ("Shop::User", "ada")


def test_a_name_that_no_file_holds_is_revoked_and_told(folder: Path) -> None:
    said = pdp("revoke", folder, "--principal", "User:adda")

    assert said.exit_code == 0
    assert 'no entity file holds User "adda"' in said.output
    assert "no entity file" not in pdp("revoke", folder, "--principal", "User:ada").output


def test_a_link_to_a_folder_has_a_record_of_its_own_name(folder: Path) -> None:
    link = folder.with_name("current")
    link.symlink_to(folder)

    pdp("revoke", link, "--session", "s")

    assert folder.with_name("current.revocations.db").exists()
    assert not folder.with_name("policies.revocations.db").exists()


def test_help_stands_on_a_line_of_its_own(folder: Path) -> None:
    record = folder.with_name("log.db")
    pdp("revoke", record, "--create", "--session", "s")
    record.chmod(0o644)

    said = pdp("revoke", record, "--session", "s")

    assert said.output.splitlines() == [f"error: {record}: others may use the file", "help: `chmod 600`"]
