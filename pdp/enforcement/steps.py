"""One way for functions that wait and for those that do not.

What comes before a guarded function is written once, as coroutines. Where the function itself is not asynchronous,
nothing on that way may wait, and the coroutine ends at its first step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")


async def called(
    call: Callable[..., Any],
    arguments: tuple[Any, ...] = (),
    named: Mapping[str, Any] | None = None,
    *,
    asynchronous: bool,
) -> Any:
    """Call a function of the caller's and return what it comes to; refuse to wait where nobody can."""
    found = call(*arguments, **(named or {}))
    if inspect.isawaitable(found):
        if not asynchronous:
            if inspect.iscoroutine(found):
                found.close()
            raise TypeError("it is asynchronous, and what it stands before is not")
        found = await found
    return found


def at_once(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return what a coroutine comes to that does not wait."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        found: _T = done.value
        return found
    coroutine.close()
    raise RuntimeError("a step before a function that does not wait has waited")
