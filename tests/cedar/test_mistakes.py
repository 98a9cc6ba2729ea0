"""Every mistake in a Cedar policy: its message, the text that it underlines, and its help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pdp.cedar.parser import parse_policies
from pdp.errors import Diagnostic
from pdp.source import Source
from pdp.syntax.messages import render
from tests.cedar.samples import HEAD

CASES = json.loads(Path(__file__).with_name("mistakes.json").read_text("utf-8"))


def diagnose(text: str) -> list[Diagnostic]:
    return parse_policies(Source("p.cedar", text))[1]


def plain(told: Diagnostic) -> dict[str, Any]:
    assert told.span is not None
    found = {
        "code": told.code,
        "message": told.message,
        "underlined": told.span.text,
        "help": told.help,
        "notes": [[message, span.text] for message, span in told.notes],
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"][-40:]))
def test_a_mistake_is_told_with_its_place_and_what_would_help(case: dict[str, Any]) -> None:
    told = diagnose(case["text"])

    assert [plain(each) for each in told] == case["told"]
    for each in told:
        assert each.message[0].islower() or each.message[0] == "`" or each.message.startswith("Cedar ")
        assert not each.message.endswith(".")
        assert f"[{each.code}]: " in render(each)


def test_all_mistakes_of_a_text_are_told_at_once_in_their_order() -> None:
    text = f"permit(principal);\n{HEAD} when {{ foo(1) || bar }};\n\nforbid(x);\n{HEAD} when {{ 1 and 2 }};\n{HEAD};\n"

    told = [(each.code, each.span and each.span.line) for each in diagnose(text)]

    assert told == [
        ("unexpected_token", 1),
        ("unknown_function", 2),
        ("unknown_variable", 2),
        ("unexpected_token", 4),
        ("foreign_operator", 5),
    ]


def test_a_mistake_inside_braces_is_told_once() -> None:
    assert (
        len(diagnose(f"{HEAD} when {{ context.a; context.b; }};\n{HEAD} unless {{ ) }} when {{ true }};\n{HEAD};")) == 2
    )


def test_fifty_mistakes_are_enough() -> None:
    told = diagnose(f"{HEAD} when {{ a }};\n" * 200)

    assert len(told) == 51
    assert {each.code for each in told[:50]} == {"unknown_variable"}
    assert told[50].code == "too_many_errors"
    assert told[50].message == "the file has 50 errors or more: the rest of it is not looked at"
    assert told[50].help == "mend these first"


def test_half_a_character_is_told() -> None:
    (told,) = diagnose(f'{HEAD} when {{ "\ud800" == context.a }};')

    assert told.span is not None
    assert (told.code, told.message) == ("lone_surrogate", "U+D800 is half a character")
    assert (told.span.text, told.help) == ("\ud800", "delete it")
