"""The theorems of the language, each as a property of the interpreter over random worlds."""

from __future__ import annotations

import datetime
import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdp
from pdp.model import Effect, Outcome, Reason
from pdp.terms import Policy
from tests.properties.worlds import (
    NOW,
    STEP,
    Clause,
    Condition,
    Question,
    Rule,
    compile_text,
    fences,
    grants,
    questions,
    rule_sets,
)

many = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def alone(policy: Policy, rule_id: str, question: Question) -> pdp.Decision:
    """Ask a policy that consists of one of its rules."""
    return question.ask(replace(policy, rules=tuple(rule for rule in policy.rules if rule.id == rule_id)))


def told(decision: pdp.Decision) -> tuple[object, ...]:
    """All of a decision that a lease promises."""
    return (
        decision.outcome,
        decision.reason,
        decision.determining_rules,
        decision.erring_rules,
        tuple((each.name, str(each.arguments), each.unknown) for each in decision.obligations),
    )


@many
@given(rule_sets, grants, questions)
def test_a_request_is_allowed_exactly_if_a_permit_applies_and_no_forbid_denies(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    policy = compile_text(rules, grants=given_grants)

    whole = question.ask(policy)

    each = {rule.id: alone(policy, rule.id, question) for rule in policy.rules}
    denying = {rule_id for rule_id, decision in each.items() if decision.reason is Reason.FORBIDDEN}
    permitting = {rule_id for rule_id, decision in each.items() if decision.outcome is Outcome.ALLOW}
    assert (whole.outcome is Outcome.ALLOW) == (bool(permitting) and not denying)
    assert set(whole.determining_rules) == (denying or permitting)
    assert set(whole.erring_rules) == {rule_id for rule_id, one in each.items() if one.erring_rules}


@many
@given(rule_sets, grants, questions)
def test_without_a_rule_nothing_is_allowed(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    policy = replace(compile_text(rules, grants=given_grants), rules=())

    decision = question.ask(policy)

    assert (decision.outcome, decision.reason) == (Outcome.DENY, Reason.DEFAULT)


@many
@given(rule_sets, grants, questions, st.randoms(use_true_random=False))
def test_no_order_of_operands_clauses_rules_files_or_entities_changes_an_answer(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question, order: random.Random
) -> None:
    written, shuffled = compile_text(rules, grants=given_grants), compile_text(rules, order, given_grants)

    first, second = question.ask(written), question.ask(shuffled, order)

    assert told(first) == told(second)
    assert first.valid_until == second.valid_until
    assert first.remedies == second.remedies
    assert first.facts_revision == second.facts_revision


@many
@given(rule_sets, grants, questions)
def test_a_rule_that_stands_twice_decides_as_if_it_stood_once(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    twins = tuple(replace(rule, name=f"{rule.name}_again") for rule in rules)

    once = question.ask(compile_text(rules, grants=given_grants))
    twice = question.ask(compile_text(rules + twins, grants=given_grants))

    assert (once.outcome, once.reason, once.valid_until) == (twice.outcome, twice.reason, twice.valid_until)
    assert set(once.determining_rules) == {name.removesuffix("_again") for name in twice.determining_rules}


@many
@given(rule_sets, grants, questions)
def test_another_permit_never_takes_an_allow_away_and_another_forbid_never_gives_one(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    policy = compile_text(rules, grants=given_grants)
    without = replace(policy, rules=policy.rules[1:])

    before, after = question.ask(without), question.ask(policy)

    if policy.rules[0].effect is Effect.PERMIT:
        assert before.outcome is Outcome.DENY or after.outcome is Outcome.ALLOW
    else:
        assert before.outcome is Outcome.ALLOW or after.outcome is Outcome.DENY
    assert set(before.erring_rules) <= set(after.erring_rules)
    if before.outcome is after.outcome and before.reason is after.reason:
        assert set(before.determining_rules) <= set(after.determining_rules)


@many
@given(rule_sets, grants, questions)
def test_an_erring_rule_determines_only_where_it_is_a_forbid(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    policy = compile_text(rules, grants=given_grants)

    decision = question.ask(policy)

    forbids = {rule.id for rule in policy.rules if rule.effect is Effect.FORBID}
    both = set(decision.erring_rules) & set(decision.determining_rules)
    assert both <= forbids
    assert decision.outcome is Outcome.DENY or not (set(decision.erring_rules) & forbids)


@many
@given(rule_sets, grants, questions)
def test_rules_out_of_scope_can_be_left_out(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    policy = compile_text(rules, grants=given_grants)
    request = pdp.Request(
        pdp.ref("User", "u1"), question.action, pdp.ref("Doc", "d1"), question.context, question.session, NOW
    )
    in_scope = {rule.id for rule in question.engine(policy).explain(request).rules}

    whole = question.ask(policy)
    slice_ = question.ask(replace(policy, rules=tuple(rule for rule in policy.rules if rule.id in in_scope)))

    assert told(whole) == told(slice_)
    assert (whole.valid_until, whole.remedies) == (slice_.valid_until, slice_.remedies)
    assert {*whole.determining_rules, *whole.erring_rules} <= in_scope


def led_to(question: Question) -> set[pdp.EntityRef]:
    """Every entity that a request leads to, along memberships and references."""
    held = {entity.ref: entity for entity in question.entities}
    work = [pdp.ref("User", "u1"), pdp.ref("Doc", "d1"), pdp.ref("Agent", "bot")]
    work += [approval.approver for approval in question.approvals]
    found: set[pdp.EntityRef] = set()
    while work:
        here = work.pop()
        if here in found or here not in held:
            continue
        found.add(here)
        work += [each.parent for each in held[here].parents]
        work += [value for value in held[here].attributes.values() if isinstance(value, pdp.EntityRef)]
    return found


BY_OWNER = [
    Rule("by_owner", "permit", "User", "any", "Doc", (Clause("when", Condition("atom", atom=atom)),))
    for atom in ("resource.owner.active", 'resource.owner in Group "a"', 'resource.owner in Group "c"')
]


@many
@given(rule_sets, st.sampled_from(BY_OWNER), grants, questions)
def test_entities_that_a_request_does_not_lead_to_can_be_left_out(
    rules: tuple[Rule, ...], by_owner: Rule, given_grants: tuple[str, ...], question: Question
) -> None:
    policy = compile_text((*rules, by_owner), grants=given_grants)
    near = led_to(question)

    whole = question.ask(policy)
    slice_ = replace(question, entities=tuple(each for each in question.entities if each.ref in near)).ask(policy)

    assert told(whole) == told(slice_)
    assert (whole.valid_until, whole.remedies) == (slice_.valid_until, slice_.remedies)


@settings(many, max_examples=300)
@given(rule_sets, grants, questions)
def test_a_decision_is_the_same_at_every_instant_of_its_lease(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    engine = question.engine(compile_text(rules, grants=given_grants))
    tick = datetime.timedelta(microseconds=1)

    decision = question.put(engine)

    end = decision.valid_until or NOW + datetime.timedelta(days=2)
    assert end > NOW
    edges = [NOW + count * STEP for count in range(60)]
    instants = [at for edge in edges for at in (edge, edge + tick) if at < end] + [end - tick]
    for instant in instants:
        assert told(question.put(engine, instant)) == told(decision), instant


@settings(many, max_examples=400)
@given(st.one_of(fences, rule_sets), grants, questions, st.sampled_from(["ip", "size", "ticket", "since"]))
def test_what_is_allowed_with_an_unknown_value_is_allowed_with_any(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question, name: str
) -> None:
    policy = compile_text(rules, grants=given_grants)

    blind = question.with_context(**{name: object()}).ask(policy)
    seeing = question.ask(policy)

    if blind.outcome is Outcome.ALLOW:
        # An obligation that the value is an argument of may name another size, but the answer stays.
        assert seeing.outcome is Outcome.ALLOW or name not in question.context


@many
@given(rule_sets, grants, questions)
def test_no_session_at_all_never_allows_more_than_some_session_could(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question
) -> None:
    policy = compile_text(rules, grants=given_grants)
    empty: dict[str, object] = {}

    without = replace(question, session=None).ask(policy)
    anonymous = replace(question, session=empty).ask(policy)

    assert without.outcome is Outcome.DENY or anonymous.outcome is Outcome.ALLOW


class Broken:
    """A source that fails for some entities."""

    def __init__(self, failing: set[pdp.EntityRef]) -> None:
        self.failing = failing

    def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
        if ref in self.failing:
            raise TimeoutError
        return None


@settings(many, max_examples=400)
@given(
    st.one_of(fences, rule_sets),
    grants,
    questions,
    st.sampled_from([("User", "u1"), ("Doc", "d1"), ("User", "u2"), ("Group", "a")]),
)
def test_what_is_allowed_while_a_source_fails_is_allowed_when_it_answers(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question, name: tuple[str, str]
) -> None:
    policy = compile_text(rules, grants=given_grants)
    lost = pdp.ref(*name)
    held = tuple(entity for entity in question.entities if entity.ref != lost)
    engine = replace(question, entities=held).engine(policy)
    failing = pdp.Engine(
        policy, engine._world.store, providers=[Broken({lost})], approvals=question.approvals, handles=["log"]
    )

    blind = failing.decide(
        pdp.ref("User", "u1"), question.action, pdp.ref("Doc", "d1"), question.context, question.session, NOW
    )

    if blind.outcome is Outcome.ALLOW:
        assert question.ask(policy).outcome is Outcome.ALLOW


@many
@given(
    st.one_of(fences, rule_sets),
    grants,
    questions,
    st.sampled_from([("User", "u1"), ("Doc", "d1"), ("User", "u2"), ("Group", "a"), ("Group", "b"), ("Folder", "sub")]),
)
def test_a_decision_made_while_a_source_fails_is_the_same_at_every_instant_of_its_lease(
    rules: tuple[Rule, ...], given_grants: tuple[str, ...], question: Question, name: tuple[str, str]
) -> None:
    policy = compile_text(rules, grants=given_grants)
    lost = pdp.ref(*name)
    held = replace(question, entities=tuple(entity for entity in question.entities if entity.ref != lost))
    store = held.engine(policy)._world.store
    engine = pdp.Engine(
        policy, store, providers=[Broken({lost})], approvals=question.approvals, handles=["log"], compiled=False
    )

    decision = question.put(engine, NOW)

    end = decision.valid_until or NOW + datetime.timedelta(days=2)
    for instant in [at for at in (NOW + count * STEP for count in range(60)) if at < end]:
        assert told(question.put(engine, instant)) == told(decision), instant
