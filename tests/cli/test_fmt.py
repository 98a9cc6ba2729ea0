"""`pdp fmt`: policies in the canonical layout, and files that are written whole or not at all."""

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from pdp.cli import texts
from pdp.folder import load
from tests.cli.conftest import start

UGLY = "type   User # who asks\r\n\n\n\ntype Doc{ title:String, }\nrule r: permit User to read on Doc"
CANONICAL = "type User  # who asks\n\ntype Doc {\n  title: String,\n}\n\nrule r:\n  permit User to read on Doc\n"
BROKEN = "type user\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one policy that would change and one that would not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    write(tmp_path / "policies" / "ugly.pdp", UGLY)
    write(tmp_path / "policies" / "fine.pdp", CANONICAL)
    return tmp_path / "policies"


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8"))
    return path


def content(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -------------------------------------------------------------------------------------------------------- what is done


def test_a_folder_is_formatted_and_each_changed_file_named(run, place):
    result = run("fmt", "policies")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "formatted policies/ugly.pdp\n1 of 2 files formatted\n"
    assert content(place / "ugly.pdp") == CANONICAL
    assert names_in(place) == ["fine.pdp", "ugly.pdp"]


def written(path):
    """Return which file it is and when it was written; that it is read is no change."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


def test_once_more_changes_nothing(run, place):
    run("fmt", "policies")
    before = written(place / "ugly.pdp")

    result = run("fmt", "policies")

    assert (result.exit_code, result.stdout) == (0, "ok: 2 files in the canonical layout\n")
    assert written(place / "ugly.pdp") == before


def test_the_current_folder_is_formatted_by_default(run, place):
    result = run("fmt")

    assert result.stdout == "formatted policies/ugly.pdp\n1 of 2 files formatted\n"


def test_files_can_be_named_and_are_done_once(run, place):
    result = run("fmt", "policies/ugly.pdp", "policies", "policies/../policies/ugly.pdp")

    assert result.stdout == "formatted policies/ugly.pdp\n1 of 2 files formatted\n"


def test_hidden_files_and_links_in_a_folder_are_passed_over(run, place, tmp_path):
    outside = write(tmp_path / "outside.pdp", UGLY)
    (place / "linked.pdp").symlink_to(outside)
    (place / ".git").mkdir()
    hidden = [write(place / ".hidden.pdp", UGLY), write(place / ".git" / "a.pdp", UGLY)]

    result = run("fmt", "policies")

    assert result.stdout == "formatted policies/ugly.pdp\n1 of 2 files formatted\n"
    assert {content(path) for path in [outside, *hidden]} == {UGLY}


def test_a_formatted_folder_still_holds_the_same(run, folder):
    before = load(folder).require()[0]

    run("fmt", folder)

    after = load(folder).require()[0]
    assert (after.rules, after.schema) == (before.rules, before.schema)


# ------------------------------------------------------------------------------------------------------ check and diff


def test_check_writes_nothing_and_tells(run, place):
    result = run("fmt", "policies", "--check")

    assert result.exit_code == 1
    assert result.stdout == "would change policies/ugly.pdp\n1 of 2 files would change\n"
    assert content(place / "ugly.pdp") == UGLY


def test_check_of_what_is_canonical_is_a_success(run, place):
    result = run("fmt", "policies/fine.pdp", "--check")

    assert (result.exit_code, result.stdout) == (0, "ok: 1 file in the canonical layout\n")


def test_diff_shows_what_would_change(run, place):
    write(place / "ugly.pdp", "# first\ntype   User\ntype Doc")

    result = run("fmt", "policies", "--diff")

    assert result.exit_code == 0
    assert result.stdout == (
        "--- policies/ugly.pdp\n"
        "+++ policies/ugly.pdp\n"
        "@@ -1,3 +1,3 @@\n"
        " # first\n"
        "-type   User\n"
        "-type Doc\n"
        "\\ No newline at end of file\n"
        "+type User\n"
        "+type Doc\n"
    )
    assert content(place / "ugly.pdp") == "# first\ntype   User\ntype Doc"


def test_diff_with_check_tells_by_the_exit_status(run, place):
    assert run("fmt", "policies", "--diff", "--check").exit_code == 1
    assert run("fmt", "policies/fine.pdp", "--diff", "--check").exit_code == 0


def test_diff_has_colours_when_asked_for(run, place):
    write(place / "ugly.pdp", "type   User\n")

    result = run("fmt", "policies/ugly.pdp", "--diff", "--color", "always")

    assert "\x1b[1;31m-type   User\x1b[0m\n\x1b[1;32m+type User\x1b[0m\n" in result.stdout


def test_stdout_prints_the_text_and_leaves_the_file(run, place):
    result = run("fmt", "policies/ugly.pdp", "--stdout")

    assert (result.exit_code, result.stdout_bytes.decode()) == (0, CANONICAL)
    assert content(place / "ugly.pdp") == UGLY


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["policies", "--stdout"], "error: `--stdout` prints one file, and these are 2\nhelp: name one\n"),
        (["policies", "--stdout", "--check"], "error: `--stdout` prints the text, and goes with neither"),
        (["-", "policies"], "error: `-` stands alone\nhelp: "),
    ],
)
def test_what_makes_no_sense_together_is_refused(run, place, arguments, said):
    result = run("fmt", *arguments, stdin="")

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(said)
    assert content(place / "ugly.pdp") == UGLY


# ------------------------------------------------------------------------------------------------------ standard input


def test_standard_input_goes_to_standard_output(run):
    result = run("fmt", "-", stdin=UGLY.encode())

    assert (result.exit_code, result.stdout_bytes.decode(), result.stderr) == (0, CANONICAL, "")


def test_standard_input_is_checked(run):
    ugly, fine = run("fmt", "-", "--check", stdin=UGLY), run("fmt", "-", "--check", stdin=CANONICAL)

    assert (ugly.exit_code, ugly.stdout) == (1, "would change <stdin>\n1 of 1 file would change\n")
    assert (fine.exit_code, fine.stdout) == (0, "ok: 1 file in the canonical layout\n")


def test_standard_input_is_compared(run):
    result = run("fmt", "-", "--diff", stdin="type  A\n")

    assert result.stdout == "--- <stdin>\n+++ <stdin>\n@@ -1 +1 @@\n-type  A\n+type A\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"type user", "error[lower_case_type]: the type `user` does not start upper-case\n --> <stdin>:1:6\n"),
        (b"type A\xff", "error[invalid_utf8]: the byte 0xff is no UTF-8\n"),
        (b"\xef\xbb\xbftype A", "error[byte_order_mark]: the file holds a byte order mark\n"),
        (b"#" * (8 * 2**20 + 1), "error[file_too_large]: the file is larger than 8388608 bytes\n"),
    ],
)
def test_broken_input_gives_no_text(run, given, said):
    result = run("fmt", "-", stdin=given)

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(said)


def test_text_goes_out_as_utf8_whatever_the_terminal_takes(place):
    write(place / "ugly.pdp", "type  A # é 日本\n")

    process = start("fmt", place / "ugly.pdp", "--stdout", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})

    assert (process.returncode, process.stdout.decode("utf-8")) == (0, "type A  # é 日本\n")


# --------------------------------------------------------------------------------------------------- what goes wrong


def test_a_broken_file_is_shown_and_left_and_the_others_are_done(run, place):
    write(place / "broken.pdp", BROKEN)

    result = run("fmt", "policies")

    assert result.exit_code == 3
    assert result.stdout == "formatted policies/ugly.pdp\n"
    assert result.stderr == (
        "error[lower_case_type]: the type `user` does not start upper-case\n"
        " --> policies/broken.pdp:1:6\n"
        "  |\n"
        "1 | type user\n"
        "  |      ^^^^\n"
        "help: write `User`\n"
        "\n"
        "1 error in 1 file\n"
    )
    assert (content(place / "broken.pdp"), content(place / "ugly.pdp")) == (BROKEN, CANONICAL)


def test_a_broken_file_outweighs_one_that_would_change(run, place):
    write(place / "broken.pdp", BROKEN)

    result = run("fmt", "policies", "--check")

    assert (result.exit_code, result.stdout) == (3, "would change policies/ugly.pdp\n")


def test_what_is_no_policy_is_named_and_the_rest_is_done(run, place, tmp_path):
    write(tmp_path / "notes.txt", "")
    (tmp_path / "empty").mkdir()

    result = run("fmt", "nowhere", "notes.txt", "empty", "policies")

    assert result.exit_code == 3
    assert content(place / "ugly.pdp") == CANONICAL
    assert [line for line in result.stderr.splitlines() if line.startswith(("error", " -->"))] == [
        "error[no_such_path]: there is no such file or folder",
        " --> nowhere",
        "error[no_policy]: the file is no policy",
        " --> notes.txt",
        "error[no_policy]: the folder holds no file that ends in `.pdp`",
        " --> empty",
    ]


def test_a_read_only_file_is_left(run, place):
    (place / "ugly.pdp").chmod(0o444)

    result, told = run("fmt", "policies"), run("fmt", "policies", "--json")

    assert (result.exit_code, told.exit_code) == (4, 4)
    assert result.stderr.startswith(
        "error[unwritable_file]: the file is read-only\n --> policies/ugly.pdp\nhelp: check its permissions\n"
    )
    assert {each["code"] for each in json.loads(told.stdout)["diagnostics"]} == {"unwritable_file"}
    assert content(place / "ugly.pdp") == UGLY


def test_a_mode_is_kept(run, place):
    (place / "ugly.pdp").chmod(0o640)

    run("fmt", "policies")

    assert stat.S_IMODE((place / "ugly.pdp").stat().st_mode) == 0o640


def test_a_link_that_is_named_stays_one_and_what_it_leads_to_is_formatted(run, place, tmp_path):
    link = tmp_path / "link.pdp"
    link.symlink_to("policies/ugly.pdp")

    result = run("fmt", "link.pdp")

    assert (result.exit_code, result.stdout) == (0, "formatted link.pdp\n1 of 1 file formatted\n")
    assert link.is_symlink()
    assert content(place / "ugly.pdp") == CANONICAL


def test_a_link_that_leads_nowhere_is_named(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("gone.pdp").symlink_to("nothing.pdp")

    result = run("fmt", "gone.pdp")

    assert result.exit_code == 3
    assert result.stderr.startswith("error[unreadable_file]: the file cannot be read: ")


def test_a_full_disk_leaves_the_file_and_nothing_beside_it(run, place, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    result = run("fmt", "policies")

    assert result.exit_code == 4
    assert "error[unwritable_file]: the file cannot be written: no space left on device\n" in result.stderr
    assert content(place / "ugly.pdp") == UGLY
    assert names_in(place) == ["fine.pdp", "ugly.pdp"]


def test_an_interruption_leaves_the_file_and_nothing_beside_it(run, place, monkeypatch):
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)

    result = run("fmt", "policies")

    assert result.exit_code == 130
    assert content(place / "ugly.pdp") == UGLY
    assert names_in(place) == ["fine.pdp", "ugly.pdp"]


def test_a_text_that_would_say_something_else_is_never_written(run, place, monkeypatch):
    monkeypatch.setattr("pdp.syntax.printer.write", lambda _: "type Other\n")

    result = run("fmt", "policies", "--json")

    assert result.exit_code == 4
    found, *_ = json.loads(result.stdout)["diagnostics"]  # each file is told
    assert (found["code"], found["message"], found["help"]) == (
        "unfaithful_layout",
        "the file is left as it is: in the canonical layout, it would not say the same",
        "this is a mistake of `pdp fmt`: please report it",
    )
    assert content(place / "ugly.pdp") == UGLY


def test_input_that_cannot_be_read_is_told(monkeypatch):
    class Closed(io.RawIOBase):
        def read(self, _: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": Closed()}))

    found = texts.read(texts.STDIN)

    assert str(found) == "<stdin>:1:1: error[unreadable_file]: standard input cannot be read: input/output error"


def test_a_name_with_control_characters_does_not_reach_the_terminal(run, place):
    write(place / "a\x1b[2J.pdp", "type  A")
    write(place / "b\x1b[2J.pdp", BROKEN)

    result = run("fmt", "policies", "--check")
    shown = run("fmt", "policies", "--diff")

    assert not {"\x1b"} & set(result.stdout + result.stderr + shown.stdout + shown.stderr)


# --------------------------------------------------------------------------------------------------------------- JSON


def test_json_tells_what_came_of_each_file(run, place):
    write(place / "broken.pdp", BROKEN)

    result = run("fmt", "policies", "--json")

    told = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (3, "")
    assert told["ok"] is False
    assert told["files"] == [
        {"file": "policies/broken.pdp", "status": "broken"},
        {"file": "policies/fine.pdp", "status": "unchanged"},
        {"file": "policies/ugly.pdp", "status": "formatted"},
    ]
    assert [(each["code"], each["file"]) for each in told["diagnostics"]] == [
        ("lower_case_type", "policies/broken.pdp")
    ]
    assert told["summary"] == {
        "files": 3,
        "formatted": 1,
        "would_change": 0,
        "unchanged": 1,
        "broken": 1,
        "failed": 0,
    }


def test_json_holds_the_diff_and_the_text(run, place):
    diff = json.loads(run("fmt", "-", "--diff", "--check", "--json", stdin="type  A\n").stdout)
    text = json.loads(run("fmt", "policies/ugly.pdp", "--stdout", "--json").stdout)

    assert diff["ok"] is False
    assert diff["files"][0]["diff"].endswith("-type  A\n+type A\n")
    assert text == {
        "ok": True,
        "files": [{"file": "policies/ugly.pdp", "status": "would_change", "text": CANONICAL}],
        "diagnostics": [],
        "summary": {"files": 1, "formatted": 0, "would_change": 1, "unchanged": 0, "broken": 0, "failed": 0},
    }
