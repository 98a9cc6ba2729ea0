"""A client for event loops, with the methods of the engine, by whatever protocol."""

from __future__ import annotations

import asyncio
import datetime as _datetime
import time
import weakref
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

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
from pdp_sidecar.client.client import BATCH
from pdp_sidecar.client.failures import Failure, Late, Lost, Refused
from pdp_sidecar.client.hearing import Hearing
from pdp_sidecar.client.keeping import Keeping, Question
from pdp_sidecar.client.wire import AsyncWire
from pdp_sidecar.frames.codec import Reply, careful_question

if TYPE_CHECKING:
    from typing import Unpack

    from pdp.leases.watch import Change, Watch
    from pdp.search import Asking

T = TypeVar("T")


class AsyncClient(Keeping):
    """Asks a sidecar from an event loop, as `Client` does from threads. `pdp.connect_async` makes it.

    It is for the tasks of one event loop at a time. One that is cancelled takes its question with it, and no answer of
    another.
    """

    def __init__(self, wire: AsyncWire, options: Options) -> None:
        """Connect to nothing yet."""
        super().__init__(options)
        self._wire = wire
        self._hearing = Hearing(wire, self._leases, self._keys, options)
        # The interpreter ends without an event loop.
        weakref.finalize(self, _left, wire, self._hearing).atexit = False

    # ---------------------------------------------------------------------------------------------------------- asking

    async def allows(
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
        return bool(await self.decide(principal, action, resource, context, session, now, entities))

    async def decide(
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
        return found if isinstance(found, Decision) else await self._asked(found)

    async def answer(self, request: Request) -> Decision:
        """Answer a request given as one object, as `decide` does."""
        return await self.decide(*request)

    async def decide_many(self, requests: Iterable[Request]) -> list[Decision]:
        """Answer requests in their order; those of one batch, a thousand at most, of the same policy and facts."""
        asked = [*requests]
        found: list[Decision] = []
        for start in range(0, len(asked), BATCH):
            found += await self._batch(asked[start : start + BATCH])
        return found

    async def _asked(self, question: Question) -> Decision:
        self._listen()
        sent = self._clock()
        try:
            reply = await self._tried(lambda deadline: self._wire.check(question.packed, deadline))
        except Refused as refused:
            return await self._carefully(question) if refused.code == "unreadable" else denied(refused)
        except Failure as failure:
            return denied(failure)
        except Exception as error:
            return failed(error)
        if question.key is not None:
            self._leases.keep(question.key, reply, sent)
        return reply.decision

    async def _carefully(self, question: Question) -> Decision:
        """Ask once more what is odd in a part, such as a name in a record that is no text: the rest of it counts."""
        try:
            packed = careful_question(question.fields)
            # It is not kept: the request may be another by now than that of its key.
            return (await self._tried(lambda deadline: self._wire.check(packed, deadline))).decision
        except Failure as failure:
            return denied(failure)
        except Exception as error:
            return unasked(error)

    async def _batch(self, requests: Sequence[Request]) -> list[Decision]:
        """Answer requests of one state: what is kept of some is not looked at."""
        packed, denials = self._packable(requests)
        try:
            try:
                replies = await self._many(packed)
            except Refused as refused:
                if refused.code != "unreadable":
                    raise
                # One is odd in a part: the others are not.
                packed, denials = self._packable(requests, carefully=True)
                replies = await self._many(packed)
        except Exception as error:
            # INVARIANT: whatever goes wrong is a deny of each.
            refusal = denied(error) if isinstance(error, Failure) else failed(error)
            return [denials.get(place, refusal) for place in range(len(requests))]
        left = iter(replies)
        return [denials[place] if place in denials else next(left).decision for place in range(len(requests))]

    async def _many(self, packed: Sequence[bytes]) -> Sequence[Reply]:
        return await self._tried(lambda deadline: self._wire.check_many(packed, deadline)) if packed else ()

    async def _tried(self, ask: Callable[[float], Awaitable[T]]) -> T:
        """Ask, and again where the connection is lost, for as long as there is time. Raises Failure."""
        deadline = time.monotonic() + self._options.timeout
        lost: Failure = Late()
        for pause in pauses():
            if pause:
                if time.monotonic() + pause >= deadline:
                    break
                await asyncio.sleep(pause)
            try:
                return await ask(deadline)
            except Lost as failure:
                lost = failure
        raise lost

    async def _told(self, ask: Callable[[float], Awaitable[T]]) -> T:
        """Ask for what is no decision. Raises RemoteError."""
        try:
            return await self._tried(ask)
        except Failure as failure:
            raise raised(failure) from failure

    # ---------------------------------------------------------------------------------------------- what else there is

    async def explain(self, request: Request) -> dict[str, Any]:
        """Return what `Engine.explain` tells, as plain data (`Trace.to_json`). Raises RemoteError or RequestError."""
        packed = self._packed(request)
        return await self._told(lambda deadline: self._wire.explain(packed, deadline))

    async def watch(self, request: Request, on_change: Callable[[Change], object] | None = None) -> Watch:
        """Watch the answer to a request, as `Engine.watch`. While nothing is heard of the sidecar, it is `failed`.

        Raises RequestError for a request that names a time, or cannot be sent.
        """
        return await self._hearing.watch(request, on_change, time.monotonic() + self._options.timeout)

    async def revoke(
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
            revoked = await self._told(lambda deadline: self._wire.revoke(target, deadline))
        finally:
            # Where that failed it may hold all the same.
            self._leases.drop()
        return revoked.sequence

    async def who_can(
        self, principal_type: str, action: str, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List principals of a type that may do something, as `Engine.who_can`. Raises RemoteError."""
        return await self._searched("who_can", (principal_type, action, resource), terms)

    async def what_can(
        self, principal: Entity | EntityRef, action: str, resource_type: str, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List resources on which a principal may do something, as `Engine.what_can`. Raises RemoteError."""
        return await self._searched("what_can", (principal, action, resource_type), terms)

    async def actions(
        self, principal: Entity | EntityRef, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[str]:
        """List actions that a principal may do on a resource, as `Engine.actions`. Raises RemoteError."""
        return await self._searched("actions", (principal, resource), terms)

    async def _searched(self, method: str, given: Sequence[Any], terms: Asking) -> Page[Any]:
        told = searching(terms)
        return await self._told(lambda deadline: self._wire.search(method, given, told, deadline))

    async def status(self) -> dict[str, Any]:
        """Tell how the sidecar is, as plain data. Raises RemoteError."""
        return await self._told(self._wire.status)

    # ------------------------------------------------------------------------------------------------------- its life

    def _listen(self) -> None:
        if self._options.leases:
            self._hearing.start()

    async def close(self) -> None:
        """Ask nothing any more: what is asked of it is denied."""
        await self._hearing.stop()
        self._leases.renew()
        await self._wire.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.close()

    def _forked(self) -> None:
        super()._forked()
        self._wire.forked()
        self._hearing.forked(self._keys)


def _left(wire: AsyncWire, hearing: Hearing) -> None:
    """Close what a client had that nobody has any more, in the event loop that it was asked in."""
    loop = hearing.loop or wire.loop

    async def close() -> None:
        await hearing.stop()
        await wire.close()

    if loop is not None:
        try:
            loop.call_soon_threadsafe(lambda: loop.create_task(close()))
        except RuntimeError:
            # It is closed, and what it held with it.
            pass
