"""Streams that stay open: how many there may be, and that all of them end when the server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pdp_sidecar.rpc.refusals import abort, exhausted


class Streams:
    """Counts the streams of a server. `closing` is set when no new one is to begin and each is to end."""

    def __init__(self, most: int) -> None:
        self._most, self.count = most, 0
        self.closing = asyncio.Event()

    @asynccontextmanager
    async def open(self, context: Any) -> AsyncIterator[None]:
        """Be a stream, or abort the call where there are too many."""
        if self.count >= self._most:
            await abort(context, exhausted(f"at most {self._most} streams are open at once"))
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    async def pause(self, seconds: float) -> None:
        """Wait for some time, or until streams are to end."""
        try:
            await asyncio.wait_for(self.closing.wait(), seconds)
        except TimeoutError:
            pass
