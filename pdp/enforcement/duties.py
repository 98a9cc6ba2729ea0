"""Obligations and those who fulfil them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pdp.classes import dataclass
from pdp.enforcement.denial import Denied
from pdp.enforcement.steps import called
from pdp.model import Decision, Obligation, Request

Call = Callable[[Obligation, Request, Decision], Any]


@dataclass(frozen=True, slots=True)
class Handler:
    """Fulfils an obligation: `call` takes the obligation, the request and the decision, and may be asynchronous.

    It runs before what was asked for, and denies it by an exception. With `after` it runs when that has ended, however
    it ended; then an exception of the handler goes to the caller instead of the result.
    """

    call: Call
    after: bool = False


class Duty(NamedTuple):
    """An obligation with the one who fulfils it."""

    obligation: Obligation
    handler: Handler


def registry(handlers: Mapping[str, Call | Handler] | None) -> dict[str, Handler]:
    """Return who handles what, by the name of the obligation. Raises TypeError for what cannot handle anything."""
    found = {}
    for name, each in (handlers or {}).items():
        handler = each if isinstance(each, Handler) else Handler(each)
        if not callable(handler.call):
            raise TypeError(f"the handler of `{name}` cannot be called")
        found[name] = handler
    return found


def is_asynchronous(call: Callable[..., Any]) -> bool:
    """Tell whether to call this takes an `await`."""
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


async def settle(
    duties: Iterable[Duty], request: Request, decision: Decision, failure: BaseException | None, asynchronous: bool
) -> None:
    """Fulfil each duty, whatever becomes of the others.

    What goes wrong is noted on `failure`, which is on its way already. Without one the first error is raised.
    """
    first = failure
    for duty in duties:
        try:
            await called(duty.handler.call, (duty.obligation, request, decision), asynchronous=asynchronous)
        except Exception as error:
            if first is None:
                first = error
            elif first is not error:
                first.add_note(f"the obligation `{duty.obligation.name}` is not fulfilled: {type(error).__name__}")
    if failure is None and first is not None:
        raise first


async def settle_denial(denied: Denied, handlers: Mapping[str, Handler], asynchronous: bool) -> None:
    """Fulfil the obligations of a deny as well as can be: nothing of it makes the deny another answer."""
    if denied.request is None:
        return
    duties = []
    for obligation in denied.decision.obligations:
        if (handler := handlers.get(obligation.name)) is None:
            denied.add_note(f"the obligation `{obligation.name}` has no handler")
        else:
            duties.append(Duty(obligation, handler))
    await settle(duties, denied.request, denied.decision, denied, asynchronous)
