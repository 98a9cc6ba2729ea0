"""Every mistake that a table can hold: its message, the text that it underlines, and its help."""

from __future__ import annotations

import json

import pytest

from pdp.syntax.messages import render
from tests.testing.tables.worlds import DATA, read

CASES = [pytest.param(case, id=f"{case['code']}-{index}") for index, case in enumerate(DATA["cases"])]


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_its_place_and_what_would_help(case: dict[str, str]) -> None:
    tables = read(case["text"], case["file"])

    told = next(each for each in tables.diagnostics if each.code == case["code"])

    assert told.span is not None
    assert (told.message, told.span.text, told.help) == (case["message"], case["underlined"], case["help"])
    assert told.span.source.path == case["file"]
    assert not told.message.endswith(".")
    assert f"[{case['code']}]: {case['message']}" in render(told)


@pytest.mark.parametrize("case", CASES)
def test_where_anything_is_wrong_nothing_is_run(case: dict[str, str]) -> None:
    tables = read(case["text"], case["file"])

    assert (tables.tests, tables.unspecified) == ((), ())


def test_the_mistakes_of_all_files_are_told_at_once() -> None:
    rows = "principal,action,resource,decision\nUser:adda,raed,Service:api,allow\n"

    tables = read("tests: [{name: t, expect: {User:ada: {raed: allow}}}]", **{"u.test.csv": rows})

    assert [(each.code, str(each.span)) for each in tables.diagnostics] == [
        ("unknown_table_name", "t.test.yaml:1:39"),
        ("unknown_action", "u.test.csv:2:11"),
    ]


def test_a_mark_before_everything_moves_no_place() -> None:
    tables = read("\ufefftests: 3\n")

    assert [each.span.text for each in tables.diagnostics if each.span] == ["3"]


def test_no_more_mistakes_are_told_than_a_person_reads() -> None:
    rows = "principal,action,resource,decision\n" + "User:x,read,Service:api,allow\nUser:y,fly,Service:api,no\n" * 500

    tables = read(rows, "t.test.csv")

    assert len(tables.diagnostics) == 101
    assert tables.diagnostics[-1].code == "too_many_data_errors"


def test_a_short_file_cannot_ask_without_end() -> None:
    names = [f"User:u{number}" for number in range(1000)]
    entities = [{"type": "User", "id": name.removeprefix("User:")} for name in names]
    services = [{"type": "Service", "id": f"s{number}"} for number in range(1000)]

    text = json.dumps(
        {
            "entities": entities + services,
            "tests": [
                {
                    "name": "t",
                    "principals": names,
                    "resources": [f"Service:{each['id']}" for each in services],
                    "actions": ["read"],
                    "rest": "deny",
                }
            ],
        }
    )

    tables = read(text)

    assert [each.code for each in tables.diagnostics] == ["table_too_large"]
