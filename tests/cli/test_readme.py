"""The README's way to a first policy, gone as it says, command by command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import pdp

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(title: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(title), re.DOTALL)


@pytest.fixture
def first(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run("init", "first").exit_code == 0
    return tmp_path / "first"


def test_a_newcomer_writes_checks_and_asks_a_first_policy(
    run: Any, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "Your first policy, in five minutes"
    begin, show, again, tested = [
        [shlex.split(line, comments=True) for line in block.splitlines() if line.startswith("pdp ")]
        for block in blocks(title, "sh")
    ]
    (lines,) = blocks(title, "pdp")
    policy = first / "policy.pdp"
    text = policy.read_text("utf-8")

    assert begin.pop(0) == ["pdp", "init", "first", "&&", "cd", "first"]
    monkeypatch.chdir(first)
    started = [run(*command[1:]) for command in begin + show]
    policy.write_text(text.replace("resource.frozen", "resource.frozn"), encoding="utf-8")
    misspelt = run("check", ".")
    policy.write_text(f"{text}\n{lines}", encoding="utf-8")
    mended = run("check", ".")
    asked = [run(*command[1:]) for command in again]
    passes, notices = [run(*command[1:]) for command in tested]

    assert [each.exit_code for each in started] == [0, 2, 0, 0]
    assert "sign in with a second factor" in started[1].stdout
    assert misspelt.exit_code == 1
    assert "help: did you mean `frozen`?" in misspelt.stdout
    assert mended.exit_code == 0
    assert [each.exit_code for each in asked] == [0, 2]
    assert asked[0].stdout.endswith("valid until 2027-01-01T00:00:00Z\n")
    assert passes.exit_code == 0
    assert notices.exit_code == 6
    assert 'to deploy on Service "beta" by deployer' in notices.stdout


def test_what_a_newcomer_does_from_python_does_what_the_page_says(first: Path) -> None:
    ask, change, guard = blocks("From Python", "python")
    names: dict[str, Any] = {}

    exec(ask, names)
    exec(change.replace("engine.allows(", "allowed = engine.allows("), names)
    with pytest.raises(pdp.Denied) as denied:
        exec(f"import pdp\n{guard}", names)

    assert names["decision"].determining_rules == ("owners_deploy",)
    assert names["decision"].valid_until is None
    assert names["allowed"] is True
    # The shop has been frozen by the lines before.
    assert denied.value.decision.determining_rules == ("frozen_stays",)
    assert first.is_dir()
