"""A policy and a mutant of it side by side: how they answer in one world, and how far it is to where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdp import terms
from pdp.classes import replace
from pdp.evaluation import Scene
from pdp.interpreter import Finding, Judgement, before_rules, conclude, look_at
from pdp.model import Effect, Outcome, Reason
from pdp.operators import ordered
from pdp.schema import Schema
from pdp.terms import ClauseKind, Term
from pdp.testing.mutation.mutants import Mutant
from pdp.testing.mutation.trees import with_children
from pdp.testing.mutation.worlds import World
from pdp.testing.runner import determining, differences
from pdp.values import Datetime
from pdp.zones import read

FAR: Final = 9
"""How far it is where no rule is asked at all."""

_ALL: Final = (terms.Scope(),)
_ALIKE: Final = 2
"""So much farther it is where each clause comes to the same: other facts than that have to change first."""

_BY_RULES: Final = (Reason.PERMITTED, Reason.FORBIDDEN, Reason.DEFAULT)


class Pair:
    """Judges worlds by a policy and by a mutant. `rules` are those of the policy, without grants.

    Unless all is compared, it is no difference how long an answer holds, which takes long to find, and which rules err.
    """

    def __init__(self, schema: Schema, rules: Sequence[terms.Rule], mutant: Mutant, *, everything: bool) -> None:
        self.schema, self.mutant, self.everything = schema, mutant, everything
        self._rules = rules
        self._settled: dict[tuple[int, int], tuple[terms.Rule, terms.Rule]] = {}

    def judge(self, world: World) -> tuple[Judgement, Judgement]:
        """Return the answer of the policy, and of the mutant."""
        scene = world.scene(self.schema)
        rules = sorted((*self._rules, *world.grants), key=lambda rule: rule.id)
        rules = [rule for rule in rules if world.action in rule.actions | self.mutant.changed(rule).actions]
        found = [(self._look(rule, scene), self._look(self.mutant.changed(rule), scene)) for rule in rules]
        old, new = (
            ([each for each in pair if each is not None] for pair in zip(*found, strict=True)) if found else ([], [])
        )
        return conclude(old, scene), conclude(new, scene)

    def distance(self, world: World) -> int:
        """Return how many things stand in the way of a difference, at least; 0 where there is one."""
        scene = world.scene(self.schema)
        if before_rules(self.schema, scene.question, scene.facts) is not None:
            return FAR
        pairs = [
            (self._look(rule, scene), self._look(self.mutant.changed(rule), scene)) for rule in self.changed(world)
        ]
        within = [_gates(finding) for pair in pairs for finding in pair if finding is not None]
        gates = min(within or (self._outside(rule, scene) for rule in self.changed(world)), default=FAR)
        alike = all(_truths(old) == _truths(new) for old, new in pairs)
        if gates and all(_status(old) == _status(new) for old, new in pairs):
            return 1 + gates + _ALIKE * alike
        old, new = self.judge(world)
        if any(differences(self._exact(old, world), new)):
            return 0
        masks = sum(finding.denies for finding in old.findings if finding.rule is not self.mutant.before)
        return 1 + masks + _ALIKE * alike

    def changed(self, world: World) -> list[terms.Rule]:
        """Return the rules that are others in the mutant."""
        own = [] if self.mutant.before is None else [self.mutant.before]
        return [*own, *(grant for grant in world.grants if grant.role in self.mutant.roles)]

    def concerned(self, world: World) -> list[terms.Rule]:
        """Return the rules whose conditions are worth looking at: those that differ, and the forbids in their way."""
        own = self.changed(world)
        scene = world.scene(self.schema)
        others = [rule for rule in self._rules if rule is not self.mutant.before and world.action in rule.actions]
        found = [(rule, self._look(rule, scene)) for rule in others]
        denying = [rule for rule, finding in found if finding is not None and finding.denies]
        return [*own, *map(self.mutant.changed, own), *denying]

    def worth(self, world: World) -> int:
        """Return how little a difference says: nothing is clearer than another answer."""
        old, new = self.judge(world)
        if old.outcome is not new.outcome:
            return 0
        return 1 if determining(old) != determining(new) else 2

    def expected(self, world: World) -> terms.Expectation:
        """Return what to expect of the policy in a world: so much of it as the mutant does not fulfil."""
        old, new = self.judge(world)
        whole = self._exact(old, world)
        plain = replace(whole, erring=None, needs=None, obligations=None, until=None, standing=False)
        if any(differences(plain, new)):
            return plain
        for name in ("obligations", "needs", "erring"):
            found = replace(plain, **{name: getattr(whole, name)})
            if any(differences(found, new)):
                return found
        return replace(plain, until=whole.until, standing=whole.standing)

    def _outside(self, rule: terms.Rule, scene: Scene) -> int:
        """Return how much keeps a rule from applying that nobody asks in the scope of: sides of that, and clauses."""
        actor = scene.question.actor
        via = rule.via if rule.effect is Effect.FORBID else None if actor is None else _ALL
        asked = replace(_settled(rule, scene.question.now), actions=frozenset({scene.question.action}), via=via)
        sides = replace(asked, principals=_ALL), replace(asked, resources=_ALL)
        misses = sum(look_at(side, scene) is None for side in sides)
        found = look_at(replace(asked, principals=_ALL, resources=_ALL), scene)
        return max(misses, 1) + (FAR if found is None else _gates(found))

    def _look(self, rule: terms.Rule, scene: Scene) -> Finding | None:
        if self.everything:
            return look_at(rule, scene)
        # When a calendar turns next takes long to find.
        now = scene.question.now
        if (id(rule), now) not in self._settled:
            # The rule is kept with what became of it: another one could come to have its number.
            self._settled[id(rule), now] = rule, _settled(rule, now)
        found = look_at(self._settled[id(rule), now][1], scene)
        return None if found is None else replace(found, rule=rule)

    def _exact(self, judgement: Judgement, world: World) -> terms.Expectation:
        found = exact(judgement, world)
        return found if self.everything else replace(found, erring=None, until=None, standing=False)


def exact(judgement: Judgement, world: World) -> terms.Expectation:
    """Return all that can be expected of an answer."""
    by_rules = judgement.reason in _BY_RULES
    until = None if judgement.valid_until is None else Datetime(judgement.valid_until)
    return terms.Expectation(
        at=world.now,
        allow=judgement.outcome is Outcome.ALLOW,
        principal=world.principal,
        action=world.action,
        resource=world.resource,
        context=world.context,
        session=world.session,
        rules=determining(judgement) if by_rules else None,
        erring=frozenset(finding.rule.id for finding in judgement.erring) if by_rules else None,
        needs=tuple(sorted({text for remedy in judgement.remedies for text in remedy.texts})),
        obligations=frozenset(duty.name for duty in judgement.duties),
        until=until,
        standing=until is None,
    )


def _settled(rule: terms.Rule, now: int) -> terms.Rule:
    clauses = tuple(replace(clause, condition=_at(clause.condition, now)) for clause in rule.clauses)
    return replace(rule, clauses=clauses)


def _at(term: Term, now: int) -> Term:
    """Return a term with what the calendar says now."""
    if isinstance(term, terms.CalendarTest):
        value = read(now, term.zone, term.field)
        truth = value in term.values if term.op is None else ordered(term.op, value, term.values[0])
        return terms.Constant(value=truth)
    below = terms.children(term)
    return with_children(term, [_at(child, now) for child in below])


def _gates(finding: Finding) -> int:
    """Return how many clauses keep a rule from applying."""
    return sum(found is not (clause.kind is not ClauseKind.UNLESS) for clause, found in finding.clauses)


def _truths(finding: Finding | None) -> list[object] | None:
    """Return what the clauses of a rule come to; one that holds is as good as none."""
    if finding is None:
        return None
    return [found for clause, found in finding.clauses if found is not (clause.kind is not ClauseKind.UNLESS)]


def _status(finding: Finding | None) -> tuple[bool, ...]:
    return (False,) * 3 if finding is None else (finding.applies, finding.denies, finding.errs)
