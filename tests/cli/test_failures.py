"""What goes wrong, and hostile text: nothing of it becomes an allow, or acts on a terminal."""

import json
import os
from pathlib import Path

import pytest

from pdp.engine import Engine
from tests.cli.conftest import ALLOWED, AT, start

# -------------------------------------------------------------------------------------------------- what goes wrong


def test_a_policy_that_does_not_load_is_an_error(run, folder):
    (folder / "policy.pdp").write_text("type User {", encoding="utf-8")

    text = run("decide", folder, *ALLOWED)
    data = run("decide", folder, *ALLOWED, "--json")

    assert (text.exit_code, data.exit_code) == (4, 4)
    assert text.stdout == ""
    assert text.stderr.startswith("error[")
    assert json.loads(data.stdout)["error"]["code"] == "not_loaded"
    assert json.loads(data.stdout)["error"]["diagnostics"][0]["severity"] == "error"


def test_entities_that_do_not_load_are_an_error(run, folder):
    (folder / "entities.json").write_text("{}", encoding="utf-8")

    result = run("decide", folder, *ALLOWED)

    assert result.exit_code == 4
    assert result.stderr.startswith("error[missing_key]: there are no `entities`\n")


def test_a_folder_that_is_not_there_is_an_error(run, tmp_path):
    result = run("decide", tmp_path / "absent", *ALLOWED)

    assert result.exit_code == 4
    assert result.stderr.startswith("error[no_such_path]: there is no such file or folder\n")


@pytest.mark.parametrize("error", [ValueError("x\x1by"), RecursionError(), MemoryError(), KeyError("k")])
@pytest.mark.parametrize("place", ["decide", "load"])
def test_whatever_goes_wrong_is_no_allow(decide, monkeypatch, error, place):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Engine, "answer" if place == "decide" else "__init__", fail)

    result = decide(*ALLOWED, "--handles", "notify")
    data = decide(*ALLOWED, "--handles", "notify", "--json")

    assert (result.exit_code, data.exit_code) == (4, 4)
    assert result.stderr.startswith(f"error: internal error: {type(error).__name__}")
    assert "Traceback" not in result.output
    assert "\x1b" not in result.output
    assert json.loads(data.stdout)["error"]["code"] == "internal_error"


def test_debug_shows_where_an_error_comes_from(decide, monkeypatch):
    def fail(*_, **__):
        raise ValueError("deep inside")

    monkeypatch.setattr(Engine, "answer", fail)

    result = decide(*ALLOWED, "--debug")

    assert result.exit_code == 4
    assert "Traceback" in result.stderr
    assert "deep inside" in result.stderr


def test_an_interrupt_is_no_allow(decide, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "answer", interrupt)

    result = decide(*ALLOWED)

    assert result.exit_code == 130
    assert result.stderr.endswith("interrupted\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_an_allow_that_cannot_be_written_is_none(folder, json_):
    with Path("/dev/full").open("wb") as full:
        process = start("decide", folder, *ALLOWED, "--at", AT, "--handles", "notify", *json_, stdout=full)

    assert process.returncode == 4
    assert process.stderr.decode() == "error: the output cannot be written: no space left on device\n"


def test_an_allow_that_nobody_reads_is_none(folder):
    reading, writing = os.pipe()
    os.close(reading)

    process = start("decide", folder, *ALLOWED, "--at", AT, "--handles", "notify", stdout=writing)
    os.close(writing)

    assert (process.returncode, process.stderr) == (4, b"")


# ------------------------------------------------------------------------------------------------------ hostile text


HOSTILE = ["a\x1b[2Jb", "a\rb", "a\nb", "\u009b31m", "a\u200bb", "😀\x07", '"; rm', "a" * 4096]


@pytest.mark.parametrize("id_", HOSTILE, ids=ascii)
@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_an_id_does_nothing_to_the_terminal(decide, id_, json_):
    result = decide(f"User:{id_}", "read", "Service:shop", *json_)

    assert result.exit_code == 2
    assert all(char.isprintable() or char == "\n" for char in result.output)
    assert "\u200b" not in result.output


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e", "\udcff", "\x00"], ids=ascii)
@pytest.mark.parametrize("position", range(3))
def test_an_argument_does_nothing_to_the_terminal(decide, text, position):
    arguments = ["User:ada", "read", "Service:shop"]
    arguments[position] += text

    result = decide(*arguments)

    assert result.exit_code in (2, 3)
    assert all(char.isprintable() or char == "\n" for char in result.output)


def test_texts_of_a_policy_do_nothing_to_the_terminal(run, tmp_path):
    (tmp_path / "policy.pdp").write_text(
        r"""
type User
type Page
action read on Page by User
obligation tell { whom: String }
rule r:
  forbid User to read on Page
  unless principal in User "x" else "ask \u{1b}[2J"
  oblige tell { whom: "\u{202e}" }
  because "bell \u{7}"
rule p:
  permit User to read on Page
""",
        encoding="utf-8",
    )

    results = [run(command, tmp_path, "User:a", "read", "Page:b") for command in ("decide", "trace")]

    assert [result.exit_code for result in results] == [2, 2]
    assert "because bell \\u{7}" in results[1].stdout
    for result in results:
        assert all(char.isprintable() or char == "\n" for char in result.output)
