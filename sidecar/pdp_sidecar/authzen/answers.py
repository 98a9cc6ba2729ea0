"""Decisions as AuthZEN sends them. Who asks for no more gets the truth and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from pdp.model import Decision, Reason
from pdp.values import Datetime
from pdp_sidecar.service import granted

TRUE: Final = b'{"decision":true}'
FALSE: Final = b'{"decision":false}'

NOTHING_MORE: Final[Mapping[str, Any]] = MappingProxyType({})

encode: Final = msgspec.json.Encoder().encode


def plain(decision: Decision, handles: frozenset[str]) -> bytes:
    """Return a decision for a client that asks for no reasons. What went wrong here is told to everybody."""
    if granted(decision, handles):
        return TRUE
    return failed(500, decision.detail) if decision.reason is Reason.INTERNAL_ERROR else FALSE


def reasoned(
    decision: Decision, handles: frozenset[str], epoch: str, now: int, step_up: Mapping[str, Any] = NOTHING_MORE
) -> bytes:
    """Return a decision with why, and how long it stays true: from `now`, in microseconds since the epoch.

    `step_up` is which sign-in would meet the needs of a deny, as RFC 9470 names it.
    """
    told = decision.to_json()
    until = decision.valid_until
    context: dict[str, Any] = {
        "pdp": {
            "outcome": told.pop("decision"),
            **told,
            "unhandled_obligations": [name for name in decision.unhandled if name not in handles],
            # For a client whose clock is another.
            "lease_ms": None if until is None else max(0, (Datetime.of(until).micros - now) // 1000),
            "epoch": epoch,
        }
    }
    context["pdp"] = {name: value for name, value in context["pdp"].items() if value is not None}
    context |= step_up
    if decision.reason is Reason.INTERNAL_ERROR:
        context["error"] = {"status": 500, "message": decision.detail}
    return encode({"decision": granted(decision, handles), "context": context})


def failed(status: int, message: str) -> bytes:
    """Return the denial of what could not be asked, or went wrong, with its cause."""
    return encode({"decision": False, "context": {"error": {"status": status, "message": message}}})


def many(decisions: list[bytes]) -> bytes:
    """Return the answers to many questions."""
    return b'{"evaluations":[' + b",".join(decisions) + b"]}"
