"""What a condition says of which attributes are there.

An optional attribute may be used where some other conjunct makes sure of it, in whatever order they stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from pdp import terms
from pdp.terms import path as path

Facts: TypeAlias = frozenset[tuple[object, ...]]
NOTHING: Facts = frozenset()


def when_true(term: terms.Term) -> Facts:
    """Return the attributes that are there if the term is true."""
    match term:
        case terms.Has():
            base = path(term.base)
            return NOTHING if base is None else frozenset({(*base, term.name)})
        case terms.Not():
            return when_false(term.operand)
        case terms.And():
            return union(when_true(operand) for operand in term.operands)
        case terms.Or():
            return _common([when_true(operand) for operand in term.operands])
        case _:
            return NOTHING


def when_false(term: terms.Term) -> Facts:
    """Return the attributes that are there if the term is false."""
    match term:
        case terms.Not():
            return when_true(term.operand)
        case terms.And():
            return _common([when_false(operand) for operand in term.operands])
        case terms.Or():
            return union(when_false(operand) for operand in term.operands)
        case _:
            return NOTHING


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
