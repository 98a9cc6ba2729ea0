"""Values that come to the same: of these, one is enough, and none where that is what there is already.

An address is inside a range or it is not. Where a clause looks at nothing else that may still change, no more than that
can ever matter of it.
"""

from __future__ import annotations

from collections.abc import Callable

from pdp import terms
from pdp.flips.changes import Change, Fact, InContext, InSession, OfEntity
from pdp.flips.obstacles import Aim, Court, State, Target
from pdp.flips.profile import marks_of, touches
from pdp.flips.reading import Place, place_of
from pdp.operators import Found

_LOOKED_AT = frozenset(
    InSession(name)
    for name in (
        "actor",
        "authenticated_at",
        "device_id",
        "expires_at",
        "issued_at",
        "key_id",
        "session_id",
        "token_id",
    )
)
"""What of a session is looked at before any rule."""


class Sieve:
    """Lets one value of a fact pass of all that come to the same."""

    def __init__(
        self, court: Court, target: Target, state: State, fact: Fact, movable: Callable[[Place], bool]
    ) -> None:
        self._court, self._state = court, state
        self._clauses = self._only(target, fact, movable)
        self._seen = set() if self._clauses is None else {self._come_to(state)}

    def passes(self, change: Change) -> bool:
        """Tell whether a change comes to something else than all before it, and than what there is."""
        if self._clauses is None:
            return True
        found = self._come_to(self._court.with_change(self._state, change))
        if found in self._seen:
            return False
        self._seen.add(found)
        return True

    def _come_to(self, state: State) -> tuple[Found, ...]:
        return tuple(self._court.clause(rule, at, state) for rule, at in self._clauses or ())

    def _only(
        self, target: Target, fact: Fact, movable: Callable[[Place], bool]
    ) -> list[tuple[terms.Rule, int]] | None:
        """Return the clauses that alone make something of a fact; None where there may be more to it."""
        rule = target.rule
        if rule is None or fact in _LOOKED_AT or not isinstance(fact, InContext | InSession | OfEntity):
            return None
        marks = frozenset(marks_of(fact, absent=self._state.question.session is None))
        if touches(marks, self._court.profiles[rule].duties):
            return None
        found = []
        for each in (rule, *(self._court.forbids if target.aim is Aim.PERMIT else ())):
            profile = self._court.profiles[each]
            if touches(marks, profile.scope):
                return None
            found += [(each, at) for at, mine in enumerate(profile.clauses) if touches(marks, mine)]
        own = place_of(fact)
        for each, at in found:
            if any(place != own and movable(place) for place in self._court.places(each, at, self._state)):
                return None
        return found
