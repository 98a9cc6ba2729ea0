"""Runs tests of a policy: each expectation is one request, answered in the small world of its stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pdp import terms
from pdp.entities import Store
from pdp.evaluation import Question
from pdp.facts import Snapshot
from pdp.interpreter import Judgement, judge
from pdp.model import Outcome
from pdp.revocation.index import Index
from pdp.schema import Schema
from pdp.source import Span
from pdp.values import Datetime, EntityRef, quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One expectation of a test, and the stage of the test's world that it belongs to."""

    test: terms.Test
    stage: terms.Stage
    expectation: terms.Expectation

    @property
    def now(self) -> Datetime:
        """When it is asked."""
        return self.expectation.at or terms.TEST_START


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a case: the judgement, and each thing in which it is not what was expected."""

    case: Case
    judgement: Judgement
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.differences

    def __str__(self) -> str:
        """Say where a failure is, and what it is."""
        return f"{self.case.expectation.span}: {self.case.test.name}: {'; '.join(self.differences) or 'as expected'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unspecified:
    """A request of a table of which nothing is said, and what becomes of it."""

    test: str
    principal: EntityRef
    action: str
    resource: EntityRef
    span: Span
    outcome: Outcome | None = None

    @property
    def file(self) -> str:
        """The file of the table, by its path from the folder."""
        return self.span.source.path

    def __str__(self) -> str:
        found = "" if self.outcome is None else f", which is now {self.outcome}"
        return f"{self.principal} to {self.action} on {self.resource}{found}"


class Runner:
    """Answers cases by one policy, and compares. `store` has the entities of the folder, for tests beside them.

    A mutated policy takes another runner. It may be used again, and from one thread at a time.
    """

    def __init__(self, policy: terms.Policy, store: Store | None = None) -> None:
        self.policy = policy
        self._store = Store.empty() if store is None else store
        self._bare = replace(policy, rules=tuple(rule for rule in policy.rules if rule.role is None), tests=())
        # Of the last stage: the cases of one come one after the other.
        self._stage: terms.Stage | None = None
        self._world: tuple[terms.Policy, Snapshot] | None = None

    def run(self, tests: Iterable[terms.Test]) -> Iterator[Result]:
        """Run tests, one case after the other."""
        return (self.answer(case) for case in cases(tests))

    def answer(self, case: Case) -> Result:
        """Answer one case, and compare."""
        judgement = self.judge(case)
        return Result(case=case, judgement=judgement, differences=tuple(differences(case.expectation, judgement)))

    def judge(self, case: Case) -> Judgement:
        """Answer the request of a case, by the meaning of the policy."""
        policy, facts = self.world(case)
        return judge(policy, question_of(case, policy.schema), facts)

    def world(self, case: Case) -> tuple[terms.Policy, Snapshot]:
        """Return the rules and the facts that a case is answered from."""
        if self._world is None or self._stage is not case.stage:
            self._stage, self._world = case.stage, (self._rules(case), self._facts(case))
        return self._world

    def _rules(self, case: Case) -> terms.Policy:
        policy = self.policy if case.test.beside else self._bare
        grants = case.stage.grants
        return replace(policy, rules=policy.rules + grants) if grants else policy

    def store(self, case: Case) -> Store:
        """Return the entities that a case is answered from."""
        entities = case.stage.entities
        if not case.test.beside:
            return Store.of(entities)
        store = self._store
        for node in entities:
            store = store.with_node(node)
        return store

    def _facts(self, case: Case) -> Snapshot:
        stage = case.stage
        revocations = Index.of(stage.revocations) if stage.revocations else None
        return Snapshot(self.store(case), self.policy.schema, approvals=stage.approvals, revocations=revocations)


def cases(tests: Iterable[terms.Test]) -> Iterator[Case]:
    """Yield the cases of tests, in the order in which they are written."""
    for test in tests:
        for stage in test.stages:
            for expectation in stage.expectations:
                yield Case(test=test, stage=stage, expectation=expectation)


def question_of(case: Case, schema: Schema) -> Question:
    """Return what a case asks."""
    asked = case.expectation
    declared = schema.actions.get(asked.action)
    return Question(
        principal=asked.principal,
        action=asked.action,
        resource=asked.resource,
        context=asked.context,
        session=asked.session,
        now=case.now.micros,
        act=None if declared is None else declared.ref,
        semantics=schema.semantics,
    )


def run(
    policy: terms.Policy, tests: Iterable[terms.Test] | None = None, store: Store | None = None
) -> Iterator[Result]:
    """Run tests, by default the `test` blocks of the policy itself.

    >>> from pdp.folder import load_sources
    >>> from pdp.source import Source
    >>> text = '''
    ... type User
    ... type Page
    ... action read on Page by User
    ... rule everybody: permit User to read on Page
    ... test "ada reads": expect deny User "ada" to read on Page "home"
    ... '''
    >>> for result in run(load_sources([Source("wiki.pdp", text)]).policy):
    ...     print(result)
    wiki.pdp:6:19: ada reads: expected deny, found allow (permitted) by everybody
    """
    return Runner(policy, store).run(policy.tests if tests is None else tests)


def differences(expected: terms.Expectation, judgement: Judgement) -> Iterator[str]:
    """Yield in what a judgement is not what a test expects."""
    by = determining(judgement)
    if (judgement.outcome is Outcome.ALLOW) != expected.allow:
        detail = f": {judgement.detail}" if judgement.detail else ""
        wanted, reason = "allow" if expected.allow else "deny", f"{judgement.reason}{detail}"
        yield f"expected {wanted}, found {judgement.outcome} ({reason}) by {_listed(by, 'default')}"
    if expected.rules is not None and expected.rules != by:
        yield f"expected by {_listed(expected.rules, 'default')}, found by {_listed(by, 'default')}"
    erring = frozenset(finding.rule.role or finding.rule.id for finding in judgement.erring)
    if expected.erring is not None and expected.erring != erring:
        yield f"expected that {_listed(expected.erring, 'nothing')} errs, found {_listed(erring, 'nothing')}"
    yield from _remedies(expected, judgement)
    duties = frozenset(duty.name for duty in judgement.duties)
    if expected.obligations is not None and expected.obligations != duties:
        wanted = _listed(expected.obligations, "nothing")
        yield f"expected the obligations {wanted}, found {_listed(duties, 'nothing')}"
    until = None if judgement.valid_until is None else Datetime(judgement.valid_until)
    if expected.until is not None and expected.until != until:
        yield f"expected until {expected.until}, found {until or 'no end'}"
    if expected.standing and until is not None:
        yield f"expected no end, found until {until}"


def _remedies(expected: terms.Expectation, judgement: Judgement) -> Iterator[str]:
    found = sorted({text for remedy in judgement.remedies for text in remedy.texts})
    shown = ", ".join(map(quote, found)) or "nothing"
    if expected.needs == () and found:
        yield f"expected no remedy, found {shown}"
    for text in expected.needs or ():
        if text not in found:
            yield f"expected the remedy {quote(text)}, found {shown}"


def determining(judgement: Judgement) -> frozenset[str]:
    """Return what determined a judgement: rules by name, grants by their role."""
    return frozenset(finding.rule.role or finding.rule.id for finding in judgement.determining)


def _listed(names: Mapping[str, object] | Sequence[str] | frozenset[str], none: str) -> str:
    return ", ".join(sorted(names)) or none
