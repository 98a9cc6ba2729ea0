"""Commands that go by a token: whom it speaks for asks, and it is shown nowhere."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pdp.cli.bearer import read_token
from pdp.cli.endings import Refusal
from tests.cli.conftest import INSIDE, Run
from tests.cli.issuing import PAST, Issuing

READ = ("read", "Service:shop", "--context", '{"ip": "10.1.2.3"}')
DEPLOY = ("deploy", "Service:beta", "--context", INSIDE, "--handles", "notify")


@pytest.fixture
def issuing(tmp_path: Path, folder: Path) -> Issuing:
    return Issuing(tmp_path)


@pytest.fixture
def ask(run: Run, folder: Path) -> Run:
    def asked(*arguments: Any, command: str = "decide", **options: Any) -> Any:
        return run(command, folder, *arguments, **options)

    return asked


def approved() -> str:
    return json.dumps(
        [{"approver": "User:bo", "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60)), "of": "c1"}]
    )


# ----------------------------------------------------------------------------------------------------- who is asking


def test_a_token_says_who_asks_and_how_they_proved_it(ask: Run, issuing: Issuing) -> None:
    with_mfa, without = issuing.token(), issuing.token(amr=["pwd"])

    answers = [
        ask(*DEPLOY, "--approvals", approved(), "--token-file", "-", stdin=token) for token in (with_mfa, without)
    ]

    assert [each.exit_code for each in answers] == [0, 2]
    assert "sign in with a second factor" in answers[1].stdout


@pytest.mark.parametrize("command", ["decide", "trace"])
def test_the_principal_may_be_named_beside_its_token(ask: Run, issuing: Issuing, command: str) -> None:
    token = issuing.file("sam")

    left_out = ask(*READ, "--token-file", token, command=command)
    named = ask("User:sam", *READ, "--token-file", token, command=command)
    in_other_words = ask('User "sam"', *READ, "--token-file", token, command=command)

    assert (left_out.exit_code, left_out.stderr) == (0, "")
    assert {each.stdout.splitlines()[0] for each in (left_out, named, in_other_words)} == {
        'allow (permitted) by grant reader on Service "shop" to Team "support"'
    }


@pytest.mark.parametrize("command", ["decide", "trace"])
def test_a_token_asks_for_nobody_else(ask: Run, issuing: Issuing, command: str) -> None:
    token = issuing.file("ada")

    other = ask("User:sam", *READ, "--token-file", token, command=command)
    of_another_type = ask("Workload:ada", *READ, "--token-file", token, command=command)

    assert (other.exit_code, of_another_type.exit_code) == (3, 3)
    assert other.stderr == (
        'error: the token speaks for User "ada", and nobody else\n'
        "help: leave it out: who asks is whom the token speaks for\n"
    )


def test_a_whole_request_needs_no_principal_beside_a_token(ask: Run, issuing: Issuing) -> None:
    token = issuing.file("sam")
    rest = {"action": "read", "resource": "Service:shop"}

    answers = [
        ask("--request", json.dumps(request), "--token-file", token)
        for request in (rest, {**rest, "principal": "User:sam"}, {**rest, "principal": "User:ada"})
    ]

    assert [each.exit_code for each in answers] == [0, 0, 3]


@pytest.mark.parametrize("principal", [{"type": "User", "id": "sam", "in": ['Team "support"']}])
def test_a_request_tells_no_more_of_a_principal_than_its_token(ask: Run, issuing: Issuing, principal: Any) -> None:
    request = {"principal": principal, "action": "read", "resource": "Service:shop"}

    answer = ask("--request", json.dumps(request), "--token-file", issuing.file("sam"))

    assert (answer.exit_code, "speaks for" in answer.stderr) == (3, True)


@pytest.mark.parametrize(
    "brought", [{"type": "User", "id": "eve", "in": ['Team "support"']}, {"type": "Agent", "id": "h"}]
)
def test_nothing_beside_a_token_says_what_they_are_that_it_speaks_for(ask: Run, issuing: Issuing, brought: Any) -> None:
    token = issuing.file("eve", act={"sub": "h"})

    answer = ask(*READ, "--entities", json.dumps([brought]), "--token-file", token)

    assert answer.exit_code == 3
    assert answer.stderr.endswith("nothing beside it says what they are\nhelp: leave it out of the entities\n")


def test_no_session_stands_beside_a_token(ask: Run, issuing: Issuing) -> None:
    token = issuing.file("sam")
    request = {"action": "read", "resource": "Service:shop", "session": {"mfa": True}}

    option = ask(*READ, "--session", '{"mfa": true}', "--token-file", token)
    inside = ask("--request", json.dumps(request), "--token-file", token)

    assert (option.exit_code, inside.exit_code) == (3, 3)
    assert option.stderr == "error: a token says how its principal proved who it is: leave `--session` out\n"
    assert inside.stderr.startswith("error[unknown_key]: a request with a token has no `session`\n")


def test_a_session_of_a_token_is_revoked_by_the_name_of_its_token(ask: Run, run: Run, issuing: Issuing) -> None:
    token, record = issuing.file("sam"), issuing.folder / "r.db"
    run("revoke", record, "--create", "--token", "t-sam", "--issuer", "https://elsewhere.example.com")
    other = ask(*READ, "--token-file", token, "--revocations", record)
    run("revoke", record, "--token", "t-sam", "--issuer", "https://login.example.com")

    revoked = ask(*READ, "--token-file", token, "--revocations", record)

    assert (other.exit_code, revoked.exit_code) == (0, 2)
    assert revoked.stdout == "deny (session_revoked): the session is revoked\n"


def test_who_acts_for_the_principal_comes_from_the_token(ask: Run, issuing: Issuing) -> None:
    answer = ask(*READ, "--token-file", issuing.file("sam", act={"sub": "helper"}))

    assert (answer.exit_code, answer.stdout.splitlines()[0]) == (2, "deny (default): no permit applies")


# ------------------------------------------------------------------------------------------------ where a token stands


def test_a_token_stands_in_a_file_in_the_environment_or_on_standard_input(
    ask: Run, issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuing.token("sam")
    monkeypatch.setenv("PDP_TOKEN", token)

    answers = [
        ask(*READ, "--token-file", issuing.file("sam")),
        ask(*READ, "--token-env", "PDP_TOKEN"),
        ask(*READ, "--token-file", "-", stdin=token),
        ask(*READ, "--token-file", "-", stdin=f"{token}\r\n"),
    ]

    assert [each.exit_code for each in answers] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--identity", "x.toml"], 3, "no token is named"),
        (["--token-env", "PDP_NO_SUCH"], 3, "`--token-env`: there is no variable `PDP_NO_SUCH`"),
        (["--token-file", "nowhere"], 3, "`--token-file`: `nowhere` cannot be read: no such file or directory"),
        (["--token-file", "a\0b"], 3, "`--token-file`: `a\\u{0}b` cannot be read: embedded null byte"),
        (["--token-file", "."], 3, "`--token-file`: `.` cannot be read: is a directory"),
        (["--token-file", "/dev/null"], 3, "`--token-file`: `/dev/null` holds no token"),
        (["--token-file", "/dev/zero"], 2, "`--token-file`: `/dev/zero` holds more than any token"),
        (["--token-file", "x", "--token-env", "X"], 3, "a token stands in one place"),
        (["--token-file", "-", "--context", "-"], 3, "standard input can be read once, not by `--context` and `--tok"),
    ],
)
def test_where_there_is_no_token_nothing_is_decided(
    ask: Run, issuing: Issuing, arguments: list[str], status: int, message: str
) -> None:
    answer = ask(*READ[:2], *arguments)

    assert (answer.exit_code, answer.stdout) == (status, "")
    assert answer.stderr.startswith(f"error: {message}")


def test_a_token_on_the_command_line_is_refused_and_not_repeated(ask: Run, run: Run, issuing: Issuing) -> None:
    token = issuing.token("sam")
    lines = [
        ["--token", token],
        [f"--token={token}"],
        ["--token-file", token],
        ["--token-env", token],
    ]

    answers = [ask(*READ, *line) for line in lines]
    answers += [run("whoami", "--identity", issuing.configuration, *line) for line in lines]

    assert {each.exit_code for each in answers} == {3}
    assert {each.stderr for each in answers} == {
        "error: a token stands on no command line: all on this machine can read those\n"
        "help: write it into a file that is yours alone, and name that: `--token-file FILE`\n"
    }


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_mistake_of_a_command_line_repeats_a_token(ask: Run, run: Run, issuing: Issuing, form: list[str]) -> None:
    token = issuing.token("sam")

    answers = [
        ask(token, *READ, *form),
        ask("User:sam", "read", "Service:shop", token, *form),
        ask(*READ, "--token-file", issuing.file("sam"), "--at", token, *form),
        ask(*READ, f"--tokn={token}", *form),
        ask("User:sam", *READ, "--context", token, *form),
        run("decide", token, "User:sam", *READ, *form),
        run(token, *form),
        run("whoami", token, *form),
    ]

    assert all(each.exit_code in (3, 4) for each in answers)
    assert [each.output for each in answers if token[:30] in each.output] == []


# ---------------------------------------------------------------------------------------------------- what is refused


def test_a_refused_token_is_a_deny_that_says_why_and_shows_nothing_of_it(ask: Run, issuing: Issuing) -> None:
    token = issuing.file("sam", **PAST)

    text = ask(*READ, "--token-file", token)
    data = ask(*READ, "--token-file", token, "--json")

    assert (text.exit_code, text.stdout, data.exit_code) == (2, "", 2)
    assert text.stderr == "error: the token has run out (`exp`)\nhelp: ask its issuer for another\n"
    assert json.loads(data.stdout)["error"]["code"] == "token_expired"
    assert not any(part in text.output + data.output for part in token.read_text().strip().split("."))


def test_keys_that_cannot_be_had_are_no_deny_and_no_allow(ask: Run, issuing: Issuing) -> None:
    token = issuing.file("sam")
    issuing.keys.unlink()

    answer = ask(*READ, "--token-file", token, "--json")

    assert (answer.exit_code, json.loads(answer.stdout)["error"]["code"]) == (4, "keys_unavailable")


def test_a_configuration_that_cannot_be_used_is_told_at_its_place(ask: Run, issuing: Issuing) -> None:
    issuing.configuration.write_text("leeway = true")

    answer = ask(*READ, "--token-file", issuing.file("sam"))

    assert (answer.exit_code, answer.stderr[:17]) == (3, "error[wrong_type]")


def test_without_the_packages_that_it_needs_a_token_is_refused(
    ask: Run, issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pdp.identity.issuers", None)

    answer = ask(*READ, "--token-file", issuing.file("sam"))

    assert (answer.exit_code, answer.stderr) == (
        3,
        "error: tokens need packages that are not there\nhelp: install them: `pip install 'pdp-engine[identity]'`\n",
    )


def test_standard_input_that_is_closed_holds_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(Refusal, match="holds no token"):
        read_token({"token_file": "-"})
