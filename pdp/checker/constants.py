"""Conditions that say the same of every request: they are mistakes, and in a forbid dangerous ones.

Some show by their form alone, others by the types of what they ask about.
"""

from __future__ import annotations

from typing import Final

from pdp import terms
from pdp.checker.clock import Calendar, Now, Zone
from pdp.checker.place import text
from pdp.checker.report import SETTLED_HELP, Report
from pdp.symbols import CompareOp, ContainsOp, QuantifierOp
from pdp.types import EnumType, Primitive, SetType, Type
from pdp.values import INT_MAX, INT_MIN, EntityRef, EnumMember, Value

_DEPENDS = (
    terms.Root,
    terms.Variable,
    terms.TimeTest,
    terms.CalendarTest,
    terms.Approvals,
    terms.Attribute,
    terms.Has,
    Now,
    Zone,
    Calendar,
)
_CONDITIONS = (
    terms.Not,
    terms.And,
    terms.Or,
    terms.If,
    terms.Compare,
    terms.Is,
    terms.IsEmpty,
    terms.Contains,
    terms.Like,
    terms.Quantifier,
)


def report_constants(condition: terms.Term, report: Report) -> None:
    """Report every condition, or part of one, that no request, fact or time has a say in; the largest only."""
    work = [(condition, True)]
    while work:
        term, is_condition = work.pop()
        asks = is_condition or isinstance(term, _CONDITIONS)
        if asks and _constant(term) and term.span is not None and not _is_value(term, is_condition):
            report.error(
                "constant_condition",
                f"`{text(term)}` is the same for every request",
                term.span,
                SETTLED_HELP,
            )
            continue
        nested = isinstance(term, terms.Not | terms.And | terms.Or)
        work.extend((child, nested) for child in terms.children(term))


def _constant(term: terms.Term) -> bool:
    # What a named entity is in stands in the facts: that can be otherwise.
    return not any(isinstance(each, (*_DEPENDS, terms.In)) for each in terms.walk(term)) or _constant_in(term)


def _constant_in(term: terms.Term) -> bool:
    return (
        isinstance(term, terms.In)
        and not any(isinstance(each, _DEPENDS) for each in terms.walk(term))
        and not any(isinstance(each, terms.Constant) and _is_ref(each) for each in terms.walk(term))
    )


def _is_ref(term: terms.Constant) -> bool:
    return isinstance(term.value, EntityRef)


def _is_value(term: terms.Term, is_condition: bool) -> bool:
    """Tell whether a constant is of a type that the inference reports anyhow."""
    return is_condition and isinstance(term, terms.Constant) and not isinstance(term.value, bool)


# ------------------------------------------------------------------------------------------------------- by the types


def settled(term: terms.Term, left: Type, right: Type | None = None) -> bool | None:
    """Return what an operation on values of those types always comes to where they are known, or None."""
    match term:
        case terms.Compare():
            return _compare(term, left)
        case terms.In(right=terms.SetOf(items=items)):
            return True if _every_value(left) and _every_value(left) <= _values(items) else None
        case terms.Contains():
            nothing = ContainsOp.ANY if _is_nothing(term.left, left) else None
            if right is not None and _is_nothing(term.right, right):
                return term.op is ContainsOp.ALL
            return False if term.op is nothing else None
        case terms.Like():
            return True if len(term.parts) > 1 and not any(term.parts) else None
        case terms.Quantifier():
            return term.op is QuantifierOp.ALL if _is_nothing(term.domain, left) else None
        case _:
            return None


def _compare(term: terms.Compare, kind: Type) -> bool | None:
    op, value = term.op, _value(term.right)
    if value is None:
        op, value = _FLIPPED[op], _value(term.left)
    if kind is Primitive.INT:
        outcomes = {CompareOp.LT: False, CompareOp.GE: True} if value == INT_MIN else {}
        outcomes = {CompareOp.GT: False, CompareOp.LE: True} if value == INT_MAX else outcomes
        return outcomes.get(op)
    if value is not None and _every_value(kind) == {value}:
        return op is CompareOp.EQ
    return None


_FLIPPED: Final = {
    CompareOp.EQ: CompareOp.EQ,
    CompareOp.NE: CompareOp.NE,
    CompareOp.LT: CompareOp.GT,
    CompareOp.LE: CompareOp.GE,
    CompareOp.GT: CompareOp.LT,
    CompareOp.GE: CompareOp.LE,
}


def _value(term: terms.Term) -> Value | None:
    return term.value if isinstance(term, terms.Constant) else None


def _values(items: tuple[terms.Term, ...]) -> set[Value | None]:
    return {_value(item) for item in items}


def _every_value(kind: Type) -> frozenset[Value]:
    """Return all values of a type that has few; nothing for every other."""
    match kind:
        case EnumType():
            return frozenset(EnumMember(kind.name, name) for name in kind.members)
        case Primitive.BOOL:
            return frozenset({True, False})
        case _:
            return frozenset()


def _is_nothing(term: terms.Term, kind: Type) -> bool:
    return isinstance(term, terms.SetOf) and isinstance(kind, SetType) and kind.element is None
