"""The table of codes, what gives them and the tests that show them are held against each other."""

from __future__ import annotations

import re
from pathlib import Path

from pdp.identity.codes import CODES

ROOT = Path(__file__).resolve().parents[3]


def written(folder: str) -> str:
    files = [each for each in (ROOT / folder).rglob("*.py") if each.name not in ("codes.py", "test_codes.py")]
    return "\n".join(each.read_text("utf-8") for each in files)


def test_the_configuration_gives_every_code_of_the_table_and_no_other():
    named = ("loading.py", "checking.py", "declared.py", "issuers.py")
    text = "\n".join((ROOT / "pdp" / "identity" / name).read_text("utf-8") for name in named)

    given = re.findall(r'(?:\.add\(|code=)\s*"([a-z_]+)"', text + written("pdp/configuration"))

    assert {*given} == CODES.keys()


def test_a_test_shows_every_code_of_the_table():
    text = written("tests/identity/issuers")

    assert [code for code in CODES if f'"{code}"' not in text] == []
