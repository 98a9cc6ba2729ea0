"""The table of codes, the code that gives them, and the tests that show them are held against each other."""

from __future__ import annotations

import re
from pathlib import Path

from pdp import codes

ROOT = Path(__file__).parent.parent
PARTS = (
    codes.SYNTAX,
    codes.NAMES,
    codes.TYPES,
    codes.RULES,
    codes.FACTS,
    codes.FOLDER,
    codes.TABLES,
    codes.WARNINGS,
    codes.CEDAR,
)


def written(folder: str, endings: tuple[str, ...]) -> str:
    files = [file for file in (ROOT / folder).rglob("*") if file.suffix in endings and file.name != "codes.py"]
    return "\n".join(file.read_text("utf-8") for file in files)


def test_no_code_stands_in_two_parts_of_the_table() -> None:
    assert sum(len(part) for part in PARTS) == len(codes.CODES)


def test_there_are_at_least_sixty_codes_each_with_a_sentence() -> None:
    assert len(codes.CODES) >= 60
    assert all(sentence.endswith(".") and len(sentence) > 15 for sentence in codes.CODES.values())


def test_the_product_gives_every_code_of_the_table() -> None:
    text = written("pdp", (".py",))

    assert [code for code in codes.CODES if f'"{code}"' not in text] == []


def test_the_checker_gives_no_code_that_is_not_in_the_table() -> None:
    text = written("pdp/checker", (".py",)) + written("pdp/folder.py", (".py",))
    given = set(re.findall(r'(?:\.error|\.warn|\.unknown|_error|_problem)\(\s*(?:at,\s*)?"([a-z_]+)"', text))

    assert given - codes.CODES.keys() == set()


def test_a_test_shows_every_code_of_the_table() -> None:
    text = written("tests", (".py", ".json", ".yaml"))

    assert [code for code in codes.CODES if f'"{code}"' not in text] == []
