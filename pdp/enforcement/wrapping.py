"""Functions with a step before they begin, of the same kind as they were.

The step is taken when the body would begin: at the call of a function, when a coroutine is first awaited, and when the
first item of a generator is asked for. So a generator or coroutine that nobody runs asks nothing, and one that somebody
else runs is theirs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pdp.enforcement.admission import Admission
from pdp.enforcement.steps import at_once

# Takes the arguments of a call, and whether it may wait. What it raises, the function is not begun for.
Admit = Callable[[tuple[Any, ...], dict[str, Any], bool], Coroutine[Any, Any, Admission]]


def plain(function: Any) -> Callable[..., Any]:
    """Return the function that a decorated thing comes to. Raises TypeError for what is none."""
    found = function.__func__ if isinstance(function, classmethod | staticmethod) else function
    if isinstance(found, type) or not callable(found):
        raise TypeError("only functions and methods can be guarded")
    return found


def rewrapped(function: Any, guarded: Callable[..., Any]) -> Any:
    """Return a guarded function as the kind of method that it was given as."""
    return type(function)(guarded) if isinstance(function, classmethod | staticmethod) else guarded


def wrap(function: Callable[..., Any], admit: Admit) -> Callable[..., Any]:
    """Return a function of the same kind, name, signature and documentation that is begun only when it is admitted."""
    if _is(inspect.isasyncgenfunction, function):
        return _wrap_async_generator(function, admit)
    if _is(inspect.iscoroutinefunction, function):
        return _wrap_coroutine(function, admit)
    if _is(inspect.isgeneratorfunction, function):
        return _wrap_generator(function, admit)
    return _wrap_function(function, admit)


def _is(kind: Callable[[Any], bool], function: Callable[..., Any]) -> bool:
    return kind(function) or kind(getattr(function, "__call__", None))  # noqa: B004


def _wrap_function(function: Callable[..., Any], admit: Admit) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        admission = at_once(admit(args, kwargs, False))
        if not admission.later:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as failure:
            at_once(admission.settle(failure))
            raise
        at_once(admission.settle())
        return result

    return guarded


def _wrap_generator(function: Callable[..., Any], admit: Admit) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        admission = at_once(admit(args, kwargs, False))
        try:
            result = yield from function(*args, **kwargs)
        except GeneratorExit:
            # Closed is one way to end. An error has to go to whoever closes it: nobody sees a note on this exception.
            at_once(admission.settle())
            raise
        except BaseException as failure:
            at_once(admission.settle(failure))
            raise
        at_once(admission.settle())
        return result

    return guarded


def _wrap_coroutine(function: Callable[..., Awaitable[Any]], admit: Admit) -> Callable[..., Any]:
    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        admission = await admit(args, kwargs, True)
        try:
            result = await function(*args, **kwargs)
        except GeneratorExit:
            # Nobody runs it any more: nothing can be waited for.
            raise
        except BaseException as failure:
            await admission.settle(failure)
            raise
        await admission.settle()
        return result

    return guarded


def _wrap_async_generator(function: Callable[..., Any], admit: Admit) -> Callable[..., Any]:
    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        admission = await admit(args, kwargs, True)
        inner = function(*args, **kwargs)
        try:
            step = inner.__anext__()
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    break
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as thrown:
                    step = inner.athrow(thrown)
                else:
                    step = inner.asend(sent)
        except GeneratorExit:
            await admission.settle()
            raise
        except BaseException as failure:
            await admission.settle(failure)
            raise
        await admission.settle()

    return guarded
