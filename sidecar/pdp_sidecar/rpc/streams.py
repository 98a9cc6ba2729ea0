"""How much goes on at once: streams that stay open, and calls that take long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from pdp_sidecar.rpc.refusals import exhausted


class Places:
    """So many of something at once, and no more. It is for one thread."""

    def __init__(self, most: int, what: str) -> None:
        self.most, self.taken, self._what = most, 0, what

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place; raise Refused where there is none."""
        if not self.is_free:
            raise exhausted(self.full)
        self.taken += 1
        try:
            yield
        finally:
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

    async def pause(self, seconds: float) -> None:
        """Wait for some time, or until streams are to end."""
        try:
            await asyncio.wait_for(self.closing.wait(), seconds)
        except TimeoutError:
            pass
