"""What rules have in common that mean the same: two of which nothing could tell the difference have one key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pdp import terms
from pdp.classes import replace
from pdp.lowering import Key, key
from pdp.symbols import CompareOp
from pdp.terms import ClauseKind, Term
from pdp.testing.mutation.literals import matching
from pdp.testing.mutation.trees import with_children
from pdp.values import INT_MAX, INT_MIN

OPPOSITE: Final[Mapping[CompareOp, CompareOp]] = {
    CompareOp.EQ: CompareOp.NE,
    CompareOp.NE: CompareOp.EQ,
    CompareOp.LT: CompareOp.GE,
    CompareOp.LE: CompareOp.GT,
    CompareOp.GT: CompareOp.LE,
    CompareOp.GE: CompareOp.LT,
}
_TURNED: Final[Mapping[CompareOp, CompareOp]] = {
    CompareOp.EQ: CompareOp.EQ,
    CompareOp.NE: CompareOp.NE,
    CompareOp.LT: CompareOp.GT,
    CompareOp.LE: CompareOp.GE,
    CompareOp.GT: CompareOp.LT,
    CompareOp.GE: CompareOp.LE,
}


def meaning(rule: terms.Rule) -> Key:
    """Return what a rule means, as far as simple algebra goes: rules with one key answer every question alike."""
    return (
        rule.effect,
        frozenset(rule.principals),
        rule.actions,
        frozenset(rule.resources),
        None if rule.via is None else frozenset(rule.via),
        frozenset(_clauses(rule)),
        frozenset((each.name, *((name, key(term)) for name, term in each.arguments)) for each in rule.obligations),
        rule.recheck,
    )


def _clauses(rule: terms.Rule) -> Iterator[Key]:
    for clause in rule.clauses:
        condition = normal(clause.condition)
        if clause.kind is ClauseKind.WHEN:
            # Several `when` are one with `and`.
            parts = condition.operands if isinstance(condition, terms.And) else (condition,)
            yield from ((clause.kind, comparable(part)) for part in parts)
        else:
            # What a remedy says is the text of its clause, where it has none of its own.
            yield (clause.kind, comparable(condition), clause.remedy, clause.remedy or clause.span)


def comparable(term: Term) -> Key:
    """Return what tells a normal term apart, whatever the order of what is joined."""
    match term:
        case terms.And() | terms.Or():
            return (type(term), frozenset(map(comparable, term.operands)))
        case terms.Not():
            return (terms.Not, comparable(term.operand))
        case terms.CalendarTest():
            found = matching(term)
            return key(term) if found is None else (terms.CalendarTest, term.zone, term.field, found)
        case _:
            return key(term)


def normal(term: Term) -> Term:
    """Return a term that is worth the same for every question, the same one for many that are."""
    below = terms.children(term)
    term = with_children(term, [normal(child) for child in below])
    match term:
        case terms.Not():
            return _inverted(term)
        case terms.And() | terms.Or():
            return _flat(term)
        case terms.Compare():
            return _bounded(term)
        case _:
            return term


def _inverted(term: terms.Not) -> Term:
    match term.operand:
        case terms.Not(operand=inner):
            return inner
        case terms.Compare() as found:
            return _bounded(replace(found, op=OPPOSITE[found.op]))
        case terms.TimeTest() as found:
            return replace(found, op=OPPOSITE[found.op])
        case terms.CalendarTest(op=CompareOp() as op) as found:
            return replace(found, op=OPPOSITE[op])
        case _:
            return term


def _flat(term: terms.And | terms.Or) -> Term:
    found: dict[Key, Term] = {}
    for operand in term.operands:
        for each in operand.operands if type(operand) is type(term) else (operand,):
            found.setdefault(comparable(each), each)
    return next(iter(found.values())) if len(found) == 1 else replace(term, operands=tuple(found.values()))


def _bounded(term: terms.Compare) -> Term:
    """Return a comparison with the constant at the right, and of whole numbers with its bound included."""
    if isinstance(term.left, terms.Constant) and not isinstance(term.right, terms.Constant):
        term = replace(term, op=_TURNED[term.op], left=term.right, right=term.left)
    bound = term.right.value if isinstance(term.right, terms.Constant) else None
    step = {CompareOp.GT: 1, CompareOp.LT: -1}.get(term.op, 0)
    if step and isinstance(bound, int) and not isinstance(bound, bool) and INT_MIN < bound < INT_MAX:
        op = CompareOp.GE if step > 0 else CompareOp.LE
        return replace(term, op=op, right=terms.Constant(value=bound + step))
    return term
