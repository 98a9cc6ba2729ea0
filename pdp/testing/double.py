"""A stand-in for an engine in unit tests of what asks one: it answers by a list, without any policy."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.model import Decision, Entity, Obligation, Outcome, Reason, Remedy, Request
from pdp.values import EntityRef


@dataclass(frozen=True, slots=True)
class _Line:
    principal: EntityRef | None
    action: str | None
    resource: EntityRef | None
    decision: Decision

    def is_about(self, request: Request) -> bool:
        asked = ((self.principal, _named(request.principal)), (self.resource, _named(request.resource)))
        same = all(wanted is None or _same(wanted, given) for wanted, given in asked)
        return same and (self.action is None or (type(request.action) is str and self.action == request.action))


class StaticDecisions:
    """Answers as an engine does, by what it is told: the last line that is about a request counts, else it is a deny.

    `handles` names the obligations that the caller fulfils, as for an engine. `asked` are the requests so far.

    >>> import pdp
    >>> ada, shop = pdp.ref("User", "ada"), pdp.ref("Service", "shop")
    >>> point = StaticDecisions()
    >>> point.allow(action="read")
    >>> point.deny(ada, "read", shop, rules=["frozen"])
    >>> point.allows(pdp.ref("User", "ben"), "read", shop), point.allows(ada, "read", shop)
    (True, False)
    >>> point.decide(ada, "deploy", shop).reason
    <Reason.DEFAULT: 'default'>
    >>> [request.action for request in point.asked]
    ['read', 'read', 'deploy']
    """

    def __init__(self, *, handles: Iterable[str] = ()) -> None:
        self.asked: list[Request] = []
        self._handles = frozenset(handles)
        self._lines: list[_Line] = []

    def allow(
        self,
        principal: EntityRef | None = None,
        action: str | None = None,
        resource: EntityRef | None = None,
        *,
        rules: Iterable[str] = ("static",),
        obligations: Iterable[Obligation] = (),
        valid_until: _datetime.datetime | None = None,
    ) -> None:
        """Allow requests; None is any principal, action or resource. Nothing is allowed that no rule allows."""
        determining, duties = tuple(rules), tuple(obligations)
        if not determining:
            raise ValueError("a permit is what allows: name one in `rules`")
        decision = Decision(
            outcome=Outcome.ALLOW,
            reason=Reason.PERMITTED,
            determining_rules=determining,
            obligations=duties,
            unhandled=tuple(sorted({duty.name for duty in duties} - self._handles)),
            valid_until=valid_until,
            revision="static",
        )
        self._lines.append(_Line(principal, action, resource, decision))

    def deny(
        self,
        principal: EntityRef | None = None,
        action: str | None = None,
        resource: EntityRef | None = None,
        *,
        rules: Iterable[str] = (),
        remedies: Iterable[Remedy] = (),
        reason: Reason | None = None,
        detail: str = "",
    ) -> None:
        """Deny requests: with rules, because they forbid, and without, because nothing permits."""
        determining = tuple(rules)
        decision = Decision(
            outcome=Outcome.DENY,
            reason=reason or (Reason.FORBIDDEN if determining else Reason.DEFAULT),
            determining_rules=determining,
            remedies=tuple(remedies),
            revision="static",
            detail=detail,
        )
        self._lines.append(_Line(principal, action, resource, decision))

    # ------------------------------------------------------------------------------------------------------ asking

    def decide(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        now: _datetime.datetime | None = None,
        entities: Iterable[Entity] = (),
    ) -> Decision:
        """Answer a request, as `Engine.decide`."""
        return self.answer(Request(principal, action, resource, context, session, now, tuple(entities)))

    def allows(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        now: _datetime.datetime | None = None,
        entities: Iterable[Entity] = (),
    ) -> bool:
        """Tell whether a request is allowed and its every obligation is handled, as `Engine.allows`."""
        return bool(self.decide(principal, action, resource, context, session, now, entities))

    def answer(self, request: Request) -> Decision:
        """Answer a request given as one object, as `Engine.answer`."""
        self.asked.append(request)
        return next((line.decision for line in reversed(self._lines) if line.is_about(request)), _DEFAULT)

    def decide_many(self, requests: Iterable[Request]) -> list[Decision]:
        """Answer requests in their order, as `Engine.decide_many`."""
        return [self.answer(request) for request in requests]


_DEFAULT = Decision(outcome=Outcome.DENY, reason=Reason.DEFAULT, revision="static")


def _named(given: Entity | EntityRef) -> object:
    return given.ref if isinstance(given, Entity) else given


def _same(wanted: EntityRef, given: object) -> bool:
    # A tuple of two texts equals a reference, and an engine takes it for none.
    return isinstance(given, EntityRef) and wanted == given
