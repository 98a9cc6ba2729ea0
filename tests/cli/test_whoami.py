"""`pdp whoami`: whom a token speaks for, what policies know of them, and a status that says so."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.issuing import PAST, Issuing

MORE = ', attributes = { email = "email" }, groups = { Team = "groups" }'


@pytest.fixture
def issuing(tmp_path: Path, folder: Path) -> Issuing:
    return Issuing(tmp_path)


def timeless(text: str) -> str:
    """Return a text without what differs from run to run."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text).replace("59m58s", "59m59s")


def test_it_says_who_how_since_when_and_until_when(run: Run, issuing: Issuing) -> None:
    result = run("whoami", "--identity", issuing.configuration, "--token-file", issuing.file("ada"))

    assert (result.exit_code, result.stderr) == (0, "")
    assert timeless(result.stdout) == (
        'User "ada"\n'
        "  access-token of https://login.example.com, which calls it `ada`, by the id `t-ada`\n"
        "  proved with a second factor (mfa, pwd), bound to no key\n"
        "  since TIME\n"
        "  until TIME, for 59m59s from now\n"
    )


def test_it_says_what_the_token_brings_and_who_acts(run: Run, folder: Path, tmp_path: Path) -> None:
    issuing = Issuing(tmp_path, MORE)
    act = {"sub": "helper", "act": {"sub": "first", "iss": "https://other.example.com"}}
    token = issuing.file("ada", email="a@x.io", groups=["b", "a"], acr="phr", act=act, auth_time=int(time.time()) - 999)

    result = run("whoami", "--identity", issuing.configuration, "--token-file", token)

    assert timeless(result.stdout).splitlines()[2:] == [
        "  proved with a second factor (mfa, pwd), as `phr`, bound to no key",
        "  since TIME, by a token of TIME",
        "  until TIME, for 59m59s from now",
        '  brings { email: "a@x.io" }',
        '  in Team "a", Team "b"',
        '  Agent "helper" acts for it, by https://login.example.com',
        "  `first` acted for it before that, by https://other.example.com",
    ]


@pytest.mark.parametrize(
    ("subject", "last"),
    [
        ("ada", '  held by the policies, in Team "shop"'),
        ("nobody", "  not held by the policies: whatever it asks for is denied"),
    ],
)
def test_policies_say_what_they_know(run: Run, issuing: Issuing, folder: Path, subject: str, last: str) -> None:
    result = run("whoami", folder, "--token-file", issuing.file(subject))

    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, last)


def test_what_the_token_does_not_say_nobody_knows(run: Run, issuing: Issuing, folder: Path) -> None:
    token = issuing.file("ada", amr=None, auth_time=None)

    text = run("whoami", folder, "--token-file", token)
    data = json.loads(run("whoami", folder, "--token-file", token, "--json").stdout)

    assert timeless(text.stdout).splitlines()[2:4] == [
        "  proved without a second factor, bound to no key",
        "  since nobody knows when: its issuer does not say, by a token of TIME",
    ]
    assert (data["methods"], data["authenticated_at"]) == (None, None)


def test_who_is_revoked_is_shown_and_is_no_success(run: Run, issuing: Issuing, folder: Path, tmp_path: Path) -> None:
    token, record = issuing.file("ada"), tmp_path / "r.db"
    run("revoke", record, "--create", "--principal", "User:bo")
    before = run("whoami", folder, "--token-file", token, "--revocations", record)
    run("revoke", record, "--token", "t-ada", "--issuer", "https://login.example.com")

    text = run("whoami", folder, "--token-file", token, "--revocations", record)
    data = run("whoami", folder, "--token-file", token, "--revocations", record, "--json")

    assert (before.exit_code, text.exit_code, data.exit_code) == (0, 2, 2)
    assert text.stdout.splitlines()[-1] == "  nothing is allowed: the session is revoked"
    assert json.loads(data.stdout)["policies"]["why"] == "the session is revoked"


def test_programs_read_all_of_it(run: Run, issuing: Issuing, folder: Path) -> None:
    result = run("whoami", folder, "--token-file", issuing.file("ada"), "--json")

    found = json.loads(timeless(result.stdout))
    assert found.pop("seconds_left") in (3598, 3599)
    assert found == {
        "principal": 'User "ada"',
        "attributes": {},
        "in": [],
        "kind": "access-token",
        "issuer": "https://login.example.com",
        "subject": "ada",
        "token_id": "t-ada",
        "mfa": True,
        "methods": ["mfa", "pwd"],
        "acr": None,
        "bound": False,
        "authenticated_at": "TIME",
        "issued_at": "TIME",
        "until": "TIME",
        "actors": [],
        "policies": {"known": True, "in": ['Team "shop"'], "actions": 2, "revoked": False, "why": None},
    }


def test_standard_input_is_a_dash(run: Run, issuing: Issuing, folder: Path) -> None:
    token = issuing.token("ada")

    alone = run("whoami", "-", "--identity", issuing.configuration, stdin=token)
    beside = run("whoami", folder, "-", stdin=token)

    assert (alone.exit_code, beside.exit_code) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--token-file", "{token}"], 3, "nothing says whose tokens are taken"),
        (["--identity", "{identity}"], 3, "no token is named"),
        (["--identity", "{identity}", "--token-file", "{token}", "--revocations", "r.db"], 3, "`--revocations` is ask"),
        (["{folder}", "--token-file", "{token}", "--revocations", "no.db"], 4, "`--revocations`: "),
        (["{folder}", "--token-file", "{expired}"], 2, "the token has run out"),
        (["{folder}", "--token-file", "{foreign}"], 2, "nobody is configured who is called like the issuer"),
    ],
)
def test_whoever_is_not_identified_is_told_why(
    run: Run, issuing: Issuing, folder: Path, arguments: list[str], status: int, message: str
) -> None:
    names = {
        "folder": folder,
        "identity": issuing.configuration,
        "token": issuing.file("ada"),
        "expired": issuing.file("old", **PAST),
        "foreign": issuing.file("foreign", iss="https://other.example.com"),
    }

    result = run("whoami", *(each.format(**names) for each in arguments))

    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith(f"error: {message}")


def test_hostile_claims_do_not_act_on_a_terminal(run: Run, folder: Path, tmp_path: Path) -> None:
    issuing = Issuing(tmp_path, MORE)
    token = issuing.file("ada", email="\x1b[2J\u202e\u2066", groups=["b"])

    result = run("whoami", "--identity", issuing.configuration, "--token-file", token, "--color", "never")

    assert result.exit_code == 0
    assert not set(result.output) & set("\x1b\u202e\u2066")
