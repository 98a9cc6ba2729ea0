"""What every protocol of the sidecar asks: an engine, behind what a caller may do.

Nothing here knows of gRPC or HTTP. Decisions are made in the thread that asks, which is that of the event loop; what
takes long (`explain`, a search, a revocation) is for a thread of its own.
"""

from __future__ import annotations

import copy
import datetime as _datetime
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pdp.classes import dataclass, replace
from pdp.engine import Engine
from pdp.errors import TokenError
from pdp.identity.who import NOTHING
from pdp.leases.watch import Watch
from pdp.model import Decision, Entity, Outcome, Reason, Request, RevocationKind
from pdp.search import Page
from pdp.trace import Trace
from pdp.values import EntityRef
from pdp_sidecar.callers import Caller, Callers, May, NotPermitted, Peer
from pdp_sidecar.desk import Desk
from pdp_sidecar.identifying import Identifying, told
from pdp_sidecar.lasting import FLEETING, lasts
from pdp_sidecar.operations.logs import proof_event, tell
from pdp_sidecar.proven import ProvenRequest, proven, spoken_for

if TYPE_CHECKING:
    from typing import Unpack

    from pdp.identity.stepup import StepUp
    from pdp.identity.who import Identity, Shown
    from pdp.search import Asking

NO_HANDLES: Final[frozenset[str]] = frozenset()
NO_TOKENS: Final[Mapping[int, Any]] = MappingProxyType({})
_ANYBODY: Final = EntityRef("", "")


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision, and the epoch of the service before it was made: whoever keeps it drops it with that epoch."""

    decision: Decision
    epoch: str


def granted(decision: Decision, handles: frozenset[str] = NO_HANDLES) -> bool:
    """Tell whether a decision is a yes to a caller that handles some obligations: every one of an allow."""
    if decision:
        return True
    return decision.outcome is Outcome.ALLOW and not unhandled(decision, handles)


def unhandled(decision: Decision, handles: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the obligations of an allow that a caller does not handle."""
    return tuple(name for name in decision.unhandled if name not in handles)


class Service:
    """Answers the callers of one process by one engine, which handles no obligation itself.

    `identifying` verifies tokens, None where nobody's are taken. `desk` is where access is approved, None where it is
    not. `record` sees each decision with its caller, for metrics and logs; it must be quick. `revoke_elsewhere` is
    called after a revocation holds here, with the number of its record, and returns how many other workers it holds in
    and how many were ended, when there is no other that it does not hold in.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        identifying: Identifying | None = None,
        desk: Desk | None = None,
        record: Callable[[Caller, Request, Decision], object] | None = None,
        revoke_elsewhere: Callable[[int | None], tuple[int, int]] | None = None,
    ) -> None:
        self.engine = engine
        self.identifying = identifying
        self.desk = desk
        self.record = record
        self.revoke_elsewhere = revoke_elsewhere
        self.started = _datetime.datetime.now(_datetime.UTC)
        self._epochs = _Epochs(engine)

    def through(self, record: Callable[[Caller, Request, Decision], object] | None) -> Service:
        """Return the same service as one protocol asks it: `record` sees the decisions that are asked for there."""
        found = copy.copy(self)
        found.record = record
        return found

    # -------------------------------------------------------------------------------------------------------- epochs

    @property
    def epoch(self) -> str:
        """Which state of this process answers. Another process, or another state, has another."""
        return self._epochs.current

    def listen(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Have a listener called with each new epoch, in any thread; return what ends that."""
        return self._epochs.listen(listener)

    def close(self) -> None:
        """Take no further part in what the engine does."""
        self._epochs.stop()

    # ---------------------------------------------------------------------------------------------------- who is there

    async def caller(self, callers: Callers, peer: Peer) -> Caller | None:
        """Return who a peer is, None for nobody who may ask.

        Raise TokenError for a token that is refused, and NotPermitted for whoever was verified and may ask nothing.
        """
        if self.identifying is None:
            return callers.of(peer) if not peer.proves else None
        return await self.identifying.caller(callers, peer)

    async def bearer(self, caller: Caller, token: str, shown: Shown, *, proves: bool = False) -> Identity:
        """Return whom a token speaks for that a caller hands on, by the scheme DPoP if it `proves`; raise TokenError.

        What was shown with it counts only from a caller that may vouch for sessions.
        """
        if self.identifying is None:
            raise TokenError("nobody's tokens are taken here", code="unknown_issuer")
        return await self.identifying.bearer(token, shown if caller.asserts_session else NOTHING, proves=proves)

    # ------------------------------------------------------------------------------------------------------- answers

    def check(self, caller: Caller, request: Request, token: Identity | None = None) -> Answer:
        """Answer a request, that of a `token` where the caller hands one on.

        What goes wrong is a deny; raise NotPermitted where the caller may not ask at all.
        """
        caller.require(May.CHECK)
        # INVARIANT: read before the decision. One of a later state only bears a name that is dropped sooner.
        epoch = self._epochs.current
        return Answer(self._decide(caller, request, token), epoch)

    def refused(self, error: TokenError) -> Decision:
        """Return the deny of a question whose token is refused. Nobody keeps it: another time it may not be."""
        reason = Reason.SOURCE_FAILED if error.passing else Reason.INVALID_REQUEST
        denied = self.deny(reason, told(error))
        return Decision.made(denied._leaf, "", self.engine._answers.now())

    def check_many(
        self, caller: Caller, requests: Sequence[Request], tokens: Mapping[int, Identity] = NO_TOKENS
    ) -> tuple[Sequence[Decision], str]:
        """Answer requests in their order, all of one state; `tokens` are those that some bring, by their places.

        Raise NotPermitted where the caller may not ask at all.
        """
        caller.require(May.CHECK)
        epoch = self._epochs.current
        try:
            settled, found = self._decide_many(caller, requests, tokens)
            if self.record is not None:
                for request, decision in zip(settled, found, strict=True):
                    self.record(caller, request, decision)
        except Exception as error:
            # INVARIANT: an exception is a deny of each with its cause, whatever raised it.
            failed = self.deny(Reason.INTERNAL_ERROR, f"the batch could not be answered: {type(error).__name__}")
            return [failed] * len(requests), epoch
        return found, epoch

    def _decide_many(
        self, caller: Caller, requests: Sequence[Request], tokens: Mapping[int, Identity]
    ) -> tuple[Sequence[Request], list[Decision]]:
        """Return the requests as they were decided, and the decisions."""
        if caller.is_free and not tokens:
            return requests, self.engine.decide_many(requests)
        settled = [self._settled(caller, request, tokens.get(place)) for place, request in enumerate(requests)]
        decided = iter(self.engine.decide_many([request for request, refusal in settled if refusal is None]))
        found = [self._lent(request, next(decided)) if refusal is None else refusal for request, refusal in settled]
        return [request for request, _ in settled], found

    def _decide(self, caller: Caller, request: Request, token: Identity | None) -> Decision:
        try:
            if token is None is caller.identity:
                refused = self._refusal(caller, request)
            else:
                request, refused = self._settled(caller, request, token)
            if refused is None:
                principal, action, resource, context, session, now, entities = request
                decision = self.engine.decide(principal, action, resource, context, session, now, entities)
                if type(request) is ProvenRequest:
                    decision = self._lent(request, decision)
            else:
                decision = refused
            if self.record is not None:
                self.record(caller, request, decision)
        except Exception as error:
            # INVARIANT: an exception is a deny with its cause, whatever raised it.
            return self.deny(Reason.INTERNAL_ERROR, f"the request could not be answered: {type(error).__name__}")
        return decision

    def _settled(self, caller: Caller, request: Request, token: Identity | None) -> tuple[Request, Decision | None]:
        """Return a request with the principal and the session that were proved, and its deny where it is not to be."""
        whose = spoken_for(caller, request.principal, token)
        if whose is None:
            return request, self._refusal(caller, request)
        try:
            request = proven(caller, request, whose, self.engine.policy.schema)
        except NotPermitted as error:
            return request, self.deny(Reason.INVALID_REQUEST, str(error))
        return request, self._refused_time(caller, request)

    def _lent(self, request: Request, decision: Decision) -> Decision:
        """Return a decision that lasts no longer than the word of whoever is asked about the token that it is of."""
        lent = None
        if self.identifying is not None and isinstance(request, ProvenRequest):
            lent = self.identifying.lent(request.identity)
        if lent is None:
            return decision
        until = self.engine._answers.now() + lent
        is_over = decision._until is not None and decision._until <= until
        return decision if is_over else Decision.made(decision._leaf, decision._facts, until)

    def settled(self, caller: Caller, request: Request, token: Identity | None) -> Request:
        """Return a request with the principal and the session that it is decided with; raise NotPermitted."""
        caller.require(May.CHECK)
        return self._require(caller, request, token)

    def _require(self, caller: Caller, request: Request, token: Identity | None) -> Request:
        """Return a request as it may be made; raise NotPermitted."""
        request, refused = self._settled(caller, request, token)
        if refused is not None:
            raise NotPermitted(refused.detail)
        return request

    def _refusal(self, caller: Caller, request: Request) -> Decision | None:
        """Return the deny of a request that the caller may not make in its own name."""
        if not caller.may_ask_for(request.principal):
            return self.deny(Reason.INVALID_REQUEST, f"`{caller.name}` may not ask for this principal")
        if request.session is not None and not caller.asserts_session:
            return self.deny(Reason.INVALID_REQUEST, f"`{caller.name}` may not vouch for a session")
        return self._refused_time(caller, request)

    def _refused_time(self, caller: Caller, request: Request) -> Decision | None:
        if request.now is not None and May.EXPLAIN not in caller.may:
            return self.deny(Reason.INVALID_REQUEST, f"`{caller.name}` may not ask for another time")
        return None

    @property
    def lends(self) -> bool:
        """Whether answers rest on what is only lent, so that they may be kept for some time at most."""
        return bool(self.engine._providers)

    def kept(self, decision: Decision, epoch: str) -> tuple[str, int | None]:
        """Return what whoever keeps a decision elsewhere keeps it under: an epoch, and how many microseconds from now.

        None is as long as the epoch. The empty epoch is that of no server: nobody keeps what is of it.
        """
        return "" if decision.reason in FLEETING else epoch, lasts(self.engine, decision)

    def watch(self, caller: Caller, request: Request, token: Identity | None = None) -> Watch:
        """Watch the answer to a request; raise NotPermitted or RequestError. For a thread of its own."""
        caller.require(May.WATCH)
        return self.engine.watch(self._require(caller, request, token))

    def deny(self, reason: Reason, detail: str) -> Decision:
        """Return a deny that no rule was asked about."""
        return Decision(outcome=Outcome.DENY, reason=reason, detail=detail, revision=self.engine.policy.revision)

    def explain(self, caller: Caller, request: Request, token: Identity | None = None) -> Trace:
        """Answer a request with what led to it; raise NotPermitted. For a thread of its own."""
        caller.require(May.EXPLAIN)
        return self.engine.explain(self._require(caller, request, token))

    def step_up(self, caller: Caller, decision: Decision, token: Identity | None) -> StepUp | None:
        """Return the sign-in that would meet the needs of a deny, None where it takes anything else."""
        whose = caller.identity if token is None else token
        return None if self.identifying is None else self.identifying.step_up(decision, whose)

    # ------------------------------------------------------------------------------------------------------ searches

    def who_can(
        self, caller: Caller, principal_type: str, action: str, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List those for whom the caller may ask, as `Engine.who_can` does; raise NotPermitted or RequestError.

        This and the other searches are for a thread of their own.
        """
        terms = self._terms(caller, terms, resource)
        among = None if caller.principals is None is caller.identity else caller.may_ask_for
        return self.engine._search().who_can(principal_type, action, resource, among, **terms)

    def what_can(
        self, caller: Caller, principal: Entity | EntityRef, action: str, resource_type: str, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List resources as `Engine.what_can` does; raise NotPermitted or RequestError."""
        principal, terms = self._searched(caller, terms, principal, _ANYBODY)
        return self.engine.what_can(principal, action, resource_type, **terms)

    def actions(
        self,
        caller: Caller,
        principal: Entity | EntityRef,
        resource: Entity | EntityRef,
        **terms: Unpack[Asking],
    ) -> Page[str]:
        """List actions as `Engine.actions` does; raise NotPermitted or RequestError."""
        principal, terms = self._searched(caller, terms, principal, resource)
        return self.engine.actions(principal, resource, **terms)

    def _terms(self, caller: Caller, terms: Asking, resource: Entity | EntityRef) -> Asking:
        """Return with what a caller may search among all for whom it may ask; raise NotPermitted.

        Who asks for everybody asks for nobody in particular: of these, the caller is shown whom it may ask for.
        """
        caller.require(May.SEARCH)
        own = caller.identity
        if own is not None and caller.principals is None:
            # For itself alone.
            return self._searched(caller, terms, own.ref, resource)[1]
        unbound = replace(caller, principals=None, identity=None)
        self._require(unbound, _request(_ANYBODY, terms, resource), None)
        return terms

    def _searched(
        self, caller: Caller, terms: Asking, principal: Entity | EntityRef, resource: Entity | EntityRef
    ) -> tuple[Entity | EntityRef, Asking]:
        """Return for whom and with what a caller searches; raise NotPermitted."""
        caller.require(May.SEARCH)
        request = self._require(caller, _request(principal, terms, resource), None)
        if request.session is None:
            return request.principal, terms
        return request.principal, {**terms, "session": request.session}

    # ------------------------------------------------------------------------------------------------------- changes

    def revoke(self, caller: Caller, **target: Any) -> tuple[int | None, int, int]:
        """Let something count no more, by the arguments of `Engine.revoke`, here and in every other worker.

        Return its number on record, how many workers it holds in, and how many were ended for not saying so in time.
        Raise NotPermitted, RequestError or RecordError. For a thread of its own.
        """
        caller.require(May.REVOKE)
        sequence = self.engine.revoke(**target)
        # The record has what is revoked, and not at whose word.
        what = [kind.value for kind in RevocationKind if target.get(kind.value) is not None]
        tell(logging.INFO, "revoked", caller=caller.name, what=what, sequence=sequence, **proof_event(None, caller))
        others, ended = (0, 0) if self.revoke_elsewhere is None else self.revoke_elsewhere(sequence)
        return sequence, 1 + others, ended

    def at_desk(self, caller: Caller) -> Desk:
        """Return where access is approved; raise NotPermitted where that is not here, or not for the caller."""
        caller.require(May.APPROVE)
        if self.desk is None:
            raise NotPermitted("access is not approved here: the server has no desk")
        return self.desk


def _request(principal: Entity | EntityRef, terms: Asking, resource: Entity | EntityRef) -> Request:
    """Return what of a search says whether it may be made."""
    brought = (*terms.get("entities", ()),)
    return Request(principal, "", resource, None, terms.get("session"), terms.get("now"), brought)


class _Epochs:
    """The names of the states of an engine in this process, one after another, and who is told of them."""

    def __init__(self, engine: Engine) -> None:
        self._instance = secrets.token_hex(6)
        self._lock = threading.Lock()
        self._number = 0
        self.current = f"{self._instance}.0"
        self._listeners: tuple[Callable[[str], object], ...] = ()
        self.stop = engine.listen(self._changed)

    def _changed(self) -> None:
        with self._lock:
            self._number += 1
            self.current = epoch = f"{self._instance}.{self._number}"
        for listener in self._listeners:
            try:
                listener(epoch)
            except Exception:
                # One that fails keeps no other from hearing that what it keeps is over.
                pass

    def listen(self, listener: Callable[[str], object]) -> Callable[[], None]:
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return stop
