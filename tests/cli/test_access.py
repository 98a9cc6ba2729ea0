"""`pdp request`, `pending`, `approve`, `reject`, `withdraw` and `key`: what ends with 0 is on record."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pdp.cli.commands import commands

POLICY = """
type Group
type User in Group
type Service
action read on Service by User
action deploy on Service by User with { change: String }
rule reads: permit User to read on Service
rule reviewed:
  permit User to deploy on Service
  needs session.mfa else "sign in with a second factor"
  needs approval of context.change from Group "reviewers" for 4h
"""
ENTITIES = """
entities:
  - {type: User, id: ada}
  - {type: User, id: bo, in: ['Group "reviewers"']}
  - {type: User, id: cy, in: ['Group "reviewers"']}
  - {type: User, id: eve}
"""
NAMES = ("ada", "bo", "cy", "eve")
CHANGE = """--context '{"change": "c1"}'"""


class Shell:
    """Commands as people type them, in a folder of policies with keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "policies").mkdir()
        (folder / "policies" / "policy.pdp").write_text(POLICY)
        (folder / "policies" / "entities.yaml").write_text(ENTITIES)
        keys = {}
        for name in NAMES:
            made = self.json(f"pdp key new --for User:{name} --key {name}.pem")
            keys[made["for"]] = [made["key"]]
        (folder / "policies.keys.json").write_text(json.dumps(keys))

    def __call__(self, line: str, by: str | None = None) -> Result:
        program, *arguments = shlex.split(line)
        assert program == "pdp"
        if by is not None:
            arguments += ["--key", f"{by}.pem"]
        arguments = [
            str(self.folder / each) if re.fullmatch(r"policies|[\w.]+\.(pem|db|json)", each) else each
            for each in arguments
        ]
        result = CliRunner().invoke(commands, arguments, prog_name="pdp")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def json(self, line: str, by: str | None = None) -> Any:
        done = self(f"{line} --json", by)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def ask(self, by: str = "ada", more: str = CHANGE) -> str:
        found = self.json(f"pdp request policies User:ada deploy Service:api --for 2h --why INC-42 {more}", by)
        return str(found["id"])

    def decide(self) -> int:
        asked = f"""pdp decide policies User:ada deploy Service:api --session '{{"mfa": true}}' {CHANGE}"""
        return self(f"{asked} --approvals policies.approvals.db").exit_code


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def timeless(text: str, id_: str = "ID") -> str:
    """Return a text without what differs from run to run."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text).replace(id_, "ID")


def test_access_is_asked_for_approved_used_and_taken_back(shell: Shell) -> None:
    asked = shell(f"pdp request policies User:ada deploy Service:api --for 2h --why INC-42 {CHANGE}", "ada")
    shown = shell("pdp pending policies")
    id_ = shown.stdout[:8]
    before = shell.decide()
    approved = shell(f"pdp approve policies {id_} --why 'seen it'", "bo")
    during = shell.decide()
    withdrawn = shell(f"pdp withdraw policies {id_}", "bo")
    after = shell.decide()

    head = 'ID: User "ada" to deploy on Service "api", of "c1", until TIME\n'
    by = '  asked by User "ada" at TIME: INC-42\n'
    assert (before, during, after) == (2, 0, 2)
    assert timeless(asked.stdout, id_) == (
        f'requested {head}  missing, by reviewed: 1 approval of "c1" from Group "reviewers" (1 of 1 missing)\n'
        f"  whoever may: pdp approve {shell.folder}/policies ID\n"
    )
    assert timeless(shown.stdout, id_) == f'{head}{by}  reviewed asks for 1, from Group "reviewers"\n'
    assert timeless(approved.stdout, id_) == f'approved {head}{by}  approved by User "bo" at TIME\n'
    assert timeless(withdrawn.stdout, id_) == f"withdrew the approval of {head}{by}"
    assert {done.stderr for done in (asked, shown, approved, withdrawn)} == {""}


def test_a_rejection_and_a_withdrawal_leave_nothing_pending(shell: Shell) -> None:
    first, second = shell.ask(), shell.ask()

    rejected = shell(f"pdp reject policies {first} --why 'not today'", "cy")
    withdrawn = shell(f"pdp withdraw policies {second} --why 'it is over'", "ada")
    again = shell(f"pdp approve policies {first}", "bo")

    assert rejected.stdout.splitlines()[-1] == '  rejected by User "cy": not today'
    assert withdrawn.stdout.splitlines()[-1] == '  withdrawn by User "ada": it is over'
    assert shell("pdp pending policies").stdout == "nothing is pending\n"
    assert (again.exit_code, again.stderr) == (3, 'error: the request is rejected by User "cy"\n')


def test_a_trace_tells_who_approved(shell: Shell) -> None:
    shell(f"pdp approve policies {shell.ask()}", "bo")

    told = shell(f"pdp trace policies User:ada deploy Service:api {CHANGE} --approvals policies.approvals.db")
    other = shell(
        """pdp trace policies User:ada deploy Service:api --context '{"change": "c2"}' """
        "--approvals policies.approvals.db"
    )

    assert '      ✓ approved by User "bo" at TIME, until TIME\n' in timeless(told.stdout)
    line = '      ✗ approved by User "bo" at TIME, until TIME, does not count: of another value\n'
    assert line in timeless(other.stdout)


def test_what_is_done_comes_as_json(shell: Shell) -> None:
    id_ = shell.ask()

    found = shell.json(f"pdp approve policies {id_}", "bo")
    (pending,) = shell.json("pdp pending policies")["requests"]

    assert found.pop("store") == str(shell.folder / "policies.approvals.db")
    assert {**found, "asks": [{"rule": "reviewed", "count": 1, "from": ['Group "reviewers"']}]} == pending
    assert [each["approver"] for each in found["approvals"]] == ['User "bo"']


REQUEST = "pdp request policies User:ada deploy Service:api --why x"
READ = "pdp request policies User:ada read Service:api --why x --for 2h"


@pytest.mark.parametrize(
    ("line", "by", "message", "help_"),
    [
        (
            f"{REQUEST} --for 2h",
            "ada",
            "the value of `context.change` that `reviewed` asks approvals of is not known",
            "say it in the context of the request",
        ),
        (f"{REQUEST} --for 2x {CHANGE}", "ada", "`--for`: a duration is written like 15m, 1h30m or 90d", None),
        (f"{REQUEST} --for 0s {CHANGE}", "ada", "`--for`: `0s` is no time at all", None),
        (
            f"{REQUEST} --for 2h {CHANGE} --rule reads",
            "ada",
            "the rule `reads` asks no approvals here",
            "these do: `reviewed`",
        ),
        (f"{REQUEST} --for 2h {CHANGE}", "zed", "PATH/zed.pem: there is no such key", "`pdp key new` makes one"),
        (READ, "ada", 'no rule asks approvals for User "ada" to read on Service "api"', None),
        (
            READ.replace("User", "Usr"),
            "ada",
            "PRINCIPAL: `Usr:ada`: there is no entity type `Usr`",
            "did you mean `User`?",
        ),
    ],
)
def test_what_nobody_could_approve_leaves_no_store(
    shell: Shell, line: str, by: str, message: str, help_: str | None
) -> None:
    done = shell(line, by)

    told = done.stderr.replace(str(shell.folder), "PATH")
    assert (done.exit_code, done.stdout) == (3, "")
    assert told.splitlines()[0] == f"error: {message}"
    assert help_ is None or told.splitlines()[1].startswith(f"help: {help_}")
    if by == "ada" and "0s" not in line:
        assert not (shell.folder / "policies.approvals.db").exists()


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        ("pdp approve policies ID", "ada", 'User "ada" asked for it, and does not approve it'),
        ("pdp approve policies ID", "eve", 'no rule asks User "eve" to approve this; asked are Group "reviewers"'),
        ("pdp reject policies ID --why no", "ada", 'User "ada" asked for it, and does not approve it'),
        ("pdp withdraw policies ID", "cy", 'User "cy" has neither asked for it nor approved it'),
        ("pdp approve policies nothing", "bo", "there is no request `nothing`"),
    ],
)
def test_what_is_not_for_somebody_to_do_is_refused(shell: Shell, line: str, by: str, message: str) -> None:
    done = shell(line.replace("ID", shell.ask()), by)

    assert (done.exit_code, done.stdout, done.stderr) == (3, "", f"error: {message}\n")


def test_without_a_store_nothing_is_pending_nor_decided(shell: Shell) -> None:
    pending, decided = shell("pdp pending policies"), shell.decide()

    path = shell.folder / "policies.approvals.db"
    help_ = "help: `pdp request` begins one\n"
    assert (pending.exit_code, pending.stderr) == (4, f"error: {path}: there is no such record\n{help_}")
    assert decided == 4


def test_a_file_of_keys_that_does_not_hold_up_is_shown(shell: Shell) -> None:
    shell.ask()
    path = shell.folder / "policies.keys.json"
    path.write_text('{"User:ada": ["ed25519:x"]}')

    done = shell("pdp pending policies")

    assert done.exit_code == 4
    assert "error[invalid_key]: `ed25519:x` is no public key of Ed25519" in done.stderr
    assert shell.decide() == 4


def test_who_is_registered_no_more_is_told_of(shell: Shell) -> None:
    shell(f"pdp approve policies {shell.ask()}", "bo")
    path = shell.folder / "policies.keys.json"
    keys = json.loads(path.read_text())
    del keys["User:bo"]
    path.write_text(json.dumps(keys))

    done = shell("pdp pending policies")

    told = 'note: event 2 (approved by User "bo") counts for nothing: the key is not registered for User "bo"\n'
    assert (done.exit_code, done.stderr) == (0, told)
    assert shell.decide() == 2


def test_a_damaged_store_is_no_answer(shell: Shell) -> None:
    shell(f"pdp approve policies {shell.ask()}", "bo")
    path = shell.folder / "policies.approvals.db"
    path.write_bytes(path.read_bytes().replace(b"INC-42", b"INC-43"))

    done = shell("pdp pending policies")

    assert (done.exit_code, done.stderr) == (4, "error: the record is damaged at fact 1\n")
    assert shell.decide() == 4


def test_a_store_that_others_could_write_is_refused_with_what_helps(shell: Shell) -> None:
    shell.ask()
    path = shell.folder / "policies.approvals.db"
    path.chmod(0o644)

    done = shell("pdp pending policies")

    told = f"error: {path}: others may use the file\nhelp: `chmod 600`\n"
    assert (done.exit_code, done.stderr) == (4, told)


def test_who_is_revoked_does_not_approve(shell: Shell) -> None:
    id_ = shell.ask()
    shell("pdp revoke policies --principal User:bo --not-before 9999-01-01")

    done = shell(f"pdp approve policies {id_} --revocations policies.revocations.db", "bo")

    assert (done.exit_code, done.stderr) == (3, 'error: User "bo" is revoked\n')


def test_keys_without_a_store_are_a_slip(shell: Shell) -> None:
    done = shell("pdp decide policies User:ada read Service:api --keys policies.keys.json")

    message = "`--keys` says whose signatures count in a store: `--approvals` names none"
    assert (done.exit_code, done.stderr) == (3, f"error: {message}\n")


# -------------------------------------------------------------------------------------------------------------- keys


def test_a_key_has_a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("PDP_KEY", raising=False)

    made = CliRunner().invoke(commands, ["key", "new", "--for", "User:grace"])
    shown = CliRunner().invoke(commands, ["key", "show", "--for", "User:grace"])
    again = CliRunner().invoke(commands, ["key", "new", "--for", "User:grace"])

    path = tmp_path / "pdp" / "key.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert made.stdout == f"a new key, for you alone: {path}\n{shown.stdout}"
    assert re.fullmatch(r'.*:\n  "User:grace": \["ed25519:[^"]{44}"\]\n', shown.stdout)
    assert (again.exit_code, again.stderr) == (
        3,
        f"error: {path}: there is a file already, and a key is never written over\n",
    )


def test_a_key_is_somebodys(tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["key", "new", "--for", "grace", "--key", str(tmp_path / "key.pem")])

    assert (done.exit_code, done.stderr) == (
        3,
        'error: `--for`: `grace` names no entity: write `Type "id"` or `Type:id`\n',
    )
    assert [*tmp_path.iterdir()] == []
