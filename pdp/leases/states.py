"""In what state a watched answer is, and what brings it from one into another."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pdp.model import Decision, Reason


class WatchState(StrEnum):
    """What a watched request is worth now. Nothing but `ALLOWED` lets anything go on.

    `SUSPENDED` is a deny that may be over, `ENDED` one that never is: whoever asked has to prove anew who they are.
    `STALE` and `FAILED` say that nobody can tell, since a source of facts is too old, or has failed.
    """

    ALLOWED = "allowed"
    SUSPENDED = "suspended"
    ENDED = "ended"
    STALE = "stale"
    FAILED = "failed"


_STATES: Final = {
    # What was revoked never comes back to a session that is there already: revocations only grow.
    Reason.PRINCIPAL_REVOKED: WatchState.ENDED,
    Reason.SESSION_REVOKED: WatchState.ENDED,
    Reason.SESSION_EXPIRED: WatchState.ENDED,
    # The session is as it was when the watch began, and so will stay.
    Reason.INVALID_SESSION: WatchState.ENDED,
    Reason.SOURCE_FAILED: WatchState.FAILED,
    Reason.SOURCE_STALE: WatchState.STALE,
    Reason.INTERNAL_ERROR: WatchState.FAILED,
}


def state_after(before: WatchState | None, decision: Decision) -> WatchState:
    """Return the state of a request that was in another, None at first, and is now decided so."""
    if before is WatchState.ENDED:
        return WatchState.ENDED
    if decision:
        return WatchState.ALLOWED
    return _STATES.get(decision.reason, WatchState.SUSPENDED)
