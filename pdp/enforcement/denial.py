"""The exception that stands where an action would have been begun."""

from __future__ import annotations

from typing import Any

from pdp.errors import PdpError
from pdp.model import Decision, Entity, Outcome, Reason, Remedy, Request
from pdp.values import EntityRef


class Denied(PdpError):
    """What was asked for is not allowed, or its allow cannot be kept: it was not begun.

    `decision` is always a deny. `request` is None where the question itself could not be put together. `overruled` is
    the allow that could not be kept, because an obligation of it is not fulfilled.

    >>> from pdp.model import Decision, Outcome, Reason
    >>> print(Denied(Decision(outcome=Outcome.DENY, reason=Reason.DEFAULT)))
    denied: no rule permits it
    """

    def __init__(
        self, decision: Decision, request: Request | None = None, *, overruled: Decision | None = None
    ) -> None:
        # INVARIANT: whoever looks at the decision of a denial finds no allow.
        if decision.outcome is not Outcome.DENY:
            decision, overruled = _deny("an allow was denied", Reason.INTERNAL_ERROR, decision), decision
        super().__init__(_message(decision, request))
        self.decision = decision
        self.request = request
        self.overruled = overruled

    @property
    def reason(self) -> Reason:
        """Why it was denied, in one word."""
        return self.decision.reason

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """The ways out."""
        return self.decision.remedies

    def __reduce__(self) -> tuple[Any, ...]:
        # The request stays behind: it may hold what does not travel, and what should not.
        return _restored, (type(self), str(self), self.decision, self.overruled)


class Anonymous(Denied):
    """Nobody is known to act: to prove who one is may help."""


def anonymous() -> Anonymous:
    """Return the denial of what nobody asks for."""
    return Anonymous(_deny("nobody is known to act", Reason.INVALID_REQUEST, None))


def refusal(
    detail: str,
    request: Request | None = None,
    *,
    reason: Reason = Reason.INTERNAL_ERROR,
    overruled: Decision | None = None,
) -> Denied:
    """Return the denial of what was not asked, or of an allow that is not kept; `detail` says why."""
    return Denied(_deny(detail, reason, overruled), request, overruled=overruled)


def _deny(detail: str, reason: Reason, instead_of: Decision | None) -> Decision:
    return Decision(
        outcome=Outcome.DENY,
        reason=reason,
        detail=detail,
        revision="" if instead_of is None else instead_of.revision,
        facts_revision="" if instead_of is None else instead_of.facts_revision,
    )


def _restored(kind: type[Denied], message: str, decision: Decision, overruled: Decision | None) -> Denied:
    denied = kind(decision, overruled=overruled)
    denied.args = (message,)
    return denied


def _message(decision: Decision, request: Request | None) -> str:
    ways = " or ".join(dict.fromkeys(", ".join(remedy.texts) for remedy in decision.remedies))
    return f"{_asked(request)}: {_why(decision)}" + (f" (it would take: {ways})" if ways else "")


def _asked(request: Request | None) -> str:
    try:
        if request is None:
            return "denied"
        return f"{_name(request.principal)} may not {request.action} {_name(request.resource)}"
    except Exception:
        # Callers are not bound by annotations, and what is no name may not even be printed.
        return "denied"


def _name(given: Entity | EntityRef) -> str:
    return str(given.ref if isinstance(given, Entity) else given)


def _why(decision: Decision) -> str:
    if decision.detail:
        return decision.detail
    if decision.determining_rules:
        return f"forbidden by {', '.join(decision.determining_rules)}"
    return "no rule permits it" if decision.reason is Reason.DEFAULT else str(decision.reason)
