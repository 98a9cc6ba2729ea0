"""Watch: clients are told of each new epoch at once, and of the answers to the questions that they subscribe to."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from pdp.classes import dataclass
from pdp.errors import RequestError, TokenError
from pdp.identity.who import Identity
from pdp.leases.states import WatchState
from pdp.leases.watch import Change, Watch
from pdp.model import Decision, Reason
from pdp_sidecar.callers import Caller, May, NotPermitted
from pdp_sidecar.generated import check_pb2
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.rpc.bearers import asked_for, bearer_of
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.rpc.refusals import Refused, abort, ending, exhausted, refusal
from pdp_sidecar.rpc.streams import Places, Streams
from pdp_sidecar.service import Service, granted
from pdp_sidecar.wire.answers import response_message
from pdp_sidecar.wire.requests import request_of
from pdp_sidecar.wire.times import duration

_STATES: Final[Mapping[WatchState, pb.WatchState]] = {
    state: pb.WatchState.Value(f"WATCH_STATE_{state.name}")  # type: ignore[misc]  # It is the number.
    for state in WatchState
}


@dataclass(slots=True, eq=False)
class Subscription:
    """A question that a client watches. `held` are changes that came before the client was told how it stands.

    `told` is the state that the client was told last.
    """

    number: int
    handles: frozenset[str]
    is_full: bool
    watch: Watch | None = None
    held: list[Change] | None = None
    told: WatchState | None = None


class Watching:
    """Answers Watch, for all clients of a server."""

    def __init__(self, service: Service, identities: Identities, streams: Streams, options: Options) -> None:
        self.service, self.identities, self.options = service, identities, options
        self._streams = streams
        self.places = Places(options.watches, "questions are watched")

    async def watch(self, incoming: AsyncIterator[bytes], context: Any) -> None:
        """Answer Watch until the client, the server, or what the client may do comes to an end."""
        try:
            await self.asking(context)
            with self._streams.take():
                await self._tell(incoming, context)
        except Exception as error:
            await abort(context, refusal(error))

    async def asking(self, context: Any) -> Caller:
        """Return who watches, as it is now; raise Refused, TokenError or NotPermitted."""
        caller = await self.identities.of(context)
        caller.require(May.WATCH)
        return caller

    async def _tell(self, incoming: AsyncIterator[bytes], context: Any) -> None:
        told = Told(self, context)
        reading = asyncio.ensure_future(told.read(incoming))
        others = [
            asyncio.ensure_future(told.write()),
            asyncio.ensure_future(told.overflown.wait()),
            asyncio.ensure_future(self._streams.closing.wait()),
        ]
        stop = self.service.listen(told.changed)
        try:
            await asyncio.wait([reading, *others], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                # A client that has no more to say is told on.
                reading.result()
                await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
            if others[0].done():
                others[0].result()
            if told.overflown.is_set():
                raise exhausted(f"the client does not read: {self.options.watch_backlog} changes wait for it")
            raise ending()
        finally:
            stop()
            for task in (reading, *others):
                task.cancel()
            await asyncio.gather(reading, *others, return_exceptions=True)
            told.close()


class Told:
    """What one client is told. Changes come in any thread, all else happens in that of the event loop."""

    def __init__(self, watching: Watching, context: Any) -> None:
        self._watching, self._context, self._service = watching, context, watching.service
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._queue: deque[tuple[Subscription, Change]] = deque()
        self._subscriptions: dict[int, Subscription] = {}
        self._is_closed = self._is_woken = False
        self._wake = asyncio.Event()
        self.overflown = asyncio.Event()

    # ----------------------------------------------------------------------------------------------- what is to tell

    def changed(self, epoch: str) -> None:
        """Take note that the epoch is another."""
        self._call(self._wake)

    def _heard(self, subscription: Subscription, change: Change | None) -> None:
        """Take note of a change. Others wait meanwhile, so nothing here does."""
        if change is None:
            return
        with self._lock:
            if subscription.held is not None:
                subscription.held.append(change)
                return
        self._put(subscription, (change,))

    def _put(self, subscription: Subscription, changes: Iterable[Change]) -> None:
        with self._lock:
            self._queue.extend((subscription, change) for change in changes)
            is_woken, self._is_woken = self._is_woken, bool(self._queue)
            is_over = len(self._queue) > self._watching.options.watch_backlog
        if is_over:
            # INVARIANT: no change is left out. Whoever does not read learns that by the end of the stream.
            self._call(self.overflown)
        elif not is_woken:
            self._call(self._wake)

    def _call(self, event: asyncio.Event) -> None:
        try:
            self._loop.call_soon_threadsafe(event.set)
        except RuntimeError:
            pass  # The loop has ended, and the client knows.

    # ---------------------------------------------------------------------------------------------- what clients say

    async def read(self, incoming: AsyncIterator[bytes]) -> None:
        """Do what the client says; raise Refused where it may not, or says what nobody can."""
        async for data in incoming:
            caller = await self._watching.asking(self._context)
            message = pb.WatchRequest.FromString(data)
            kind = message.WhichOneof("kind")
            if kind == "subscribe":
                await self._subscribe(caller, message.subscribe)
            elif kind == "unsubscribe":
                self._drop(message.unsubscribe.id)

    async def _subscribe(self, caller: Caller, message: pb.Subscribe) -> None:
        if message.id in self._subscriptions:
            raise RequestError(f"the number {message.id} is that of a question that is watched already")
        asked = message.request
        found = Subscription(message.id, frozenset(asked.handles), asked.view == check_pb2.VIEW_FULL, held=[])
        try:
            self._check_room()
            # From here on it counts, whatever becomes of it.
            self._subscriptions[message.id] = found
            self._watching.places.taken += 1
            token = await bearer_of(self._service, caller, asked)
            await asyncio.to_thread(self._open, caller, found, asked, token)
        except TokenError as error:
            self._drop(message.id)
            self._put(found, (self._ended(self._service.refused(error)),))
        except (RequestError, NotPermitted, Refused) as error:
            self._drop(message.id)
            denied = self._service.deny(Reason.INVALID_REQUEST, str(error))
            self._put(found, (self._ended(denied),))

    def _ended(self, denied: Decision) -> Change:
        return Change(WatchState.ENDED, None, denied, self._service.started)

    def _check_room(self) -> None:
        most = self._watching.options.watches_per_stream
        if len(self._subscriptions) >= most:
            raise exhausted(f"at most {most} questions are watched on one stream")
        if not self._watching.places.is_free:
            raise exhausted(self._watching.places.full)

    def _open(self, caller: Caller, found: Subscription, asked: check_pb2.CheckRequest, token: Identity | None) -> None:
        watch = self._service.watch(caller, request_of(asked, asked_for(caller, token)), token)
        first = watch.listen(lambda change: self._heard(found, change))
        with self._lock:
            found.watch, is_closed = watch, self._is_closed
            # Here, so that no change that is heard from now on comes before those that were.
            self._queue.extend((found, change) for change in (first, *(found.held or ())))
            found.held = None
        if is_closed:
            watch.close()
        self._put(found, ())

    def _drop(self, number: int) -> None:
        found = self._subscriptions.pop(number, None)
        if found is not None:
            self._watching.places.taken -= 1
            if found.watch is not None:
                found.watch.close()

    def close(self) -> None:
        """Watch nothing any longer."""
        with self._lock:
            self._is_closed = True
        for number in [*self._subscriptions]:
            self._drop(number)

    # ------------------------------------------------------------------------------------------------- what is told

    async def write(self) -> None:
        """Tell the client, for as long as it may be told."""
        epoch, due, interval = None, 0.0, self._watching.options.beat
        while True:
            self._wake.clear()
            if self._service.epoch != epoch or self._loop.time() >= due:
                # Anew for each beat: a certificate or a token may have run out since.
                await self._watching.asking(self._context)
                epoch, due = self._service.epoch, self._loop.time() + interval
                await self._context.write(self._beat(epoch))
            await self._write_changes()
            due = min(due, self._loop.time() + await self._look_again())
            # Not by `wait_for`: in Python 3.11 it forgets that it was cancelled where it is woken at the same time, and
            # whoever waits for the end of this would wait for ever.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._wake.wait()

    def _beat(self, epoch: str) -> bytes:
        interval = duration(round(self._watching.options.beat * 1e6))
        return pb.WatchResponse(beat=pb.Beat(epoch=epoch, interval=interval)).SerializeToString()

    async def _write_changes(self) -> None:
        while True:
            with self._lock:
                self._is_woken = bool(self._queue)
                if not self._queue:
                    return
                found, change = self._queue.popleft()
            # What was refused is watched by nobody, and told all the same.
            if found.watch is None or self._subscriptions.get(found.number) is found:
                await self._write(found, change.state, change.decision)
                if change.state is WatchState.ENDED:
                    self._drop(found.number)

    async def _look_again(self) -> float:
        """Look at the questions whose client handles obligations; return in how many seconds that is to be done next.

        The engine handles none: to it, an allow with one is as suspended as a deny, and one after the other no change.
        """
        soonest = self._watching.options.beat
        for found in [*self._subscriptions.values()]:
            if not found.handles or found.watch is None or found.told is None:
                continue
            change = found.watch.told()
            if _state(found, change.state, change.decision) is not found.told:
                await self._write(found, change.state, change.decision)
            _, lease = self._service.kept(change.decision, "")
            if lease is not None:
                soonest = min(soonest, lease / 1e6)
        return soonest

    async def _write(self, found: Subscription, state: WatchState, decision: Decision) -> None:
        found.told = _state(found, state, decision)
        response = self._response(found, decision)
        if found.is_full:
            message = await asyncio.to_thread(response)
        else:
            message = response()
        change = pb.Change(id=found.number, state=_STATES[found.told], response=message)
        await self._context.write(pb.WatchResponse(change=change).SerializeToString())

    def _response(self, found: Subscription, decision: Decision) -> Any:
        # Of no epoch: it may be another by now, and whoever kept the answer under that would keep what is over.
        _, lease = self._service.kept(decision, "")
        return lambda: response_message(decision, found.handles, full=found.is_full, lease=lease)


def _state(found: Subscription, state: WatchState, decision: Decision) -> WatchState:
    """Return in what state a question is for a client that handles some obligations."""
    if state in (WatchState.ALLOWED, WatchState.SUSPENDED):
        return WatchState.ALLOWED if granted(decision, found.handles) else WatchState.SUSPENDED
    return state
