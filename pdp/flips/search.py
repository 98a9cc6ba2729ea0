"""The search for the smallest change of facts that turns a decision around.

It deepens: one fact, then two, and so on. At each step one thing stands in the way, such as a clause that fails or a
forbid that denies. What that comes to depends on nothing but the facts that were looked at, so one of these has to be
another, and each of them is tried with each value that is worth trying. Of as many changes, first those are tried that
a caller can make alone, then those that take an approver, an administrator, and at last those that nobody can make.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from pdp import terms
from pdp.classes import dataclass
from pdp.evaluation import Question, Scene
from pdp.flips.candidates import changes_of
from pdp.flips.changes import (
    Change,
    Fact,
    InSession,
    OnRecord,
    Time,
)
from pdp.flips.known import Known
from pdp.flips.obstacles import SESSION, Aim, Court, Obstacle, State, Target
from pdp.flips.profile import ADMINISTRATOR, APPROVER, rank_of
from pdp.flips.prospects import prospects
from pdp.flips.reading import Approvals, Parents, Place, place_of
from pdp.flips.sieve import Sieve
from pdp.flips.wishes import Wishes
from pdp.interpreter import Judgement, judge
from pdp.model import Outcome
from pdp.ports import Facts
from pdp.values import EntityRef

MOST: Final = 4
"""So many facts are changed at once at the most."""

BUDGET: Final = 20_000
"""So many things are looked at before the search gives up."""

FEW: Final = 200
"""Up to so many rules, all of them are judged anew; of more, those that name anything that changed."""

Quota: TypeAlias = tuple[int, ...]
"""How many changes are still to be made: in the context, in the session, by approvers, by administrators, by nobody."""


def quotas(count: int, kinds: int = 5) -> Iterator[Quota]:
    """Yield whose so many changes may be, the best first.

    >>> list(quotas(1, 3)), len(list(quotas(3)))
    ([(1, 0, 0), (0, 1, 0), (0, 0, 1)], 35)
    """
    if kinds == 1:
        yield (count,)
        return
    for last in range(count + 1):
        yield from ((*rest, last) for rest in quotas(count - last, kinds - 1))


@dataclass(frozen=True, slots=True)
class Flip:
    """Facts that turn a decision around, once they are as they are here, and what comes about by that."""

    changes: tuple[Change, ...]
    target: Target
    size: int
    administrator: bool
    """Whether an administrator has to change something."""

    @property
    def surest(self) -> bool:
        """Whether nothing could be less: it is one fact."""
        return self.size == 1


class Search:
    """Searches for flips of one judgement."""

    def __init__(
        self,
        policy: terms.Policy,
        question: Question,
        facts: Facts,
        judgement: Judgement,
        known: Known,
        *,
        most: int = MOST,
        budget: int = BUDGET,
        brought: frozenset[EntityRef] = frozenset(),
    ) -> None:
        self._court = Court(policy, question, facts, judgement, budget, brought)
        self._known, self._most = known, most
        self._wanted = Outcome.DENY if judgement.outcome is Outcome.ALLOW else Outcome.ALLOW
        self.prospects = prospects(self._court, allowed=self._wanted is Outcome.DENY)
        self._relevant: dict[str, terms.Rule] = {}
        self._visited: set[tuple[object, ...]] = set()

    def find(self, *, least: int = 1, administrator: bool = True) -> Flip | None:
        """Return the smallest flip of at least so many facts; None where there is none. Raise Spent at the budget.

        Without `administrator`, none that takes one.
        """
        for count in range(least, self._most + 1):
            allowed = [quota for quota in quotas(count) if administrator or not quota[ADMINISTRATOR]]
            # That nobody is asked at all, since the session does not count, says least about the rules.
            for last in (False, True):
                for quota in allowed:
                    for target in self.prospects.within(quota):
                        late = target.aim is Aim.REFUSAL
                        found = self._reach(target, quota) if late is last else None
                        if found is not None:
                            return found
        return None

    @property
    def unsure(self) -> bool:
        """Whether anything was looked at of which nobody can tell what it is."""
        return self._court.unsure

    def nearest(self, found: Flip | None) -> terms.Rule | None:
        """Return the rule that a flip is for, or else the one that the least stands in the way of."""
        if found is not None and found.target.rule is not None:
            return found.target.rule
        return self.prospects.nearest

    def allow(self, more: int) -> None:
        """Let so much more be looked at."""
        self._court.budget = self._court.spent + more

    def _reach(self, target: Target, quota: Quota) -> Flip | None:
        """Return a flip that brings a target about with changes by whom a quota says."""
        while True:
            before = len(self._relevant)
            self._visited.clear()
            state = self._deepen(target, self._court.base, quota)
            if state is not None and self._holds(state, target):
                least = self._least(state, target) if len(state.assigned) > sum(quota) else state
                ranks = {self._rank(change.fact) for change in least.changes}
                return Flip(least.changes, target, sum(quota), ADMINISTRATOR in ranks)
            if len(self._relevant) == before:
                return None
            # A rule got in the way that was not thought of: what it wishes for is tried now as well.

    def _least(self, state: State, target: Target) -> State:
        """Return a state without what it takes not: of a session that is brought, not all that was tried may matter."""
        for left_out in state.assigned:
            rest = [change for change in state.changes if change.fact != left_out]
            if not isinstance(left_out, OnRecord) and len(rest) < len(state.assigned):
                less = self._court.base
                for change in rest:
                    less = self._court.with_change(less, change)
                if self._court.stands(less) and self._holds(less, target):
                    state = less
        return state

    def _holds(self, state: State, target: Target) -> bool:
        """Judge anew: what does not turn the decision around is never shown."""
        court = self._court
        if court.size <= FEW:
            return judge(court.policy, state.question, state.facts).outcome is self._wanted
        return court.outcome(state, target) is self._wanted

    # ---------------------------------------------------------------------------------------------------- deepening

    def _deepen(self, target: Target, state: State, quota: Quota) -> State | None:
        key = (*state.assigned.items(),)
        if (frozenset(key), quota) in self._visited:
            return None
        self._visited.add((frozenset(key), quota))
        open_ = self._open(state)
        found = self._standing(target, state, quota, open_)
        if found is None:
            return None
        if not found:
            return state if not sum(quota) else None
        for change, left in self._branches(target, state, quota, found, open_):
            reached = self._deepen(target, self._court.with_change(state, change), left)
            if reached is not None:
                return reached
        return None

    def _open(self, state: State) -> frozenset[Place]:
        """Return the facts of which more may be said at no cost: a session or an entity that is brought."""
        groups = {self._court.group(place_of(fact)) for fact in state.assigned}
        return frozenset(each for each in groups if each == SESSION or isinstance(each, OnRecord))

    def _standing(self, target: Target, state: State, quota: Quota, open_: frozenset[Place]) -> list[Obstacle] | None:
        """Return what stands in the way, or None where so few changes cannot remove it all."""
        court, left, apart = self._court, sum(quota), 0
        found: list[Obstacle] = []
        used: set[Place] = set()
        for each in court.obstacles(target, state):
            found.append(each)
            if each.rule is not None and each.rule is not target.rule:
                self._relevant.setdefault(each.rule.id, each.rule)
            groups = {court.group(place) for place in each.places}
            if groups.isdisjoint(open_) and not any(quota[self._rank(place)] for place in each.places):
                # Whoever could remove it has no change left.
                return None
            # Two that have no fact in common take two changes.
            if groups.isdisjoint(used) and groups.isdisjoint(open_):
                apart += max(each.approvals, 1)
                used |= groups
            if apart > left or each.approvals > quota[APPROVER]:
                return None
        return found

    def _branches(
        self, target: Target, state: State, quota: Quota, found: list[Obstacle], open_: frozenset[Place]
    ) -> Iterator[tuple[Change, Quota]]:
        """Yield the changes that may remove one of the things that stand in the way."""
        court = self._court
        groups = [{court.group(place) for place in each.places} for each in found]
        at = min(range(len(found)), key=lambda index: (len(found[index].places), index))
        common = set(groups[at])
        if sum(quota) <= 1 and not open_:
            # The last change has to remove all of them.
            common = set.intersection(*groups)
        scene = court.scene(state)
        wishes = self._wishes(target, scene)
        for fact in self._ordered(found[at].places, wishes.facts):
            group = court.group(place_of(fact))
            if fact in state.assigned or group not in common:
                continue
            left = quota if group in open_ else _less(quota, self._rank(fact))
            if left is None:
                continue
            sieve = Sieve(court, target, state, fact, partial(self._movable, left, open_))
            for change in changes_of(fact, wishes, scene, court.schema, self._known):
                if sieve.passes(change):
                    yield change, left

    def _movable(self, left: Quota, open_: frozenset[Place], place: Place) -> bool:
        """Tell whether what stands at a place may still change."""
        return left[self._rank(place)] > 0 or self._court.group(place) in open_

    def _ordered(self, places: frozenset[Place], wished: Iterable[Fact]) -> Sequence[Fact]:
        """Return the facts that make a difference at some places, those first that a caller can supply."""
        found = {fact for fact in wished if place_of(fact) in places}
        found |= {place for place in places if not isinstance(place, Parents | Approvals | Time) and place != SESSION}
        # To act for somebody else is the last thing to try.
        return sorted(
            found, key=lambda fact: (self._rank(fact), fact == InSession("actor"), type(fact).__name__, repr(fact))
        )

    def _rank(self, place: Fact | Place) -> int:
        """Return where in a quota it counts that something stands at a place."""
        return rank_of(place, self._court.brought)

    def _wishes(self, target: Target, scene: Scene) -> Wishes:
        wishes = Wishes(scene, self._court.schema, self._known)
        wishes.before_rules()
        for rule in (*([] if target.rule is None else [target.rule]), *self._relevant.values()):
            wishes.rule(rule)
        return wishes


def _less(quota: Quota, at: int) -> Quota | None:
    if not quota[at]:
        return None
    return *quota[:at], quota[at] - 1, *quota[at + 1 :]
