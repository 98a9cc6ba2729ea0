"""What became of each request: events in their order, and which of them count by the keys that are registered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pdp.approvals.events import Event, EventKind, Signed, Wanted
from pdp.approvals.keys import Keys
from pdp.approvals.vouching import Vouched
from pdp.classes import dataclass, field, replace
from pdp.conform import plain
from pdp.errors import RequestError
from pdp.model import Approval
from pdp.values import Datetime, EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """A request for access: who asked for it, for whom, what for, and what became of it so far.

    `approvals` are those that were given and not withdrawn. `closed` is empty, `rejected` or `withdrawn`, with by whom
    and why. `counts` says that the key of who asked is still registered: else nothing can come of it. `tokens` are what
    those had shown who did any of this with a token.
    """

    id: str
    asked_by: EntityRef
    at: Datetime
    why: str
    wanted: Wanted
    approvals: tuple[Approval, ...] = ()
    closed: str = ""
    closed_by: EntityRef | None = None
    closed_why: str = ""
    counts: bool = True
    tokens: Mapping[EntityRef, Vouched] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        wanted = self.wanted
        tokens = {str(who): token.to_json() for who, token in self.tokens.items()}
        return {
            "id": self.id,
            "asked_by": str(self.asked_by),
            "at": str(self.at),
            "why": self.why,
            "principal": str(wanted.principal),
            "actor": None if wanted.actor is None else str(wanted.actor),
            "action": wanted.action,
            "resource": str(wanted.resource),
            "of": None if wanted.of is None else plain(wanted.of),
            "until": str(wanted.until),
            "approvals": [{"approver": str(each.approver), "at": str(each.at)} for each in self.approvals],
            "closed": self.closed or None,
            "closed_by": None if self.closed_by is None else str(self.closed_by),
            "closed_why": self.closed_why or None,
            "counts": self.counts,
            **({"tokens": tokens} if tokens else {}),
        }

    def is_open(self, now: Datetime) -> bool:
        """Tell whether it can be approved, as far as the record knows."""
        return self.counts and not self.closed and now < self.wanted.until


@dataclass(frozen=True, slots=True)
class Passed:
    """An event that counts for nothing, and why."""

    sequence: int
    event: Event
    why: str


@dataclass(slots=True)
class Ledger:
    """All requests by their ids, in the order in which they were made, and the events that count for nothing."""

    keys: Keys
    requests: dict[str, AccessRequest] = field(default_factory=dict)
    passed: list[Passed] = field(default_factory=list)

    def after(self, events: Iterable[Signed]) -> Ledger:
        """Return the ledger after more events; this one stays as it is."""
        found = Ledger(self.keys, dict(self.requests), [*self.passed])
        for signed in events:
            try:
                found.take(signed.event)
            except RequestError as wrong:
                found.passed.append(Passed(signed.sequence, signed.event, str(wrong)))
        return found

    def approvals(self) -> Iterator[Approval]:
        """Yield every approval of a request that is not closed."""
        for request in self.requests.values():
            if request.counts and not request.closed:
                yield from request.approvals

    def take(self, event: Event) -> None:
        """Let an event count; raise RequestError where it does not, whatever the policy says."""
        if event.kind is EventKind.REQUESTED:
            self._request(event)
            return
        request = self.find(event.id)
        match event.kind:
            case EventKind.APPROVED:
                found = self._approved(request, event)
            case EventKind.REJECTED:
                found = _closed(request, event, "rejected")
            case _:
                found = _withdrawn(request, event)
        self.requests[event.id] = found

    def find(self, id_: str) -> AccessRequest:
        """Return a request; raise RequestError where there is none."""
        found = self.requests.get(id_)
        if found is None:
            raise RequestError(f"there is no request `{id_}`")
        return found

    def under(self, prefix: str) -> AccessRequest | None:
        """Return the request whose id begins so, None where there is none."""
        return next((each for id_, each in self.requests.items() if id_.startswith(prefix)), None)

    def _request(self, event: Event) -> None:
        if event.id in self.requests:
            raise RequestError(f"there is a request `{event.id}` already")
        if event.wanted is None or event.wanted.until <= event.at:
            raise RequestError("the request ends before it begins")
        self.requests[event.id] = AccessRequest(
            id=event.id,
            asked_by=event.by,
            at=event.at,
            why=event.why,
            wanted=event.wanted,
            counts=self.keys.refusal(event) is None,
            tokens=_tokens({}, event),
        )

    def check_review(self, request: AccessRequest, event: Event) -> None:
        """Raise RequestError where whoever did something is no reviewer of a request, or there is nothing to review."""
        wanted = request.wanted
        refusal = self.keys.refusal(event)
        if refusal is not None:
            raise RequestError(refusal)
        if not request.counts:
            raise RequestError(f"the key of {request.asked_by}, who asked for it, is not registered any more")
        # INVARIANT: nobody approves what they asked for, what they do, or what is done for them. The language says so
        # again when it counts, by the names of the policy.
        if event.by == request.asked_by:
            raise RequestError(f"{event.by} asked for it, and does not approve it")
        if event.by in (wanted.principal, wanted.actor):
            raise RequestError(f"{event.by} does what is asked for, and does not approve it")
        _check_open(request)
        if not request.at <= event.at < wanted.until:
            raise RequestError(f"the request lapsed at {wanted.until}")

    def _approved(self, request: AccessRequest, event: Event) -> AccessRequest:
        self.check_review(request, event)
        wanted = request.wanted
        if any(each.approver == event.by for each in request.approvals):
            raise RequestError(f"{event.by} has approved it already")
        approval = Approval(
            approver=event.by,
            principal=wanted.principal,
            action=wanted.action,
            resource=wanted.resource,
            at=event.at,
            of=wanted.of,
            until=wanted.until,
            asked_by=request.asked_by,
            actor=wanted.actor,
            proved=None if event.vouched is None else event.vouched.proved,
            names=() if event.vouched is None else event.vouched.names,
        )
        return replace(request, approvals=(*request.approvals, approval), tokens=_tokens(request.tokens, event))


def _tokens(before: Mapping[EntityRef, Vouched], event: Event) -> Mapping[EntityRef, Vouched]:
    return before if event.vouched is None else {**before, event.by: event.vouched}


def _check_open(request: AccessRequest) -> None:
    if request.closed:
        raise RequestError(f"the request is {request.closed} by {request.closed_by}")


# What takes away counts whoever's key is registered now: whoever leaves takes no rejection along. To lose one would be
# to allow more.


def _closed(request: AccessRequest, event: Event, how: str) -> AccessRequest:
    _check_open(request)
    return replace(request, closed=how, closed_by=event.by, closed_why=event.why)


def _withdrawn(request: AccessRequest, event: Event) -> AccessRequest:
    """Take back what somebody did: who asked takes back the request, who approved the approval."""
    if event.by == request.asked_by:
        return _closed(request, event, "withdrawn")
    _check_open(request)
    left = tuple(each for each in request.approvals if each.approver != event.by)
    if len(left) == len(request.approvals):
        raise RequestError(f"{event.by} has neither asked for it nor approved it")
    return replace(request, approvals=left)
