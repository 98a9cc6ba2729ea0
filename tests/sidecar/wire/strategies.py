"""Values, requests and decisions of every kind that there is on the wire."""

from __future__ import annotations

import datetime as _datetime
from typing import Any

from hypothesis import strategies as st

import pdp
from pdp.model import ApprovalsMissing, Decision, Lift, Membership, Need, Obligation, Outcome, Reason, Remedy
from pdp.values import DATETIME_MAX, DATETIME_MIN, INT_MAX, INT_MIN, Datetime, Duration

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = st.sampled_from(["a", "b", "note", "score", "mfa", ""]) | TEXTS
LONGEST = 315_576_000_000_000_000
REFS = st.builds(pdp.EntityRef, TEXTS, TEXTS)
DATETIMES = st.builds(Datetime, st.integers(DATETIME_MIN, DATETIME_MAX))
DURATIONS = st.builds(Duration, st.integers(-LONGEST, LONGEST))
# What is the same for Python comes side by side.
ALIKE = st.sampled_from([0, False, 0.0, -0.0, "", "0", 1, True, 1.0, "1", 2**53 + 1, float(2**53), INT_MAX, INT_MIN])
SCALARS = ALIKE | st.integers(INT_MIN, INT_MAX) | st.floats(allow_nan=False) | TEXTS | REFS | DATETIMES | DURATIONS
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.dictionaries(NAMES, VALUES, max_size=4)
MOMENTS = st.datetimes(timezones=st.just(_datetime.UTC))
MEMBERSHIPS = REFS | st.builds(Membership, REFS, DATETIMES)
ENTITIES = st.builds(pdp.Entity, TEXTS, TEXTS, RECORDS, st.lists(MEMBERSHIPS, max_size=3).map(tuple))
REQUESTS = st.builds(
    pdp.Request,
    REFS | ENTITIES,
    TEXTS,
    REFS | ENTITIES,
    st.none() | RECORDS,
    st.none() | RECORDS,
    st.none() | MOMENTS,
    st.lists(ENTITIES, max_size=2).map(tuple),
)

SEVERAL = st.lists(TEXTS, max_size=3).map(tuple)
COUNTS = st.integers(0, 2**32 - 1)
APPROVALS = st.builds(
    ApprovalsMissing, COUNTS, COUNTS, SEVERAL, DURATIONS, VALUES.filter(lambda value: value is not None)
)
NEEDS = st.builds(Need, TEXTS, TEXTS, st.none() | APPROVALS)
NEEDED = st.lists(NEEDS, max_size=2).map(tuple)
REMEDIES = st.builds(Remedy, TEXTS, NEEDED, st.lists(st.builds(Lift, TEXTS, NEEDED), max_size=2).map(tuple))
OBLIGATIONS = st.builds(Obligation, TEXTS, RECORDS, SEVERAL)


def _decisions(
    outcome: Outcome, reasons: list[Reason], unhandled: st.SearchStrategy[Any]
) -> st.SearchStrategy[Decision]:
    return st.builds(
        Decision,
        outcome=st.just(outcome),
        reason=st.sampled_from(reasons),
        determining_rules=SEVERAL,
        erring_rules=SEVERAL,
        obligations=st.lists(OBLIGATIONS, max_size=2).map(tuple),
        remedies=st.lists(REMEDIES, max_size=2).map(tuple),
        valid_until=st.none() | MOMENTS,
        revision=TEXTS,
        facts_revision=TEXTS,
        detail=TEXTS,
        unhandled=unhandled,
    )


DENIES = _decisions(Outcome.DENY, [each for each in Reason if each is not Reason.PERMITTED], st.just(()))
ALLOWS = _decisions(Outcome.ALLOW, [Reason.PERMITTED], SEVERAL)
DECISIONS = DENIES | ALLOWS


def typed(value: Any) -> Any:
    """Return a value such that two of them are equal only where they are of one kind throughout."""
    if isinstance(value, dict):
        return dict, frozenset((name, typed(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return list, tuple(map(typed, value))
    if isinstance(value, float):
        return float, value.hex()
    return type(value), value
