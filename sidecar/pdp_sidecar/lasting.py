"""How long an answer lasts, for whoever keeps it elsewhere."""

from __future__ import annotations

from typing import Final

from pdp.model import Decision, Reason
from pdp_sidecar.service import Service

FLEETING: Final = frozenset((Reason.INTERNAL_ERROR, Reason.SOURCE_FAILED, Reason.SOURCE_STALE))
"""Answers for one of these reasons are kept by nobody: what failed may go well another time, and nobody tells when."""


def lasts(service: Service, decision: Decision) -> int | None:
    """Return for how many microseconds from now on a decision lasts, None where no passing of time alone changes it.

    Of what a provider says, an engine is told of no change: its word counts as long as in an answer that is watched.
    """
    engine = service.engine
    until, lent = decision._until, engine._lent if engine._providers else None
    if until is None:
        return lent
    try:
        left = max(until - service.time(), 0)
    except Exception:
        # Without a clock nobody knows that it is not over.
        return 0
    return left if lent is None else min(left, lent)
