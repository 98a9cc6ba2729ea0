"""How much goes on at once: streams that stay open, and calls that take long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from pdp_sidecar.rpc.refusals import ending, exhausted

T = TypeVar("T")


class Places:
    """So many of something at once, and no more. It is for one thread."""

    def __init__(self, most: int, what: str) -> None:
        self.most, self.taken, self._what = most, 0, what

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place for a block; raise Refused where there is none."""
        self.hold()
        try:
            yield
        finally:
            self.give_back()

    def hold(self) -> None:
        """Hold a place, until it is given back; raise Refused where there is none."""
        if not self.is_free:
            raise exhausted(self.full)
        self.taken += 1

    def give_back(self) -> None:
        """Give a place back."""
        self.taken -= 1

    @property
    def is_free(self) -> bool:
        """Whether there is a place."""
        return self.taken < self.most

    @property
    def full(self) -> str:
        """What is said where there is none."""
        return f"at most {self.most} {self._what} at once"


class Streams(Places):
    """The streams of a server. `closing` is set when no new one is to begin and each is to end."""

    def __init__(self, most: int) -> None:
        super().__init__(most, "streams are open")
        self.closing = asyncio.Event()
        self._idle: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        """Have all streams end: at once where they wait for the client, and else after what they are about."""
        self.closing.set()
        for task in self._idle:
            task.cancel()

    async def next(self, incoming: AsyncIterator[T]) -> T | None:
        """Return what comes next on a stream, None where nothing does; raise Refused where streams are to end."""
        task = asyncio.current_task()
        assert task is not None
        if self.closing.is_set():
            raise ending()
        self._idle.add(task)
        try:
            return await anext(incoming, None)
        except asyncio.CancelledError:
            if self.closing.is_set():
                raise ending() from None
            raise
        finally:
            self._idle.discard(task)

    async def pause(self, seconds: float) -> None:
        """Wait for some time, or until streams are to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()
