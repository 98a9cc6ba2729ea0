"""Terms with other terms below them, and how a term reads in a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pdp import terms
from pdp.classes import replace
from pdp.terms import Term
from pdp.values import show

SHOWN: Final = 60
"""So many characters of a term are shown."""


def _is(term: terms.Is, below: Sequence[Term]) -> Term:
    return replace(term, operand=below[0], within=None if len(below) == 1 else below[1])


def _record(term: terms.RecordOf, below: Sequence[Term]) -> Term:
    return replace(term, fields=tuple((name, each) for (name, _), each in zip(term.fields, below, strict=True)))


def _timed(term: terms.TimeTest, below: Sequence[Term]) -> Term:
    bound = zip(term.bound, below, strict=True)
    return replace(term, bound=tuple(replace(addend, term=each) for addend, each in bound))


def _named(*names: str) -> Callable[[Any, Sequence[Term]], Term]:
    return lambda term, below: replace(term, **dict(zip(names, below, strict=True)))


def _operands(term: Any, below: Sequence[Term]) -> Term:
    found: Term = replace(term, operands=tuple(below))
    return found


# The mirror of what `terms.children` reads.
_REBUILT: Final[Mapping[type[Any], Callable[[Any, Sequence[Term]], Term]]] = {
    terms.Attribute: _named("base"),
    terms.Has: _named("base"),
    terms.Not: _named("operand"),
    terms.And: _operands,
    terms.Or: _operands,
    terms.If: _named("test", "then", "otherwise"),
    terms.Compare: _named("left", "right"),
    terms.Arithmetic: _named("left", "right"),
    terms.Negate: _named("operand"),
    terms.In: _named("left", "right"),
    terms.Is: _is,
    terms.IsEmpty: _named("operand"),
    terms.Contains: _named("left", "right"),
    terms.Like: _named("operand"),
    terms.Quantifier: _named("domain", "body"),
    terms.SetOf: lambda term, below: replace(term, items=tuple(below)),
    terms.RecordOf: _record,
    terms.TimeTest: _timed,
    terms.Approvals: _named("of"),
    terms.AndThen: _operands,
    terms.OrElse: _operands,
    terms.Same: _named("left", "right"),
    terms.Holds: _named("left", "right"),
    terms.Within: _named("left", "right"),
    terms.HasPath: _named("base"),
    terms.Call: _operands,
    terms.HasTag: _named("base", "name"),
    terms.Tag: _named("base", "name"),
}


def with_children(term: Term, below: Sequence[Term]) -> Term:
    """Return a term with other terms right below it, in the order of `terms.children`."""
    return _REBUILT[type(term)](term, below) if below else term


def written(term: Term) -> str:
    """Return a term as its text has it, on one line and not too long."""
    if term.span is not None:
        return shortened(term.span.text)
    return shortened(show(term.value)) if isinstance(term, terms.Constant) else "a condition"


def shortened(text: str) -> str:
    """Return a text on one line, cut where it is long.

    >>> shortened("a  and\\n b")
    'a and b'
    """
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
