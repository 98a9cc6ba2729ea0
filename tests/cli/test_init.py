"""`pdp init`: a first folder that holds, and answers as its README says."""

import json
import re
import shlex
from pathlib import Path

import pytest

from pdp.cli.init import FILES
from pdp.folder import load
from pdp.testing import run as run_tests
from tests.cli.conftest import start


def test_the_folder_is_written_and_checks(run, tmp_path):
    folder = tmp_path / "new" / "policies"

    written = run("init", folder)
    checked = run("check", folder, "--strict")

    assert written.exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert f"pdp check {folder}" in written.stdout
    assert (checked.exit_code, checked.stdout) == (0, "ok: 2 rules, 1 grant, 2 tests, 5 entities in 2 files\n")


def test_the_tests_of_the_folder_pass(run, tmp_path):
    run("init", tmp_path)

    results = list(run_tests(load(tmp_path).require()[0]))

    assert results
    assert all(result.passed for result in results)


def test_the_folder_is_named_policies_by_default(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    written = run("init")

    assert written.exit_code == 0
    assert (tmp_path / "policies" / "policy.pdp").is_file()


def test_the_readme_tells_what_its_commands_print(tmp_path):
    start("init", tmp_path)
    blocks = re.findall(r"```console\n\$ pdp (.*?)\n(.*?)```", (tmp_path / "README.md").read_text("utf-8"), re.DOTALL)

    ran = [start(*shlex.split(command), cwd=tmp_path, env={"PYTHONUTF8": "1"}) for command, _ in blocks]

    assert [process.stdout.decode() for process in ran] == [output for _, output in blocks]
    assert [process.returncode for process in ran] == [0, 2, 0]


def test_the_commands_that_it_shows_can_be_typed(run, tmp_path):
    folder = tmp_path / "my policies"

    shown = [line.strip() for line in run("init", folder).stdout.splitlines() if line.startswith("  pdp ")]
    statuses = [run(*shlex.split(line)[1:]).exit_code for line in shown]

    assert statuses == [0, 2, 0]


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten_and_then_nothing_written(run, tmp_path, name):
    (tmp_path / name).write_text("mine", encoding="utf-8")

    result = run("init", tmp_path)

    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: `{tmp_path / name}` is there already\nhelp: name another folder")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text("utf-8") == "mine"


def test_a_dangling_link_is_not_written_through(run, tmp_path):
    target = tmp_path / "elsewhere"
    (tmp_path / "policy.pdp").symlink_to(target)

    result = run("init", tmp_path)

    assert result.exit_code == 3
    assert not target.exists()


def test_a_file_that_comes_in_between_stays_and_the_rest_goes(run, tmp_path, monkeypatch):
    (tmp_path / "entities.yaml").write_text("mine", encoding="utf-8")
    monkeypatch.setattr(Path, "exists", lambda self: False)

    result = run("init", tmp_path)

    assert result.exit_code == 3
    assert "cannot be written to: file exists" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["entities.yaml"]


def test_a_file_is_no_folder(run, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    result = run("init", tmp_path / "file")

    assert result.exit_code == 3
    assert "cannot be written to" in result.stderr


def test_json_names_the_files(run, tmp_path):
    result = run("init", tmp_path, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"folder": str(tmp_path), "files": [str(tmp_path / name) for name in FILES]}
