"""Links fill the slots of templates."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.cedar import templates
from pdp.cedar.parser import parse_policies
from pdp.cedar.templates import Link, link, read_links
from pdp.cedar.text import show_ref
from pdp.cedar.tree import Constraint, Entity, Policy, Relation, SlotName
from pdp.errors import Diagnostic
from pdp.source import Source
from pdp.values import EntityRef
from tests.cedar.samples import HEAD
from tests.cedar.trees import REFS

TEXT = f"""
@id("share") permit(principal is User in ?principal, action, resource == ?resource) when {{ true }};
@id("own") forbid(principal == ?principal, action, resource);
@id("plain") {HEAD};
@id("unused") permit(principal, action, resource in ?resource);
"""
POLICIES = parse_policies(Source("p.cedar", TEXT))[0]
ADA, BOX = EntityRef("Shop::User", "ada"), EntityRef("Box", 'a"b')


def linked(text: str) -> tuple[tuple[Policy, ...], list[Diagnostic]]:
    links, unread = read_links(Source("links.json", text))
    policies, unlinked = link(POLICIES, links)
    return policies, unread + unlinked


def written(template: str = "own", id_: str = "l", slots: object = None) -> str:
    return json.dumps([{"template_id": template, "link_id": id_, "args": slots or {"?principal": show_ref(ADA)}}])


COMMAND_LINE = [
    {"template_id": "share", "link_id": "l", "args": {"?principal": show_ref(ADA), "?resource": show_ref(BOX)}}
]
ADA_DATA, BOX_DATA = {"type": "Shop::User", "id": "ada"}, {"__entity": {"type": "Box", "id": 'a"b'}}
POLICY_SET = [{"templateId": "share", "newId": "l", "values": {"?principal": ADA_DATA, "?resource": BOX_DATA}}]


@pytest.mark.parametrize("form", [COMMAND_LINE, POLICY_SET], ids=["command line", "policy set"])
def test_both_forms_of_a_link_say_the_same(form: object) -> None:
    links, diagnostics = read_links(Source("links.json", json.dumps(form)))

    assert diagnostics == []
    assert links == (Link(template="share", id="l", values={SlotName.PRINCIPAL: ADA, SlotName.RESOURCE: BOX}),)


def test_a_link_is_its_template_with_the_slots_filled() -> None:
    policies, diagnostics = linked(json.dumps(COMMAND_LINE))

    assert diagnostics == []
    made, plain = policies
    assert (made.id, made.effect, made.conditions) == ("l", POLICIES[0].effect, POLICIES[0].conditions)
    assert made.principal == Constraint(type="User", relation=Relation.IN, target=Entity(ref=ADA))
    assert made.resource == Constraint(relation=Relation.EQ, target=Entity(ref=BOX))
    assert made.slots == frozenset()
    assert plain is POLICIES[2]


def test_a_template_is_linked_as_often_as_links_say_and_stands_for_nothing_without_one() -> None:
    form = [*COMMAND_LINE, {**COMMAND_LINE[0], "link_id": "m"}, *json.loads(written(id_="n"))]

    policies, diagnostics = linked(json.dumps(form))

    assert diagnostics == []
    assert [policy.id for policy in policies] == ["l", "m", "n", "plain"]
    assert [policy.id for policy in link(POLICIES, ())[0]] == ["plain"]


@given(REFS)
def test_any_entity_fills_a_slot(ref: EntityRef) -> None:
    if any("\ud800" <= char <= "\udfff" for char in ref.id):
        return
    for value in (show_ref(ref), {"type": ref.type, "id": ref.id}, {"__entity": {"type": ref.type, "id": ref.id}}):
        policies, diagnostics = linked(written(slots={"?principal": value}))

        assert diagnostics == []
        assert policies[0].principal.target == Entity(ref=ref)


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["template_id", "link_id", "args", "values", "?principal", "type", "id", "__entity", "x"]
                ),
                inner,
            )
        ),
    ).map(json.dumps)
)
def test_whatever_a_file_of_links_says_nothing_is_raised(text: str) -> None:
    links, diagnostics = read_links(Source("links.json", text))

    assert links or diagnostics or json.loads(text) == []
    assert len(diagnostics) <= 51


FORM = '`{"template_id": "…", "link_id": "…", "args": {"?principal": "Type::\\"id\\""}}`'
ENTITY = 'an entity is `"Type::\\"id\\""`, or `{"type": "Type", "id": "id"}`'


@pytest.mark.parametrize(
    ("text", "code", "message", "underlined", "help_"),
    [
        ("", "invalid_json", "the file is empty", "", "write `[]` for no links"),
        ("[", "invalid_json", "the file ends too early", "", "a bracket is not closed"),
        (
            "{}",
            "wrong_type",
            "expected a list of links, found a record",
            "{}",
            f"a file holds `[…]`, and each link is {FORM}",
        ),
        ("[3]", "wrong_type", "expected a link, found the number `3`", "3", f"a link is {FORM}"),
        ("[{}]", "missing_key", "the link has no `template_id`", "{}", f"a link is {FORM}"),
        (
            '[{"template_id": "own", "link": "x"}]',
            "unknown_key",
            "a link has no `link`",
            '"link"',
            "did you mean `link_id`?",
        ),
        (
            '[{"template_id": "own", "link_id": "x", "newId": "y", "args": {}}]',
            "unknown_key",
            "`newId` says the same as `link_id`",
            '"newId"',
            "leave out one of them",
        ),
        (written(id_=""), "missing_key", "the id of a link is empty", '""', None),
        (
            '[{"template_id": 4, "link_id": "x", "args": {}}]',
            "wrong_type",
            "expected a string, found the number `4`",
            "4",
            None,
        ),
        (
            '[{"template_id": "own", "link_id": "\\ud800", "args": {}}]',
            "lone_surrogate",
            "the string holds half a character",
            '"\\ud800"',
            "delete it",
        ),
        (
            '[{"template_id": "own", "link_id": "x", "args": []}]',
            "wrong_type",
            "expected the entities for the slots, found a list",
            "[]",
            'write `{"?principal": "Type::\\"id\\""}`',
        ),
        (
            '[{"template_id": "own", "link_id": "x", "args": {"principal": ""}}]',
            "unknown_key",
            "there is no slot `principal`",
            '"principal"',
            "the slots are `?principal` and `?resource`",
        ),
        (
            written(slots={"?principal": "User::ada"}),
            "expected_entity",
            '`User::ada` is no entity: an entity is written `User::"ada"`',
            '"User::ada"',
            None,
        ),
        (
            written(slots={"?principal": {"type": "if", "id": "x"}}),
            "expected_entity",
            "`if` is no entity type",
            '"if"',
            ENTITY,
        ),
        (
            written(slots={"?principal": {"type": "A"}}),
            "wrong_type",
            "expected an entity, found a record",
            '{"type": "A"}',
            ENTITY,
        ),
        (
            written(template="share"),
            "missing_slot",
            "the link does not fill the slot `?resource` of `share`",
            written(template="share")[1:-1],
            'add `"?resource": "Type::\\"id\\""`',
        ),
        (
            written(slots={"?principal": show_ref(ADA), "?resource": show_ref(BOX)}),
            "surplus_slot",
            "the template `own` has no slot `?resource`",
            '"?resource"',
            "leave it out",
        ),
        (
            written(template="onw"),
            "unknown_template",
            "there is no template `onw`",
            '"onw"',
            "did you mean `own`?",
        ),
        (
            written(template="policy7"),
            "unknown_template",
            "there is no template `policy7`",
            '"policy7"',
            "a template is named by its `@id`, or by `policy` and its place",
        ),
        (
            written(template="plain"),
            "unknown_template",
            "the policy `plain` is no template",
            '"plain"',
            "a template has `?principal` or `?resource` in its scope",
        ),
        (
            written(id_="plain"),
            "duplicate_policy_id",
            "the id `plain` is taken",
            '"plain"',
            "give the link an id of its own",
        ),
    ],
)
def test_a_link_that_does_not_fit_is_told(
    text: str, code: str, message: str, underlined: str, help_: str | None
) -> None:
    policies, (told,) = linked(text)

    assert told.span is not None
    assert (told.code, told.message, told.span.text, told.help) == (code, message, underlined, help_)
    assert [policy.id for policy in policies] == ["plain"]


def test_two_links_of_one_id_are_told() -> None:
    text = json.dumps(json.loads(written()) * 2)

    policies, (told,) = linked(text)

    assert [policy.id for policy in policies] == ["l", "plain"]
    assert told.code == "duplicate_policy_id"
    assert [(note, span.start) for note, span in told.notes] == [("by this", text.index('"l"'))]


def test_no_file_holds_too_many_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MAX_LINKS", 2)

    links, (told,) = read_links(Source("links.json", json.dumps(json.loads(written()) * 3)))

    assert links == ()
    assert (told.code, told.message) == ("too_many_links", "the file holds more than 2 links")
    assert told.help == "split it into several files"


def test_fifty_mistakes_in_links_are_enough() -> None:
    told = read_links(Source("links.json", json.dumps([1] * 80)))[1]

    assert len(told) == 51
    assert (told[50].code, told[50].help) == ("too_many_errors", "mend these first")
