"""Entities in Cedar's JSON, read against a schema and without one, as Cedar's own engine reads them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.cedar.facts import entity_node, load_entities
from pdp.conform import Mismatch
from pdp.entities import Store
from pdp.errors import Diagnostic
from pdp.extensions import parse_datetime, parse_ip
from pdp.model import Entity, Membership, Node
from pdp.schema import Action, EntityType, Schema
from pdp.source import Source
from pdp.symbols import Semantics
from pdp.types import EntityTypes, FieldType, Primitive, RecordType, SetType, Type
from pdp.values import Datetime, EntityRef, ValueSet

NOTHING = RecordType({})


def optional(kind: Type) -> FieldType:
    return FieldType(kind, optional=True)


def declared(
    name: str, *parents: str, ids: frozenset[str] | None = None, tags: Type | None = None, **fields: FieldType
) -> EntityType:
    return EntityType(name=name, parents=frozenset(parents), attributes=RecordType(fields), ids=ids, tags=tags)


def action(name: str, *parents: str) -> Action:
    return Action(
        name=name,
        principals=frozenset({"User"}),
        resources=frozenset({"User"}),
        context=NOTHING,
        session=NOTHING,
        ref=EntityRef("Action", name),
        parents=tuple(EntityRef("Action", parent) for parent in parents),
    )


def world(*types: EntityType, actions: tuple[Action, ...] = (), open: bool = False) -> Schema:
    return Schema(
        entities={each.name: each for each in types},
        enums={},
        actions={each.name: each for each in actions},
        groups={},
        roles={},
        obligations={},
        semantics=Semantics.CEDAR,
        open=open,
    )


USER = declared(
    "User",
    "Group",
    level=FieldType(Primitive.INT),
    address=optional(Primitive.IP),
    friend=optional(EntityTypes(frozenset({"User"}))),
    names=optional(SetType(Primitive.STRING)),
    inner=optional(RecordType({"a": FieldType(Primitive.INT)})),
    tags=Primitive.STRING,
)
WORLD = world(
    USER,
    declared("Group", "Group", "Org"),
    declared("Org"),
    declared("Color", ids=frozenset({"red", "green"})),
    declared("Car", "Color"),
    actions=(action("all"), action("reads", "all"), action("view", "reads")),
)
OPEN = world(open=True)


def load(*files: object, schema: Schema = WORLD) -> tuple[Store | None, list[Diagnostic]]:
    texts = [file if isinstance(file, str) else json.dumps(file) for file in files]
    return load_entities([Source(f"{number}.json", text) for number, text in enumerate(texts)], schema)


def store(*files: object, schema: Schema = WORLD) -> Store:
    found, diagnostics = load(*files, schema=schema)
    assert diagnostics == []
    assert found is not None
    return found


def node(found: Store, kind: str, id_: str) -> Node:
    known = found.node(EntityRef(kind, id_))
    assert known is not None
    return known


def ref(kind: str, id_: str) -> dict[str, object]:
    return {"type": kind, "id": id_}


def item(kind: str = "User", id_: str = "ada", parents: Any = (), attrs: Any = None, **more: object) -> dict[str, Any]:
    given = {"level": 1} if attrs is None and kind == "User" else attrs or {}
    return {"uid": ref(kind, id_), "attrs": given, "parents": list(parents), **more}


# --------------------------------------------------------------------------------------------------------- what loads


def test_an_entity_is_read_by_what_the_schema_declares() -> None:
    attrs = {
        "level": 3,
        "address": "10.0.0.1",
        "friend": ref("User", "bob"),
        "names": ["x", "x"],
        "inner": {"a": 1},
    }

    found = node(store([item(attrs=attrs, parents=[ref("Group", "g")], tags={"k": "v"})]), "User", "ada")

    assert found.attributes["address"] == parse_ip("10.0.0.1")
    assert found.attributes["friend"] == EntityRef("User", "bob")
    assert found.attributes["names"] == ValueSet(["x"])
    assert found.parents == (Membership(EntityRef("Group", "g")),)
    assert found.tags == {"k": "v"}


def test_without_a_schema_data_says_itself_what_it_is() -> None:
    attrs = {"when": {"__extn": {"fn": "datetime", "arg": "2026-01-01"}}, "address": "10.0.0.1", "__entity": "a"}

    found = node(
        store([item("Any::Thing", "", [ref("Other", "x")], attrs, tags={"k": 1})], schema=OPEN), "Any::Thing", ""
    )

    assert found.attributes == {"when": parse_datetime("2026-01-01"), "address": "10.0.0.1", "__entity": "a"}
    assert found.tags == {"k": 1}


def test_names_of_entities_may_stand_under_the_escape() -> None:
    found = store([item(parents=[{"__entity": ref("Group", "g")}]) | {"uid": {"__entity": ref("User", "ada")}}])

    assert node(found, "User", "ada").parents == (Membership(EntityRef("Group", "g")),)


def test_the_actions_of_the_schema_are_in_the_store() -> None:
    found = store([])

    assert len(found) == 3
    assert node(found, "Action", "view").parents == (Membership(EntityRef("Action", "reads")),)
    assert len(store([], schema=OPEN)) == 0


@pytest.mark.parametrize(
    "items",
    [
        [item("Action", "view", [ref("Action", "reads"), ref("Action", "all")])],
        [item("Action", "view", [ref("Action", "reads")]), item("Action", "reads", [ref("Action", "all")])],
        [item("Action", "all")],
        [item("User", ""), item("User", "\x00 \u202e")],
        [item(parents=[ref("Org", "a grandparent's type"), ref("Group", "g"), ref("Group", "g")])],
        [item(), item()],
        [item(parents=[ref("Group", "a"), ref("Group", "b")]), item(parents=[ref("Group", "b"), ref("Group", "a")])],
        [item("Org", "o", tags={})],
        [item("Color", "red"), item("Car", "c", [ref("Color", "green")])],
    ],
)
def test_what_cedar_takes_with_a_schema_is_taken(items: list[Any]) -> None:
    assert load(items)[1] == []


def test_several_files_make_one_store() -> None:
    assert len(store([item("User", "ada")], [item("User", "bob")], [item("User", "ada")], schema=OPEN)) == 2


# ------------------------------------------------------------------------------------------------- what is refused


def shown(diagnostic: Diagnostic) -> tuple[str, str, str, str | None]:
    assert diagnostic.span is not None
    return diagnostic.code, diagnostic.message, diagnostic.span.text, diagnostic.help


LAYOUT = 'entities are written `[{"uid": {"type": …, "id": …}, "attrs": {…}, "parents": […]}, …]`'
LONG = "a Long is a whole number such as `42`, without quotes"
LEAVE = "leave actions out: the schema's are there without being in data"
FORM = 'write `{"__entity": {"type": "Type", "id": "id"}}`'
UID = '{"type": "User", "id": "ada"}'


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item("Usr")], ("undeclared_type", "there is no entity type `Usr`", "{0}", "did you mean `User`?")),
        (
            [item(attrs={"level": 1, "levle": 2})],
            ("undeclared_attribute", "there is no attribute `levle` on `User`", '"levle"', "did you mean `level`?"),
        ),
        (
            [item(attrs={"names": []})],
            (
                "missing_attribute",
                "the attribute `level` is missing",
                UID,
                "it is a `Long`; `level?` in the schema makes it optional",
            ),
        ),
        ([item(attrs={"level": True})], ("wrong_type", "expected `Long`, found `true`", "true", LONG)),
        (
            [item(attrs={"level": 1, "inner": {"a": "x"}})],
            ("wrong_type", 'expected `Long`, found the string `"x"`', '"x"', LONG),
        ),
        (
            [item(attrs={"level": 1, "friend": ref("Group", "g")})],
            ("wrong_type", 'expected `User`, found `Group::"g"`', '{"type": "Group", "id": "g"}', None),
        ),
        (
            [item(attrs={"level": None})],
            ("null_value", "null is not a value", "null", "leave it out instead"),
        ),
        (
            [item(parents=[ref("Car", "x")])],
            (
                "parent_of_other_type",
                "entities of type `User` cannot be in `Car`",
                '{"type": "Car", "id": "x"}',
                "they can be in `Group`",
            ),
        ),
        (
            [item("Org", "o", [ref("Org", "p")])],
            (
                "parent_of_other_type",
                "entities of type `Org` cannot be in `Org`",
                '{"type": "Org", "id": "p"}',
                "`Org` is declared without `in`",
            ),
        ),
        ([item(parents=["g"])], ("wrong_type", 'expected an entity, found the string `"g"`', '"g"', FORM)),
        (
            [item(tags={"k": 1})],
            ("wrong_type", "expected `String`, found the number `1`", "1", "a String is text in quotes"),
        ),
        (
            [item("Org", "o", tags={"k": "v"})],
            (
                "undeclared_tags",
                "entities of type `Org` have no tags",
                '"v"',
                "`tags` in the declaration of its type gives an entity tags",
            ),
        ),
        (
            [item("Color", "rde")],
            (
                "undeclared_member",
                '`Color::"rde"` is not declared',
                '{"type": "Color", "id": "rde"}',
                "did you mean `red`?",
            ),
        ),
        (
            [item("Car", "c", [ref("Color", "blue")])],
            (
                "undeclared_member",
                '`Color::"blue"` is not declared',
                '{"type": "Color", "id": "blue"}',
                "declared are `green`, `red`",
            ),
        ),
        (
            [item("Action", "view", [ref("Action", "reads")])],
            (
                "action_differs",
                '`Action::"view"` is not what the schema declares',
                '{"type": "Action", "id": "view"}',
                LEAVE,
            ),
        ),
        (
            [item("Action", "all", attrs={"a": 1})],
            (
                "action_differs",
                '`Action::"all"` is not what the schema declares',
                '{"type": "Action", "id": "all"}',
                LEAVE,
            ),
        ),
        (
            [item("Action", "drop")],
            ("action_differs", 'the schema declares no `Action::"drop"`', '{"type": "Action", "id": "drop"}', LEAVE),
        ),
        (
            [item("Group", "g", [ref("Group", "g")])],
            (
                "parent_cycle",
                '`Group::"g"` is in itself: it is in `Group::"g"`',
                '{"type": "Group", "id": "g"}',
                "remove one of these parents",
            ),
        ),
        ({"entities": []}, ("wrong_type", "expected a list of entities, found a record", '{"entities": []}', LAYOUT)),
        ([1], ("wrong_type", "expected an entity, found the number `1`", "1", LAYOUT)),
        (
            [item(tag={})],
            ("unknown_key", "an entity has no `tag`", '"tag"', "did you mean `tags`?"),
        ),
        (
            [{"uid": ref("User", "ada"), "attrs": {"level": 1}}],
            ("missing_key", "an entity needs its `parents`", '{"uid": {0}, "attrs": {"level": 1}}', LAYOUT),
        ),
        (
            [item() | {"uid": 'User::"ada"'}],
            ("wrong_type", 'expected an entity, found the string `"User::\\"ada\\""`', None, FORM),
        ),
        ("", ("invalid_json", "the file is empty", "", "write `[]` for no entities")),
        ("[] x", ("invalid_json", "there is something after the end", "x", "a file holds one list")),
    ],
)
def test_a_mistake_is_told_where_it_stands(items: Any, expected: tuple[str, str, str | None, str | None]) -> None:
    found, diagnostics = load(items)

    assert found is None
    assert len(diagnostics) == 1
    code, message, text, help_ = shown(diagnostics[0])
    underlined = text if expected[2] is None else expected[2].replace("{0}", text if expected[2] == "{0}" else UID)
    assert (code, message, text, help_) == (*expected[:2], underlined, expected[3])


def test_all_mistakes_are_told_at_once_in_their_order() -> None:
    items = [
        item(attrs={"level": "x", "more": 1}, parents=[ref("Car", "x"), 1]),
        item("Nope", "a"),
        item("User", "bob", attrs={}),
    ]

    _, diagnostics = load(items, [item("Color", "x")])

    assert [each.code for each in diagnostics] == [
        "wrong_type",
        "undeclared_attribute",
        "parent_of_other_type",
        "wrong_type",
        "undeclared_type",
        "missing_attribute",
        "undeclared_member",
    ]


@pytest.mark.parametrize("schema", [WORLD, OPEN], ids=["schema", "open"])
@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([[item(), item(attrs={"level": 2})]], "entity_twice"),
        ([[item()], [item(tags={"k": "v"})]], "entity_twice"),
        ([[item(), item(parents=[ref("Group", "g")])]], "entity_twice"),
        ([[item("Group", "a", [ref("Group", "b")])], [item("Group", "b", [ref("Group", "a")])]], "parent_cycle"),
        (['[{"uid": {"type": "User", "id": "a"}, "attrs": {"level": 1, "level": 1}, "parents": []}]'], "duplicate_key"),
        (['[{"uid": {"type": "User", "id": "a", "id": "a"}, "attrs": {"level": 1}, "parents": []}]'], "duplicate_key"),
        ([[item() | {"attrs": None}]], "null_value"),
        ([[item() | {"parents": None}]], "null_value"),
        ([[item(tags=None)]], "null_value"),
        ([[item() | {"attrs": []}]], "wrong_type"),
        ([[item("User ")]], "invalid_reference"),
        ([[item(attrs={"level": 2**63})]], "number_out_of_range"),
        ([[item(attrs={"level": 1.0})]], "float_value"),
        (['[{"uid": {"type": "User", "id": "a"}, "attrs": {"level": NaN}, "parents": []}]'], "not_finite"),
        (['[{"uid": {"type": "User", "id": "\\ud800"}, "attrs": {"level": 1}, "parents": []}]'], "half_character"),
        (["[" * 100_000], "data_too_deep"),
        (["["], "invalid_json"),
        (["\x00"], "nul_character"),
    ],
)
def test_what_no_schema_could_mend_is_refused_with_and_without_one(files: list[Any], code: str, schema: Schema) -> None:
    found, diagnostics = load(*files, schema=schema)

    assert found is None
    assert code in [each.code for each in diagnostics]


def test_an_action_is_in_nothing_but_actions() -> None:
    _, diagnostics = load([item("A::Action", "view", [ref("Group", "g")])], schema=OPEN)

    assert [shown(each) for each in diagnostics] == [
        (
            "parent_of_other_type",
            'the action `A::Action::"view"` cannot be in `Group::"g"`, which is no action',
            '{"type": "Group", "id": "g"}',
            "an action can be in other actions",
        )
    ]


def test_an_action_that_cannot_be_read_is_one_mistake() -> None:
    _, diagnostics = load([item("Action", "view", [ref("Action", "reads") | {"z": 1}])])

    assert [each.code for each in diagnostics] == ["unknown_key"]


def test_entities_that_only_python_takes_for_equal_are_not() -> None:
    _, diagnostics = load([item(attrs={"x": 1}), item(attrs={"x": True})], schema=OPEN)

    assert [each.code for each in diagnostics] == ["entity_twice"]
    assert diagnostics[0].message == '`User::"ada"` is there twice, and not the same'
    assert diagnostics[0].help == "keep one of them"
    assert [text for text, _ in diagnostics[0].notes] == ["first here"]


def test_a_long_cycle_is_told_in_short() -> None:
    items = [item("Group", str(number), [ref("Group", str((number + 1) % 50))]) for number in range(50)]

    _, diagnostics = load(items)

    assert [each.code for each in diagnostics] == ["parent_cycle"]
    assert "… 44 more …" in diagnostics[0].message


def test_very_many_mistakes_are_cut() -> None:
    _, diagnostics = load([item("Nope", str(number)) for number in range(1_000)])

    assert len(diagnostics) <= 102
    assert diagnostics[-1].code == "too_many_data_errors"


def test_a_long_chain_is_no_matter() -> None:
    items = [item("Group", str(number), [ref("Group", str(number + 1))]) for number in range(20_000)]

    assert len(store(items, schema=OPEN)) == 20_000


def test_ten_thousand_entities_load_soon() -> None:
    attrs = {"level": 1, "address": "10.0.0.1", "friend": ref("User", "bob"), "names": ["a", "b"]}
    text = json.dumps([item("User", str(number), [ref("Group", str(number % 9))], attrs) for number in range(10_000)])

    start = time.process_time()
    store(text)

    # It takes a fraction of this on a machine that does nothing else.
    assert time.process_time() - start < 5


# ------------------------------------------------------------------------------------------------ entities as objects


def test_an_object_is_read_as_a_file_is() -> None:
    given = Entity("User", "ada", {"level": 1, "address": "::1"}, [EntityRef("Group", "g"), ref("Group", "h")])  # type: ignore[list-item]

    found = entity_node(given, WORLD)

    assert found == node(
        store([item(attrs={"level": 1, "address": "::1"}, parents=[ref("Group", "g"), ref("Group", "h")])]),
        "User",
        "ada",
    )


@pytest.mark.parametrize(
    ("given", "message", "path"),
    [
        (Entity("Nope", "a"), "there is no entity type `Nope`", ()),
        (Entity("User", "a"), "the attribute `level` is missing", ("attributes",)),
        (Entity("User", "a", {"level": 1, "x": 1}), "there is no attribute `x` on `User`", ("attributes", "x")),
        (Entity("User", "a", {"level": "1"}), 'expected `Long`, found the string `"1"`', ("attributes", "level")),
        (
            Entity("User", "a", {"level": 1}, [EntityRef("Car", "c")]),
            "entities of type `User` cannot be in `Car`",
            ("parents", 0),
        ),
        (
            Entity("User", "a", {"level": 1}, [Membership(EntityRef("Group", "g"), Datetime(0))]),
            "for Cedar, nothing is in another until an instant",
            ("parents", 0),
        ),
        (Entity("User", "a", {"level": 1}, "Group"), "expected a list of parents", ("parents",)),  # type: ignore[arg-type]
        (Entity("Color", "x"), '`Color::"x"` is not declared', ()),
        (Entity("Action", "nope"), 'the schema declares no `Action::"nope"`', ()),
        (Entity("User", 1), "expected `String`, found the number `1`", ("id",)),  # type: ignore[arg-type]
    ],
)
def test_an_object_that_is_no_entity_of_its_type_is_refused(
    given: Entity, message: str, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(Mismatch) as caught:
        entity_node(given, WORLD)

    assert caught.value.message.startswith(message)
    assert caught.value.path == path


def test_an_action_as_an_object_is_the_schema_s() -> None:
    given = Entity("Action", "view", parents=[EntityRef("Action", "reads")])

    assert entity_node(given, WORLD) == node(store([]), "Action", "view")


# --------------------------------------------------------------------------------------------------------- properties


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["uid", "attrs", "parents", "tags", "type", "id", "level", "__entity", "__extn", "fn", "arg"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
SOMETHING = st.one_of(JSON, st.just(item()), st.sampled_from(["User", "Group", "Action", "view", "Color"]))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "uid": st.fixed_dictionaries({"type": SOMETHING, "id": SOMETHING}) | SOMETHING,
                "attrs": SOMETHING | st.dictionaries(st.sampled_from(["level", "names", "x"]), SOMETHING, max_size=2),
                "parents": st.lists(SOMETHING, max_size=2) | SOMETHING,
            },
            optional={"tags": SOMETHING, "more": SOMETHING},
        )
        | SOMETHING,
        max_size=3,
    )
    | SOMETHING,
    st.sampled_from([WORLD, OPEN]),
)
def test_any_data_is_a_store_or_diagnostics_with_places(data: Any, schema: Schema) -> None:
    found, diagnostics = load(data, schema=schema)

    assert (found is None) is bool(diagnostics)
    for each in diagnostics:
        assert each.span is not None
        assert str(each)


@given(st.text(st.sampled_from('[]{}",:\\ \n\ufeff\x00\ud800u0tfnul1-.e'), max_size=30))
def test_any_text_is_a_store_or_diagnostics_with_places(text: str) -> None:
    found, diagnostics = load(text)

    assert (found is None) is bool(diagnostics)
    assert all(each.span is not None for each in diagnostics)


@given(st.permutations([item("Group", "a", [ref("Group", "b")]), item("Group", "b"), item(), item("Org", "o")]))
def test_the_order_of_entities_changes_nothing(items: list[Any]) -> None:
    assert store(items).revision == store(items[:2], items[2:]).revision
