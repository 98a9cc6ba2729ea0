"""What a thread brings is waited for with or without a task, and no longer than one waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from pdp.identity.waiting import landed


def stepped(waiting: Coroutine[Any, Any, bool], meanwhile: Any = lambda: None) -> bool:
    """Run a coroutine as a server does that begins an answer without a task."""

    async def main() -> bool:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        found: list[bool] = []

        def step(_: object = None) -> None:
            assert asyncio.current_task() is None
            try:
                awaited = waiting.send(None)
            except StopIteration as end:
                found.append(end.value)
                done.set()
            else:
                awaited.add_done_callback(step)
                meanwhile()

        loop.call_soon(step)
        await done.wait()
        return found[0]

    return asyncio.run(main())


def test_what_comes_is_told_without_a_task():
    coming: Future[None] = Future()

    assert stepped(landed(coming, 60.0), lambda: coming.done() or coming.set_result(None))


def test_what_is_there_is_told_at_once():
    coming: Future[None] = Future()
    coming.set_result(None)

    assert stepped(landed(coming, 60.0))


def test_who_has_waited_long_enough_takes_it_from_nobody():
    coming: Future[None] = Future()

    assert not stepped(landed(coming, 0.0))
    assert not coming.cancelled()


def test_it_is_waited_for_in_a_task_as_well():
    coming: Future[None] = Future()

    async def main() -> bool:
        waiting = asyncio.ensure_future(landed(coming, 60.0))
        await asyncio.sleep(0)
        coming.set_result(None)
        return await waiting

    assert asyncio.run(main())
