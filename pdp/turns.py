"""Locks for those who change an engine one after another."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from pdp.errors import RequestError


def check_turn(lock: threading.RLock) -> None:
    """Raise RequestError for whoever is in the middle of their own turn: they would wait for themselves for ever.

    That is a source which calls the engine that calls it, or the handler of a signal.
    """
    if lock._is_owned():  # type: ignore[attr-defined]  # As Condition asks it, and known at once: nothing comes between.
        raise RequestError("the engine is in the middle of a change, and of that this is called")


class Turns:
    """A lock that nobody waits for in the middle of their own turn: that raises RequestError."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def turn(self) -> AbstractContextManager[object]:
        """Return a block that waits for its turn."""
        check_turn(self._lock)
        # It is the lock itself, which Ctrl-C does not come into the midst of: else it might never be given back.
        return self._lock
