"""The task of a client in an event loop that hears what a sidecar tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pdp.leases.watch import Change, Watch
from pdp.model import Request
from pdp_sidecar.client.asking import LONGEST_PAUSE, Keys, Options, pauses
from pdp_sidecar.client.failures import Failure, Lost, Refused
from pdp_sidecar.client.leases import Leases
from pdp_sidecar.client.listening import LONGEST, REFUSED, again
from pdp_sidecar.client.watching import FOR_GOOD, Watching
from pdp_sidecar.client.wire import AsyncFeed, AsyncWire, Beat


class Hearing:
    """Hears of a sidecar in a task that begins when it is first needed, once for each event loop."""

    def __init__(self, wire: AsyncWire, leases: Leases, keys: Keys, options: Options) -> None:
        self._wire, self._leases, self._options = wire, leases, options
        self._watching = Watching(leases, keys, self._tell, self._unsubscribe)
        self._task: asyncio.Task[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._feed: AsyncFeed | None = None
        self._stopped = False
        self._messages = 0

    def _tell(self, call: Callable[[Any], object], what: Any) -> None:
        loop = self.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call, what)

    # -------------------------------------------------------------------------------------------------------- its life

    def start(self) -> None:
        """Begin to listen in the loop that runs, where nobody does yet."""
        loop = asyncio.get_running_loop()
        if self._stopped or (self.loop is loop and self._task is not None and not self._task.done()):
            return
        if self.loop is not loop:
            # What was heard in another loop, nobody hears of any more.
            self._leases.renew()
            if self.loop is not None:
                self._watching.fail(Lost("the event loop that listened is over"))
        self.loop, self._feed = loop, None
        self._task = loop.create_task(self._run())

    async def stop(self) -> None:
        """Listen no more; what is watched is failed from now on."""
        self._stopped = True
        task, self._task = self._task, None
        if task is not None and self.loop is asyncio.get_running_loop():
            task.cancel()
            # Whatever it ends by, it has ended.
            await asyncio.wait([task])
        self._watching.fail(Refused("closed", "the client is closed"))

    def forked(self, keys: Keys) -> None:
        """Begin anew in a child that was forked: the loop of the parent does not run here."""
        self._task = self.loop = self._feed = None
        self._watching.forked(keys)

    # -------------------------------------------------------------------------------------------------------- its task

    async def _run(self) -> None:
        while not self._stopped:
            try:
                await self._connect()
            except Exception as error:
                # INVARIANT: whatever goes wrong here, what was heard ends by itself, and somebody goes on listening.
                self._watching.missed(Lost(f"the stream failed: {type(error).__name__}"))
                await asyncio.sleep(LONGEST_PAUSE)

    async def _connect(self) -> None:
        """Open a stream, and hear what it tells until it ends."""
        for pause in pauses():
            await asyncio.sleep(pause)
            try:
                feed = await self._wire.feed(time.monotonic() + self._options.timeout)
            except Failure as failure:
                await self._missed(failure)
                continue
            if feed is None:
                self._watching.fail(Refused("unsupported", "the protocol tells of no changes"))
                # Nothing will be told: until the client is closed, there is nothing to do.
                await asyncio.Event().wait()
                return
            if await self._heard(feed):
                return

    async def _heard(self, feed: AsyncFeed) -> bool:
        """Hear what a stream tells until it ends; tell whether it told anything."""
        ended, before = None, self._messages
        try:
            await self._hear(feed)
        except Failure as failure:
            ended = failure
        finally:
            self._feed = None
            feed.close()
        if ended is not None:
            await self._missed(ended)
        told = self._messages > before
        if told:
            # One that hangs up on everybody is called with pauses; where it tells nothing, they grow.
            await asyncio.sleep(again(self._leases))
        return told

    async def _missed(self, failure: Failure) -> None:
        self._watching.missed(failure)
        if failure.code in FOR_GOOD:
            await asyncio.sleep(REFUSED)

    async def _hear(self, feed: AsyncFeed) -> None:
        self._feed = feed
        self._watching.subscribe(feed)
        leases = self._leases
        # The first beat gets as long as an answer does.
        grace = leases.clock() + self._options.timeout
        while not self._stopped:
            left = max(leases.trusted, grace) - leases.clock()
            message = await feed.next(min(max(left, 0.0) + 0.001, LONGEST))
            self._messages += message is not None
            self._watching.late()
            if isinstance(message, Beat):
                leases.told(message.epoch, message.interval)
            elif message is not None:
                self._watching.turned(message)
            elif not leases.is_trusted and leases.clock() >= grace:
                raise Lost("nothing is heard of the sidecar any more")

    # --------------------------------------------------------------------------------------------------------- watches

    async def watch(self, request: Request, on_change: Callable[[Change], object] | None, deadline: float) -> Watch:
        """Watch a request, and wait for the first that is told of it, until a deadline. Raises RequestError."""
        watched = self._watching.open(request, on_change)
        first = asyncio.Event()
        watched.on_first = first.set
        self.start()
        try:
            if self._feed is not None:
                self._watching.subscribe(self._feed)
        except Failure:
            # The task finds out, and subscribes again with the next stream.
            pass
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                await first.wait()
        except TimeoutError:
            # It is failed until something is told.
            pass
        except BaseException:
            # Nobody has it.
            watched.watch.close()
            raise
        return self._watching.opened(watched)

    def _unsubscribe(self, number: int) -> None:
        if self._feed is not None:
            self._feed.unsubscribe(number)
