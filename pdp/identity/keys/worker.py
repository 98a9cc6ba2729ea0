"""A thread of its own for what takes long: it begins when it is first needed, and anew in a child that was forked."""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

_AGAIN: Final = 1.0
"""Seconds after which a method is called again that failed, or that gives no length of time."""


class Worker:
    """Calls a method when it is due, in a daemon thread.

    The method does what is due and returns in how many seconds it wants to be called again. The thread ends with the
    object of the method. In a child that was forked there is none until somebody wakes it; `forked` is called there
    first, to make new locks.
    """

    __slots__ = ("__weakref__", "_forked", "_is_over", "_lock", "_look", "_thread", "_tick")

    def __init__(self, tick: Callable[[], float], forked: Callable[[], None]) -> None:
        """Take bound methods. The object that they are bound to is not kept alive."""
        self._tick: weakref.WeakMethod[Any] = weakref.WeakMethod(tick, self._gone)
        self._forked: weakref.WeakMethod[Any] = weakref.WeakMethod(forked)
        self._is_over = False
        self._begin()
        _WORKERS.add(self)

    def _begin(self) -> None:
        # The handler of a signal may wake it in the midst of this.
        self._lock = threading.RLock()
        self._look = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody works here, and somebody could."""
        return self._thread is None and not self._is_over

    def wake(self) -> bool:
        """Have the method called now; tell whether there is a thread that does it."""
        self._look.set()
        if self.is_idle:
            with self._lock:
                if self.is_idle:
                    thread = threading.Thread(
                        target=_work, args=(self._tick, self._look, self._ended), name="pdp-keys", daemon=True
                    )
                    try:
                        thread.start()
                    except RuntimeError:
                        # There are too many, or the interpreter ends.
                        return False
                    self._thread = thread
        return not self._is_over

    def stop(self) -> None:
        """End, once what is being done is done. Nobody waits for it."""
        self._is_over = True
        self._look.set()

    def _ended(self) -> bool:
        return self._is_over

    def _gone(self, _: object) -> None:
        self._look.set()

    def begin_again(self) -> None:
        """Have no thread, in a child that was forked."""
        self._begin()
        forked = self._forked()
        if forked is not None:
            forked()


def _work(tick: weakref.WeakMethod[Any], look: threading.Event, ended: Callable[[], bool]) -> None:
    wait = 0.0
    while True:
        # INVARIANT: nothing of the object is held while it waits.
        look.wait(wait if 0.0 <= wait < threading.TIMEOUT_MAX else _AGAIN)
        look.clear()
        call = None if ended() else tick()
        if call is None:
            return
        try:
            wait = call()
        except BaseException:
            wait = math.nan
        del call


_WORKERS: Final[weakref.WeakSet[Worker]] = weakref.WeakSet()


def _again() -> None:
    for worker in [*_WORKERS]:
        worker.begin_again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_again)
