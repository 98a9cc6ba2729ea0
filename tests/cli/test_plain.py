"""The plain way of `pdp decide` says and answers what the way of all commands does."""

import sys

import pytest

import pdp.cli
from pdp.cli.commands import commands
from pdp.cli.plain import read
from tests.cli.conftest import ALLOWED, APPROVED, AT, INSIDE, OUTSIDE, SIGNED_IN, python

ASK = ["User:ada", "deploy", "Service:shop"]
READ = ["User:sam", "read", "Service:shop"]
WHOLE = '{"principal": "User:sam", "action": "read", "resource": "Service:shop"}'

PLAIN = {
    "an allow": [*READ],
    "a deny": [*ASK],
    "a deny with remedies": [*ASK, "--context", OUTSIDE],
    "an allow with a duty": ALLOWED,
    "an allow with a duty that is handled": [*ALLOWED, "--handles", "notify"],
    "a duty that is handled twice": [*ALLOWED, "--handles=notify", "--handles", "notify"],
    "a duty that there is not": [*ALLOWED, "--handles", "notfy"],
    "JSON": [*READ, "--json"],
    "JSON of a deny": ["--json", *ASK],
    "JSON of an error": ["--json", "User:ada", "deploy", "Service"],
    "a value joined to its option": [*ASK, f"--context={INSIDE}", f"--session={SIGNED_IN}"],
    "an option between arguments": ["User:ada", "--session", SIGNED_IN, "deploy", "Service:shop"],
    "colours": [*ASK, "--color", "always"],
    "no colours": [*ASK, "--color=never"],
    "a colour for an error": ["User:ada", "deploy", "--color", "always"],
    "a whole request": ["--request", WHOLE],
    "a whole request, and more": ["--request", WHOLE, "User:ada"],
    "a whole request that is none": ["--request", "[]"],
    "standard input": ["--request", "-"],
    "standard input twice": [*ASK, "--context", "-", "--session", "-"],
    "no principal": [],
    "no resource": ["User:ada", "deploy"],
    "a type that there is not": ["Usr:ada", "deploy", "Service:shop"],
    "an action that there is not": ["User:ada", "depoy", "Service:shop"],
    "an entity that nothing holds": ["User:nobody", "deploy", "Service:shop"],
    "JSON that is none": [*ASK, "--context", "{"],
    "JSON that is empty": [*ASK, "--context="],
    "a file that is not there": [*ASK, "--context", "@nowhere.json"],
    "approvals": [*ASK, "--context", INSIDE, "--session", SIGNED_IN, "--approvals", APPROVED],
    "entities": [*ASK, "--entities", '[{"type": "User", "id": "x"}]'],
    "debugging": [*ASK, "--debug"],
}

OTHERS = {
    "help": ["--help"],
    "help in the midst": [*ASK, "-h"],
    "an option that there is not": [*ASK, "--frob"],
    "an option that is cut short": [*ASK, "--sess", "{}"],
    "an option without its value": [*ASK, "--context"],
    "an option for a value": [*ASK, "--context", "--json"],
    "an option twice": [*ASK, "--context", OUTSIDE, "--context", INSIDE],
    "a colour that there is not": [*ASK, "--color", "green"],
    "colours twice": [*ASK, "--color", "never", "--color", "always"],
    "the end of options": [*ASK, "--", "--json"],
    "too many arguments": [*ASK, "more"],
    "an empty argument": ["", "deploy", "Service:shop"],
    "a flag with a value": [*ASK, "--json=yes"],
    "a dash": ["-", "deploy", "Service:shop"],
}


def outcome(work, capsys):
    with pytest.raises(SystemExit) as ended:
        work()
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize("name", PLAIN | OTHERS)
def test_both_ways_say_the_same(name, folder, monkeypatch, capsys):
    arguments = ["decide", str(folder), *(PLAIN | OTHERS)[name]]
    if "standard" not in name and name not in OTHERS:
        arguments += ["--at", AT]
    monkeypatch.setattr(sys, "argv", ["pdp", *arguments])

    plain = outcome(pdp.cli.main, capsys)

    assert plain == outcome(lambda: commands.main(arguments, prog_name="pdp"), capsys)


@pytest.mark.parametrize("arguments", [["nowhere", *ASK], [".", *ASK], ["pyproject.toml", *ASK]])
def test_both_ways_say_the_same_of_a_path_that_is_no_policy(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pdp", "decide", *arguments])

    plain = outcome(pdp.cli.main, capsys)

    assert plain == outcome(lambda: commands.main(["decide", *arguments], prog_name="pdp"), capsys)


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_plain_is_read_without_the_rest(name):
    assert read(["decide", ".", *PLAIN[name]]) is not None


@pytest.mark.parametrize("name", OTHERS)
def test_what_may_be_a_mistake_is_left_to_the_rest(name):
    assert read(["decide", ".", *OTHERS[name]]) is None


@pytest.mark.parametrize("arguments", [[], ["check", "."], ["--help"], ["trace", ".", *ASK], ["decide"]])
def test_other_commands_are_left_to_the_rest(arguments):
    assert read(arguments) is None


def test_a_completion_is_left_to_the_rest(monkeypatch):
    monkeypatch.setenv("_PDP_COMPLETE", "bash_complete")

    assert read(["decide", ".", *ASK]) is None


def test_a_failure_on_the_plain_way_has_a_status(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pdp", "decide", str(folder), *ASK])
    monkeypatch.setattr("pdp.cli.decision.ask", lambda *_: 1 / 0)

    status, said, complaint = outcome(pdp.cli.main, capsys)

    assert (status, said) == (4, "")
    assert complaint.startswith("error: internal error: ZeroDivisionError: division by zero\n")


def test_a_plain_decision_from_the_cache_loads_no_parser_no_checker_and_no_command_line(folder, tmp_path):
    arguments = ["pdp", "decide", str(folder), *READ]
    code = f"""
import sys
sys.argv = {arguments!r}
import pdp.cli
try:
    pdp.cli.main()
except SystemExit as ended:
    print(ended.code, *sys.modules)
"""
    environment = {"PDP_CACHE": str(tmp_path / "cache")}
    python("-c", code, env=environment)

    status, *loaded = python("-c", code, env=environment).stdout.decode().splitlines()[-1].split()

    assert status == "0"
    assert "pdp.interpreter" in loaded
    heavy = {"click", "yaml", "json", "dataclasses", "inspect", "pathlib", "zoneinfo", "difflib", "unicodedata"}
    parts = {"pdp.checker", "pdp.syntax.tree", "pdp.syntax.parser", "pdp.entities.loading", "pdp.build"}
    assert not {*loaded} & (heavy | parts)
