"""Every diagnostic of the checker: its message, the text that it underlines, and its help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pdp.folder import load_sources
from pdp.source import Source
from pdp.syntax.messages import render

DATA = json.loads(Path(__file__).with_name("diagnostics.json").read_text("utf-8"))
CASES = [pytest.param(case, id=f"{case['code']}-{index}") for index, case in enumerate(DATA["cases"])]


def diagnose(text: str) -> list[Any]:
    # A text with a namespace stands alone; every other stands on the page's small world.
    whole = text if text.startswith("namespace") else DATA["world"] + text
    return list(load_sources([Source("p.pdp", whole)]).diagnostics)


def test_the_world_of_these_cases_has_nothing_to_report() -> None:
    assert diagnose("") == []


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_its_place_and_what_would_help(case: dict[str, str]) -> None:
    found = [each for each in diagnose(case["policy"]) if each.code == case["code"]]

    told = found[0]

    assert (told.message, told.span.text, told.help) == (case["message"], case["underlined"], case["help"])
    assert told.message[0] in "`" or told.message[0].islower() or (told.message[0].isupper() and '"' in told.message)
    assert not told.message.endswith(".")
    assert f"[{case['code']}]: {case['message']}" in render(told)


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    first = Source("a.pdp", DATA["world"] + "rule a:\n  permit Usr to read on Page\n")
    second = Source("b.pdp", "rule b:\n  forbid User to raed on Page\n")

    told = [(each.span.source.path, each.code) for each in load_sources([second, first]).diagnostics]

    assert told == [("a.pdp", "unknown_type"), ("b.pdp", "missing_because"), ("b.pdp", "unknown_action")]


@pytest.mark.parametrize(
    ("fine", "why"),
    [
        ('when context.note == "x" and context has note', "a has after the use guards it all the same"),
        ('when not context has note or context.note == "x"', "an absence guards the other side of an or"),
        ('when context has note\n  needs context.note like "x*"', "another clause guards it"),
        ("when if principal has ends then now < principal.ends else resource.public", "a branch knows its test"),
    ],
)
def test_an_optional_attribute_is_guarded_by_any_conjunct(fine: str, why: str) -> None:
    assert diagnose(f"rule r:\n  permit User to read on Page\n  {fine}\n") == [], why


def test_a_forbid_needs_no_has_in_its_when() -> None:
    assert diagnose('rule r:\n  forbid User to read on Page\n  when context.note == "x"\n  because "x"\n') == []


@pytest.mark.parametrize(
    ("text", "code", "message", "underlined", "help_"),
    [
        ("import aa: User\n", "unknown_namespace", "namespace `aa` is not declared", "aa", "did you mean `a`?"),
        (
            "import a: Usr\n",
            "unknown_import",
            "the namespace `a` does not declare `Usr`",
            "Usr",
            "did you mean `User`?",
        ),
        ("import a: User\n", "unused_import", "`User` is imported and not used", "User", "remove it"),
        (
            "import b: User\n",
            "self_import",
            "the file is in the namespace `b` itself",
            "b",
            "remove the import: all files of a namespace share its names",
        ),
        (
            "import a: User\ntype User\n",
            "import_clash",
            "`User` is declared here already",
            "User",
            "bring it in under another name: `User as …`",
        ),
    ],
)
def test_imports_that_do_not_hold_are_told(text: str, code: str, message: str, underlined: str, help_: str) -> None:
    sources = [Source("a.pdp", "namespace a\ntype User\ntype Page\n"), Source("b.pdp", f"namespace b\n{text}")]

    (told,) = load_sources(sources).diagnostics

    assert told.span is not None
    assert (told.code, told.message, told.span.text, told.help) == (code, message, underlined, help_)
