"""`pdp check`: everything that is wrong, at once, and nothing else."""

import json

from tests.cli.conftest import start

BAD = """
type User { clearance: Int }
type Doc
action read on Doc by User

rule cleared:
  permit User to read on Doc
  when principal.clearence >= 3
"""


def test_a_folder_that_holds_is_summed_up_in_a_line(run, folder):
    result = run("check", folder)

    assert result.exit_code == 0
    assert result.stdout == "ok: 2 rules, 1 grant, 0 tests, 5 entities in 2 files\n"
    assert result.stderr == ""


def test_the_current_folder_is_checked_by_default(run, folder, monkeypatch):
    monkeypatch.chdir(folder)

    result = run("check")

    assert (result.exit_code, result.stdout[:3]) == (0, "ok:")


def test_one_file_can_be_checked(run, folder):
    result = run("check", folder / "policy.pdp")

    assert (result.exit_code, result.stdout) == (0, "ok: 2 rules, 1 grant, 0 tests, 0 entities in 1 file\n")


def test_errors_show_the_line_from_where_the_command_runs(run, folder, monkeypatch):
    (folder / "bad.pdp").write_text(BAD, encoding="utf-8")
    (folder / "policy.pdp").unlink()
    (folder / "entities.json").unlink()
    monkeypatch.chdir(folder.parent)

    result = run("check", "policies")

    assert result.exit_code == 1
    assert result.stdout == (
        "error[unknown_attribute]: attribute `clearence` not found on entity type `User`\n"
        " --> policies/bad.pdp:8:18\n"
        "  |\n"
        "8 |   when principal.clearence >= 3\n"
        "  |                  ^^^^^^^^^\n"
        "help: did you mean `clearance`?\n"
        "\n"
        "1 error in 1 file\n"
    )


def test_errors_of_all_files_come_at_once(run, folder):
    (folder / "a.pdp").write_text("namespace a\n" + BAD, encoding="utf-8")
    (folder / "b.pdp").write_text("namespace b\n" + BAD, encoding="utf-8")

    result = run("check", folder, "--json")

    found = json.loads(result.stdout)["diagnostics"]
    assert result.exit_code == 1
    assert [each["file"].rpartition("/")[2] for each in found if each["code"] == "unknown_attribute"] == [
        "a.pdp",
        "b.pdp",
    ]


def test_wrong_entities_are_errors_too(run, folder):
    (folder / "more.entities.json").write_text('{"entities": [{"type": "User", "id": "ada"}]}', encoding="utf-8")

    result = run("check", folder)

    assert result.exit_code == 1
    assert 'error[entity_twice]: `User "ada"` is there twice' in result.stdout


def test_json_has_what_was_found_and_how_much_there_is(run, folder):
    fine = run("check", folder, "--json")
    (folder / "policy.pdp").write_text(BAD, encoding="utf-8")
    broken = run("check", folder, "--json")

    assert json.loads(fine.stdout) == {
        "ok": True,
        "diagnostics": [],
        "summary": {"rules": 2, "grants": 1, "tests": 0, "entities": 5, "files": 2, "errors": 0, "warnings": 0},
    }
    found = json.loads(broken.stdout)
    assert (found["ok"], broken.exit_code) == (False, 1)
    assert found["diagnostics"][0] == {
        "severity": "error",
        "code": "unknown_attribute",
        "message": "attribute `clearence` not found on entity type `User`",
        "file": str(folder / "policy.pdp"),
        "line": 8,
        "column": 18,
        "end_line": 8,
        "end_column": 27,
        "text": "clearence",
        "help": "did you mean `clearance`?",
    }
    assert found["summary"]["errors"] == len(found["diagnostics"])
    assert found["summary"]["rules"] is None


def test_warnings_are_fine_unless_strict(run, folder):
    # Absence denies anyway, so that this `has` warns.
    text = (folder / "policy.pdp").read_text("utf-8")
    (folder / "policy.pdp").write_text(
        text.replace("when resource.stage == production", "when context has office"),
        encoding="utf-8",
    )

    lax = run("check", folder)
    strict = run("check", folder, "--strict")

    assert lax.stdout.startswith("warning[")
    assert "\nok: 2 rules" in lax.stdout
    assert lax.exit_code == 0
    assert strict.exit_code == 1
    assert strict.stdout.endswith("not ok: with --strict, warnings count as errors\n")
    assert json.loads(run("check", folder, "--strict", "--json").stdout)["ok"] is False


def test_a_path_that_cannot_be_used_is_told_apart(run, tmp_path):
    absent = run("check", tmp_path / "absent")
    empty = run("check", tmp_path)
    named = json.loads(run("check", tmp_path / "absent", "--json").stdout)["diagnostics"][0]["file"]

    assert (absent.exit_code, empty.exit_code) == (3, 3)
    assert named == str(tmp_path / "absent")
    assert absent.stdout.startswith("error[no_such_path]: there is no such file or folder\n")
    assert empty.stdout.startswith("error[no_policy]: the folder holds no file that ends in `.pdp` or `.cedar`\n")
    assert "start with `pdp init`" in empty.stdout


def test_what_is_wrong_within_a_folder_is_named_from_where_the_command_runs(run, folder, tmp_path, monkeypatch):
    (folder / "guards.PDP").write_text("")
    (folder / "links").symlink_to(tmp_path)
    monkeypatch.chdir(folder.parent)

    result = run("check", folder.name)

    assert result.exit_code == 1
    shown = sorted(line for line in result.stdout.splitlines() if line.startswith((" -->", "error")))
    assert shown == [
        f" --> {folder.name}/guards.PDP",
        f" --> {folder.name}/links",
        "error[misnamed_policy]: the name ends in `.PDP`, and that of a policy in `.pdp`",
        "error[unreadable_folder]: the folder is a link",
    ]


FAILING_TEST = """
test "fails":
  given Service "y" { stage: staging, owner: Team "t" }
  expect allow Workload "x" to read on Service "y"
"""


def test_tests_are_checked_and_not_run(run, folder):
    with (folder / "policy.pdp").open("a", encoding="utf-8") as file:
        file.write(FAILING_TEST)

    result = run("check", folder)

    assert (result.exit_code, "1 test," in result.stdout) == (0, True)


def test_colours_come_when_asked_for(run, folder):
    (folder / "policy.pdp").write_text(BAD, encoding="utf-8")

    plain, coloured = run("check", folder), run("check", folder, "--color", "always")

    assert "\x1b" not in plain.stdout
    assert coloured.stdout.startswith("\x1b[1;31merror[unknown_attribute]\x1b[0m: ")


def test_control_characters_of_a_policy_do_not_reach_the_terminal(run, folder):
    (folder / "policy.pdp").write_text('type User\n# \x1b]0;title\x07\x1b[2J "\u202e"\n', encoding="utf-8")

    result = run("check", folder)

    assert result.exit_code == 1
    assert not {"\x1b", "\x07", "\u202e"} & set(result.stdout)


def test_check_does_not_start_what_it_does_not_need(folder):
    process = start("check", folder, env={"PYTHONPROFILEIMPORTTIME": "1"})

    loaded = {line.rpartition("|")[2].strip() for line in process.stderr.decode().splitlines()}
    assert process.returncode == 0
    assert "pdp.folder" in loaded
    assert not loaded & {"rich", "yaml", "lark"}
