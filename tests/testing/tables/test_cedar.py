"""Tables about policies of Cedar."""

from __future__ import annotations

import json

from pdp.entities import Store
from pdp.folder import load_sources
from pdp.source import Source
from pdp.testing.runner import Runner
from pdp.testing.tables import Tables, read_sources

SCHEMA = """
namespace Photos {
  entity Group;
  entity User in [Group] { age?: Long };
  entity Photo { owner: User, private: Bool };
  action look;
  action view in [look] appliesTo { principal: [User], resource: [Photo], context: { network: ipaddr } };
  action share appliesTo { principal: [User], resource: [Photo], context: { mfa?: Bool } };
}
"""
POLICIES = """
@id("owners") permit (principal, action, resource) when { resource.owner == principal };
@id("public") permit (principal, action in Photos::Action::"look", resource) unless { resource.private };
@id("inside") forbid (principal, action == Photos::Action::"view", resource)
unless { context.network.isInRange(ip("10.0.0.0/8")) };
@id("adults") forbid (principal, action == Photos::Action::"share", resource) when { principal.age < 18 };
"""
FIXTURES = """
entities:
  - {uid: {type: "Photos::User", id: ada}, attrs: {age: 36}, parents: []}
  - {uid: {type: "Photos::User", id: bo}, attrs: {}, parents: [{type: "Photos::Group", id: family}]}
  - uid: {type: "Photos::Photo", id: beach}
    attrs: {owner: {__entity: {type: "Photos::User", id: ada}}, private: false}
    parents: []
"""


def read(text: str, name: str = "t.test.yaml") -> tuple[Tables, Runner]:
    loaded = load_sources([Source("p.cedar", POLICIES), Source("s.cedarschema", SCHEMA)])
    policy, _ = loaded.require()
    sources = [Source("fixtures.yaml", FIXTURES), Source(name, text)]
    return read_sources(sources, policy, Store.empty()), Runner(policy)


def told(text: str, name: str = "t.test.yaml") -> list[tuple[str, ...]]:
    tables, runner = read(text, name)
    assert [str(each) for each in tables.diagnostics] == []
    return [result.differences for result in runner.run(tables.tests)]


def codes(text: str) -> list[tuple[str, str]]:
    return [(each.code, each.span.text if each.span else "") for each in read(text)[0].diagnostics]


def test_entities_are_named_as_cedar_does_or_as_in_a_shell() -> None:
    expect = {
        'Photos::User::"ada"': {"Photos::Photo:beach": {"view": {"allow": ["owners", "public"]}, "share": "allow"}},
        "Photos::User:bo": {
            'Photos::Action::"view"': {"allow": "public"},
            "share": {"deny": "default", "errs": "adults"},
        },
    }

    text = json.dumps({"context": {"network": "10.0.0.1"}, "tests": [{"name": "t", "expect": expect}]})

    assert told(text) == [()] * 4


def test_the_action_is_in_its_groups() -> None:
    text = """
tests:
  - name: t
    context: {network: 11.0.0.1}
    expect: {"Photos::User:ada": {view: {"Photos::Photo:beach": {deny: inside}}}}
"""
    assert told(text) == [()]


def test_rows_ask_as_tables_do() -> None:
    rows = "principal,action,resource,decision,by,context.network\n"
    rows += "Photos::User:ada,view,Photos::Photo:beach,allow,owners; public,10.0.0.1\n"

    assert told(rows, "t.test.csv") == [()]


def test_a_context_that_is_not_all_there_is_a_mistake() -> None:
    text = 'tests: [{name: t, expect: {"Photos::User:ada": {view: {"Photos::Photo:beach": allow}}}}]'

    assert codes(text) == [("missing_attribute", "allow")]


def test_a_value_of_another_type_and_a_name_that_nothing_declares_are_mistakes() -> None:
    text = """
entities:
  - {uid: {type: "Photos::User", id: cy}, attrs: {age: old}, parents: []}
  - {uid: {type: "Photos::Usr", id: x}, attrs: {}, parents: []}
tests: [{name: t, expect: {"Photos::User:ada": {viw: allow}}}]
"""
    assert [code for code, _ in codes(text)] == ["wrong_type", "undeclared_type", "unknown_table_name"]


def test_forms_of_the_other_language_are_mistakes() -> None:
    text = "entities: [{type: User, id: ada}]\ntests: [{name: t, expect: {'User \"ada\"': {view: allow}}}]"

    found = codes(text)

    assert {"unknown_key", "missing_key", "invalid_reference"} >= {code for code, _ in found}
    assert found
