"""Runs the `test` blocks of a policy, each in the small world that it describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pdp import terms
from pdp.entities import Store
from pdp.evaluation import Question
from pdp.facts import Snapshot
from pdp.interpreter import Judgement, judge
from pdp.model import Outcome
from pdp.values import Datetime

START: Final = Datetime.parse("2026-01-01T00:00:00Z")
"""The time of a test that does not say `at`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that did not come true: what was expected, and what was found instead."""

    test: str
    expectation: terms.Expectation
    message: str

    def __str__(self) -> str:
        return f"{self.expectation.span}: {self.test}: {self.message}"


def run(policy: terms.Policy) -> Iterator[Failure]:
    """Run every test of a policy; yield what failed."""
    for test in policy.tests:
        for expectation in test.expectations:
            judgement = answer(policy, test, expectation)
            for message in differences(policy, expectation, judgement):
                yield Failure(test.name, expectation, message)


def answer(policy: terms.Policy, test: terms.Test, expectation: terms.Expectation) -> Judgement:
    """Answer the request of one expectation: with the rules of the policy, but the grants and facts of the test."""
    rules = tuple(rule for rule in policy.rules if rule.role is None) + test.grants
    question = Question(
        principal=expectation.principal,
        action=expectation.action,
        resource=expectation.resource,
        context=expectation.context,
        session=expectation.session,
        now=(expectation.at or START).micros,
    )
    facts = Snapshot(Store.of(test.entities), policy.schema, approvals=test.approvals)
    return judge(replace(policy, rules=rules), question, facts)


def differences(policy: terms.Policy, expectation: terms.Expectation, judgement: Judgement) -> Iterator[str]:
    """Yield in what a judgement is not what a test expects."""
    allowed = judgement.outcome is Outcome.ALLOW
    if allowed != expectation.allow:
        wanted = "allow" if expectation.allow else "deny"
        detail = f": {judgement.detail}" if judgement.detail else ""
        yield f"expected {wanted}, found {judgement.outcome} ({judgement.reason}{detail}) by {_by(judgement)}"
    if expectation.rules is not None and expectation.rules != _rules(judgement):
        yield f"expected by {_list(expectation.rules) or 'default'}, found by {_by(judgement)}"
    found = {text for remedy in judgement.remedies for text in remedy.texts}
    for text in expectation.needs or ():
        if text not in found:
            yield f"expected the remedy {text!r}, found {sorted(found) or 'none'}"
    duties = {duty.name for duty in judgement.duties}
    if expectation.obligations is not None and expectation.obligations != duties:
        yield f"expected the obligations {_list(expectation.obligations)}, found {_list(duties) or 'none'}"
    until = None if judgement.valid_until is None else Datetime(judgement.valid_until)
    if expectation.until is not None and expectation.until != until:
        yield f"expected until {expectation.until}, found {until or 'no end'}"


def _rules(judgement: Judgement) -> frozenset[str]:
    """Return what determined a judgement: rules by name, grants by their role."""
    return frozenset(finding.rule.role or finding.rule.id for finding in judgement.determining)


def _by(judgement: Judgement) -> str:
    return _list(_rules(judgement)) or "default"


def _list(names: Mapping[str, object] | frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(names))
