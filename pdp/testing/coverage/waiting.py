"""The rules whose scopes are still looked for: each is looked at where a question may show something of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pdp import terms
from pdp.evaluation import Scene, evaluate
from pdp.interpreter import Finding
from pdp.testing.coverage.plan import Hindrance, RulePlan
from pdp.testing.coverage.points import FAILED_HIDDEN, FAILS
from pdp.testing.coverage.scopes import Scopes
from pdp.values import EntityRef


class Waiting:
    """The rules of one action that wait for something to be seen of their scopes.

    Most rules are of other teams than whoever a test is about. Once it is known of a rule that there are some who are
    out of its scope, it waits for those who are in it, and is found by the entities that it names. Where a clause
    keeps that from being known, it waits for this clause too.
    """

    def __init__(self, rules: Iterable[RulePlan], seen: bytearray, wanted: bytes) -> None:
        self._rules, self._seen, self._wanted = list(rules), seen, wanted
        self._hindered: list[tuple[terms.Term, bool, RulePlan]] = []
        self._by_entity: dict[EntityRef, dict[str, RulePlan]] = {}

    def look(self, found: Mapping[str, Finding], scene: Scene) -> None:
        """Take note of what a question shows; `found` are the rules that it is in the scope of."""
        scopes = Scopes(scene)
        for each in self._named(scopes):
            self._look(each, found, scopes)
        free = {each.rule.id: each for term, truth, each in self._hindered if evaluate(term, scene) is not truth}
        if free:
            self._hindered = [each for each in self._hindered if each[2].rule.id not in free]
        rules, self._rules = [*self._rules, *free.values()], []
        for each in rules:
            self._wait(each, self._look(each, found, scopes))

    def _named(self, scopes: Scopes) -> Iterable[RulePlan]:
        """Return the rules that name an entity that a question is in, or may be in."""
        if scopes.doubtful:
            refs: Iterable[EntityRef] = self._by_entity
        else:
            refs = [ref for ref in scopes.up if ref in self._by_entity]
        return {name: each for ref in refs for name, each in self._by_entity[ref].items()}.values()

    def _look(self, each: RulePlan, found: Mapping[str, Finding], scopes: Scopes) -> Hindrance | None:
        finding = found.get(each.rule.id)
        if finding is None and not each.rule.clauses:
            self._seen[each.at] |= FAILS
        return scopes.look(each, finding, self._seen)

    def _wait(self, each: RulePlan, hindrance: Hindrance | None) -> None:
        """Let a rule wait for what was not seen of it yet, if anything."""
        seen, wanted = self._seen, self._wanted
        missing = [at for at in each.open_scopes if wanted[at] & ~seen[at]]
        failing = [seen[at] for at in missing if wanted[at] & ~seen[at] & FAILS]
        if not failing:
            # Whoever is out of its scope shows nothing more.
            self._name(each, missing)
        elif hindrance is not None and all(marks & FAILED_HIDDEN for marks in failing):
            self._name(each, missing)
            self._hindered.append((*hindrance, each))
        else:
            self._rules.append(each)

    def _name(self, each: RulePlan, missing: list[int]) -> None:
        for item in each.items():
            if item.at in missing:
                for ref in item.within or ():
                    self._by_entity.setdefault(ref, {})[each.rule.id] = each
