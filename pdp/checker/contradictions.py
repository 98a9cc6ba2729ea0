"""Conditions that cannot hold together, `x == 1 and x == 2`, and such of which one always does, `x == 1 or x != 1`.

Each could be otherwise by itself, so that neither is a constant. Together they make a rule that never applies, or a
test that says nothing. Only what one path is compared with is looked at, so that what is told here is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from pdp import terms
from pdp.checker.place import text
from pdp.checker.report import Report
from pdp.classes import dataclass, field
from pdp.operators import compare
from pdp.source import Span
from pdp.symbols import CompareOp
from pdp.values import EntityRef, Ip, Value

_INVERSE: Final = {
    CompareOp.EQ: CompareOp.NE,
    CompareOp.NE: CompareOp.EQ,
    CompareOp.LT: CompareOp.GE,
    CompareOp.GE: CompareOp.LT,
    CompareOp.LE: CompareOp.GT,
    CompareOp.GT: CompareOp.LE,
}
_FLIPPED: Final = {
    CompareOp.EQ: CompareOp.EQ,
    CompareOp.NE: CompareOp.NE,
    CompareOp.LT: CompareOp.GT,
    CompareOp.GT: CompareOp.LT,
    CompareOp.LE: CompareOp.GE,
    CompareOp.GE: CompareOp.LE,
}
_MAX_VALUES: Final = 100
"""How many values of one path are told apart."""

_SIMPLE: Final = (terms.Attribute, terms.Root, terms.Constant, terms.Variable)

_Part: TypeAlias = tuple[terms.Term, bool]
"""A condition, and whether it is true or false."""


def report_contradictions(clauses: Sequence[terms.Clause], report: Report) -> None:
    """Warn of conditions of a rule that never hold together, and of alternatives of which one always does."""
    whole = [(clause.condition, clause.kind is not terms.ClauseKind.UNLESS) for clause in clauses]
    work: list[list[_Part]] = [whole]
    while work:
        joined = work.pop()
        parts = list(_flatten(joined))
        # A junction by itself is looked at as what would make it true, or false: either must be possible.
        _report_clash(parts, joined is whole or joined[0][1], report)
        for term, _ in parts:
            inner = (term,) if isinstance(term, terms.And | terms.Or) else terms.children(term)
            work += [[(each, not isinstance(each, terms.Or))] for each in inner if not isinstance(each, _SIMPLE)]


def _flatten(parts: Iterable[_Part]) -> Iterator[_Part]:
    """Yield the conditions that all have to be as they are said to be."""
    work = list(parts)[::-1]
    while work:
        term, truth = work.pop()
        match term:
            case terms.Not():
                work.append((term.operand, not truth))
            case terms.And() if truth:
                work.extend((each, True) for each in reversed(term.operands))
            case terms.Or() if not truth:
                work.extend((each, False) for each in reversed(term.operands))
            case _:
                yield term, truth


def _report_clash(parts: Sequence[_Part], together: bool, report: Report) -> None:
    seen: dict[terms.Term, _Part] = {}
    known: dict[tuple[object, ...], _Known] = {}
    for part in parts:
        term, truth = part
        before = seen.setdefault(term, part)
        clash = before if before[1] is not truth else None
        if clash is None and (found := _constraint(term, truth)) is not None:
            where, op, values = found
            clash = known.setdefault(where, _Known()).add(op, values, part)
        if clash is not None and term.span is not None and clash[0].span is not None:
            _report(part, clash, together, clash[0].span, report)
            return


def _report(part: _Part, clash: _Part, together: bool, there: Span, report: Report) -> None:
    first, second = _told(clash, together), _told(part, together)
    message = f"{first} and {second} never hold together" if together else f"one of {first} and {second} always holds"
    if part[0].span is not None:
        help_ = "remove one of them, or mend it"
        report.warn("contradiction", message, part[0].span, help_, (("the other one is here", there),))


def _told(part: _Part, together: bool) -> str:
    term, truth = part
    return f"`{text(term)}`" if truth is together else f"`not {text(term)}`"


def _constraint(term: terms.Term, truth: bool) -> tuple[tuple[object, ...], CompareOp, frozenset[Value]] | None:
    """Return a path, and how what stands there compares with which values; None where a condition is about more."""
    match term:
        case terms.Compare(op=op, left=left, right=terms.Constant(value=value)):
            values = frozenset({value})
        case terms.Compare(op=op, left=terms.Constant(value=value), right=left):
            op, values = _FLIPPED[op], frozenset({value})
        case terms.In(left=left, right=terms.SetOf(items=items)):
            # An entity, or an address, is in what holds it: that is no equality.
            known = [item.value for item in items if isinstance(item, terms.Constant)]
            if len(known) != len(items) or any(isinstance(value, EntityRef | Ip) for value in known):
                return None
            op, values = CompareOp.EQ, frozenset(known)
        case terms.Attribute():
            op, left, values = CompareOp.EQ, term, frozenset({True})
        case _:
            return None
    where = terms.path(left)
    if where is None or isinstance(left, terms.Constant):
        return None
    return where, op if truth else _INVERSE[op], values


@dataclass(slots=True)
class _Known:
    """What was said so far of one path: which values it can have, which not, and between which it lies."""

    values: set[Value] | None = None
    by: _Part | None = None
    not_values: dict[Value, _Part] = field(default_factory=dict)
    bounds: dict[bool, tuple[CompareOp, Value, _Part]] = field(default_factory=dict)

    def add(self, op: CompareOp, values: frozenset[Value], part: _Part) -> _Part | None:
        """Take in what one more condition says; return the one before that it cannot hold with, if there is one."""
        if len(values) > _MAX_VALUES:
            return None
        match op:
            case CompareOp.EQ:
                return self._is_one_of(values, part)
            case CompareOp.NE:
                return self._is_none_of(values, part)
            case _:
                (value,) = values
                return self._lies(op, value, part)

    def _is_one_of(self, values: frozenset[Value], part: _Part) -> _Part | None:
        before = self.by
        left = values if self.values is None else values & self.values
        if not left and before is not None:
            return before
        for value in left:
            wrong = self.not_values.get(value) or self._outside(value)
            if wrong is not None and len(left) == 1:
                return wrong
        self.values = {value for value in left if value not in self.not_values and self._outside(value) is None}
        self.by = part
        return None

    def _is_none_of(self, values: frozenset[Value], part: _Part) -> _Part | None:
        for value in values:
            self.not_values.setdefault(value, part)
        return self._without(values)

    def _lies(self, op: CompareOp, value: Value, part: _Part) -> _Part | None:
        lower = op in (CompareOp.GT, CompareOp.GE)
        other = self.bounds.get(not lower)
        if other is not None and not _leaves_room(op, value, other[0], other[1]):
            return other[2]
        self.bounds.setdefault(lower, (op, value, part))
        return self._without([each for each in self.values or () if compare(op, each, value) is False])

    def _without(self, values: Iterable[Value]) -> _Part | None:
        if self.values is None or self.by is None:
            return None
        self.values.difference_update(values)
        return None if self.values else self.by

    def _outside(self, value: Value) -> _Part | None:
        return next((part for op, end, part in self.bounds.values() if compare(op, value, end) is False), None)


def _leaves_room(op: CompareOp, value: Value, other: CompareOp, end: Value) -> bool:
    """Tell whether something compares so with both values, of which one is a lower and one an upper bound."""
    if value == end:
        return CompareOp.LT not in (op, other) and CompareOp.GT not in (op, other)
    return compare(op, end, value) is not False
