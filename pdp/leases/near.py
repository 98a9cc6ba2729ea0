"""Rules that look at nothing but who asks and what for: what depends on them is known without following them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pdp import terms
from pdp.terms import RootName, walk
from pdp.values import Datetime, Decimal, Duration, EnumMember, Ip

_PLAIN: Final = (
    terms.Constant,
    terms.Root,
    terms.Variable,
    terms.Not,
    terms.And,
    terms.Or,
    terms.If,
    terms.Compare,
    terms.Arithmetic,
    terms.Negate,
    terms.IsEmpty,
    terms.Contains,
    terms.Like,
    terms.Quantifier,
    terms.SetOf,
    terms.RecordOf,
    terms.TimeTest,
    terms.CalendarTest,
)
"""What looks at values alone."""


def are_near(rules: Iterable[terms.Rule]) -> bool:
    """Tell whether rules look at no entity but the principal, the resource, and what these two are in.

    Where that takes thought, they do not: then somebody has to look at what they look at.
    """
    return all(_is_near(rule) for rule in rules)


def _is_near(rule: terms.Rule) -> bool:
    conditions = [clause.condition for clause in rule.clauses]
    arguments = [term for obligation in rule.obligations for _, term in obligation.arguments]
    return all(_looks_near(term) for outer in (*conditions, *arguments) for term in walk(outer))


def _looks_near(term: terms.Term) -> bool:
    match term:
        case terms.Attribute(base=base) | terms.Has(base=base):
            # What else has attributes may be an entity that an attribute leads to.
            return isinstance(base, terms.Root)
        case terms.In(left=left, right=right):
            return _is_asked(left) or _is_listed(right)
        case terms.Is(operand=operand, within=within):
            return within is None or _is_asked(operand)
        case _:
            return isinstance(term, _PLAIN)


def _is_asked(term: terms.Term) -> bool:
    return isinstance(term, terms.Root) and term.name in (RootName.PRINCIPAL, RootName.RESOURCE)


def _is_listed(term: terms.Term) -> bool:
    """Tell whether this is a value that nobody can be in."""
    if isinstance(term, terms.SetOf):
        return all(map(_is_listed, term.items))
    return isinstance(term, terms.Constant) and isinstance(term.value, _SCALARS)


_SCALARS: Final = (bool, int, str, Datetime, Decimal, Duration, EnumMember, Ip)
