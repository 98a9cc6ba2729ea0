"""The changes of a watched answer, one after another, for whoever waits for them in an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from pdp.leases.states import WatchState
from pdp.leases.watch import Change, Watch

UNREAD: Final = 256
"""Of so many changes that nobody has read yet the oldest are forgotten. The last one never is."""


class Stream:
    """Yields what a watch says now, then each change; it ends with the watch. For one task of one event loop."""

    __slots__ = ("_changes", "_loop", "_ready", "_watch")

    def __init__(self, watch: Watch) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._watch = watch
        self._changes: deque[Change | None] = deque(maxlen=UNREAD)
        self._changes.append(watch.listen(self._put))

    def _put(self, change: Change | None) -> None:
        self._changes.append(change)
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            pass

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Change:
        while not self._changes:
            await self._ready.wait()
            self._ready.clear()
        change = self._changes.popleft()
        if change is None:
            self._changes.append(None)
            raise StopAsyncIteration
        if change.state is WatchState.ENDED:
            self._changes.clear()
            self._changes.append(None)
        return change
