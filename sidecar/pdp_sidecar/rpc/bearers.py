"""Whom the tokens speak for that questions bring, and for whom is asked where a question does not say."""

from __future__ import annotations

from collections.abc import Sequence

from pdp.classes import replace
from pdp.errors import RequestError, TokenError
from pdp.identity.who import NOTHING, Identity
from pdp_sidecar.callers import Caller
from pdp_sidecar.generated.check_pb2 import CheckRequest
from pdp_sidecar.identifying import told
from pdp_sidecar.service import Service
from pdp_sidecar.wire.requests import NO_DEFAULTS, Defaults, shown_of


async def bearer_of(service: Service, caller: Caller, message: CheckRequest) -> Identity | None:
    """Return whom the token of a question speaks for, None where it has none; raise TokenError.

    The token is taken out of the message: nothing that remembers questions is to hold it.
    """
    if not message.HasField("token"):
        return None
    token, shown = message.token, shown_of(message.shown) if message.HasField("shown") else NOTHING
    message.ClearField("token")
    message.ClearField("shown")
    return await service.bearer(caller, token, shown)


async def bearer_or_none(service: Service, caller: Caller, message: CheckRequest) -> Identity | None:
    """Return the same where there is no decision to say otherwise: raise RequestError for a token that is refused."""
    try:
        return await bearer_of(service, caller, message)
    except TokenError as error:
        raise RequestError(told(error)) from None


async def bearers_of(
    service: Service, caller: Caller, messages: Sequence[CheckRequest], shared: CheckRequest | None
) -> list[Identity | TokenError | None]:
    """Return whom the tokens of many questions speak for, or why not; `shared` has that of those without their own.

    One that several questions bring is looked at once.
    """
    known: dict[bytes, Identity | TokenError | None] = {}
    common = None if shared is None else await _tried(service, caller, shared)
    if common is None and not any(each.HasField("token") for each in messages):
        return []
    found = []
    for each in messages:
        if not each.HasField("token"):
            found.append(common)
            continue
        key = CheckRequest(token=each.token, shown=each.shown).SerializeToString()
        if key not in known:
            known[key] = await _tried(service, caller, CheckRequest(token=each.token, shown=each.shown))
        each.ClearField("token")
        each.ClearField("shown")
        found.append(known[key])
    return found


async def _tried(service: Service, caller: Caller, message: CheckRequest) -> Identity | TokenError | None:
    try:
        return await bearer_of(service, caller, message)
    except TokenError as error:
        return error


def asked_for(caller: Caller, token: Identity | None, defaults: Defaults = NO_DEFAULTS) -> Defaults:
    """Return defaults in which a question that names no principal is that of its token, or of its caller."""
    whose = caller.identity if token is None else token
    if whose is None or defaults.principal is not None:
        return defaults
    if defaults is NO_DEFAULTS:
        return Defaults(principal=whose.principal)
    return replace(defaults, principal=whose.principal)
