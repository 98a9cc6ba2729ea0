"""What a condition says of which attributes are there, and of which types entities are.

An optional attribute may be used where some other conjunct makes sure of it, in whatever order they stand. In the same
way `is` tells what a union holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from pdp import terms
from pdp.terms import path as path

Facts: TypeAlias = frozenset[tuple[object, ...]]
"""Paths of attributes that are there; and after `IS` or `IS_NOT` a type, and the path of what is or is not of it."""

NOTHING: Facts = frozenset()
IS: Final = object()
IS_NOT: Final = object()


def when_true(term: terms.Term) -> Facts:
    """Return what is known if the term is true."""
    match term:
        case terms.Has():
            base = path(term.base)
            return NOTHING if base is None else frozenset({(*base, term.name)})
        case terms.Is():
            return _typed(IS, term)
        case terms.Not():
            return when_false(term.operand)
        case terms.And():
            return union(when_true(operand) for operand in term.operands)
        case terms.Or():
            return _common([when_true(operand) for operand in term.operands])
        case _:
            return NOTHING


def when_false(term: terms.Term) -> Facts:
    """Return what is known if the term is false."""
    match term:
        case terms.Is():
            return _typed(IS_NOT, term)
        case terms.Not():
            return when_true(term.operand)
        case terms.And():
            return _common([when_false(operand) for operand in term.operands])
        case terms.Or():
            return union(when_false(operand) for operand in term.operands)
        case _:
            return NOTHING


def _typed(how: object, term: terms.Is) -> Facts:
    where = path(term.operand)
    return NOTHING if where is None else frozenset({(how, term.type, *where)})


def narrow(term: terms.Term, types: frozenset[str], facts: Facts) -> frozenset[str]:
    """Return which of the types that an entity may be of it can still be of, by what is known."""
    where = path(term) if facts else None
    if where is None:
        return types
    certain = frozenset(name for name in types if (IS, name, *where) in facts)
    return (certain or types) - {name for name in types if (IS_NOT, name, *where) in facts} or types


def union(facts: Iterable[Facts]) -> Facts:
    """Return all of several."""
    return frozenset().union(*facts)


def others(facts: list[Facts]) -> list[Facts]:
    """For each of several, return what all the others say; in linear time, since rules can be long."""
    before: list[Facts] = []
    so_far: Facts = NOTHING
    for each in facts:
        before.append(so_far)
        so_far |= each
    after: Facts = NOTHING
    for index in range(len(facts) - 1, -1, -1):
        before[index] |= after
        after |= facts[index]
    return before


def _common(facts: list[Facts]) -> Facts:
    found = facts[0] if facts else NOTHING
    for each in facts[1:]:
        found &= each
    return found
