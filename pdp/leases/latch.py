"""A lock for those who may wait, and for those who may not."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from pdp.turns import check_turn

T = TypeVar("T")


class Latch(Generic[T]):
    """A lock for a block. Whoever holds it does, before letting go of it, what others have put off.

    Whoever asks for it in the midst of their own block, as the handler of a signal may, has RequestError raised.

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
        self._lock, self._work = threading.RLock(), work
        self._put_off: deque[T] = deque()

    def put_off(self, thing: T) -> None:
        """Have something done as soon as nobody holds the lock, at once where nobody does. It never waits."""
        self._put_off.append(thing)
        if not self._lock._is_owned() and self._lock.acquire(blocking=False):  # type: ignore[attr-defined]  # See `check_turn`.
            self._release()

    def check(self) -> None:
        """Raise RequestError where whoever calls holds the lock already."""
        check_turn(self._lock)

    def __enter__(self) -> None:
        self.check()
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
