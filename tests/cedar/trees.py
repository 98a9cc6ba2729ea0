"""Expressions of Cedar to try things with: trees that the parser can make, whatever they mean."""

from __future__ import annotations

from hypothesis import strategies as st

from pdp.cedar.tree import (
    Access,
    And,
    Binary,
    BinaryOp,
    Call,
    Entity,
    Expression,
    Has,
    If,
    Is,
    Like,
    Literal,
    Negate,
    Not,
    Or,
    RecordOf,
    SetOf,
    Variable,
    VariableName,
)
from pdp.cedar.words import COUNTED, FUNCTIONS, METHODS, RESERVED
from pdp.values import INT_MAX, INT_MIN, EntityRef

# What tells escapes, words and stars apart stands beside any other text.
TEXTS = st.one_of(
    st.text(max_size=4),
    st.text(alphabet="a*\\\"\n\r\0'\u200b\u202e é😀{}", max_size=6),
    st.sampled_from(["a", "b c", "if", "__cedar", "principal", ""]),
)
NAMES = st.one_of(
    st.sampled_from(["a", "b1", "_", "principal", "permit", "ip", "contains", "Action", "when"]),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True).filter(lambda name: name not in RESERVED),
)
TYPES = st.lists(NAMES, min_size=1, max_size=3).map("::".join)
REFS = st.builds(EntityRef, TYPES, TEXTS)

LEAVES: st.SearchStrategy[Expression] = st.one_of(
    st.sampled_from(list(VariableName)).map(lambda name: Variable(name=name)),
    st.one_of(st.booleans(), st.integers(INT_MIN, INT_MAX), st.integers(-2, 2), TEXTS).map(
        lambda value: Literal(value=value)
    ),
    REFS.map(lambda ref: Entity(ref=ref)),
)


def _chain(kind: type[And] | type[Or], inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.lists(inner, min_size=2, max_size=4).map(lambda operands: kind(operands=tuple(operands)))


def _calls(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    counted = {name: METHODS[name] + 1 for name in COUNTED}
    fixed = st.sampled_from(sorted(counted)).flatmap(
        lambda name: st.tuples(*[inner] * counted[name]).map(lambda given: Call(name=name, arguments=given))
    )
    free = st.sampled_from(sorted(FUNCTIONS.keys() | METHODS.keys() - COUNTED)).flatmap(
        lambda name: st.lists(inner, min_size=name not in FUNCTIONS, max_size=3).map(
            lambda given: Call(name=name, arguments=tuple(given))
        )
    )
    return fixed | free


def _larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    paths = st.one_of(TEXTS.map(lambda name: (name,)), st.lists(NAMES, min_size=1, max_size=3).map(tuple))
    return st.one_of(
        inner.map(lambda operand: Not(operand=operand)),
        inner.map(lambda operand: Negate(operand=operand)),
        _chain(And, inner),
        _chain(Or, inner),
        st.builds(If, test=inner, then=inner, otherwise=inner),
        st.builds(Binary, op=st.sampled_from(list(BinaryOp)), left=inner, right=inner),
        st.builds(Has, operand=inner, path=paths),
        st.builds(Like, operand=inner, parts=st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
        st.builds(Is, operand=inner, type=TYPES, within=st.none() | inner),
        st.builds(Access, base=inner, name=TEXTS | NAMES),
        _calls(inner),
        st.lists(inner, max_size=3).map(lambda items: SetOf(items=tuple(items))),
        st.dictionaries(TEXTS | NAMES, inner, max_size=3).map(lambda given: RecordOf(fields=tuple(given.items()))),
    )


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(LEAVES, _larger, max_leaves=12)
