"""Why a decision came out as it did, and what it would take for it to be another one."""

from pdp.trace.told import (
    ApprovalTrace,
    ChangeTrace,
    ClauseTrace,
    Flips,
    RuleTrace,
    Seen,
    SideTrace,
    Trace,
)

__all__ = ["ApprovalTrace", "ChangeTrace", "ClauseTrace", "Flips", "RuleTrace", "Seen", "SideTrace", "Trace"]
