"""How long an answer lasts, for whoever keeps it elsewhere."""

from __future__ import annotations

from pdp.engine import Engine
from pdp.model import Decision, Reason

FLEETING = frozenset((Reason.INTERNAL_ERROR, Reason.SOURCE_FAILED, Reason.SOURCE_STALE))
"""Answers for one of these reasons are kept by nobody: what failed may go well another time, and nobody tells when."""


def lasts(engine: Engine, decision: Decision) -> int | None:
    """Return for how many microseconds from now on a decision lasts, None where no passing of time alone changes it.

    Of what a provider says an engine is told no change: its word counts for as long as in an answer that is watched.
    """
    until = decision._until
    lent = engine._lent if engine._providers else None
    if until is None:
        return lent
    try:
        left = max(until - engine._answers.now(), 0)
    except Exception:
        # Without a clock nobody knows that it is not over.
        return 0
    return left if lent is None else min(left, lent)
