"""Who is in the scopes of a rule, and who is not, where that makes a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pdp.evaluation import NEVER, Scene, closure
from pdp.interpreter import Finding
from pdp.model import Effect
from pdp.operators import Truth
from pdp.testing.coverage.parts import bit
from pdp.testing.coverage.places import PRINCIPALS, RESOURCES, VIA
from pdp.testing.coverage.plan import Hindrance, Item, RulePlan
from pdp.values import UNKNOWN, EntityRef

_FORBID: Final = Effect.FORBID


class Asked(NamedTuple):
    """An entity that is asked about: what it is in, itself too, and whether it may be in more."""

    ref: EntityRef
    up: Mapping[EntityRef, int]
    doubtful: bool


class Scopes:
    """The scopes of rules, for one question."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        question = scene.question
        principal, resource = self._asked(question.principal), self._asked(question.resource)
        self._acted = question.actor is not None
        actor = () if question.actor is None else (self._asked(question.actor),)
        self.up = {ref for each in (principal, resource, *actor) for ref in each.up}
        """All that those are in who are asked about, themselves too."""
        self.doubtful = any(each.doubtful for each in (principal, resource, *actor))
        """Whether they may be in more."""
        self._permit = {PRINCIPALS: (principal,), RESOURCES: (resource,), VIA: actor}
        # A forbid holds for whoever acts as well.
        self._forbid = {PRINCIPALS: (principal, *actor), RESOURCES: (resource,)}

    def _asked(self, ref: EntityRef) -> Asked:
        up, doubt = closure(ref, self._scene)
        return Asked(ref, up, doubt > NEVER)

    def look(self, found: RulePlan, finding: Finding | None, seen: bytearray) -> Hindrance | None:
        """Take note of the scopes of a rule; `finding` is None where the question is out of its scope.

        Return what kept that from showing anything, where it was a clause.
        """
        forbid = found.rule.effect is _FORBID
        # Scopes decide on a permit for whoever is acted for where it says so, and only there.
        if not forbid and self._acted != (found.rule.via is not None):
            return None
        asked = self._forbid if forbid else self._permit
        sides = [(items, [_holds(item, asked[side]) for item in items]) for side, items in found.groups.items()]
        holding = [truths.count(True) for _, truths in sides]
        closed = holding.count(0)
        news = False
        for (items, truths), held in zip(sides, holding, strict=True):
            # Where another side does not hold either, this one changes nothing.
            others = closed == (not held)
            news = _note(items, truths, held if others else None, seen) or news
        # Whether a clause stands in the way is found out only where something is to be learnt of it.
        if not news or (finding is not None and found.hindrances(finding.clauses)):
            return None
        hindrance = found.hindrance(self._scene) if finding is None else None
        if hindrance is None:
            for (items, truths), held in zip(sides, holding, strict=True):
                if closed == (not held):
                    _count(items, truths, held, seen)
        return hindrance


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


def _note(items: Sequence[Item], truths: Sequence[Truth | None], held: int | None, seen: bytearray) -> bool:
    """Take note of the scopes of a side as if they made no difference; tell whether there is more to learn if they do.

    `held` is how many of them hold, or None where they make none for sure.
    """
    news = False
    for item, truth in zip(items, truths, strict=True):
        if item.at is not None and truth is not None:
            seen[item.at] |= bit(truth, False)
            news = news or (held == (truth is True) and not seen[item.at] & bit(truth, True))
    return news


def _count(items: Sequence[Item], truths: Sequence[Truth | None], held: int, seen: bytearray) -> None:
    """Take note of the scopes of a side that make a difference: another one that holds would settle it."""
    for item, truth in zip(items, truths, strict=True):
        if item.at is not None and truth is not None and held == (truth is True):
            seen[item.at] |= bit(truth, True)
