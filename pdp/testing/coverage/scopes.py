"""Who is in the scopes of a rule, and who is not, where that makes a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pdp.evaluation import NEVER, Question, Scene, membership
from pdp.interpreter import Finding
from pdp.model import Effect
from pdp.operators import Truth
from pdp.testing.coverage.parts import bit
from pdp.testing.coverage.places import PRINCIPALS, RESOURCES, VIA
from pdp.testing.coverage.plan import Item, RulePlan
from pdp.values import UNKNOWN, EntityRef


class Asked(NamedTuple):
    """An entity that is asked about: what it is in, itself too, and whether it may be in more."""

    ref: EntityRef
    up: Mapping[EntityRef, int]
    doubtful: bool


class Side(NamedTuple):
    """One side of a rule: each scope with whether it holds, as far as the question is of its types."""

    items: Sequence[tuple[Item, Truth | None]]
    holding: int


class Scopes:
    """The scopes of rules, for one question."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        question = scene.question
        principal, resource = self._asked(question.principal), self._asked(question.resource)
        actor = () if question.actor is None else (self._asked(question.actor),)
        self._permit = {PRINCIPALS: (principal,), RESOURCES: (resource,), VIA: actor}
        # A forbid holds for whoever acts as well.
        self._forbid = {PRINCIPALS: (principal, *actor), RESOURCES: (resource,)}

    def _asked(self, ref: EntityRef) -> Asked:
        membership(ref, (ref,), self._scene)
        up, doubt = self._scene.closures[ref]
        return Asked(ref, up, doubt > NEVER)

    def look(self, found: RulePlan, finding: Finding | None, seen: bytearray) -> None:
        """Take note of the scopes of a rule; `finding` is None where the question is out of its scope."""
        if not _decided(found, self._scene.question):
            return
        asked = self._forbid if found.rule.effect is Effect.FORBID else self._permit
        sides = [_side(items, asked[side]) for side, items in found.groups.items()]
        closed = sum(not side.holding for side in sides)
        news = False
        for side in sides:
            # Where another side does not hold either, this one changes nothing.
            others = closed == (not side.holding)
            news = _note(side, others, seen, sure=False) or news
        # Whether a clause stands in the way is found out only where something is to be learnt of it.
        if news and not found.hindrances(found.clauses_of(self._scene) if finding is None else finding.clauses):
            for side in sides:
                _note(side, closed == (not side.holding), seen, sure=True)


def _decided(found: RulePlan, question: Question) -> bool:
    """Tell whether scopes decide on a rule: a permit holds for who is acted for where it says so, and only then."""
    return found.rule.effect is Effect.FORBID or (question.actor is None) == (found.rule.via is None)


def _side(items: Sequence[Item], asked: Sequence[Asked]) -> Side:
    looked = [(item, _holds(item, asked)) for item in items]
    return Side(looked, sum(truth is True for _, truth in looked))


def _holds(item: Item, asked: Sequence[Asked]) -> Truth | None:
    """Tell whether a scope holds; None where all that is asked about is of other types: that shows nothing of it."""
    found: Truth | None = None
    for ref, up, doubtful in asked:
        if item.types is not None and ref.type not in item.types:
            continue
        if item.within is None or not item.within.isdisjoint(up):
            return True
        found = UNKNOWN if doubtful or found is UNKNOWN else False
    return found


def _note(side: Side, matters: bool, seen: bytearray, *, sure: bool) -> bool:
    """Take note of the scopes of a side; tell whether there would be more to note if it were `sure` that it matters."""
    news = False
    for item, truth in side.items:
        if item.at is None or truth is None:
            continue
        counts = matters and side.holding == (truth is True)
        seen[item.at] |= bit(truth, counts and sure)
        news = news or (counts and not sure and not seen[item.at] & bit(truth, True))
    return news
