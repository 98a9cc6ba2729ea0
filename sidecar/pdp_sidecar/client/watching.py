"""The answers that a client watches: in what state each is, and who is told when that is another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pdp.errors import RequestError
from pdp.leases.states import WatchState, state_after
from pdp.leases.watch import Change, Listener, Watch
from pdp.model import Decision, Request
from pdp.values import Datetime
from pdp_sidecar.client.asking import Keys, denied
from pdp_sidecar.client.failures import Failure, Lost, Refused
from pdp_sidecar.client.leases import Leases
from pdp_sidecar.client.wire import AsyncFeed, Feed, Turned
from pdp_sidecar.frames.codec import asked
from pdp_sidecar.frames.values import Unreadable, unpack

Tell = Callable[[Callable[[Any], object], Any], None]
"""Calls a function with something, soon, where that holds up nobody."""

FOR_GOOD: Final = frozenset(("not_permitted", "unauthenticated", "unsupported"))
"""A sidecar that refuses to tell anything for one of these reasons does so again."""


_UNHEARD: Final = Lost("a new stream has told nothing of it yet")


class Watched:
    """A watch with its question, and the number that it is told by.

    `is_open` says that whoever watches has it; `feed` is the stream that it was last asked for by.
    """

    __slots__ = ("feed", "is_open", "number", "on_first", "question", "watch")

    def __init__(self, watch: Watch, number: int, question: bytes) -> None:
        self.watch, self.number, self.question = watch, number, question
        self.is_open = False
        self.feed: object = None
        self.on_first: Callable[[], object] = _nothing


class Watching:
    """Owns the watches of one client. `unsubscribe` has the sidecar tell nothing more of one."""

    def __init__(self, leases: Leases, keys: Keys, tell: Tell, unsubscribe: Callable[[int], None]) -> None:
        self._leases, self._keys, self._tell, self._unsubscribe = leases, keys, tell, unsubscribe
        self._lock = threading.RLock()
        self._held: dict[int, Watched] = {}
        # Those that the stream there is now has told nothing of: until when what was told before counts.
        self._unheard: dict[int, float] = {}
        self._number = 0
        self.failure: Failure = Lost("nothing was heard of the sidecar yet")

    # --------------------------------------------------------------------------------------------------------- opening

    def open(self, request: Request, on_change: Callable[[Change], object] | None) -> Watched:
        """Return a watch that is failed until the first is told of it. Raises RequestError."""
        given: object = request
        if not isinstance(given, Request):
            raise RequestError("a watch is of a `pdp.Request`")
        if request.now is not None:
            raise RequestError("a watch goes by the engine's clock: its request names no time")
        try:
            question = self._keys.packed(request)
            # What the caller changes of it later does not reach it.
            kept = asked(unpack(question))
        except Unreadable as error:
            raise RequestError(f"the request cannot be kept: {error}") from error
        watch = Watch(self, kept)
        _put(watch, WatchState.FAILED, denied(self.failure))
        if on_change is not None:
            watch._listener = self._told_later(on_change)
        with self._lock:
            self._number = number = (self._number + 1) & 0xFFFFFFFF
            # Of an engine's watch, this is when its lease is over; a client is told of that.
            watch.due = number
            watched = self._held[number] = Watched(watch, number, question)
        return watched

    def opened(self, watched: Watched) -> Watch:
        """Say that from now on, whatever a watch becomes is a change."""
        with self._lock:
            watched.is_open = True
        return watched.watch

    def claimed(self, feed: object) -> list[Watched]:
        """Return all that were not asked for by a stream yet; from now on, they were."""
        with self._lock:
            found = [watched for watched in self._held.values() if watched.feed is not feed]
            for watched in found:
                if watched.feed is not None:
                    # INVARIANT: a beat says that the sidecar is there, and nothing of what it has not looked at yet.
                    self._unheard.setdefault(watched.number, self._leases.trusted)
                watched.feed = feed
            return found

    def subscribe(self, feed: Feed | AsyncFeed) -> None:
        """Have a stream tell of all that it was not asked for yet. Raises Failure where it is lost."""
        for watched in self.claimed(feed):
            try:
                feed.subscribe(watched.number, watched.question)
            except Refused as refused:
                # It is about this one, and not a word of the stream.
                with self._lock:
                    self._settle(watched, denied(refused), WatchState.FAILED)

    # --------------------------------------------------------------------------------------------------------- hearing

    def turned(self, turned: Turned) -> None:
        """Take note of what a sidecar tells of one."""
        with self._lock:
            watched = self._held.get(turned.number)
            if watched is None:
                return
            self._unheard.pop(turned.number, None)
            if turned.reply is None:
                self._settle(watched, denied(Refused("refused", turned.failure)), WatchState.FAILED)
                return
            decision = turned.reply.decision
            state = state_after(watched.watch._state, decision)
            if turned.state == WatchState.ENDED:
                state = WatchState.ENDED
            elif state is WatchState.ALLOWED and turned.state != WatchState.ALLOWED:
                # INVARIANT: allowed only where both say so.
                state = WatchState.SUSPENDED
            self._settle(watched, decision, state)

    def missed(self, failure: Failure) -> None:
        """Take note that nothing is heard. What was heard counts until it is too old."""
        self.failure = failure
        if not self._leases.is_trusted or failure.code in FOR_GOOD:
            self.fail(failure)

    def late(self) -> None:
        """Let those be failed that a new stream tells nothing of, once what was told before is too old."""
        if not self._unheard:
            return
        with self._lock:
            now = self._leases.clock()
            for number in [number for number, until in self._unheard.items() if not now < until]:
                del self._unheard[number]
                self._settle(self._held[number], denied(_UNHEARD), WatchState.FAILED)

    def fail(self, failure: Failure) -> None:
        """Let all be failed: nobody tells any more."""
        self.failure = failure
        decision = denied(failure)
        with self._lock:
            for watched in [*self._held.values()]:
                self._settle(watched, decision, WatchState.FAILED)

    def _settle(self, watched: Watched, decision: Decision, state: WatchState) -> None:
        watch, before = watched.watch, watched.watch._state
        if before is WatchState.ENDED:
            return
        _put(watch, state, decision)
        watched.on_first()
        if watched.is_open and before is not state and watch._listener is not None:
            watch._listener(Change(state, before, decision, _now()))
        if state is WatchState.ENDED:
            self._forget(watched.number)

    def _forget(self, number: int) -> Watched | None:
        self._unheard.pop(number, None)
        return self._held.pop(number, None)

    def forked(self, keys: Keys) -> None:
        """Let go of all, in a child that was forked: they are of the parent, and nobody said here that they go on."""
        held, self._held, self._lock, self._keys = self._held, {}, threading.RLock(), keys
        self._unheard = {}
        for watched in held.values():
            watched.watch._state, watched.watch._listener = WatchState.ENDED, None

    # -------------------------------------------------------------------------------------------- as the owner of them

    def look(self, watch: Watch) -> None:
        """Let a watch be failed where nothing is heard of the sidecar, though nobody was told yet."""
        self.late()
        if watch._state is not WatchState.ENDED and not self._leases.is_trusted:
            with self._lock:
                watched = self._held.get(watch.due)
                if watched is not None:
                    self._settle(watched, denied(self.failure), WatchState.FAILED)

    def told(self, watch: Watch) -> Change:
        """Return what a watch says now."""
        leaf = watch._leaf
        assert leaf is not None
        return Change(watch._state or WatchState.FAILED, None, Decision.made(leaf, "", watch._until), _now())

    def listen(self, watch: Watch, listener: Listener) -> Change:
        """Tell a listener of each change from now on; return what the watch says until then."""
        with self._lock:
            old = watch._listener

            def both(change: Change | None) -> None:
                if old is not None:
                    old(change)
                listener(change)

            watch._listener = both
            return self.told(watch)

    def close(self, watch: Watch) -> None:
        """Watch it no longer."""
        with self._lock:
            listener, watch._listener = watch._listener, None
            watch._state = WatchState.ENDED
            watched = self._forget(watch.due)
        if watched is not None:
            self._unsubscribe(watched.number)
        if listener is not None:
            listener(None)

    def _told_later(self, on_change: Callable[[Change], object]) -> Listener:
        tell = self._tell
        return lambda change: None if change is None else tell(on_change, change)


def _put(watch: Watch, state: WatchState, decision: Decision) -> None:
    watch._state, watch._leaf, watch._until = state, decision._leaf, decision._until


def _nothing() -> None:
    """Do nothing."""


def _now() -> Any:
    return Datetime(time.time_ns() // 1000).to_datetime()
