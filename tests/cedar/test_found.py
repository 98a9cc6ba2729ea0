"""Where pdp once differed from Cedar's own engine: each stays a test, named by what was wrong."""

from __future__ import annotations

import json

import pytest

from pdp.cedar.parser import parse_policies
from pdp.cedar.schemas import load_schema
from pdp.cedar.validation import validate
from pdp.engine import Engine
from pdp.errors import DiagnosticError, RequestError, Severity
from pdp.model import Entity
from pdp.source import Source
from pdp.values import EntityRef

ALL = "permit (principal, action, resource);"


def test_an_action_of_entity_data_is_in_other_actions_only():
    parent = '{"type": "Doc", "id": "a"}'
    data = f'[{{"uid": {{"type": "N::Action", "id": "read"}}, "attrs": {{}}, "parents": [{parent}]}}]'

    with pytest.raises(DiagnosticError) as raised:
        Engine.load_cedar(ALL, entities=data)

    (found,) = raised.value.diagnostics
    assert found.code == "parent_of_other_type"
    assert found.message == 'the action `N::Action::"read"` cannot be in `Doc::"a"`, which is no action'
    assert found.span is not None
    assert found.span.text == parent
    assert found.help == "an action can be in other actions"
    entity = Entity("Action", "read", {}, [EntityRef("Doc", "a")])
    with pytest.raises(RequestError, match="is no action"):
        Engine.load_cedar(ALL, entities=[entity])


@pytest.mark.parametrize("parent", ["Action", "Other::Action"])
def test_an_action_may_be_in_one_of_another_namespace(parent: str):
    uid, above = {"type": "N::Action", "id": "read"}, {"type": parent, "id": "all"}
    data = json.dumps([{"uid": uid, "attrs": {}, "parents": [above]}])
    engine = Engine.load_cedar(f'permit (principal, action in {parent}::"all", resource);', entities=data)

    assert engine.allows(EntityRef("User", "ada"), 'N::Action::"read"', EntityRef("Doc", "a"))


@pytest.mark.parametrize(
    ("condition", "is_false"),
    [
        ("(true || false) == false", True),
        ("(true && (true || false)) == false", True),
        ("(false || true) != true", True),
        ("(true || principal.public) == false", False),
        ("(1 == 1 || true) == false", False),
        ("!true == true", False),
    ],
)
def test_and_and_or_of_literals_are_literals_before_anything_is_typed(condition: str, is_false: bool):
    # What comes after a condition that is false is looked at no further, and so does not have to be one itself.
    policy = f'permit (principal, action, resource) when {{ {condition} }} unless {{ "no condition" }};'
    schema = "entity U {public: Bool}; action a appliesTo {principal: [U], resource: [U], context: {}};"

    policies, _ = parse_policies(Source("p.cedar", policy))
    known, _ = load_schema(Source("s.cedarschema", schema))
    assert known is not None

    found = {each.code for each in validate(policies, known) if each.severity is Severity.ERROR}

    assert found == (set() if is_false else {"not_a_condition"})
