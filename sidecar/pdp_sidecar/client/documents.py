"""Questions and answers as AuthZEN writes them in JSON."""

from __future__ import annotations

import base64
import datetime as _datetime
import decimal as _decimal
import math
from collections.abc import Mapping
from typing import Any

from pdp.classes import replace
from pdp.errors import RequestError
from pdp.identity.who import Bearer
from pdp.model import Decision, Entity, Obligation, Outcome, Reason, Request
from pdp.values import INT_MAX, INT_MIN, Datetime, Decimal, Duration, EntityRef, EnumMember, Ip
from pdp_sidecar.client.failures import Garbled
from pdp_sidecar.frames.codec import Reply


def document(request: Request, session_field: str = "") -> dict[str, Any]:
    """Return a question as AuthZEN asks it; raise RequestError for what it cannot ask.

    >>> document(Request(EntityRef("User", "ada"), "read", EntityRef("Page", "home"), {"level": 1}))["context"]
    {'level': 1}
    """
    if request.now is not None or request.entities:
        raise RequestError("AuthZEN asks for no other time, and brings no further entities")
    found: dict[str, Any] = {
        "subject": _subject(request.principal),
        "action": {"name": request.action},
        "resource": _named(request.resource),
    }
    context = None if request.context is None else _data(request.context)
    if request.session is not None:
        if not session_field:
            raise RequestError("AuthZEN has no sessions: say in which field of the context, `session_field=`")
        context = {**(context or {}), session_field: _data(request.session)}
    if context is not None:
        found["context"] = context
    return found


def _subject(principal: Entity | EntityRef | Bearer) -> dict[str, Any]:
    if not isinstance(principal, Bearer):
        return _named(principal)
    found: dict[str, Any] = {"type": "pdp:token", "id": principal.token}
    shown = principal.shown
    if shown.certificate is not None:
        digest = base64.urlsafe_b64encode(shown.certificate).rstrip(b"=").decode()
        found["properties"] = {"certificate": digest}
    if shown.proofs:
        proofs = {"proofs": [*shown.proofs], "method": shown.method, "url": shown.url}
        found["properties"] = {**found.get("properties", {}), **proofs}
    return found


def _named(entity: Entity | EntityRef) -> dict[str, Any]:
    found: dict[str, Any] = {"type": entity.type, "id": entity.id}
    if isinstance(entity, Entity):
        if [*entity.parents] or entity.tags:
            raise RequestError("AuthZEN has attributes of entities, and nothing of what they are in")
        found["properties"] = _data(entity.attributes)
    return found


def _data(value: Any) -> Any:
    """Return a value as JSON has it; raise RequestError for what it does not have."""
    match value:
        case None | bool() | str():
            return value
        case int() if INT_MIN <= value <= INT_MAX:
            return value
        case float() if math.isfinite(value):
            return value
        case EntityRef():
            return {"type": value.type, "id": value.id}
        case list() | tuple():
            return [_data(each) for each in value]
        case Mapping() if all(type(name) is str for name in value):
            return {name: _data(inner) for name, inner in value.items()}
        case _datetime.datetime():
            return str(Datetime.of(value))
        case _datetime.timedelta():
            return str(Duration.of(value))
        case EnumMember():
            return value.name
        case Datetime() | Duration() | Decimal() | Ip():
            return str(value)
        case _decimal.Decimal() if value.is_finite():
            text = f"{value:f}"
            return text if "." in text else f"{text}.0"
    raise RequestError(f"a value of Python's `{type(value).__name__}` has no form in JSON")


def reply_of(found: Any) -> Reply:
    """Return the reply that an evaluation is. Whatever it says beside it, only `true` is an allow."""
    if type(found) is not dict or type(found.get("decision")) is not bool:
        raise Garbled("this is no decision")
    granted: bool = found["decision"]
    context = found.get("context")
    told = context.get("pdp") if type(context) is dict else None
    decision = _decision(granted, told if type(told) is dict else {}, _error(context))
    # INVARIANT: an allow is what the truth says, and nothing that is told beside it.
    if bool(decision) is not granted:
        raise Garbled("this answer contradicts itself")
    return Reply(decision, None, "")


def _error(context: Any) -> str:
    error = context.get("error") if type(context) is dict else None
    message = error.get("message") if type(error) is dict else None
    return message if type(message) is str else ""


def _decision(granted: bool, told: Mapping[str, Any], error: str) -> Decision:
    try:
        if "outcome" not in told:
            outcome = Outcome.ALLOW if granted else Outcome.DENY
            reason = Reason.PERMITTED if granted else Reason.INTERNAL_ERROR if error else Reason.DEFAULT
            return Decision(outcome=outcome, reason=reason, detail=error)
        until = told.get("valid_until")
        plain = Decision(
            outcome=Outcome(told["outcome"]),
            reason=Reason(told["reason"]),
            determining_rules=_texts(told, "determining_rules"),
            erring_rules=_texts(told, "erring_rules"),
            valid_until=None if until is None else Datetime.parse(until).to_datetime(),
            revision=str(told.get("revision", "")),
            facts_revision=str(told.get("facts_revision", "")),
            detail=str(told.get("detail", "")),
            unhandled=_texts(told, "unhandled_obligations"),
        )
        return _with_obligations(plain, told.get("obligations", []))
    except (KeyError, TypeError, ValueError, AttributeError) as error_:
        raise Garbled(f"the reasons cannot be read: {type(error_).__name__}") from error_


def _with_obligations(decision: Decision, told: Any) -> Decision:
    obligations = tuple(
        Obligation(str(each["name"]), dict(each["arguments"]), tuple(map(str, each.get("unknown", ()))))
        for each in told
    )
    leaf = replace(decision._leaf, obligations=obligations)
    return Decision.made(leaf, decision.facts_revision, decision._until)


def _texts(told: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = told.get(name, [])
    if type(found) is not list or not all(type(each) is str for each in found):
        raise TypeError(f"`{name}` lists no names")
    return tuple(found)
