"""Who asks, by the token that a request carries: what a real service reads from verified tokens."""

from __future__ import annotations

from typing import Any, NamedTuple

import pdp


class Caller(NamedTuple):
    """Who a token was given to, and how they proved who they are."""

    principal: pdp.EntityRef
    session: dict[str, Any]


_CALLERS = {
    "Bearer ada-with-password": Caller(pdp.ref("User", "ada"), {"mfa": False}),
    "Bearer ada-with-key": Caller(pdp.ref("User", "ada"), {"mfa": True}),
    "Bearer ben": Caller(pdp.ref("User", "ben"), {"mfa": True}),
}


def caller_of(authorization: str | None) -> Caller | None:
    """Return who sent this header; None for nobody who is known."""
    return _CALLERS.get(authorization or "")
