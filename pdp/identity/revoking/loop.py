"""A thread with an event loop of its own, for questions that neither a caller's thread nor its loop may wait in."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """Runs coroutines for any thread. It begins when it is first needed, and anew in a child that was forked."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin with something, and return what is done once it is; raise RuntimeError where no thread can begin."""
        with self._lock:
            try:
                if self._loop is None:
                    self._begin()
                assert self._loop is not None
                return asyncio.run_coroutine_threadsafe(work, self._loop)
            except BaseException:
                work.close()
                raise

    @property
    def is_inherited(self) -> bool:
        """Whether this is a child of the process that it ran in: nothing that was begun will ever be done."""
        return self._pid != os.getpid()

    def _begin(self) -> None:
        loop = asyncio.new_event_loop()
        # It must not keep a program from ending.
        thread = threading.Thread(target=loop.run_forever, name=self._name, daemon=True)
        try:
            thread.start()
        except BaseException:
            # There are too many, or the interpreter ends. A loop that nobody runs would be waited for ever after.
            loop.close()
            raise
        self._loop, self._thread = loop, thread

    def close(self, last: Coroutine[Any, Any, object] | None = None) -> None:
        """End what has begun, do one last thing, and end."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or self.is_inherited:
            if last is not None:
                last.close()
            return
        asyncio.run_coroutine_threadsafe(_end(last), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(last: Coroutine[Any, Any, object] | None) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if last is not None:
        await last
    await asyncio.get_running_loop().shutdown_default_executor()
