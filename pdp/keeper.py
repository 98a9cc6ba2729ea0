"""One thread that looks again when something is due: the end of a lease, the age of a source."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

_LONGEST: Final = 1.0
"""Seconds. Wall clocks are set while a thread waits: it looks at least this often, whatever it was told."""


class Keeper:
    """Calls a method when it is due, in a thread of its own that begins when it is first woken.

    The method does what is due and returns in how many seconds it wants to be called again, None for never; what it
    raises is its own affair, and it is called again after a second. The thread ends with the object of the method, and
    a child that was forked has one of its own.
    """

    __slots__ = ("__weakref__", "_awake", "_forked", "_look", "_thread", "_tick")

    def __init__(self, tick: Callable[[], float | None], forked: Callable[[], None] | None = None) -> None:
        """Take bound methods. The object that they are bound to is not kept alive.

        `forked` is called in a child, before anything else: locks that it would wait for are to be made anew.
        """
        self._tick: weakref.WeakMethod[Any] = weakref.WeakMethod(tick)
        self._forked: weakref.WeakMethod[Any] | None = None if forked is None else weakref.WeakMethod(forked)
        self._begin()
        _KEEPERS.add(self)

    def _begin(self) -> None:
        # The handler of a signal may wake it in the midst of this.
        self._awake = threading.RLock()
        self._look = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether there is a thread that looks."""
        return self._thread is not None and self._thread.is_alive()

    def begin_again(self) -> None:
        """Begin anew in a child that was forked: the thread stayed in the parent."""
        looked = self._thread is not None
        self._begin()
        forked = None if self._forked is None else self._forked()
        if forked is not None:
            forked()
        if looked:
            self.wake()

    def wake(self) -> None:
        """Look again now; begin where nobody looks yet."""
        self._look.set()
        if not self.alive:
            with self._awake:
                if not self.alive:
                    self._thread = threading.Thread(
                        target=_keep, args=(self._tick, self._look), name="pdp-keeper", daemon=True
                    )
                    self._thread.start()


def _keep(tick: weakref.WeakMethod[Any], look: threading.Event) -> None:
    wait: float | None = 0.0
    while True:
        # INVARIANT: nothing of the object is held while it waits.
        look.wait(max(wait, 0.0) if wait is not None and wait < _LONGEST else _LONGEST)
        look.clear()
        call = tick()
        if call is None:
            return
        try:
            wait = call()
        except BaseException:
            # A provider that calls `sys.exit` ends nobody's thread but this one.
            wait = _LONGEST
            # What failed is not tried again without a pause, though it asked for that itself.
            look.clear()
        del call


_KEEPERS: Final[weakref.WeakSet[Keeper]] = weakref.WeakSet()


def _again() -> None:
    """Let a child that was forked look for itself."""
    for keeper in list(_KEEPERS):
        try:
            keeper.begin_again()
        except Exception:
            # Where no thread can be had for one, others are no worse off for it.
            pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_again)
