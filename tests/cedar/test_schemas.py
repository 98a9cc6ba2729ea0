"""What schemas of Cedar come to: names, types, actions; the same from both forms."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pdp.cedar import tree
from pdp.cedar.schemas import implicit_schema, load_schema, load_schemas
from pdp.model import Effect
from pdp.schema import Schema
from pdp.source import Source
from pdp.symbols import Semantics
from pdp.types import EntityTypes, FieldType, Primitive, RecordType, SetType
from pdp.values import EntityRef
from tests.peers import require

TEXT = """
@doc("photos")
namespace Photos {
  @doc("a person")
  entity User, Bot in [Group, Org::Unit] = { "full name"?: String, age: Long, ips: Set<ipaddr>, home: Address, } tags Set<Long>;
  entity Group enum ["a", "b\\u{41}"];
  type Address = { street: __cedar::String, @doc("since") since?: datetime, owner: User };
  action view, "look at" in [read, Org::Action::"all"] appliesTo { principal: [User, Bot], resource: User, context: Address };
  action read;
}
namespace Org { entity Unit; action all; action read in "all"; }
"""  # noqa: E501
JSON = {
    "Photos": {
        "annotations": {"doc": "photos"},
        "entityTypes": {
            name: {
                "annotations": {"doc": "a person"},
                "memberOfTypes": ["Group", "Org::Unit"],
                "shape": {
                    "type": "Record",
                    "attributes": {
                        "full name": {"type": "String", "required": False},
                        "age": {"type": "Long", "required": True},
                        "ips": {"type": "Set", "element": {"type": "Extension", "name": "ipaddr"}},
                        "home": {"type": "Address"},
                    },
                    "additionalAttributes": False,
                },
                "tags": {"type": "Set", "element": {"type": "EntityOrCommon", "name": "Long"}},
            }
            for name in ("User", "Bot")
        }
        | {"Group": {"enum": ["a", "bA"]}},
        "commonTypes": {
            "Address": {
                "type": "Record",
                "attributes": {
                    "street": {"type": "__cedar::String"},
                    "since": {"type": "datetime", "required": False, "annotations": {"doc": "since"}},
                    "owner": {"type": "Entity", "name": "User"},
                },
            }
        },
        "actions": {
            name: {
                "memberOf": [{"id": "read"}, {"id": "all", "type": "Org::Action"}],
                "appliesTo": {
                    "principalTypes": ["User", "Bot"],
                    "resourceTypes": ["User"],
                    "context": {"type": "Address"},
                },
            }
            for name in ("view", "look at")
        }
        | {"read": {}},
    },
    "Org": {
        "entityTypes": {"Unit": {}},
        "actions": {"all": {}, "read": {"memberOf": [{"id": "all"}], "appliesTo": None, "attributes": None}},
    },
}


def load(text: str, path: str = "a.cedarschema") -> Schema:
    schema, found = load_schema(Source(path, text))
    assert schema is not None, found
    return schema


def attribute(text: str, name: str = "A") -> str:
    return str(load(text).entities[name].attributes.fields["x"].type)


def test_a_schema_is_declared_as_cedar_has_it() -> None:
    schema = load(TEXT)

    address = RecordType({
        "street": FieldType(Primitive.STRING),
        "since": FieldType(Primitive.DATETIME, optional=True),
        "owner": FieldType(EntityTypes(frozenset({"Photos::User"}))),
    })  # fmt: skip
    user = schema.entities["Photos::User"]
    assert (schema.semantics, schema.open) == (Semantics.CEDAR, False)
    assert list(schema.entities) == ["Photos::User", "Photos::Bot", "Photos::Group", "Org::Unit"]
    assert (user.docs, user.parents, user.tags) == (
        "a person",
        frozenset({"Photos::Group", "Org::Unit"}),
        SetType(Primitive.INT),
    )
    assert user.span is not None and user.span.text == "User"
    assert user.attributes == RecordType({
        "full name": FieldType(Primitive.STRING, optional=True),
        "age": FieldType(Primitive.INT),
        "ips": FieldType(SetType(Primitive.IP)),
        "home": FieldType(address),
    })  # fmt: skip
    assert schema.entities["Photos::Group"].ids == frozenset({"a", "bA"})
    view = schema.actions["view"]
    assert (view.ref, view.context) == (EntityRef("Photos::Action", "view"), address)
    assert (view.principals, view.resources) == (
        frozenset({"Photos::User", "Photos::Bot"}),
        frozenset({"Photos::User"}),
    )
    assert view.parents == (EntityRef("Photos::Action", "read"), EntityRef("Org::Action", "all"))
    assert view.session.fields["expires_at"] == FieldType(Primitive.DATETIME, optional=True)
    assert view.session.fields["actor"] == FieldType(EntityTypes(frozenset(schema.entities)), optional=True)


def test_an_action_is_called_by_its_id_where_that_is_its_own() -> None:
    schema = load(TEXT)

    both = {'Photos::Action::"read"', 'Org::Action::"read"'}
    assert set(schema.actions) == {"view", "look at", "all", *both}
    assert schema.action_aliases['Photos::Action::"look at"'] == "look at"
    assert all(schema.actions[schema.resolve_action(name)].name == name for name in both)


def test_an_id_that_reads_like_the_name_of_another_action_is_not_its_name() -> None:
    schema = load('action a; namespace N { action "Action::\\"a\\""; }')

    assert set(schema.actions) == {"a", 'N::Action::"Action::\\"a\\""'}


def test_an_action_that_applies_to_nothing_says_so() -> None:
    assert load("action a;").actions["a"].principals == frozenset()


def test_names_lead_to_their_own_namespace_then_to_none_then_to_cedar() -> None:
    assert attribute("entity A = { x: Long };") == "Int"
    assert attribute("entity Long; entity A = { x: Long };") == "Long"
    assert attribute("entity Long; entity A = { x: __cedar::Long };") == "Int"
    assert attribute("type T = Long; entity T; entity A = { x: T };") == "Int"
    assert attribute("type ipaddr = Bool; entity A = { x: ipaddr };") == "Bool"
    assert attribute("namespace N { entity Long; entity A = { x: Long }; }", "N::A") == "N::Long"
    assert attribute("entity B; namespace N { entity A = { x: B }; }", "N::A") == "B"
    assert attribute("entity A = { x: N::Action }; namespace N { action a; }") == "N::Action"


def test_what_cedar_takes_is_taken() -> None:
    for text in (
        "entity entity in type tags tags; entity type; type tags = Long;",
        'action action in "in" appliesTo { context: {}, resource: A, principal: [A, A], } attributes {}; action "in"; entity A;',  # noqa: E501
        'entity A enum ["a", "a", "\\u{1_F600}", "two\nlines"];',
        "entity A\u3000{}; // the end",
        "@if @__cedar(\"x\") entity A, B in [];",
        "namespace Action { action a; } namespace N :: M { entity A = {x: Set<Set<{}>>}; }",
        "",
    ):  # fmt: skip
        load(text)


def test_the_two_forms_of_a_schema_come_to_the_same() -> None:
    assert load(TEXT) == load(json.dumps(JSON), "a.json")


def test_a_namespace_may_stand_in_several_files() -> None:
    first = Source("a.cedarschema", "namespace N { entity A in B; action a; }")
    second = Source("b.json", '{"N": {"entityTypes": {"B": {}}, "actions": {"b": {"memberOf": [{"id": "a"}]}}}}')

    schema, found = load_schemas([first, second])

    assert found == [] and schema is not None
    assert schema.entities["N::A"].parents == {"N::B"}
    assert schema.actions["b"].parents == (EntityRef("N::Action", "a"),)


# -------------------------------------------------------------------------------------------------- both forms, always

NAMES = st.sampled_from(["A", "B", "C"])
LEAVES = st.one_of(
    st.sampled_from(["Long", "String"]).map(lambda name: (name, {"type": name})),
    st.sampled_from(["decimal", "ipaddr"]).map(lambda name: (name, {"type": "Extension", "name": name})),
    NAMES.map(lambda name: (name, {"type": "EntityOrCommon", "name": name})),
)


def record(fields: dict[str, tuple[tuple[str, Any], bool]]) -> tuple[str, dict[str, Any]]:
    text = ", ".join(f"{json.dumps(name)}{'?' * (not must)}: {kind[0]}" for name, (kind, must) in fields.items())
    data = {name: {**kind[1], "required": must} for name, (kind, must) in fields.items()}
    return f"{{ {text} }}", {"type": "Record", "attributes": data}


def larger(kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    sets = kinds.map(lambda kind: (f"Set<{kind[0]}>", {"type": "Set", "element": kind[1]}))
    return sets | st.dictionaries(st.sampled_from(["a", "b c", ""]), st.tuples(kinds, st.booleans())).map(record)


TYPES = st.recursive(LEAVES, larger, max_leaves=8)
RECORDS = st.dictionaries(st.sampled_from(["a", "b"]), st.tuples(TYPES, st.booleans())).map(record)


@given(shapes=st.tuples(RECORDS, RECORDS), tags=TYPES, common=LEAVES, context=RECORDS, parents=st.lists(NAMES))
def test_whatever_is_declared_the_two_forms_come_to_the_same(
    shapes: Any, tags: Any, common: Any, context: Any, parents: list[str]
) -> None:
    up = [name for name in parents if name != "C"]
    text = (
        f"namespace N {{ entity A in [{', '.join(up)}] = {shapes[0][0]} tags {tags[0]}; entity B {shapes[1][0]};"
        f" type C = {common[0] if common[0] != 'C' else 'Long'};"
        f" action a appliesTo {{ principal: A, resource: [A, B], context: {context[0]} }}; }}"
    )
    data = {
        "N": {
            "entityTypes": {
                "A": {"memberOfTypes": up, "shape": shapes[0][1], "tags": tags[1]},
                "B": {"shape": shapes[1][1]},
            },
            "commonTypes": {"C": common[1] if common[0] != "C" else {"type": "Long"}},
            "actions": {
                "a": {"appliesTo": {"principalTypes": ["A"], "resourceTypes": ["A", "B"], "context": context[1]}}
            },
        }
    }

    assert load(text) == load(json.dumps(data), "a.json")


# -------------------------------------------------------------------------------------------------------- other's data


def test_every_schema_of_the_corpus_is_read() -> None:
    with gzip.open(require("cedar/corpus-sample.jsonl.gz"), "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["schema"] for line in lines]
    handwritten = require("cedar/handwritten.jsonl").read_text(encoding="utf-8")
    texts += [json.loads(line)["schema"] for line in handwritten.split("\n") if line]

    failed = [text for text in texts if load_schema(Source("a.cedarschema", text))[1]]

    assert len(texts) > 1500 and failed == []


# ----------------------------------------------------------------------------------------------------------- no schema


def test_where_there_is_no_schema_everything_named_is_declared() -> None:
    entity = tree.Entity(ref=EntityRef("In", "x"))
    deep: tree.Expression = tree.Is(operand=tree.Variable(name=tree.VariableName.RESOURCE), type="Is")
    for _ in range(5000):
        deep = tree.Binary(op=tree.BinaryOp.ADD, left=deep, right=tree.Literal(value=1))
    action = tree.Entity(ref=EntityRef("N::Action", "view"))
    policy = tree.Policy(
        id="policy0",
        effect=Effect.PERMIT,
        principal=tree.Constraint(type="Scope", relation=tree.Relation.IN, target=entity),
        action=tree.ActionConstraint(relation=tree.Relation.EQ, entities=(action,)),
        resource=tree.Constraint(),
        conditions=(tree.Condition(kind=tree.ConditionKind.WHEN, body=deep),),
    )

    schema = implicit_schema([policy], ["Given", "Action"], [EntityRef("Action", "view")])

    assert (schema.open, schema.semantics) == (True, Semantics.CEDAR)
    assert set(schema.entities) == {"Given", "Scope", "In", "Is"}
    assert set(schema.actions) == {'Action::"view"', 'N::Action::"view"'}
    assert all(action.principals == action.resources == set(schema.entities) for action in schema.actions.values())
    assert all(each.bare for each in schema.entities.values())
