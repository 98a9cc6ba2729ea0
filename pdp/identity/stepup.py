"""Which sign-in would meet the needs of a deny (RFC 9470), read out of the rules that need it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, reduce
from typing import Any, Final

from pdp import terms
from pdp.classes import dataclass
from pdp.identity.options import SessionOptions
from pdp.model import Decision, Need, Remedy
from pdp.symbols import ArithmeticOp, CompareOp, ContainsOp
from pdp.terms import ClauseKind, Policy, Rule
from pdp.values import SECOND, Duration, ValueSet

_ACR: Final = (terms.RootName.SESSION, "acr")
_MFA: Final = (terms.RootName.SESSION, "mfa")
_METHODS: Final = (terms.RootName.SESSION, "methods")
_SIGNED_IN: Final = (terms.RootName.SESSION, "authenticated_at")
_PLAIN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """A sign-in that would meet needs, no promise of an allow.

    One of `acr_values` and one of `amr_values` will do, where there are any; `max_age` is how many seconds ago it may
    have been at most.
    """

    acr_values: tuple[str, ...] = ()
    amr_values: tuple[str, ...] = ()
    max_age: int | None = None

    def parameters(self) -> dict[str, str]:
        """Return those of `WWW-Authenticate: Bearer error="insufficient_user_authentication"`, each for quotes.

        >>> StepUp(acr_values=("gold", "silver"), max_age=300).parameters()
        {'acr_values': 'gold silver', 'max_age': '300'}
        """
        # Others could end the quotes, or the list.
        values = [each for each in self.acr_values if _PLAIN.fullmatch(each)]
        found = {"acr_values": " ".join(values)} if values else {}
        return found | ({} if self.max_age is None else {"max_age": str(self.max_age)})

    def context(self) -> dict[str, Any]:
        """Return the same for a decision of AuthZEN."""
        named = {"acr_values": [*self.acr_values], "amr_values": [*self.amr_values]}
        found: dict[str, Any] = {name: values for name, values in named.items() if values}
        return found | ({} if self.max_age is None else {"max_age": self.max_age})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demand:
    """What a condition asks of a sign-in. None stands for what it does not ask about."""

    mfa: bool = False
    acr: frozenset[str] | None = None
    amr: frozenset[str] | None = None
    age: int | None = None

    def joined(self, other: _Demand) -> _Demand:
        """Return what meets both."""
        ages = [each.age for each in (self, other) if each.age is not None]
        return _Demand(
            mfa=self.mfa or other.mfa,
            acr=_both(self.acr, other.acr),
            amr=_both(self.amr, other.amr),
            age=min(ages, default=None),
        )

    @property
    def possible(self) -> bool:
        """Whether one sign-in meets it that can be asked for: no `acr` is two at once."""
        return self.acr != frozenset() and self.amr != frozenset() and (self.age is None or self.age >= SECOND)


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return other if one is None else one if other is None else one & other


class StepUps:
    """Step-ups for the decisions of one policy, whose rules are looked through once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @cached_property
    def _rules(self) -> Mapping[str, Rule]:
        return self.policy.by_id()

    def of(self, decision: Decision, sessions: SessionOptions | None = None) -> StepUp | None:
        """Return the sign-in that meets all of one remedy of a deny; None where it would take anything else.

        `sessions` are the words in which the issuer tells of a second factor: see `Issuers.words`.
        """
        found = (demand for remedy in decision.remedies if (demand := self._remedy(remedy)) is not None)
        demand = next(found, None)
        return None if demand is None else _told(demand, SessionOptions() if sessions is None else sessions)

    def _remedy(self, remedy: Remedy) -> _Demand | None:
        asked = [self._need(need, ClauseKind.NEEDS) for need in remedy.needs]
        for lift in remedy.lifts:
            asked.append(next(filter(None, (self._need(need, ClauseKind.UNLESS) for need in lift.one_of)), None))
        return _all(asked)

    def _need(self, need: Need, kind: ClauseKind) -> _Demand | None:
        rule = self._rules.get(need.rule)
        if rule is None:
            return None
        same = [each.condition for each in rule.clauses if each.kind is kind and _text(each) == need.text]
        return _all(map(read, same))


def _told(demand: _Demand, sessions: SessionOptions) -> StepUp:
    acr, amr = demand.acr, demand.amr
    if demand.mfa:
        strong = frozenset(sessions.mfa_acr)
        acr = strong if acr is None else (acr & strong) or acr
        amr = frozenset(sessions.mfa_amr) if amr is None else amr
    return StepUp(
        acr_values=tuple(sorted(acr or ())),
        amr_values=tuple(sorted(amr or ())),
        max_age=None if demand.age is None else demand.age // SECOND,
    )


def _text(clause: terms.Clause) -> str:
    """Return what a remedy calls a clause: see `interpreter.need_of`."""
    span = clause.condition.span
    return clause.remedy or ("" if span is None else " ".join(span.text.split()))


def _all(asked: Iterable[_Demand | None]) -> _Demand | None:
    """Return what meets all of several; None where there are none, or one that no sign-in meets."""
    found = [*asked]
    if not found or any(each is None for each in found):
        return None
    joined = reduce(_Demand.joined, (each for each in found if each is not None))
    return joined if joined.possible else None


def read(condition: terms.Term) -> _Demand | None:
    """Return what a condition asks of a sign-in, None where it asks for anything else."""
    match condition:
        case terms.And():
            return _all(map(read, condition.operands))
        case terms.Or():
            return _either(condition.operands)
        case terms.Attribute() if terms.path(condition) == _MFA:
            return _Demand(mfa=True)
        case terms.Has() if terms.path(condition.base) == _ACR[:1] and condition.name == "acr":
            return _Demand()
        case terms.Compare(op=CompareOp.EQ):
            return _equal(condition.left, condition.right) or _equal(condition.right, condition.left)
        case terms.In():
            return _in(condition)
        case terms.Contains():
            return _contains(condition)
        case terms.TimeTest(op=CompareOp.LT | CompareOp.LE):
            return _recent(condition)
        case _:
            return None


def _either(operands: Iterable[terms.Term]) -> _Demand | None:
    """Return what meets one of several: any one name of those that ask for a name, otherwise the first that is one."""
    found = [each for each in map(read, operands) if each is not None]
    names = [each.acr for each in found if each.acr is not None and each == _Demand(acr=each.acr)]
    if names and len(names) == len(found):
        return _Demand(acr=frozenset[str]().union(*names))
    return next(iter(found), None)


def _equal(left: terms.Term, right: terms.Term) -> _Demand | None:
    if not isinstance(right, terms.Constant):
        return None
    if terms.path(left) == _ACR and isinstance(right.value, str):
        return _Demand(acr=frozenset({right.value}))
    return _Demand(mfa=True) if terms.path(left) == _MFA and right.value is True else None


def _in(condition: terms.In) -> _Demand | None:
    if terms.path(condition.left) == _ACR:
        names = _names(condition.right)
        return None if names is None else _Demand(acr=names)
    if terms.path(condition.right) == _METHODS:
        names = _names(condition.left)
        return None if names is None else _Demand(amr=names)
    return None


def _contains(condition: terms.Contains) -> _Demand | None:
    names = _names(condition.right) if terms.path(condition.left) == _METHODS else None
    if names is None or (condition.op is ContainsOp.ALL and len(names) > 1):
        return None
    return _Demand(amr=names)


def _names(term: terms.Term) -> frozenset[str] | None:
    """Return the texts that a term is, or is a set of; None where it is anything else."""
    match term:
        case terms.Constant(value=str() as value):
            return frozenset({value})
        case terms.Constant(value=ValueSet() as values) if all(isinstance(each, str) for each in values):
            return frozenset(map(str, values))
        case terms.SetOf():
            each = [_names(item) for item in term.items if isinstance(item, terms.Constant)]
            found = [names for names in each if names is not None]
            return frozenset[str]().union(*found) if len(found) == len(term.items) else None
        case _:
            return None


def _recent(condition: terms.TimeTest) -> _Demand | None:
    """Return how long ago a sign-in may have been: `now < session.authenticated_at + 15m` is how that is kept."""
    parts = [part for addend in condition.bound for part in _parts(addend.term, addend.negative)]
    spans = [part for part in parts if isinstance(part, int)]
    rest = [part for part in parts if not isinstance(part, int)]
    signed_in = len(rest) == 1 and rest[0] == (_SIGNED_IN, False)
    return _Demand(age=sum(spans)) if signed_in else None


_Part = int | tuple[tuple[object, ...] | None, bool]


def _parts(term: terms.Term, negative: bool) -> Iterator[_Part]:
    """Yield what a sum is made of: spans in microseconds, and paths with whether they are subtracted."""
    match term:
        case terms.Constant(value=Duration() as span):
            yield -span.micros if negative else span.micros
        case terms.Arithmetic(op=ArithmeticOp.ADD | ArithmeticOp.SUB):
            yield from _parts(term.left, negative)
            yield from _parts(term.right, negative != (term.op is ArithmeticOp.SUB))
        case _:
            yield terms.path(term), negative
