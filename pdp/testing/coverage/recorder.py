"""Takes note, case by case, of what the tests of a policy show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pdp import terms
from pdp.classes import dataclass
from pdp.evaluation import Scene
from pdp.interpreter import Finding
from pdp.model import Reason
from pdp.ports import Facts
from pdp.testing.coverage import parts, plan
from pdp.testing.coverage.plan import RulePlan
from pdp.testing.coverage.points import FAILS, HOLDS, UNKNOWN
from pdp.testing.coverage.report import Report
from pdp.testing.coverage.waiting import Waiting
from pdp.testing.runner import Result, Runner, question_of

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
        self._revision, self._schema = policy.revision, policy.schema
        self._plan = plan.make(policy, grants=grants)
        self._seen = bytearray(len(self._plan.points))
        self._wanted = bytes(point.wanted for point in self._plan.points)
        self._waiting = {
            action: Waiting(rules, self._seen, self._wanted) for action, rules in self._plan.by_action.items()
        }

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
        question = question_of(result.case, self._schema)
        scene = Scene(question, facts)
        found: dict[str, Finding] = {}
        for finding in judgement.findings:
            rule = finding.rule
            if rule.role is not None:
                self._grant(finding, question.action)
                continue
            found[rule.id] = finding
            self._rule(self._plan.rules[rule.id], finding, scene)
        waiting = self._waiting.get(question.action)
        if waiting is not None:
            waiting.look(found, scene)

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
        applies = finding.applies
        seen[found.at] |= HOLDS if applies else FAILS if finding.condition is False else UNKNOWN
        # Unless it comes to false, no clause keeps the rule from applying.
        hindrances = found.hindrances(finding.clauses) if finding.condition is False else ()
        for nth, (at, (_, truth)) in enumerate(zip(found.clauses, finding.clauses, strict=True)):
            if at is not None:
                seen[at] |= parts.bit(truth, _matters(nth, hindrances))
        if found.open_clauses:
            for each in found.open_clauses:
                parts.mark(parts.measure(each.part, scene), _matters(each.nth, hindrances), seen)
            found.open_clauses = [each for each in found.open_clauses if self._wait(each.points)]

    def _wait(self, points: list[int]) -> bool:
        """Leave out points that are complete, from the last one on; tell whether any is left to wait for."""
        while points and self._wanted[points[-1]] & ~self._seen[points[-1]] == 0:
            points.pop()
        return bool(points)


def _matters(nth: int, hindrances: Sequence[int]) -> bool:
    """Tell whether no other clause keeps the rule from applying."""
    return not hindrances or hindrances == [nth]
