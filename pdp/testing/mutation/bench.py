"""Asks the cases of a suite of its mutants: of a case, only what a mutant changes is looked at again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pdp import terms
from pdp.evaluation import Scene
from pdp.interpreter import Finding, Judgement, before_rules, conclude, look_at
from pdp.testing.mutation.mutants import Mutant
from pdp.testing.runner import Case, Runner, cases, differences, question_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A case that comes out as expected, and what became of each rule there. `granted` are the grants of its world."""

    case: Case
    scene: Scene
    findings: tuple[Finding, ...]
    granted: tuple[terms.Rule, ...]

    def judge(self, mutant: Mutant) -> Judgement:
        """Return the answer of a mutant."""
        before = [rule for rule in self.granted if rule.role in mutant.roles]
        before += [] if mutant.before is None else [mutant.before]
        kept = [finding for finding in self.findings if not any(finding.rule is rule for rule in before)]
        found = [look_at(mutant.changed(rule), self.scene) for rule in before]
        kept += [finding for finding in found if finding is not None]
        return conclude(sorted(kept, key=lambda finding: finding.rule.id), self.scene)

    def kills(self, mutant: Mutant) -> bool:
        """Tell whether the answer of a mutant is not what is expected."""
        return any(differences(self.case.expectation, self.judge(mutant)))


class Bench:
    """Has judged the cases of some tests once, and judges mutants by them."""

    def __init__(self, runner: Runner, tests: Iterable[terms.Test]) -> None:
        self._trials: dict[str, list[Trial]] = {}
        for case in cases(tests):
            trial = _trial(runner, case)
            if trial is not None:
                self._trials.setdefault(case.expectation.action, []).append(trial)

    def killers(self, mutant: Mutant) -> Iterator[Case]:
        """Yield the cases that a mutant fails, by their actions. A case that fails without it says nothing."""
        for action in sorted(mutant.actions):
            yield from (trial.case for trial in self._trials.get(action, ()) if trial.kills(mutant))

    def kills(self, mutant: Mutant) -> bool:
        """Tell whether any case fails for a mutant."""
        return next(self.killers(mutant), None) is not None


def _trial(runner: Runner, case: Case) -> Trial | None:
    policy, facts = runner.world(case)
    scene = Scene(question_of(case, policy.schema), facts)
    # What is refused before any rule is looked at stays refused, whatever the rules say.
    if before_rules(policy.schema, scene.question, facts) is not None:
        return None
    rules = policy.by_action.get(case.expectation.action, ())
    findings = tuple(finding for rule in rules if (finding := look_at(rule, scene)) is not None)
    if any(differences(case.expectation, conclude(findings, scene))):
        return None
    granted = tuple(rule for rule in policy.rules if rule.role is not None)
    return Trial(case=case, scene=scene, findings=findings, granted=granted)
