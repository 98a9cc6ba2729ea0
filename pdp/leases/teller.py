"""Tells those who watch, in a thread of its own: what they do then, and how long it takes, holds up nobody else."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

_Told = tuple[Callable[[Any], object], Any]


class Teller:
    """Calls functions one after another, in the order that they were put. The thread ends with the teller."""

    __slots__ = ("__weakref__", "_begun", "_calls")

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Told | None] = queue.SimpleQueue()
        self._begun = False

    def tell(self, call: Callable[[Any], object], what: Any) -> None:
        """Call a function with something, soon. What it raises is logged, and reaches nobody."""
        self._calls.put((call, what))
        if not self._begun:
            self._begun = True
            threading.Thread(target=_tell, args=(self._calls,), name="pdp-teller", daemon=True).start()
            weakref.finalize(self, self._calls.put, None)


def _tell(calls: queue.SimpleQueue[_Told | None]) -> None:
    while (told := calls.get()) is not None:
        call, what = told
        try:
            call(what)
        except BaseException:
            # Whoever calls `sys.exit` in it ends nobody's thread but that of all others who are to be told.
            import logging

            logging.getLogger("pdp").exception("a function that watches an answer has failed")
        # Nothing is kept alive while it waits.
        del call, what, told
