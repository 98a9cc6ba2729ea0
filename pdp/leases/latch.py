"""A lock for those who may wait, and for those who may not."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latch(Generic[T]):
    """A lock for a block. Whoever holds it does, before letting go of it, what others have put off.

    >>> done = []
    >>> latch = Latch(done.append)
    >>> with latch:
    ...     latch.put_off("to be done")
    ...     len(done)
    0
    >>> done
    ['to be done']
    """

    __slots__ = ("_lock", "_put_off", "_work")

    def __init__(self, work: Callable[[T], object]) -> None:
        """Take what is to be done with each thing that was put off."""
        self._lock, self._work = threading.Lock(), work
        self._put_off: deque[T] = deque()

    def put_off(self, thing: T) -> None:
        """Have something done as soon as nobody holds the lock, at once where nobody does. It never waits."""
        self._put_off.append(thing)
        if self._lock.acquire(blocking=False):
            self._release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        try:
            while self._put_off:
                self._work(self._put_off.popleft())
        finally:
            self._lock.release()
        # Somebody may have come in between, and found the lock held.
        if self._put_off and self._lock.acquire(blocking=False):
            self._release()
