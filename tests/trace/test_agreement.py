"""A trace and the decision it is of never disagree: on random policies, facts and requests."""

from __future__ import annotations

from collections import Counter

import pytest

from pdp.evaluation import Scene, evaluate
from pdp.interpreter import look_at
from pdp.model import Effect
from pdp.trace import RuleTrace
from tests.differential.cases import Case, draw

POLICIES = 40
"""So many policies for each part, each asked five times."""


def disagreements(case: Case, counts: Counter[str]):
    """Yield in what the traces of a case are not what was decided, or what the interpreter found."""
    engine, judge = case.engine(), case.engine(compiled=False)
    for request in case.requests[:5]:
        trace, decision = engine.explain(request), engine.answer(request)
        told = (trace.decision.outcome, trace.decision.determining_rules, trace.decision.erring_rules)
        if told != (decision.outcome, decision.determining_rules, decision.erring_rules):
            yield "decision", request, told, decision
        deciding = sorted(rule.id for rule in trace.rules if rule.determining)
        if deciding != sorted(decision.determining_rules):
            yield "determining", request, deciding, decision
        _, _, question, facts = judge.judged(request)
        counts["traces"] += 1
        if question is None or facts is None:
            continue
        scene = Scene(question, facts)
        for rule in trace.rules:
            yield from (("rule", request, rule, each) for each in of_rule(rule, case, scene))
            counts["rules"] += 1
            counts["clauses"] += len(rule.clauses)
        counts["flips"] += trace.flips is not None and trace.flips.smallest is not None


def of_rule(told: RuleTrace, case: Case, scene: Scene):
    """Yield in what a rule is told otherwise than the interpreter finds it."""
    rule = next(each for each in case.policy.rules if each.id == told.id)
    finding = look_at(rule, scene)
    if finding is None:
        yield "it is out of scope"
        return
    if told.applies is not (None if finding.errs else finding.applies):
        yield f"applies: {told.applies}, found {finding.condition}"
    for clause, found in zip(told.clauses, finding.clauses, strict=True):
        # What is no truth value counts as one that nobody knows.
        truth = found[1] if isinstance(found[1], bool) else None
        again = evaluate(found[0].condition, Scene(scene.question, scene.facts))
        if clause.truth is not truth or (isinstance(again, bool) and again is not truth):
            yield f"{clause.kind} {clause.truth}, found {found[1]}"
    if told.effect is Effect.PERMIT and told.applies is True and any(each.passes is not True for each in told.clauses):
        yield "a permit applies though a clause of it fails"


@pytest.mark.parametrize("part", range(2))
def test_a_trace_tells_what_was_decided_and_what_was_found(part: int):
    counts: Counter[str] = Counter()

    found = [
        each
        for number in range(part * POLICIES, (part + 1) * POLICIES)
        for each in disagreements(draw("traces", number), counts)
    ]

    print(counts)
    assert found == []
    assert counts["traces"] == 5 * POLICIES
    assert counts["clauses"] > 2 * POLICIES
    assert counts["flips"] > POLICIES
