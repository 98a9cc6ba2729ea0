"""What may become of a condition: each of its terms, one at a time, by what kind of term it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import is_
from typing import Any, Final

from pdp import terms
from pdp.classes import replace
from pdp.schema import Schema
from pdp.source import Span
from pdp.symbols import ArithmeticOp, CompareOp, ContainsOp, Function, QuantifierOp
from pdp.terms import Term, children
from pdp.testing.mutation.literals import added, dropped, moved, shifted, swapped
from pdp.testing.mutation.operators import Edit, Operator
from pdp.testing.mutation.trees import shortened, with_children, written
from pdp.values import Datetime, Decimal, Duration, Value, ValueSet, show

NEAR: Final[Mapping[CompareOp, tuple[CompareOp, ...]]] = {
    CompareOp.EQ: (CompareOp.NE,),
    CompareOp.NE: (CompareOp.EQ,),
    CompareOp.LT: (CompareOp.LE, CompareOp.GE),
    CompareOp.LE: (CompareOp.LT, CompareOp.GT),
    CompareOp.GT: (CompareOp.GE, CompareOp.LE),
    CompareOp.GE: (CompareOp.GT, CompareOp.LT),
}
"""What a comparison is taken for: its neighbour, and the opposite."""

_FUNCTIONS: Final[Mapping[Function, tuple[Function, ...]]] = {
    Function.LT: (Function.LE, Function.GE),
    Function.LE: (Function.LT, Function.GT),
    Function.GT: (Function.GE, Function.LE),
    Function.GE: (Function.GT, Function.LT),
    Function.LESS_THAN: (Function.LESS_THAN_OR_EQUAL, Function.GREATER_THAN_OR_EQUAL),
    Function.LESS_THAN_OR_EQUAL: (Function.LESS_THAN, Function.GREATER_THAN),
    Function.GREATER_THAN: (Function.GREATER_THAN_OR_EQUAL, Function.LESS_THAN_OR_EQUAL),
    Function.GREATER_THAN_OR_EQUAL: (Function.GREATER_THAN, Function.LESS_THAN),
    Function.ADD: (Function.SUB,),
    Function.SUB: (Function.ADD,),
}

Found = Iterator[tuple[Operator, Term, str]]


def edits(conditions: Sequence[Term], schema: Schema) -> Iterator[Edit]:
    """Yield what becomes of conditions when one term that is written somewhere in them is another one.

    What a define says is written once, and may be part of a rule many times: all of these change together.
    """
    places: dict[object, list[tuple[Term, Span | None]]] = {}
    for condition in conditions:
        for term, span in _placed(condition, None):
            places.setdefault((type(term), term.span or id(term)), []).append((term, span))
    for found in places.values():
        handled = HANDLED.get(type(found[0][0]))
        variants = [] if handled is None else [list(handled(term, schema)) for term, _ in found]
        for at, (operator, _, text) in enumerate(variants[0] if variants else ()):
            # A parameter may be something else in each of them, which leaves other things to do.
            alike = zip(found, variants, strict=True)
            changed = {id(term): each[at][1] for (term, _), each in alike if len(each) == len(variants[0])}
            terms_ = tuple(_with(condition, changed) for condition in conditions)
            yield Edit(operator=operator, terms=terms_, text=text, span=found[0][1])


def _placed(term: Term, outer: Span | None) -> Iterator[tuple[Term, Span | None]]:
    """Yield a term and all below it, from the left, each with the place to show: where nobody wrote it, one around."""
    span = term.span or outer
    yield term, span
    for child in children(term):
        # Elements of a set are dropped and added, which says as much as to change them.
        if not (isinstance(child, terms.Constant) and isinstance(term, terms.SetOf)):
            yield from _placed(child, span)


def _with(term: Term, changed: Mapping[int, Term]) -> Term:
    if id(term) in changed:
        return changed[id(term)]
    below = children(term)
    found = [_with(child, changed) for child in below]
    return term if all(map(is_, below, found)) else with_children(term, found)


def becomes(before: object, after: object) -> str:
    """Say that something is something else now."""
    return f"`{shortened(str(before))}` becomes `{shortened(str(after))}`"


# -------------------------------------------------------------------------------------------------------- comparisons


def _compare(term: terms.Compare, _: Schema) -> Found:
    for op in NEAR[term.op]:
        yield Operator.COMPARISON, replace(term, op=op), becomes(term.op, op)


def _same(term: terms.Same, _: Schema) -> Found:
    yield Operator.COMPARISON, terms.Not(operand=term, span=term.span), becomes("==", "!=")


def _call(term: terms.Call, _: Schema) -> Found:
    for function in _FUNCTIONS.get(term.function, ()):
        arithmetic = function in (Function.ADD, Function.SUB)
        operator = Operator.ARITHMETIC if arithmetic else Operator.COMPARISON
        yield operator, replace(term, function=function), becomes(term.function, function)


def _time_test(term: terms.TimeTest, _: Schema) -> Found:
    for op in NEAR[term.op]:
        text = f"{becomes(term.op, op)} for `now`"
        yield Operator.COMPARISON, replace(term, op=op), text


def _calendar_test(term: terms.CalendarTest, schema: Schema) -> Found:
    if term.op is None:
        for operator, values, text in shifted(term):
            yield operator, replace(term, values=values), text
        return
    for op in NEAR[term.op]:
        yield Operator.COMPARISON, replace(term, op=op), f"{becomes(term.op, op)} for `{term.field}`"
    for value in (term.values[0] - 1, term.values[0] + 1):
        yield Operator.BOUNDARY, replace(term, values=(value,)), becomes(f"{term.field} {term.values[0]}", value)


# ------------------------------------------------------------------------------------------------------------- logic


def _not(term: terms.Not, _: Schema) -> Found:
    yield Operator.NEGATION, term.operand, f"`not` is dropped from `{written(term)}`"


def _joined(other: type[Any], words: tuple[str, str]) -> Callable[[Any, Schema], Found]:
    def find(term: Any, _: Schema) -> Found:
        yield Operator.AND_OR, other(operands=term.operands, span=term.span), becomes(*words)
        for at, operand in enumerate(term.operands):
            rest = (*term.operands[:at], *term.operands[at + 1 :])
            found = rest[0] if len(rest) == 1 else replace(term, operands=rest)
            yield Operator.OPERAND, found, f"`{written(operand)}` is dropped"

    return find


def _if(term: terms.If, _: Schema) -> Found:
    yield Operator.BRANCHES, replace(term, then=term.otherwise, otherwise=term.then), "`then` and `else` are swapped"


def _quantifier(term: terms.Quantifier, _: Schema) -> Found:
    op = QuantifierOp.ALL if term.op is QuantifierOp.ANY else QuantifierOp.ANY
    yield Operator.QUANTIFIER, replace(term, op=op), becomes(term.op, op)


def _contains(term: terms.Contains, _: Schema) -> Found:
    op = ContainsOp.ALL if term.op is ContainsOp.ANY else ContainsOp.ANY
    yield Operator.QUANTIFIER, replace(term, op=op), becomes(term.op, op)


def _is(term: terms.Is, _: Schema) -> Found:
    if term.within is not None:
        yield Operator.SCOPE, replace(term, within=None), becomes(written(term), f"is {term.type}")


# ------------------------------------------------------------------------------------------------------------ values


def _arithmetic(term: terms.Arithmetic, _: Schema) -> Found:
    if term.op is not ArithmeticOp.MUL:
        op = ArithmeticOp.SUB if term.op is ArithmeticOp.ADD else ArithmeticOp.ADD
        yield Operator.ARITHMETIC, replace(term, op=op), becomes(term.op, op)


def _negate(term: terms.Negate, _: Schema) -> Found:
    yield Operator.ARITHMETIC, term.operand, f"`-` is dropped from `{written(term)}`"


def _like(term: terms.Like, _: Schema) -> Found:
    first, last = term.parts[0], term.parts[-1]
    for open_, parts in ((first, ("", *term.parts)), (last, (*term.parts, ""))):
        if open_:
            yield Operator.PATTERN, replace(term, parts=parts), becomes("*".join(term.parts), "*".join(parts))


def _constant(term: terms.Constant, schema: Schema) -> Found:
    value = term.value
    if isinstance(value, ValueSet):
        yield from _set(term, value, schema)
        return
    for found in moved(value):
        yield Operator.BOUNDARY, replace(term, value=found), becomes(show(value), show(found))
    for found in swapped(value, schema):
        yield Operator.LITERAL, replace(term, value=found), becomes(show(value), show(found))


def _set(term: terms.Constant, value: ValueSet, schema: Schema) -> Found:
    def edit(operator: Operator, found: Value, text: str) -> tuple[Operator, Term, str]:
        return operator, replace(term, value=found), text

    for each, found in dropped(value):
        yield edit(Operator.ELEMENT, found, f"{show(each)} is dropped from `{written(term)}`")
    for each, found in added(value, schema):
        yield edit(Operator.ELEMENT, found, f"{show(each)} is added to `{written(term)}`")
    for each in sorted(value, key=show):
        rest = [other for other in value if other is not each]
        # A range is widened where it stands; numbers in a set are names more than bounds.
        for other in () if isinstance(each, int | Decimal | Datetime | Duration) else moved(each):
            yield edit(Operator.BOUNDARY, ValueSet((*rest, other)), becomes(show(each), show(other)))


def _set_of(term: terms.SetOf, schema: Schema) -> Found:
    values = [each.value for each in term.items if isinstance(each, terms.Constant)]
    if len(values) == len(term.items):
        constant = terms.Constant(value=ValueSet(values), span=term.span)
        yield from _set(constant, ValueSet(values), schema)
        return
    for at, item in enumerate(term.items):
        rest = (*term.items[:at], *term.items[at + 1 :])
        yield Operator.ELEMENT, replace(term, items=rest), f"`{written(item)}` is dropped from `{written(term)}`"


def _approvals(term: terms.Approvals, _: Schema) -> Found:
    if term.count > 1:
        yield Operator.BOUNDARY, replace(term, count=term.count - 1), becomes(f"{term.count} approvals", term.count - 1)
    for found in moved(term.window):
        if isinstance(found, Duration) and found.micros > 0:
            yield Operator.BOUNDARY, replace(term, window=found), becomes(f"for {term.window}", f"for {found}")


HANDLED: Final[Mapping[type[Any], Callable[[Any, Schema], Found]]] = {
    terms.Constant: _constant,
    terms.Not: _not,
    terms.And: _joined(terms.Or, ("and", "or")),
    terms.Or: _joined(terms.And, ("or", "and")),
    terms.AndThen: _joined(terms.OrElse, ("&&", "||")),
    terms.OrElse: _joined(terms.AndThen, ("||", "&&")),
    terms.If: _if,
    terms.Compare: _compare,
    terms.Same: _same,
    terms.Call: _call,
    terms.Arithmetic: _arithmetic,
    terms.Negate: _negate,
    terms.Is: _is,
    terms.Contains: _contains,
    terms.Like: _like,
    terms.Quantifier: _quantifier,
    terms.SetOf: _set_of,
    terms.TimeTest: _time_test,
    terms.CalendarTest: _calendar_test,
    terms.Approvals: _approvals,
}
"""What is done to each kind of term. Of one that is missing, what changes is below it, or the clause around it."""
