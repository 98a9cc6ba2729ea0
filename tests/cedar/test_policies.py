"""Cedar policies are read as Cedar reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.cedar.parser import parse_policies
from pdp.cedar.text import show
from pdp.cedar.tree import (
    ActionConstraint,
    And,
    Annotation,
    Binary,
    ConditionKind,
    Constraint,
    Entity,
    Literal,
    Or,
    Policy,
    Relation,
    Slot,
    SlotName,
    Variable,
)
from pdp.model import Effect
from pdp.source import Source
from pdp.values import EntityRef
from tests.cedar import corpus
from tests.cedar.samples import FINE, FINE_POLICIES, HEAD, REFUSED, REFUSED_POLICIES


def read(text: str) -> tuple[Policy, ...]:
    policies, diagnostics = parse_policies(Source("p.cedar", text))
    assert diagnostics == []
    return policies


def entity(type_: str, id_: str) -> Entity:
    return Entity(ref=EntityRef(type_, id_))


@pytest.mark.parametrize("condition", FINE)
def test_a_condition_that_cedar_takes_is_read(condition: str) -> None:
    (policy,) = read(f"{HEAD} when {{{condition}}};")

    assert len(policy.conditions) == 1


@pytest.mark.parametrize("condition", REFUSED)
def test_a_condition_that_cedar_refuses_is_told(condition: str) -> None:
    policies, diagnostics = parse_policies(Source("p.cedar", f"{HEAD} when {{{condition}}};"))

    assert policies == ()
    assert diagnostics


@pytest.mark.parametrize("text", FINE_POLICIES)
def test_a_policy_that_cedar_takes_is_read(text: str) -> None:
    assert len(read(text)) == text.count("permit") - ("@permit" in text)


@pytest.mark.parametrize("text", REFUSED_POLICIES)
def test_a_policy_that_cedar_refuses_is_told(text: str) -> None:
    assert parse_policies(Source("p.cedar", text))[1]


def test_every_policy_of_cedars_corpus_is_read() -> None:
    texts = corpus.policies()

    assert len(texts) > 1500
    for text in texts:
        assert len(read(text)) >= 1


@pytest.mark.parametrize(
    ("text", "principal"),
    [
        ("principal", Constraint()),
        ('principal == A::B::"c"', Constraint(relation=Relation.EQ, target=entity("A::B", "c"))),
        ('principal in (A::"\\n")', Constraint(relation=Relation.IN, target=entity("A", "\n"))),
        ("principal is A::B", Constraint(type="A::B")),
        ('principal is A in B::"c"', Constraint(type="A", relation=Relation.IN, target=entity("B", "c"))),
        ("principal == ?principal", Constraint(relation=Relation.EQ, target=Slot(name=SlotName.PRINCIPAL))),
        (
            "principal is A in ?principal",
            Constraint(type="A", relation=Relation.IN, target=Slot(name=SlotName.PRINCIPAL)),
        ),
    ],
)
def test_the_scope_of_a_principal_has_six_forms(text: str, principal: Constraint) -> None:
    (policy,) = read(f"forbid({text}, action, resource);")

    assert (policy.effect, policy.principal) == (Effect.FORBID, principal)
    assert policy.slots == ({SlotName.PRINCIPAL} if "?" in text else set())


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("action", ActionConstraint()),
        ('action == Action::"a"', ActionConstraint(relation=Relation.EQ, entities=(entity("Action", "a"),))),
        ('action in A::Action::"a"', ActionConstraint(relation=Relation.IN, entities=(entity("A::Action", "a"),))),
        ("action in []", ActionConstraint(relation=Relation.IN, listed=True)),
        (
            'action in [Action::"a", Action::"b",]',
            ActionConstraint(
                relation=Relation.IN, entities=(entity("Action", "a"), entity("Action", "b")), listed=True
            ),
        ),
    ],
)
def test_the_scope_of_an_action_has_four_forms(text: str, action: ActionConstraint) -> None:
    (policy,) = read(f"permit(principal, {text}, resource);")

    assert policy.action == action


def test_a_policy_without_an_id_is_called_by_its_place_among_all_policies_of_the_text() -> None:
    text = f'{HEAD}; @id("b") {HEAD}; permit(principal == ?principal, action, resource); @id {HEAD}; @id("") {HEAD};'

    assert [policy.id for policy in read(text)] == ["policy0", "b", "policy2", "policy3", "policy4"]


def test_a_policy_that_cannot_be_read_has_a_place_as_well() -> None:
    policies, diagnostics = parse_policies(
        Source("p.cedar", f"{HEAD};\npermit(principal);\n{HEAD} when {{a}};\n{HEAD};")
    )

    assert [policy.id for policy in policies] == ["policy0", "policy3"]
    assert len(diagnostics) == 2


def test_annotations_are_kept_with_and_without_a_value() -> None:
    (policy,) = read(f'@if("a\\u{{41}}") @b {HEAD};')

    assert policy.annotations == (Annotation(key="if", value="aA"), Annotation(key="b", value=""))


def test_conditions_are_kept_in_their_order() -> None:
    (policy,) = read(f"{HEAD} unless {{1}} when {{2}} unless {{3}};")

    assert [(each.kind, show(each.body)) for each in policy.conditions] == [
        (ConditionKind.UNLESS, "1"),
        (ConditionKind.WHEN, "2"),
        (ConditionKind.UNLESS, "3"),
    ]


def test_the_comment_right_above_a_policy_belongs_to_it() -> None:
    text = f"""// Not this.

//Who reads.
//   All of them.
@a
// Inside.
{HEAD}; // Nor this.
{HEAD};
// A gap comes after.

{HEAD} // Inside.
; // Nor this.
// But this.\t
{HEAD};
"""

    assert [policy.comments for policy in read(text)] == [("Who reads.", "  All of them."), (), (), ("But this.",)]


def test_a_policy_spans_from_its_first_annotation_to_its_semicolon() -> None:
    source = Source("p.cedar", f'// c\n@a {HEAD}\n; forbid(principal, action in [Action::"x"], resource is B);')

    first, second = parse_policies(source)[0]

    assert first.span is not None
    assert second.span is not None
    assert first.span.text == f"@a {HEAD}\n;"
    assert second.span.text == 'forbid(principal, action in [Action::"x"], resource is B);'
    parts = (second.principal.span, second.action.span, second.resource.span)
    assert [each and each.text for each in parts] == ["principal", 'action in [Action::"x"]', "resource is B"]


def test_every_part_of_an_expression_spans_what_it_was_written_as() -> None:
    text = "1 + 2 * -3 == 4 && !(true) || context.a.isEmpty()"
    (policy,) = read(f"{HEAD} when {{ {text} }};")
    whole = policy.conditions[0].body

    assert isinstance(whole, Or)
    both = whole.operands[0]
    assert isinstance(both, And)
    equal = both.operands[0]
    assert isinstance(equal, Binary)
    total = equal.left
    assert isinstance(total, Binary)
    parts = (whole, both, equal, total, total.right, both.operands[1], whole.operands[1])
    assert [part.span and part.span.text for part in parts] == [
        text,
        "1 + 2 * -3 == 4 && !(true)",
        "1 + 2 * -3 == 4",
        "1 + 2 * -3",
        "2 * -3",
        "!(true)",
        "context.a.isEmpty()",
    ]


@pytest.mark.parametrize(("sign", "kind"), [("&&", And), ("||", Or)])
def test_a_chain_is_one_node_however_long(sign: str, kind: type[And] | type[Or]) -> None:
    (policy,) = read(f"{HEAD} when {{ {f' {sign} '.join(['principal'] * 10_000)} }};")

    body = policy.conditions[0].body

    assert isinstance(body, kind)
    assert len(body.operands) == 10_000


def test_and_binds_more_tightly_than_or() -> None:
    (policy,) = read(f"{HEAD} when {{ 1 || 2 && 3 && 4 || 5 }};")

    inner = And(operands=tuple(Literal(value=value) for value in (2, 3, 4)))
    assert policy.conditions[0].body == Or(operands=(Literal(value=1), inner, Literal(value=5)))


def test_a_true_and_a_one_are_not_the_same() -> None:
    one, true = (policy.conditions[0].body for policy in read(f"{HEAD} when {{1}}; {HEAD} when {{true}};"))

    assert isinstance(one, Literal) and isinstance(true, Literal)
    assert (type(one.value), type(true.value)) == (int, bool)


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [
                "permit(",
                "principal",
                ",",
                "action",
                "resource)",
                ";",
                '"',
                "\\",
                "@",
                "\n",
                "when{",
                "}",
                "//",
                "?",
                "é",
                "1",
                "-",
                "!",
                "in",
            ]
        )
    ).map(" ".join)
)
def test_whatever_a_text_is_nothing_is_raised(text: str) -> None:
    policies, diagnostics = parse_policies(Source("p.cedar", text))

    assert len(diagnostics) <= 51
    for each in diagnostics:
        assert each.span is not None and 0 <= each.span.start <= each.span.end <= len(text)
    assert all(isinstance(policy, Policy) for policy in policies)


def test_variables_are_the_four_of_a_request() -> None:
    bodies = [
        each.body
        for each in read(f"{HEAD} when {{principal}} when {{action}} when {{resource}} when {{context}};")[0].conditions
    ]

    assert [each.name.value for each in bodies if isinstance(each, Variable)] == [
        "principal",
        "action",
        "resource",
        "context",
    ]
