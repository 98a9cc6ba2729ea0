"""What the validator tells: each message, the text that it underlines, and its help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pdp.cedar.parser import parse_policies
from pdp.cedar.schemas import load_schema
from pdp.cedar.tree import Policy
from pdp.cedar.validation import skipping, validate
from pdp.errors import Diagnostic, Severity
from pdp.schema import Schema
from pdp.source import Source

DATA = json.loads(Path(__file__).with_name("validation.json").read_text("utf-8"))


def schema() -> Schema:
    found, problems = load_schema(Source("s.cedarschema", DATA["schema"]))
    assert found is not None, problems
    return found


def policies(text: str) -> tuple[Policy, ...]:
    found, problems = parse_policies(Source("p.cedar", text))
    assert problems == []
    return found


def told(found: list[Diagnostic]) -> list[dict[str, Any]]:
    return [
        {
            "code": each.code,
            "message": each.message,
            "underlined": None if each.span is None else each.span.text,
            "help": each.help,
        }
        for each in found
    ]


@pytest.mark.parametrize("case", DATA["validation"], ids=lambda case: case["policy"])
def test_a_mistake_is_told_with_its_place_and_what_would_help(case: dict[str, Any]) -> None:
    found = validate(policies(case["policy"]), schema())

    assert told(found) == case["told"]


@pytest.mark.parametrize("case", DATA["skipping"], ids=lambda case: case["policy"])
def test_a_forbid_that_may_err_is_told_with_an_input_that_makes_it(case: dict[str, Any]) -> None:
    found = skipping(policies(case["policy"]), schema())

    assert told(found) == case["told"]
    assert {each.severity for each in found} <= {Severity.WARNING}


@pytest.mark.parametrize("case", DATA["skipping without a schema"], ids=lambda case: case["policy"])
def test_without_a_schema_a_forbid_may_err_in_more_ways(case: dict[str, Any]) -> None:
    found = skipping(policies(case["policy"]), None)

    assert told(found) == case["told"]


def test_messages_are_lower_case_without_a_period() -> None:
    messages = [each["message"] for part in ("validation", "skipping") for case in DATA[part] for each in case["told"]]

    assert [each for each in messages if each.endswith(".")] == []
    assert [each for each in messages if each[0].isupper() and not each.startswith("U+")] == []


def test_one_mistake_is_one_finding_in_however_many_environments() -> None:
    text = "permit(principal, action, resource) when { context.zz && context.yy };"

    found = validate(policies(text), schema())

    assert [(each.code, each.span and each.span.text) for each in found] == [
        ("unknown_attribute", "context.zz"),
        ("unknown_attribute", "context.yy"),
    ]


def test_all_mistakes_of_all_policies_are_told_and_no_more_than_a_person_reads() -> None:
    text = "permit(principal, action, resource) when { principal.zz };\n"

    found = validate(policies(text * 60), schema())

    assert len(found) == 51
    assert found[-1].code == "too_many_errors"
