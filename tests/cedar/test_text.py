"""What is written of a Cedar policy is read as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.cedar.parser import parse_policies
from pdp.cedar.text import is_type, quote, read_ref, show, show_ref
from pdp.cedar.tree import Access, And, Entity, Expression, Has, Literal, Negate, Variable, VariableName
from pdp.source import Source
from pdp.values import EntityRef
from tests.cedar.trees import EXPRESSIONS, REFS, TEXTS

CONTEXT = Variable(name=VariableName.CONTEXT)


def read(text: str) -> Expression:
    policies, diagnostics = parse_policies(Source("p.cedar", f"permit(principal,action,resource) when {{ {text} }};"))
    assert diagnostics == []
    return policies[0].conditions[0].body


@given(EXPRESSIONS)
def test_an_expression_is_read_as_it_was_written(expression: Expression) -> None:
    assert read(show(expression)) == expression


@given(EXPRESSIONS)
def test_what_is_written_is_canonical(expression: Expression) -> None:
    assert show(read(show(expression))) == show(expression)


@given(st.text() | TEXTS)
def test_a_string_is_read_as_it_was_written(text: str) -> None:
    assert read(quote(text)) == Literal(value=text)


@given(st.text())
def test_a_written_string_prints(text: str) -> None:
    assert quote(text).isprintable()


@given(REFS)
def test_the_name_of_an_entity_is_read_as_it_was_written(ref: EntityRef) -> None:
    assert read_ref(show_ref(ref)) == ref
    assert read(show_ref(ref)) == Entity(ref=ref)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((true))", "true"),
        ("(a == 1) == (2 == 3)".replace("a", "context"), "(context == 1) == (2 == 3)"),
        ("(1 + 2) + 3 - (4 - 5)", "1 + 2 + 3 - (4 - 5)"),
        ("(1 * 2) + 3 * (4 + 5)", "1 * 2 + 3 * (4 + 5)"),
        ("!(!(!(!(!true))))", "!!!!(!true)"),
        ("--1", "-(-1)"),
        ("-(1)", "-(1)"),
        ("-1.a", "-1.a"),
        ("(-1).a", "(-1).a"),
        ("!(-1 == 2)", "!(-1 == 2)"),
        ("(true && false) && true", "(true && false) && true"),
        ("true || (false && true) || (true || false)", "true || false && true || (true || false)"),
        ("(if true then 1 else 2) + 1", "(if true then 1 else 2) + 1"),
        ("[if true then 1 else 2]", "[if true then 1 else 2]"),
        ('context["a"]["b c"]["if"]', 'context.a["b c"]["if"]'),
        ('{"a": 1, "b c": 2, "in": 3}', '{a: 1, "b c": 2, "in": 3}'),
        ('context has "a" && context has "if"', 'context has a && context has "if"'),
        ('context like "a\\*\\u{2a}\\x2a*"', 'context like "a\\****"'),
        ('"\\x41\\u{e9}\\u{200b}\\0"', '"Aé\\u{200b}\\0"'),
        ('principal is A :: B in (A :: "c")', 'principal is A::B in A::"c"'),
        ('ip ( "a" , ) . isIpv4 ( )', 'ip("a").isIpv4()'),
    ],
)
def test_an_expression_is_written_with_the_parentheses_that_it_needs(text: str, canonical: str) -> None:
    assert show(read(text)) == canonical


def test_a_path_of_names_that_are_no_words_is_written_as_what_it_stands_for() -> None:
    path = Has(operand=CONTEXT, path=("a", "b c"))

    assert show(path) == 'context has a && context.a has "b c"'
    assert show(Negate(operand=path)) == '-(context has a && context.a has "b c")'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'expected an entity like `User::"ada"`, found the end of the file'),
        ("User", '`User` is no entity: an entity is written `User::"id"`'),
        ("Shop::User::ada", '`Shop::User::ada` is no entity: an entity is written `Shop::User::"ada"`'),
        (
            '"ada"',
            'expected an entity like `User::"ada"`, found `"ada"`: an entity is written with its type: `Type::"ada"`',
        ),
        ('User::"ada" ', ""),
        ('User::"ada" x', "expected nothing after the id, found `x`"),
        ('if::"ada"', "`if` cannot be the name of an entity type: choose another name"),
        ('User::"a\\q"', "`\\q` is no escape: a backslash itself is written `\\\\`"),
        ('User::"a', 'the string is never closed: close it with `"`'),
        ('User::"\ud800"', "the name of an entity holds half a character"),
    ],
)
def test_what_is_no_entity_is_told(text: str, message: str) -> None:
    if not message:
        assert read_ref(text) == EntityRef("User", "ada")
        return

    with pytest.raises(ValueError) as told:
        read_ref(text)

    assert str(told.value) == message


@given(st.text(max_size=30))
def test_whatever_is_no_entity_is_refused_in_one_way(text: str) -> None:
    try:
        found = read_ref(text)
    except ValueError:
        return
    assert read_ref(show_ref(found)) == found


def test_a_type_is_words_that_are_not_reserved() -> None:
    assert [is_type(text) for text in ("A", "A::b::C", "principal", "", "A::", "::A", "A::in", "A B", "Ä")] == [
        *[True] * 3,
        *[False] * 6,
    ]


def test_attributes_of_deep_trees_are_written_without_running_out_of_stack() -> None:
    deep: Expression = CONTEXT
    for _ in range(126):
        deep = (
            And(operands=(Access(base=CONTEXT, name="a"), deep))
            if isinstance(deep, Access)
            else Access(base=deep, name="b")
        )

    assert read(show(deep)) == deep
