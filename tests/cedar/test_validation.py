"""The verdict of strict validation is that of Cedar, for every policy."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.cedar import tree
from pdp.cedar.parser import parse_policies
from pdp.cedar.schemas import load_schema
from pdp.cedar.validation import lapses, skipping, validate, validator
from pdp.errors import Diagnostic, Severity
from pdp.model import Effect
from pdp.schema import Schema
from pdp.source import Source
from pdp.values import EntityRef
from peers import require

TEXT = """
entity Group in [Group];
entity User in [Group] = {
  name: String, age?: Long, boss?: User, at: datetime, bal: decimal,
  rec: { a: Bool, b?: Long, c: { d?: String } }, recs: Set<{ a: Long, b?: String }>
} tags String;
entity Robot in [Group] = { name: String, owner: User, rec?: { a: Bool } } tags Set<Long>;
entity Folder in [Folder] = { owner: User, open: Bool };
entity Doc in [Folder] = { owner: User, size: Long, labels: Set<String>, deed: Action, far: Other::Action };
entity Color enum ["red", "green"];
action all;
action some in [all, Other::Action::"other"];
action view in [some] appliesTo {
  principal: [User, Robot], resource: [Doc, Folder], context: { n: Long, ip?: ipaddr, who: User }
};
action edit in [all] appliesTo { principal: [User], resource: [Doc], context: { n?: Long } };
namespace Other { action other; }
"""


def read_schema(text: str) -> Schema:
    found, problems = load_schema(Source("s.cedarschema", text))
    assert found is not None, problems
    return found


SCHEMA = read_schema(TEXT)


def read(text: str) -> tuple[tree.Policy, ...]:
    found, problems = parse_policies(Source("p.cedar", text))
    assert problems == [], problems
    return found


def errors(found: list[Diagnostic]) -> list[str]:
    return [each.code for each in found if each.severity is Severity.ERROR]


def verdict(condition: str, action: str = 'action == Action::"view"') -> list[str]:
    return errors(
        validate(read(f"permit(principal is User, {action}, resource is Doc) when {{ {condition} }};"), SCHEMA)
    )


# ----------------------------------------------------------------------------------------------------- of others' data


def rows() -> list[dict[str, Any]]:
    with gzip.open(require("cedar/corpus-sample.jsonl.gz"), "rt", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    with require("cedar/handwritten.jsonl").open(encoding="utf-8") as file:
        return [*found, *(json.loads(line) for line in file)]


def test_the_verdict_is_cedars_for_its_whole_corpus() -> None:
    differing = []
    for row in rows():
        policies, problems = parse_policies(Source("p.cedar", row["policies"]))
        found = errors(validate(policies, read_schema(row["schema"])))
        if (problems == [] and found == []) is not row["shouldValidate"]:
            differing.append((row["name"], found))

    assert differing == []


# ------------------------------------------------------------------------------------------------------------ examples


@pytest.mark.parametrize(
    "condition",
    [
        # What is never evaluated has no type to get wrong.
        "true || 1",
        "principal is Robot && 1",
        "false && (1 + true == 2)",
        "if true then principal.name == principal.name else 1",
        "if principal is Robot then 1 else true",
        "principal == resource && 1",
        'principal in Folder::"a" && 1',
        'action == Action::"edit" && 1',
        'action in Doc::"a" && 1',
        'resource.hasTag("a") && resource.getTag("a") == 1',
        "principal has zz && principal.zz",
        "action has zz && action.zz",
        'User::"a" == User::"b" && 1',
        "principal has rec.zz.y || true",
        'false && ip("1", "2").isIpv4()',
        'action in Action::"edit" && 1',
        'action in [Action::"edit"] && 1',
        'Action::"all" in Action::"view" && 1',
        'User::"a" in action && 1',
        # Literals are compared here and now, of whatever types.
        '1 == "a" || true',
        "!(1 == true)",
        # What is made sure of.
        "principal has age && principal.age > 1",
        "principal has boss.boss.age && principal.boss.boss.age == 1",
        'principal["rec"] has b && principal.rec.b == 1',
        "(principal has age || principal has age) && principal.age == 1",
        "(if principal has age then principal.age > 1 else principal has age) && principal.age == 1",
        "(false || principal has age) && principal.age == 1",
        "!(1 > 2) && principal has age && (principal.age > 1 || principal.age < 1)",
        'principal.hasTag("a") && principal.getTag("a") == "x"',
        'principal.hasTag(principal.name) && principal.getTag(principal["name"]) == "x"',
        'principal.hasTag(if 1 > 2 then "a" else "b") && principal.getTag(if !(1 <= 2) then "a" else "b") == "x"',
        "{ a: 1, b: 2 }.b == 1",
        "{ a: 1 } has a && { b: 1 } has b",
        # Types that go together.
        "[true, false].contains(true)",
        "principal.rec == principal.rec",
        "principal.recs.containsAll(principal.recs)",
        'resource.labels == ["a"]',
        "resource.deed == action",
        'action in [Action::"some", Action::"edit"]',
        "principal in [principal]",
        'principal.at < datetime("2030-01-01") && principal.at.durationSince(principal.at) < duration("1d")',
        'principal.bal.lessThan(decimal("1.0"))',
        "[[1], [2]].contains([3])",
        'principal is User in Group::"x"',
        'Color::"red" == Color::"green"',
        "-(-9223372036854775808) == 1",
    ],
)
def test_cedar_validates_this(condition: str) -> None:
    assert verdict(condition) == []


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("false || 1", "not_a_condition"),
        ('action in Action::"all" && 1', "not_a_condition"),
        ('Action::"view" in [Action::"all"] && 1', "not_a_condition"),
        ('User::"a" in User::"a" && 1', "not_a_condition"),
        ('action in Other::Action::"other" && 1', "not_a_condition"),
        ("action in resource.far && 1", "not_a_condition"),
        ("resource.deed in resource.far && 1", "not_a_condition"),
        ("{ a: 1 } has a && 1", "not_a_condition"),
        ("principal has name && 1", "not_a_condition"),
        ("principal has age || principal.age == 1", "optional_attribute"),
        ("!(principal has age) || principal.age == 1", "optional_attribute"),
        ("(principal has age || true) && principal.age == 1", "optional_attribute"),
        ("(principal has age || context.n == 1) && principal.age == 1", "optional_attribute"),
        ("(principal has age) == true && principal.age == 1", "optional_attribute"),
        ("if principal has age then true else principal.age == 1", "optional_attribute"),
        ("(if principal has age then true else false) && principal.age == 1", "optional_attribute"),
        ("principal has boss && principal.boss.age == 1", "optional_attribute"),
        ("context.who has age && principal.age == 1", "optional_attribute"),
        ('principal.hasTag("a") && principal.getTag("b") == "x"', "optional_tag"),
        ('!principal.hasTag("a") && principal.getTag("a") == "x"', "optional_tag"),
        ('action.getTag("a") == 1', "no_tags"),
        ("action.zz == 1", "unknown_attribute"),
        ("principal.name has zz", "no_attributes"),
        ("principal has rec.a.b", "no_attributes"),
        ("[] == [1]", "empty_set"),
        ("[1, true].isEmpty()", "mixed_set"),
        ("[principal, resource].isEmpty()", "mixed_set"),
        ("[{ a: 1 }, { a: 1, b: 2 }].isEmpty()", "mixed_set"),
        ('action in [Action::"view", Other::Action::"other"]', "mixed_set"),
        ('principal.rec == { a: true, b: 1, c: { d: "" } }', "type_mismatch"),
        ("principal.name == 1", "type_mismatch"),
        ("(if context.n > 1 then principal else resource) == principal", "type_mismatch"),
        ("resource.labels.contains(1)", "type_mismatch"),
        ("principal in [[principal]]", "not_a_collection"),
        ("principal in [1]", "not_a_collection"),
        ('decimal("1.0") < decimal("2.0")', "not_ordered"),
        ('"a" < "b"', "not_ordered"),
        ("principal.at < 1", "type_mismatch"),
        ("ip(principal.name).isIpv4()", "computed_extension"),
        ('ip(if true then "1.1.1.1" else "::1").isIpv4()', "computed_extension"),
        ('datetime("2020-02-30") == principal.at', "malformed_extension"),
        ('ip("1.1.1.1", "x").isIpv4()', "extension_arity"),
        ('Color::"blue" == Color::"red"', "unknown_member"),
        ("principal is Nobody", "unknown_type"),
        ('Nobody::"a" == principal', "unknown_type"),
        ('false && Nobody::"a" == principal', "unknown_type"),
        ('action == Action::"nothing"', "unknown_action"),
    ],
)
def test_cedar_refuses_this(condition: str, code: str) -> None:
    assert set(verdict(condition)) == {code}


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ("principal, action, resource", []),
        ('principal in Group::"x", action, resource', []),
        ('principal == Group::"x", action, resource', ["action_does_not_apply"]),
        ('principal is Robot, action == Action::"edit", resource', ["action_does_not_apply"]),
        ('principal, action == Action::"all", resource', ["action_does_not_apply"]),
        ('principal, action in Action::"all", resource', []),
        ('principal, action in [Action::"edit", Action::"some"], resource', []),
        ("principal, action in [], resource", ["action_does_not_apply", "empty_set"]),
        ('principal, action in [Action::"view", Other::Action::"other"], resource', ["mixed_set"]),
        ('principal is User in Folder::"x", action, resource', ["action_does_not_apply"]),
        ('principal is User in Group::"x", action, resource', []),
        ("principal == ?principal, action, resource in ?resource", []),
        ('principal is Robot in ?principal, action == Action::"edit", resource', ["action_does_not_apply"]),
        ("principal is Nobody, action, resource", ["unknown_type"]),
        ('principal == Color::"blue", action, resource', ["unknown_member", "action_does_not_apply"]),
    ],
)
def test_a_scope_has_to_fit_an_action(scope: str, found: list[str]) -> None:
    assert sorted(errors(validate(read(f"permit({scope});"), SCHEMA))) == sorted(found)


def test_a_template_is_looked_at_for_the_types_that_fit() -> None:
    text = 'permit(principal == ?principal, action == Action::"view", resource) when { principal.zz };'

    assert errors(validate(read(text), SCHEMA)) == ["unknown_attribute"]


def test_a_policy_that_never_applies_is_a_warning() -> None:
    found = validate(read("permit(principal, action, resource) when { principal has zz };"), SCHEMA)

    assert [(each.code, each.severity) for each in found] == [("impossible_policy", Severity.WARNING)]


def test_where_no_action_applies_to_anything_no_condition_is_looked_at() -> None:
    schema = read_schema("entity User; action view;")

    found = validate(read("permit(principal, action in [], resource) when { 1 };"), schema)

    assert [each.code for each in found] == ["action_does_not_apply"]


# ------------------------------------------------------------------------------------------------ what looks alike

CONDITIONS = st.recursive(
    st.sampled_from(
        [
            'principal.name == "a"',
            "principal has age",
            "principal.age > 1",
            "principal.owner has boss",
            "resource.owner == principal",
            "resource.size > context.n",
            "resource.open",
            "resource has open",
            "principal is Robot",
            "principal in resource.owner",
            'principal in Group::"g"',
            'resource in [Folder::"a", Folder::"b"]',
            'principal == User::"a"',
            'action == Action::"edit"',
            'action in Action::"some"',
            "context has n",
            "context has ip",
            "context.ip.isIpv4()",
            "context.n == 1",
            'principal.hasTag("a")',
            'principal.getTag("a") == "x"',
            'principal.getTag("a").contains(1)',
            "[principal, context.who].contains(principal)",
            'resource is Doc in Folder::"a"',
            "true",
            "false",
            "1 == 2",
        ]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} && {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} || {pair[1]})"),
        inner.map(lambda each: f"(!({each}))"),
        st.tuples(inner, inner, inner).map(lambda each: f"(if {each[0]} then {each[1]} else {each[2]})"),
    ),
    max_leaves=6,
)


@given(CONDITIONS, CONDITIONS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_policy_validates_where_it_does_in_each_environment_by_itself(first: str, second: str) -> None:
    conditions = f"when {{ {first} }} unless {{ {second} }};"
    alone = []
    for cell in SCHEMA.cells():
        ref = SCHEMA.actions[cell.action].ref or EntityRef("", "")
        scope = f'principal is {cell.principal}, action == {ref.type}::"{ref.id}", resource is {cell.resource}'
        alone.append(validate(read(f"permit({scope}) {conditions}"), SCHEMA))

    together = validate(read(f"permit(principal, action, resource) {conditions}"), SCHEMA)

    assert set(errors(together)) == {code for found in alone for code in errors(found)}
    never = [any(each.code == "impossible_policy" for each in found) for found in alone]
    assert any(each.code == "impossible_policy" for each in together) is all(never)


@pytest.mark.parametrize(
    "condition",
    [
        "principal is B && 1",
        'principal in B::"x" && 1',
        'principal == B::"x" && 1',
        '(principal != B::"x" || 1)',
        'principal is B in G::"x" && 1',
        'principal.hasTag("x") && 1',
        "principal in resource && 1",
        "[principal].contains(resource) || true",
        "context.n && 1",
    ],
)
def test_types_that_are_alike_are_told_apart_by_what_a_policy_asks_of_them(condition: str) -> None:
    schema = read_schema(
        "entity G; entity A = { n: Long }; entity B in [G] = { n: Long }; entity C = { n: Long } tags Long;"
        "action x appliesTo { principal: [A, B, C], resource: [A, C], context: { n: Long } };"
        "action y appliesTo { principal: [A, B, C], resource: [A, B], context: { n: Bool } };"
    )

    found = errors(validate(read(f"permit(principal, action, resource) when {{ {condition} }};"), schema))

    assert found != []


def test_an_entity_of_the_same_type_is_in_another_without_any_data() -> None:
    schema = read_schema(
        "entity Z = { n: Long }; entity B in [Z] = { n: Long };action x appliesTo { principal: [B, Z], resource: [Z] };"
    )

    in_scope = skipping(read('forbid(principal in Z::"x", action, resource) when { principal.n == 1 };'), schema)
    in_test = skipping(
        read('forbid(principal, action, resource) when { principal in Z::"x" && principal.n == 1 };'), schema
    )

    assert [each.help for each in (*in_scope, *in_test)] == [
        'for example: principal `Z::"x"` that no entity data holds'
    ] * 2


def test_actions_with_other_contexts_are_not_alike() -> None:
    schema = read_schema(
        "entity A; action x, y appliesTo { principal: A, resource: A, context: { n: Long } };"
        "action z appliesTo { principal: A, resource: A, context: { n: Bool } };"
    )

    found = validate(read("permit(principal, action, resource) when { context.n == 1 };"), schema)

    assert [each.message for each in found] == [
        "values of type `Bool` and of type `Long` are not compared, for `A to z on A`"
    ]


@pytest.mark.parametrize("text", ["ひらがなとカタカナと漢字", "한글 漢字", "Zürich, 2 µm", "ελληνικά 123", "a_b-c"])
def test_what_is_written_in_one_script_is_no_matter(text: str) -> None:
    policies = read(f'permit(principal == User::"{text}", action, resource) when {{ principal.name == "{text}" }};')

    assert validate(policies, SCHEMA) == []


@given(CONDITIONS)
@settings(max_examples=100, deadline=None)
def test_no_text_makes_the_validator_raise(condition: str) -> None:
    policies = read(f"forbid(principal, action, resource) when {{ {condition} }};")

    for schema in (SCHEMA, read_schema("entity A; action a appliesTo { principal: A, resource: A };")):
        assert isinstance(validate(policies, schema), list)
        assert isinstance(skipping(policies, schema), list)
    assert isinstance(skipping(policies, None), list)


# -------------------------------------------------------------------------------------------------------------- bounds


def test_a_chain_of_ten_thousand_operands_is_looked_at_in_time() -> None:
    schema = read_schema(
        "entity U = {" + ", ".join(f"a{n}?: Bool" for n in range(10_000)) + "};"
        "action x appliesTo { principal: U, resource: U };"
    )
    chain = " && ".join(f"principal has a{n} && principal.a{n}" for n in range(10_000))

    found = validate(read(f"permit(principal, action, resource) when {{ {chain} }};"), schema)

    assert found == []


@pytest.mark.parametrize(
    "condition",
    ["(" * 60 + "principal.n" + " + 1)" * 60 + " == 1", "if true then " * 60 + "true" + " else false" * 60],
)
def test_what_the_parser_reads_at_its_deepest_is_looked_at(condition: str) -> None:
    policies = read(f"forbid(principal, action, resource) when {{ {condition} }};")
    schema = read_schema("entity U = { n: Long }; action x appliesTo { principal: U, resource: U };")

    assert errors(validate(policies, schema)) == []
    assert isinstance(skipping(policies, schema), list)


def test_environments_that_look_alike_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"T{number}" for number in range(40)]
    entities = "".join(f"entity {name} = {{ n: Long, own: Set<{name}> }};" for name in names)
    schema = read_schema(f"{entities} action x appliesTo {{ principal: {names}, resource: {names} }};".replace("'", ""))
    monkeypatch.setattr(validator, "MAX_STEPS", 100)

    alike = validate(read("permit(principal, action, resource) when { principal.n == resource.n };"), schema)
    unlike = validate(read("permit(principal, action, resource) when { principal.own == principal.own };"), schema)

    assert errors(alike) == []
    assert errors(unlike) == ["too_many_combinations"]


def test_what_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validator, "MAX_STEPS", 3)

    (told,) = validate(
        read("permit(principal, action, resource) when { principal.name == resource.owner.name };"), SCHEMA
    )

    assert told.span is not None
    assert (told.code, told.span.text[:6], told.help) == (
        "too_many_combinations",
        "permit",
        "name actions and types in the scopes of policies",
    )
    assert told.message == "the policies are to be looked at in too many combinations of types: more than 3 steps"


def test_trees_without_a_place_are_judged_all_the_same() -> None:
    anybody = tree.Constraint()
    policy = tree.Policy(
        id="p",
        effect=Effect.PERMIT,
        principal=anybody,
        action=tree.ActionConstraint(),
        resource=anybody,
        conditions=(tree.Condition(kind=tree.ConditionKind.WHEN, body=tree.Literal(value=1)),),
    )

    assert errors(validate([policy], SCHEMA)) == ["not_a_condition"]


# ------------------------------------------------------------------------------------------------------------ skipping


def skipped(condition: str, schema: Schema | None = SCHEMA) -> list[str]:
    scope = 'principal is User, action == Action::"view", resource is Doc'
    found = skipping(read(f"forbid({scope}) when {{ {condition} }};"), schema)
    assert {each.code for each in found} <= {"forbid_can_be_skipped"}
    return [each.span.text for each in found if each.span is not None]


@pytest.mark.parametrize(
    ("condition", "places"),
    [
        ('principal.name == "x"', ["principal.name"]),
        ('principal has name && principal.name == "x"', []),
        ('principal.name == "x" && principal.rec.a', ["principal.name"]),
        ('!(principal has name) || principal.name == "x"', []),
        ('principal has name || principal.name == "x"', ["principal.name"]),
        ('(if principal has name then principal.name == "x" else true) || principal.rec.a', []),
        ('(if principal has name then principal.name == "x" else false) || principal.rec.a', ["principal.rec"]),
        ('if context.n == 1 then principal has name else principal.name == "x"', ["principal.name"]),
        ("(principal has name && context.n == 1) || principal.rec.a", ["principal.rec"]),
        ('principal in Group::"x" && principal.rec.a', []),
        ('principal in User::"x" && principal.rec.a', ["principal.rec"]),
        ('principal is Robot && principal.name == "x"', []),
        ("context.n + 1 > 3", ["context.n + 1"]),
        ("context.n - 0 > 3", []),
        ("context.n * 1 > 3 && 2 * 3 + 4 > 1", []),
        ("-context.n > 3", ["-context.n"]),
        ("(if context.n > 1 then 1 else 2) + 1 > 2", []),
        ("context.who has at && context.who.at.toTime().toHours() + 1 > 2", []),
        ("context.who has at && context.who.at.toDate() == context.who.at", ["context.who.at.toDate()"]),
        ('User::"x".hasTag("a") && User::"x".getTag("a") == User::"x".name', []),
        ('context.who.name == "x"', ["context.who.name"]),
        ("[principal.rec.a].contains(true) && principal has name", ["principal.rec"]),
    ],
)
def test_what_may_err_for_conforming_input_is_found(condition: str, places: list[str]) -> None:
    assert skipped(condition) == places


@pytest.mark.parametrize(
    ("condition", "places"),
    [
        ("principal == resource && principal has a", []),
        ("context has n && context.n > 1", ["context.n"]),
        ("context has a.b", ["context has a.b"]),
        ("principal in context.g", ["context.g"]),
        ("(if principal is User then {} else context) has x", []),
        ("[{}].contains(context)", []),
        ("context has a && (context.a || true)", ["context.a"]),
        ('principal is User in User::"x" && principal.name == "x"', ["principal.name"]),
    ],
)
def test_without_a_schema_values_may_be_of_any_type(condition: str, places: list[str]) -> None:
    assert skipped(condition, None) == places


def test_permits_and_forbids_without_conditions_cannot_be_skipped() -> None:
    text = 'permit(principal, action, resource) when { principal.name == "x" }; forbid(principal, action, resource);'

    assert skipping(read(text), SCHEMA) == []


def test_an_unless_makes_sure_of_what_is_known_where_it_is_false() -> None:
    text = "forbid(principal, action, resource) when {{ {} }} unless {{ {} }};"
    guarded = skipping(read(text.format("principal has name", 'principal.name == "x"')), SCHEMA)
    negated = skipping(read(text.format("true", '!(principal has name) || principal.name == "x"')), SCHEMA)

    assert guarded == negated == []


def test_too_many_combinations_are_told_by_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lapses, "MAX_STEPS", 3)

    found = skipping(read('forbid(principal, action, resource) when { principal.name == "x" };'), SCHEMA)

    assert [(each.code, each.severity) for each in found] == [("too_many_combinations", Severity.WARNING)]
