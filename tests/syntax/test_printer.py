"""The canonical layout: what it looks like, that it is final, and that a policy and its comments survive it."""

import random
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pdp.folder import load_sources
from pdp.source import Source
from pdp.syntax import parse, printer
from pdp.syntax.layout import WIDTH
from pdp.syntax.limits import MAX_DEPTH
from pdp.syntax.printer import UnfaithfulError, reformat
from tests.casefile import read_cases
from tests.syntax.test_grammar_agrees import DECLARATIONS, mutations

ROOT = Path(__file__).resolve().parent.parent.parent
POLICIES = [path for folder in ("pdp", "examples", "tests") for path in sorted((ROOT / folder).rglob("*.pdp"))]
KEPT = [path for path in POLICIES if "samples" not in path.parts]
FENCE = re.compile(r"^```pdp[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def layout(text: str) -> str:
    found, diagnostics = reformat(Source("test.pdp", text))
    assert found is not None, [str(each) for each in diagnostics]
    return found


def comments_of(text: str) -> list[str]:
    """Every comment in order, `##` included."""
    file, diagnostics = parse(Source("test.pdp", text))
    assert diagnostics == []
    docs = [line for declaration in file.declarations for line in declaration.docs]
    return [*docs, "---", *(comment.text for comment in file.comments)]


def assert_canonical(text: str) -> None:
    """Hold a text and its canonical form against all that is promised of the two."""
    found = layout(text)

    assert layout(found) == found
    assert parse(Source("test.pdp", found))[0] == parse(Source("test.pdp", text))[0]
    assert comments_of(found) == comments_of(text)
    assert not re.search(r"[ \t\r]$|\r|\n\n\n|\A\n|\n\n\Z|[^\n]\Z", found, re.MULTILINE) or not found
    assert all(not line[: len(line) - len(line.lstrip())].strip(" ") for line in found.splitlines())


# ----------------------------------------------------------------------------------------------------- what it looks like

LOOKS = {
    "nothing": ("", ""),
    "white space": (" \n\n\t\n", ""),
    "a comment alone": ("\n\n  # alone", "# alone\n"),
    "white space goes": (
        'rule   a :permit User,Group"g"to read,write on anything when(a)and not(b)or_c==-1',
        'rule a:\n  permit User, Group "g" to read, write on anything\n  when (a) and not (b) or_c == -1\n',
    ),
}
