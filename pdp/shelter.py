"""Where a thread may not be interrupted, since others would find half of a change."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Final

_DEPTHS: Final[dict[int, int]] = {}


class _Shelter:
    """A block that no interrupt of ours falls into; it may be within another."""

    __slots__ = ()

    def __enter__(self) -> None:
        thread = threading.get_ident()
        _DEPTHS[thread] = _DEPTHS.get(thread, 0) + 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        thread = threading.get_ident()
        depth = _DEPTHS[thread] - 1
        if depth:
            _DEPTHS[thread] = depth
        else:
            del _DEPTHS[thread]


SHELTER: Final = _Shelter()


def interrupt(thread: int, kind: type[BaseException]) -> bool:
    """Raise an exception in a thread, between two steps of Python; False where it is in shelter: try again."""
    # Few ever need it, and each start of an engine would pay for it. Not between the two steps below: it takes long.
    import ctypes

    if thread in _DEPTHS:
        return False
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))
    if thread in _DEPTHS:
        # It has entered meanwhile, and has not come so far yet: an interrupt is raised when it runs again.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)
        return False
    return True


def _alone() -> None:
    """Forget the threads of a parent in a child that was forked: another may have the name of one here."""
    here = threading.get_ident()
    for thread in [*_DEPTHS]:
        if thread != here:
            del _DEPTHS[thread]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)
