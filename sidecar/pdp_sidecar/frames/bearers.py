"""Questions whose principal is a token: whom it speaks for is found before they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pdp.errors import TokenError
from pdp.identity.who import Bearer, Identity
from pdp.model import Decision, Request
from pdp_sidecar.callers import Caller
from pdp_sidecar.service import Answer, Service


class Known(NamedTuple):
    """A question as that of whom its token speaks for, None where it names its principal; or why it is of nobody."""

    request: Request
    token: Identity | None = None
    refused: TokenError | None = None


def bearer_of(request: Request) -> Bearer | None:
    """Return the token that a question is of, None where it names its principal."""
    principal: object = request.principal
    return principal if type(principal) is Bearer else None


async def known(service: Service, caller: Caller, requests: Sequence[Request]) -> list[Known]:
    """Return questions as those of whom their tokens speak for. One that several bring is looked at once."""
    looked: dict[Bearer, Identity | TokenError] = {}
    found = []
    for request in requests:
        bearer = bearer_of(request)
        if bearer is None:
            found.append(Known(request))
            continue
        if bearer not in looked:
            looked[bearer] = await _looked(service, caller, bearer)
        whose = looked[bearer]
        if isinstance(whose, TokenError):
            found.append(Known(request, None, whose))
        else:
            found.append(Known(_of(request, whose), whose))
    return found


async def _looked(service: Service, caller: Caller, bearer: Bearer) -> Identity | TokenError:
    try:
        return await service.bearer(caller, bearer.token, bearer.shown)
    except TokenError as error:
        return error


def _of(request: Request, whose: Identity) -> Request:
    _, action, resource, context, session, now, entities = request
    return Request(whose.principal, action, resource, context, session, now, entities)


def checked(service: Service, caller: Caller, asked: Known) -> Answer:
    """Answer a question whose token was looked at; raise NotPermitted."""
    if asked.refused is not None:
        return Answer(service.refused(asked.refused), service.epoch)
    return service.check(caller, asked.request, asked.token)


def all_checked(service: Service, caller: Caller, asked: Sequence[Known]) -> tuple[list[Decision], str]:
    """Answer many questions, all of one state; raise NotPermitted."""
    good = [each for each in asked if each.refused is None]
    tokens = {place: each.token for place, each in enumerate(good) if each.token is not None}
    decisions, epoch = service.check_many(caller, [each.request for each in good], tokens)
    left = iter(decisions)
    return [next(left) if each.refused is None else service.refused(each.refused) for each in asked], epoch
