"""Records are read again and again, whatever else goes on."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from pdp_sidecar.facts import Refresher


class Reading:
    """An engine that says when its records are read."""

    def __init__(self, problem: Exception | None = None):
        self.problem, self.read = problem, threading.Semaphore(0)

    def refresh(self) -> None:
        self.read.release()
        if self.problem is not None:
            raise self.problem


async def _read_times(engine: Reading, times: int) -> bool:
    waiting = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    found = [await loop.run_in_executor(waiting, lambda: engine.read.acquire(timeout=5)) for _ in range(times)]
    waiting.shutdown()
    return all(found)


def test_records_are_read_though_every_thread_is_busy_with_what_callers_ask():
    async def test():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        end, engine = threading.Event(), Reading()
        search = asyncio.ensure_future(asyncio.to_thread(end.wait, 10))
        refresher = Refresher(engine, 0.001)

        found = await _read_times(engine, 2)

        end.set()
        await search
        await refresher.drain(1)
        return found

    assert asyncio.run(test())


def test_records_that_cannot_be_read_are_read_again():
    async def test():
        engine = Reading(OSError("the disk is gone"))
        refresher = Refresher(engine, 0.001)

        found = await _read_times(engine, 3)

        await refresher.drain(1)
        return found

    assert asyncio.run(test())
