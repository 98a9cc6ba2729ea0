"""From a request to a start that is allowed, with every obligation looked after, or to a denial."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import NamedTuple

from pdp.enforcement.denial import Denied, refusal
from pdp.enforcement.duties import Duty, Handler, is_asynchronous, settle, settle_denial
from pdp.enforcement.steps import called
from pdp.model import Decision, Outcome, Request
from pdp.ports import DecisionPoint


class Admission(NamedTuple):
    """An allow whose obligations are fulfilled, but for those of `later`, which wait for the end."""

    request: Request
    decision: Decision
    later: tuple[Duty, ...]
    asynchronous: bool

    async def settle(self, failure: BaseException | None = None) -> None:
        """Fulfil what waits for the end; `failure` is the exception that ended it."""
        await settle(self.later, self.request, self.decision, failure, self.asynchronous)


async def admit(
    request: Request, point: DecisionPoint, handlers: Mapping[str, Handler], *, asynchronous: bool
) -> Admission:
    """Decide a request and fulfil what comes before it is begun. Raises Denied for all but an allow that is kept."""
    decision = _decided(request, point)
    if decision.outcome is not Outcome.ALLOW:
        denied = Denied(decision, request)
        await settle_denial(denied, handlers, asynchronous)
        raise denied
    duties = _duties(request, decision, handlers, asynchronous)
    for duty in duties:
        if duty.handler.after:
            continue
        try:
            arguments = (duty.obligation, request, decision)
            await called(duty.handler.call, arguments, asynchronous=asynchronous)
        except Exception as error:
            detail = f"the obligation `{duty.obligation.name}` is not fulfilled: {type(error).__name__}"
            raise refusal(detail, request, overruled=decision) from error
    return Admission(request, decision, tuple(duty for duty in duties if duty.handler.after), asynchronous)


def _decided(request: Request, point: DecisionPoint) -> Decision:
    try:
        found: object = point.decide(
            request.principal,
            request.action,
            request.resource,
            request.context,
            request.session,
            entities=request.entities,
        )
    except Exception as error:
        raise refusal(f"the decision failed: {type(error).__name__}", request) from error
    # INVARIANT: nothing but a decision allows, however true it may be.
    if not isinstance(found, Decision):
        if inspect.iscoroutine(found):
            found.close()
        raise refusal("the engine gave no decision", request)
    return found


def _duties(
    request: Request, decision: Decision, handlers: Mapping[str, Handler], asynchronous: bool
) -> tuple[Duty, ...]:
    """Return who fulfils each obligation of an allow; before the first is fulfilled, each has to have somebody."""
    obligations = decision.obligations
    if not obligations:
        return ()
    # What the engine was told that the caller handles is no handler: the obligation would still be forgotten.
    if missing := sorted({each.name for each in obligations if each.name not in handlers}):
        named = ", ".join(f"`{name}`" for name in missing)
        raise refusal(f"nobody fulfils the obligation {named}", request, overruled=decision)
    duties = tuple(Duty(each, handlers[each.name]) for each in obligations)
    for duty in duties:
        if not asynchronous and is_asynchronous(duty.handler.call):
            detail = f"the handler of `{duty.obligation.name}` is asynchronous, and what it stands before is not"
            raise refusal(detail, request, overruled=decision)
    return duties
