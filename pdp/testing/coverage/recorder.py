"""Takes note, case by case, of what the tests of a policy show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pdp import terms
from pdp.classes import dataclass
from pdp.evaluation import Question, Scene, holds
from pdp.interpreter import Finding
from pdp.model import Effect, Reason
from pdp.operators import Truth
from pdp.ports import Facts
from pdp.testing.coverage import parts, plan
from pdp.testing.coverage.places import RESOURCES, VIA
from pdp.testing.coverage.plan import Item, RulePlan
from pdp.testing.coverage.points import FAILS, HOLDS, UNKNOWN
from pdp.testing.coverage.report import Report
from pdp.testing.runner import Result, Runner, question_of
from pdp.values import EntityRef

_BY_RULES: Final = frozenset({Reason.PERMITTED, Reason.FORBIDDEN, Reason.DEFAULT})
"""Any other answer came before a rule was looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of each point of a policy: plain data, for another process to send."""

    revision: str
    marks: bytes


class Coverage:
    """What tests show of a policy. `grants` says that tests are beside the folder, so that they can reach its grants.

    >>> from pdp.folder import load_sources
    >>> from pdp.source import Source
    >>> text = '''
    ... type User { admin: Bool }
    ... type Page
    ... action read on Page by User
    ... rule admins:
    ...   permit User to read on Page
    ...   when principal.admin
    ... test "ada reads":
    ...   given User "ada" { admin: true }
    ...   expect allow User "ada" to read on Page "home"
    ... '''
    >>> policy = load_sources([Source("wiki.pdp", text)]).policy
    >>> coverage = Coverage(policy)
    >>> results = list(coverage.watch(Runner(policy), policy.tests))
    >>> coverage.report().percent
    '50.0'
    >>> for mark in coverage.report().marks:
    ...     print(mark.point.line, mark.point.text, "|", mark.remark)
    5 admins | never seen not to apply
    7 when principal.admin | never false
    """

    def __init__(self, policy: terms.Policy, *, grants: bool = False) -> None:
        self._revision = policy.revision
        self._plan = plan.make(policy, grants=grants)
        self._seen = bytearray(len(self._plan.points))
        self._wanted = bytes(point.wanted for point in self._plan.points)

    def watch(self, runner: Runner, tests: Iterable[terms.Test]) -> Iterator[Result]:
        """Run tests, and take note of each case on its way."""
        for result in runner.run(tests):
            _, facts = runner.world(result.case)
            self.add(result, facts)
            yield result

    def add(self, result: Result, facts: Facts) -> None:
        """Take note of a case; `facts` are those that it was answered from."""
        judgement = result.judgement
        if judgement.reason not in _BY_RULES:
            return
        question = question_of(result.case)
        scene = Scene(question, facts)
        found: dict[str, Finding] = {}
        for finding in judgement.findings:
            rule = finding.rule
            if rule.role is not None:
                self._grant(finding, question.action)
                continue
            found[rule.id] = finding
            self._rule(self._plan.rules[rule.id], finding, scene)
        for each in self._plan.by_action.get(question.action, ()):
            if each.open_scopes:
                self._scopes(each, found.get(each.rule.id), scene)

    @property
    def seen(self) -> Seen:
        """What was seen so far."""
        return Seen(self._revision, bytes(self._seen))

    def merge(self, other: Coverage | Seen) -> None:
        """Add what was seen elsewhere of the same policy. Raise ValueError where it is another one."""
        seen = other.seen if isinstance(other, Coverage) else other
        if seen.revision != self._revision or len(seen.marks) != len(self._seen):
            raise ValueError("what was seen is of another policy")
        for at, marks in enumerate(seen.marks):
            self._seen[at] |= marks

    def report(self) -> Report:
        """Say what has been seen, and what has not."""
        return Report.of(self._plan, self._seen)

    # ---------------------------------------------------------------------------------------------- rules in scope

    def _grant(self, finding: Finding, action: str) -> None:
        if not finding.applies:
            return
        at = self._plan.roles.get((finding.rule.role or "", action))
        if at is not None:
            self._seen[at] |= HOLDS
        grant, at = self._plan.grants.get(finding.rule.id, (None, 0))
        # A grant of the test itself may say the same as one of the policy.
        if grant is finding.rule:
            self._seen[at] |= HOLDS

    def _rule(self, found: RulePlan, finding: Finding, scene: Scene) -> None:
        seen = self._seen
        if finding.condition is False:
            seen[found.at] |= FAILS
        elif finding.applies:
            seen[found.at] |= HOLDS
        else:
            seen[found.at] |= UNKNOWN
        hindrances = found.hindrances(finding.clauses)
        for nth, (at, (_, truth)) in enumerate(zip(found.clauses, finding.clauses, strict=True)):
            if at is not None:
                seen[at] |= parts.bit(truth, _matters(nth, hindrances))
        if found.open_clauses:
            for nth, part in found.open_clauses:
                parts.mark(parts.measure(part, scene), _matters(nth, hindrances), seen)
            found.open_clauses = [(nth, part) for nth, part in found.open_clauses if not self._complete(part.indices())]

    def _complete(self, points: Iterable[int]) -> bool:
        return all(self._wanted[at] & ~self._seen[at] == 0 for at in points)

    # ------------------------------------------------------------------------------------------------------ scopes

    def _scopes(self, found: RulePlan, finding: Finding | None, scene: Scene) -> None:
        if finding is None and not found.rule.clauses:
            self._seen[found.at] |= FAILS
        sides = self._sides(found, scene)
        holding = {side: any(truth is True for _, truth in items) for side, items in sides.items()}
        if _decided(found.rule, scene.question):
            clauses = found.clauses_of(scene) if finding is None else finding.clauses
            free = not found.hindrances(clauses)
            for side, items in sides.items():
                others = all(held for other, held in holding.items() if other != side)
                self._items(items, free and others, _asked(found.rule, side, scene.question))
        found.open_scopes = [at for at in found.open_scopes if not self._complete((at,))]

    def _sides(self, found: RulePlan, scene: Scene) -> dict[str, list[tuple[Item, Truth]]]:
        return {
            side: [(item, self._holds(item, _asked(found.rule, side, scene.question), scene)) for item in items]
            for side, items in found.groups.items()
        }

    @staticmethod
    def _holds(item: Item, refs: Sequence[EntityRef], scene: Scene) -> Truth:
        truths = [holds((item.scope,), ref, scene)[0] for ref in refs]
        return next((truth for truth in truths if truth is not False), False)

    def _items(self, items: Sequence[tuple[Item, Truth]], matters: bool, asked: Sequence[EntityRef]) -> None:
        held = sum(truth is True for _, truth in items)
        for item, truth in items:
            # Somebody of another type is outside of it for that alone: this shows nothing of the entity.
            if item.at is not None and any(item.types is None or ref.type in item.types for ref in asked):
                alone = held == (truth is True)
                self._seen[item.at] |= parts.bit(truth, matters and alone)


def _matters(nth: int, hindrances: Sequence[int]) -> bool:
    """Tell whether no other clause keeps the rule from applying."""
    return not hindrances or hindrances == [nth]


def _asked(rule: terms.Rule, side: str, question: Question) -> list[EntityRef]:
    """Return of whom one side of a rule's scope is asked."""
    if side == RESOURCES:
        return [question.resource]
    actor = [] if question.actor is None else [question.actor]
    if side == VIA:
        return actor
    return [question.principal, *(actor if rule.effect is Effect.FORBID else [])]


def _decided(rule: terms.Rule, question: Question) -> bool:
    """Tell whether the scopes decide on a rule: a permit holds for who is acted for where it says so, and only then."""
    return rule.effect is Effect.FORBID or (question.actor is None) == (rule.via is None)
