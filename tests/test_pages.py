"""What a page of the documentation shows of a terminal is what the terminal shows.

A fence may be followed by `file=PATH`: what it holds is written there. A comment of HTML such as
`<!-- PATH: "this" becomes "that" -->` changes a file. Commands are run where the files are, beside a copy of the
examples, and what they print is compared, but for times.
"""

import contextlib
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from pdp.cli.commands import commands

DOCS = Path(__file__).resolve().parent.parent / "docs"
PART = re.compile(
    r"""^```(?P<language>\w+)(?:[ ]file=(?P<file>\S+))?[^\n]*\n(?P<text>.*?)^```$
    | ^<!--[ ](?P<changed>\S+):[ ]"(?P<this>[^\n]*)"[ ]becomes[ ]"(?P<that>[^\n]*)"[ ]-->$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
PAGES = sorted(path for path in DOCS.glob("*.md") if "```console" in path.read_text(encoding="utf-8"))


def change(path: Path, this: str, that: str) -> None:
    before = path.read_text(encoding="utf-8")
    assert this in before
    path.write_text(before.replace(this, that), encoding="utf-8")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def plain(text: str) -> str:
    """Leave out what takes another time each time."""
    return re.sub(r"\d+\.\d+ s\b", "… s", text.rstrip())


def shown(session: str) -> list[tuple[str, str]]:
    """Return the commands of a terminal session, each with what it prints."""
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in re.split(r"^\$ ", session, flags=re.M)[1:]]


def ran(command: str) -> str:
    words = shlex.split(command)
    assert words[0] == "pdp", command
    done = CliRunner().invoke(commands, words[1:], env={"NO_COLOR": "1", "COLUMNS": "120"})
    return str(done.stdout)


def test_the_pages_that_show_a_terminal_are_found():
    assert "testing" in {page.stem for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_the_terminal_shows(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PDP_CACHE", "off")
    wrong = []
    shutil.copytree(DOCS.parent / "examples", tmp_path / "examples")
    with contextlib.chdir(tmp_path):
        for part in PART.finditer(page.read_text(encoding="utf-8")):
            if part["changed"]:
                change(Path(part["changed"]), part["this"], part["that"])
            elif part["file"]:
                write(Path(part["file"]), part["text"])
            elif part["language"] == "console":
                answers = [(command, told, ran(command)) for command, told in shown(part["text"])]
                wrong += [f"$ {command}\n{found}" for command, told, found in answers if plain(found) != plain(told)]

    assert wrong == [], "\n".join(wrong)


def test_each_record_of_a_decision_is_listed_by_its_title():
    table = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| \[\d{4}\]\(([\w-]+\.md)\) \| (.+?) \|", table, re.MULTILINE))
    titles = {each.name: each.read_text(encoding="utf-8").partition("\n")[0] for each in (DOCS / "adr").glob("0*.md")}

    assert [*listed] == sorted(titles)
    assert {name: f"# {name[:4]}: {title}" for name, title in listed.items()} == titles
