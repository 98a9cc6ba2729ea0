"""The thread of a client that hears what a sidecar tells: of epochs, and of the answers that are watched."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pdp.leases.teller import Teller
from pdp.leases.watch import Change, Watch
from pdp.model import Request
from pdp_sidecar.client.asking import FIRST_PAUSE, LONGEST_PAUSE, Keys, Options, pauses
from pdp_sidecar.client.failures import Failure, Lost, Refused
from pdp_sidecar.client.leases import Leases
from pdp_sidecar.client.watching import FOR_GOOD, Watching
from pdp_sidecar.client.wire import Beat, Feed, Wire

REFUSED: Final = 30.0
"""After so many seconds, a sidecar that refused is asked once more."""

LONGEST: Final = 1.0
"""Whoever listens looks at the time at least so often, in seconds."""


def again(leases: Leases) -> float:
    """Return how long to wait before a stream that has ended is opened anew, in seconds."""
    longest = FIRST_PAUSE * 2 if leases.is_trusted else LONGEST_PAUSE
    return random.uniform(longest / 2, longest)


class Listening:
    """Hears of a sidecar in a thread that begins when it is first needed."""

    def __init__(self, wire: Wire, leases: Leases, keys: Keys, options: Options) -> None:
        self._wire, self._leases, self._options = wire, leases, options
        self._watching = Watching(leases, keys, self._tell, self._unsubscribe)
        self._renew()

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._begun = False
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._messages = 0
        self._feed: Feed | None = None
        self._teller = Teller()

    def _tell(self, call: Callable[[Any], object], what: Any) -> None:
        self._teller.tell(call, what)

    # ------------------------------------------------------------------------------------------------------- its life

    def start(self) -> None:
        """Begin to listen, where nobody does yet."""
        if not self._begun:
            with self._lock:
                if not self._is_settled():
                    thread = threading.Thread(target=self._run, name="pdp-client", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:
                        # There are too many, or the interpreter ends: nothing is kept, and each question is asked.
                        return
                    self._thread, self._begun = thread, True

    def _is_settled(self) -> bool:
        # Another thread may have begun since it was looked at without the lock.
        return self._begun or self._stopped

    def stop(self, waits: bool = True) -> None:
        """Listen no more; what is watched is failed from now on. `waits` says whether for the thread to end."""
        self._stopped = True
        self._over.set()
        with self._lock:
            feed = self._feed
        if feed is not None:
            feed.close()
        self._watching.fail(Refused("closed", "the client is closed"))
        thread = self._thread
        if waits and thread is not None and thread is not threading.current_thread():
            thread.join(LONGEST)

    def forked(self, keys: Keys) -> None:
        """Begin anew in a child that was forked: who held a lock in the parent never gives it back here."""
        feed, was_stopped = self._feed, self._stopped
        self._renew()
        self._stopped = was_stopped
        self._watching.forked(keys)
        if feed is not None:
            # Only this process lets go of it.
            feed.forget()

    # ------------------------------------------------------------------------------------------------------ its thread

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._connect()
            except Exception as error:
                # INVARIANT: whatever goes wrong here, what was heard ends by itself, and somebody goes on listening.
                self._watching.missed(Lost(f"the stream failed: {type(error).__name__}"))
                self._over.wait(LONGEST_PAUSE)

    def _connect(self) -> None:
        """Open a stream, and hear what it tells until it ends."""
        for pause in pauses():
            if self._over.wait(pause):
                return
            try:
                feed = self._wire.feed(time.monotonic() + self._options.timeout)
            except Failure as failure:
                self._missed(failure)
                continue
            if feed is None:
                self._watching.fail(Refused("unsupported", "the protocol tells of no changes"))
                self._over.wait()
                return
            if self._heard(feed):
                return

    def _heard(self, feed: Feed) -> bool:
        """Hear what a stream tells until it ends; tell whether it told anything."""
        ended, before = None, self._messages
        try:
            self._hear(feed)
        except Failure as failure:
            ended = failure
        finally:
            with self._lock:
                self._feed = None
            feed.forget()
        if ended is not None:
            self._missed(ended)
        told = self._messages > before
        if told:
            # One that hangs up on everybody is called with pauses; where it tells nothing, they grow.
            self._over.wait(again(self._leases))
        return told

    def _missed(self, failure: Failure) -> None:
        self._watching.missed(failure)
        if failure.code in FOR_GOOD:
            self._over.wait(REFUSED)

    def _hear(self, feed: Feed) -> None:
        with self._lock:
            self._feed = feed
        self._watching.subscribe(feed)
        leases = self._leases
        # The first beat gets as long as an answer does.
        grace = leases.clock() + self._options.timeout
        while not self._stopped:
            left = max(leases.trusted, grace) - leases.clock()
            message = feed.next(min(max(left, 0.0) + 0.001, LONGEST))
            self._messages += message is not None
            self._watching.late()
            if isinstance(message, Beat):
                leases.told(message.epoch, message.interval)
            elif message is not None:
                self._watching.turned(message)
            elif not leases.is_trusted and leases.clock() >= grace:
                raise Lost("nothing is heard of the sidecar any more")

    # --------------------------------------------------------------------------------------------------------- watches

    def watch(self, request: Request, on_change: Callable[[Change], object] | None, deadline: float) -> Watch:
        """Watch a request, and wait for the first that is told of it, until a deadline. Raises RequestError."""
        watched = self._watching.open(request, on_change)
        first = threading.Event()
        watched.on_first = first.set
        self.start()
        with self._lock:
            feed = self._feed
        if feed is not None:
            try:
                self._watching.subscribe(feed)
            except Failure:
                # The reader finds out, and subscribes again with the next stream.
                pass
        first.wait(max(deadline - time.monotonic(), 0.0))
        return self._watching.opened(watched)

    def _unsubscribe(self, number: int) -> None:
        feed = self._feed
        if feed is not None:
            feed.unsubscribe(number)
