"""Locks for those who change an engine one after another."""

from __future__ import annotations

import threading

from pdp.errors import RequestError


class Turns:
    """A lock that nobody waits for in the middle of their own turn: that raises RequestError.

    A source that calls the engine which calls it, or the handler of a signal, would wait for itself for ever.
    """

    __slots__ = ("_lock", "_taken")

    def __init__(self) -> None:
        self._lock, self._taken = threading.RLock(), False

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Wait for a turn."""
        self._lock.acquire()
        if self._taken:
            self._lock.release()
            raise RequestError("the engine is in the middle of a change, and of that this is called")
        self._taken = True

    def release(self) -> None:
        """End a turn."""
        self._taken = False
        self._lock.release()
