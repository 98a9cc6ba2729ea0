"""Waiting in an event loop for what a thread brings."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from typing import Any


async def landed(coming: Future[Any], seconds: float) -> bool:
    """Wait for what others wait for as well, for so many seconds at most, and tell whether it is done.

    Whoever gives up takes it from nobody. It needs no task, as `asyncio.timeout` does: a server may begin an answer
    without one.
    """
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def land(_: object) -> None:
        # Nobody waits any more where the loop has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(told.set)

    coming.add_done_callback(land)
    late = loop.call_later(max(0.0, seconds), told.set)
    try:
        await told.wait()
    finally:
        late.cancel()
    return coming.done()
