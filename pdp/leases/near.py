"""Rules that look at nothing but who asks and what for: what depends on them is known without following them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pdp import terms
from pdp.leases.dependents import Key, Proof
from pdp.leases.reading import proof_of
from pdp.model import Request
from pdp.session import Session
from pdp.terms import RootName, walk
from pdp.values import Datetime, Decimal, Duration, EntityRef, EnumMember, Ip
from pdp.world import World, resolved

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


class Near:
    """Tells where leases start, where that is known without looking what their decisions look at."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: tuple[terms.Policy | None, dict[str, bool]] = None, {}

    def keys(self, world: World, request: Request) -> tuple[Key, ...] | None:
        """Return where the lease of a request starts, or nothing. The store has to be all that is known of entities."""
        session, schema = request.session, world.schema
        if not is_plain(request) or type(request.action) is not str:
            return None
        action = schema.actions.get(schema.resolve_action(request.action))
        if action is None or schema.is_cedar or not self._is_near(world.policy, action.name):
            return None
        asked = resolved(request.principal, schema), resolved(request.resource, schema)  # type: ignore[arg-type]
        if session is None:
            return asked
        if type(session) is not Session or "actor" in session:
            return None
        proof = _proof(session)
        return asked if proof is None else (*asked, proof)

    def _is_near(self, policy: terms.Policy, action: str) -> bool:
        of, known = self._known
        if of is not policy:
            # Another thread may look by another policy: what this one finds goes where its own policy stands.
            known = {}
            self._known = policy, known
        found = known.get(action)
        if found is None:
            found = known[action] = are_near(policy.by_action.get(action, ()))
        return found


def _proof(session: Session) -> Proof | None:
    """Return what a session names: one thing for all leases of a session, which saves its room."""
    found: Proof | Session | None = getattr(session, "proof", session)
    if isinstance(found, Session):
        found = session.proof = proof_of(session.texts())
    return found


def is_plain(request: Request) -> bool:
    """Tell whether a request brings no entity: then what it asks before any rule hangs on names alone."""
    return type(request.principal) is EntityRef is type(request.resource) and not request.entities


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
