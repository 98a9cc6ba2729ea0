"""What docs/trace.md shows is what its commands print."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pdp.cli.commands import commands

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "trace.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n\$ pdp (.*?)\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=range(len(BLOCKS)))
def test_a_command_prints_what_the_page_shows(command, shown):
    result = CliRunner().invoke(commands, shlex.split(command), prog_name="pdp", env={"COLUMNS": "120"})

    assert result.stdout == shown
    assert len(shown.splitlines()) <= 15 or "without an administrator" in shown


def test_the_python_of_the_page_does_what_it_shows():
    code = "".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(code, {}, "docs/trace.md", "docs/trace.md", 0)
    told: list[str] = []

    doctest.DocTestRunner(verbose=False).run(test, out=told.append)

    assert told == []
    assert len(BLOCKS) == 4
