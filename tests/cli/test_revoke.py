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
        f"error: {record}: there is no such record\nhelp: `--create` begins one\n",
    )
    assert (begun.exit_code, again.exit_code) == (0, 0)
    expected = {"sequence": 1, "record": str(record), "kind": "session", "type": "", "value": "s-42"}
    assert json.loads(begun.stdout) == {**expected, "not_before": None, "why": ""}
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
