"""Conditions that say the same of every request: they are mistakes, and in a forbid dangerous ones."""

from __future__ import annotations

from pdp import terms
from pdp.checker.clock import Calendar, Now, Zone
from pdp.checker.place import text
from pdp.checker.report import Report
from pdp.values import EntityRef

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
                "remove it, or ask for something that can be otherwise",
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
