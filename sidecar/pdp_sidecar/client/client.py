"""A client with the methods of the engine, by whatever protocol."""

from __future__ import annotations

import datetime as _datetime
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pdp.model import Decision, Entity, Request
from pdp.search import Page
from pdp.values import EntityRef
from pdp_sidecar.client.asking import (
    NO_ENTITIES,
    Options,
    denied,
    failed,
    pauses,
    raised,
    revocation,
    searching,
    unasked,
)
from pdp_sidecar.client.failures import Failure, Late, Lost, Refused
from pdp_sidecar.client.keeping import Keeping, Question
from pdp_sidecar.client.listening import Listening
from pdp_sidecar.client.wire import Wire
from pdp_sidecar.frames.codec import Reply, careful_question

if TYPE_CHECKING:
    from typing import Unpack

    from pdp.leases.watch import Change, Watch
    from pdp.search import Asking

T = TypeVar("T")
BATCH: Final = 1000
"""So many questions are asked at a time."""


class Client(Keeping):
    """Asks a sidecar, and answers from what it keeps where that still holds. `pdp.connect` makes it.

    It has the methods of an engine. Where no answer can be had, `decide` is a deny for the reason `source_failed`,
    `allows` is False, and what is no decision raises `pdp.RemoteError`. It is safe from many threads, and in processes
    that are forked after it was made.
    """

    def __init__(self, wire: Wire, options: Options) -> None:
        """Connect to nothing yet."""
        super().__init__(options)
        self._wire = wire
        self._listening = Listening(wire, self._leases, self._keys, options)
        weakref.finalize(self, self._listening.stop, waits=False)

    # ---------------------------------------------------------------------------------------------------------- asking

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
        """Tell whether a request is allowed and its every obligation is handled."""
        if now is None and entities is NO_ENTITIES and self._renewed is None:
            try:
                if (
                    context is None is session
                    and type(principal) is EntityRef is type(resource)
                    and type(action) is str
                ):
                    key: Hashable = (principal, action, resource)
                else:
                    key = self._keys.packed((principal, action, resource, context, session, None, NO_ENTITIES))
                held = self._leases.held
                end, granted, _ = held.young[key]
                at = self._clock()
                if at < end and at < held.trusted:
                    return granted
            except Exception:
                # INVARIANT: what raises answers nothing. It is not kept, or cannot be, and is asked.
                pass
        return bool(self.decide(principal, action, resource, context, session, now, entities))

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
        """Answer a request. Never raises: what cannot be asked, or is not answered in time, is a deny."""
        found = self._looked(principal, action, resource, context, session, now, entities)
        return found if isinstance(found, Decision) else self._asked(found)

    def answer(self, request: Request) -> Decision:
        """Answer a request given as one object, as `decide` does."""
        return self.decide(*request)

    def decide_many(self, requests: Iterable[Request]) -> list[Decision]:
        """Answer requests in their order; those of one batch, a thousand at most, of the same policy and facts."""
        asked = [*requests]
        found: list[Decision] = []
        for start in range(0, len(asked), BATCH):
            found += self._batch(asked[start : start + BATCH])
        return found

    def _asked(self, question: Question) -> Decision:
        self._listen()
        sent = self._clock()
        try:
            reply = self._tried(lambda deadline: self._wire.check(question.packed, deadline))
        except Refused as refused:
            return self._carefully(question) if refused.code == "unreadable" else denied(refused)
        except Failure as failure:
            return denied(failure)
        except Exception as error:
            return failed(error)
        if question.key is not None:
            self._leases.keep(question.key, reply, sent)
        return reply.decision

    def _carefully(self, question: Question) -> Decision:
        """Ask once more what is odd in a part, such as a name in a record that is no text: the rest of it counts."""
        try:
            packed = careful_question(question.fields)
            # It is not kept: the request may be another by now than that of its key.
            return self._tried(lambda deadline: self._wire.check(packed, deadline)).decision
        except Failure as failure:
            return denied(failure)
        except Exception as error:
            return unasked(error)

    def _batch(self, requests: Sequence[Request]) -> list[Decision]:
        """Answer requests of one state: what is kept of some is not looked at."""
        packed, denials = self._packable(requests)
        try:
            try:
                replies = self._many(packed)
            except Refused as refused:
                if refused.code != "unreadable":
                    raise
                # One is odd in a part: the others are not.
                packed, denials = self._packable(requests, carefully=True)
                replies = self._many(packed)
        except Exception as error:
            # INVARIANT: whatever goes wrong is a deny of each.
            refusal = denied(error) if isinstance(error, Failure) else failed(error)
            return [denials.get(place, refusal) for place in range(len(requests))]
        left = iter(replies)
        return [denials[place] if place in denials else next(left).decision for place in range(len(requests))]

    def _many(self, packed: Sequence[bytes]) -> Sequence[Reply]:
        return self._tried(lambda deadline: self._wire.check_many(packed, deadline)) if packed else ()

    def _tried(self, ask: Callable[[float], T]) -> T:
        """Ask, and again where the connection is lost, for as long as there is time. Raises Failure."""
        deadline = time.monotonic() + self._options.timeout
        lost: Failure = Late()
        for pause in pauses():
            if pause:
                if time.monotonic() + pause >= deadline:
                    break
                time.sleep(pause)
            try:
                return ask(deadline)
            except Lost as failure:
                lost = failure
        raise lost

    def _told(self, ask: Callable[[float], T]) -> T:
        """Ask for what is no decision. Raises RemoteError."""
        try:
            return self._tried(ask)
        except Failure as failure:
            raise raised(failure) from failure

    # ---------------------------------------------------------------------------------------------- what else there is

    def explain(self, request: Request) -> dict[str, Any]:
        """Return what `Engine.explain` tells, as plain data (`Trace.to_json`). Raises RemoteError or RequestError."""
        packed = self._packed(request)
        return self._told(lambda deadline: self._wire.explain(packed, deadline))

    def watch(self, request: Request, on_change: Callable[[Change], object] | None = None) -> Watch:
        """Watch the answer to a request, as `Engine.watch`. While nothing is heard of the sidecar, it is `failed`.

        Raises RequestError for a request that names a time, or cannot be sent.
        """
        return self._listening.watch(request, on_change, time.monotonic() + self._options.timeout)

    def revoke(
        self,
        *,
        principal: EntityRef | None = None,
        group: EntityRef | None = None,
        workload: EntityRef | None = None,
        session: str | None = None,
        token: str | None = None,
        key: str | None = None,
        device: str | None = None,
        issuer: str | None = None,
        not_before: _datetime.datetime | None = None,
        why: str = "",
    ) -> int | None:
        """Let nothing count any more that one of these proved, as `Engine.revoke`. Raises RemoteError.

        When this returns, every worker of the sidecar denies, and so does this client.
        """
        named = {"principal": principal, "group": group, "workload": workload, "session": session}
        target = revocation({**named, "token": token, "key": key, "device": device, "issuer": issuer}, not_before, why)
        try:
            revoked = self._told(lambda deadline: self._wire.revoke(target, deadline))
        finally:
            # Where that failed it may hold all the same.
            self._leases.drop()
        return revoked.sequence

    def who_can(
        self, principal_type: str, action: str, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List principals of a type that may do something, as `Engine.who_can`. Raises RemoteError."""
        return self._searched("who_can", (principal_type, action, resource), terms)

    def what_can(
        self, principal: Entity | EntityRef, action: str, resource_type: str, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List resources on which a principal may do something, as `Engine.what_can`. Raises RemoteError."""
        return self._searched("what_can", (principal, action, resource_type), terms)

    def actions(
        self, principal: Entity | EntityRef, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[str]:
        """List actions that a principal may do on a resource, as `Engine.actions`. Raises RemoteError."""
        return self._searched("actions", (principal, resource), terms)

    def _searched(self, method: str, given: Sequence[Any], terms: Asking) -> Page[Any]:
        told = searching(terms)
        return self._told(lambda deadline: self._wire.search(method, given, told, deadline))

    def status(self) -> dict[str, Any]:
        """Tell how the sidecar is, as plain data. Raises RemoteError."""
        return self._told(self._wire.status)

    # ------------------------------------------------------------------------------------------------------- its life

    def _listen(self) -> None:
        if self._options.leases:
            self._listening.start()

    def close(self) -> None:
        """Ask nothing any more: what is asked of it is denied."""
        self._listening.stop()
        self._leases.renew()
        self._wire.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _forked(self) -> None:
        super()._forked()
        self._wire.forked()
        self._listening.forked(self._keys)
