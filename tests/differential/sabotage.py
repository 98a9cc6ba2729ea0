"""Breaches that an evaluator may have, each made on purpose: the proof that the comparison would find it.

A breach is either something else in the evaluator, for the time that it is asked, or rules that it has lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from pdp import evaluation, facts, interpreter, operators, terms
from pdp.evaluation import FOREVER, Question, Scene
from pdp.interpreter import Finding, Judgement
from pdp.model import Effect, Node
from pdp.operators import invert
from pdp.symbols import CompareOp, QuantifierOp
from pdp.terms import ClauseKind, Rule
from pdp.values import UNKNOWN, EntityRef, Ip, Unknown, ValueSet
from tests.differential.cases import Case

Change = tuple[Any, str, Any]
BREACHES: dict[str, Change] = {}
LOSSES: dict[str, Callable[[tuple[Rule, ...]], tuple[Rule, ...]]] = {}


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Put a breach in for a while."""
    owner, attribute, wrong = BREACHES[name]
    right = owner.__dict__[attribute]
    # Terms are found in a table, which has some functions by themselves.
    table: dict[Any, Any] = cast("dict[Any, Any]", evaluation._EVALUATED)
    kinds = [kind for kind, found in table.items() if found is right]
    setattr(owner, attribute, wrong)
    table.update(dict.fromkeys(kinds, wrong))
    try:
        yield
    finally:
        setattr(owner, attribute, right)
        table.update(dict.fromkeys(kinds, right))


def spoilt(case: Case, name: str) -> Case:
    """Return a case whose policy has lost rules; it still goes by the same revision."""
    rules = LOSSES[name](case.policy.rules)
    return replace(case, policy=replace(case.policy, rules=rules))


def breach(owner: Any, attribute: str) -> Callable[[Any], Any]:
    """Put a function, or what it makes of the right one, on the list, under its name."""

    def take(wrong: Any) -> Any:
        name = wrong.fget.__name__ if isinstance(wrong, property) else wrong.__name__
        BREACHES[name] = owner, attribute, wrong
        return wrong

    return take


def loss(lose: Callable[[tuple[Rule, ...]], tuple[Rule, ...]]) -> Callable[[tuple[Rule, ...]], tuple[Rule, ...]]:
    """Put a loss on the list, under its name."""
    LOSSES[lose.__name__] = lose
    return lose


# ----------------------------------------------------------------------------------------------------- three values


@breach(evaluation, "disjunction")
def or_takes_unknown_for_false(operands: list[Any]) -> Any:
    return any(operand is True for operand in operands)


@breach(evaluation, "conjunction")
def and_takes_unknown_for_true(operands: list[Any]) -> Any:
    return not any(operand is False for operand in operands)


@breach(evaluation, "conjunction")
def and_stops_at_the_first_unknown(operands: list[Any]) -> Any:
    for operand in operands:
        if operand is not True:
            return operand if operand is False else UNKNOWN
    return True


@breach(evaluation, "invert")
def not_of_unknown_is_true(operand: Any) -> Any:
    return True if isinstance(operand, Unknown) else invert(operand)


@breach(evaluation, "_if")
def if_of_unknown_takes_the_other_way(term: terms.If, scene: Scene) -> Any:
    taken = term.then if evaluation.evaluate(term.test, scene) is True else term.otherwise
    return evaluation.evaluate(taken, scene)


@breach(evaluation, "_has")
def has_takes_what_does_not_conform_for_absent(term: terms.Has, scene: Scene) -> Any:
    attributes = evaluation._attributes(term.base, scene)
    if isinstance(attributes, Unknown):
        return UNKNOWN
    return not isinstance(attributes.get(term.name, UNKNOWN), Unknown)


@breach(evaluation, "_attributes")
def no_session_is_an_empty_session(base: terms.Term, scene: Scene) -> Any:
    if isinstance(base, terms.Root) and base.name is terms.RootName.SESSION:
        return scene.question.session or {}
    return _ATTRIBUTES(base, scene)


_ATTRIBUTES = evaluation._attributes


@breach(evaluation, "_quantifier")
def any_over_nothing_is_true(term: terms.Quantifier, scene: Scene) -> Any:
    found = _QUANTIFIER(term, scene)
    domain = evaluation.evaluate(term.domain, scene)
    empty = isinstance(domain, ValueSet) and not len(domain)
    return True if empty and term.op is QuantifierOp.ANY else found


_QUANTIFIER = evaluation._quantifier


# ----------------------------------------------------------------------------------------------------------- values


@breach(operators, "_int")
def an_overflow_wraps(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


@breach(evaluation, "_same_bound")
def an_approval_of_one_is_one_of_true(recorded: Any, bound: Any) -> bool:
    return bool(recorded == bound)


@breach(operators, "_rank")
def order_of_decimals_is_lost(value: Any) -> Any:
    return _RANK(value) if not hasattr(value, "units") else None


_RANK = operators._rank


@breach(evaluation, "like")
def a_star_stops_at_a_slash(operand: Any, parts: tuple[str, ...]) -> Any:
    found = operators.like(operand, parts)
    return found if not found or len(parts) == 1 or "/" not in operand else False


@breach(evaluation, "_in_one")
def a_range_holds_its_first_address_only(left: Any, right: Any, scene: Scene) -> Any:
    if isinstance(left, Ip) and isinstance(right, Ip):
        return left.first == right.first and left.version == right.version
    return _IN_ONE(left, right, scene)


_IN_ONE = evaluation._in_one


# ------------------------------------------------------------------------------------------------------ memberships


@breach(evaluation, "closure")
def of_two_ways_up_the_first_counts(ref: EntityRef, scene: Scene) -> Any:
    ends, complete, work = {ref: FOREVER}, True, [ref]
    while work:
        node = scene.facts.node(here := work.pop())
        if not isinstance(node, Node):
            complete = False
            continue
        for step in node.parents:
            until = FOREVER if step.until is None else step.until.micros
            if until > scene.question.now and step.parent not in ends:
                ends[step.parent] = min(ends[here], until)
                work.append(step.parent)
    return ends, complete


@breach(evaluation, "closure")
def a_membership_that_ended_still_counts(ref: EntityRef, scene: Scene) -> Any:
    early = Scene(replace(scene.question, now=-FOREVER), scene.facts)
    return _CLOSURE(ref, early)


@breach(evaluation, "closure")
def what_nobody_holds_is_in_nothing(ref: EntityRef, scene: Scene) -> Any:
    return _CLOSURE(ref, scene)[0], True


_CLOSURE = evaluation.closure


@breach(facts.Snapshot, "_ask")
def a_source_that_is_late_holds_nothing(self: Any, provider: Any, ref: EntityRef) -> Any:
    found = _ASK(self, provider, ref)
    return None if isinstance(found, Unknown) else found


_ASK = facts.Snapshot._ask


@breach(facts.Snapshot, "node")
def what_the_request_brings_goes_before_the_store(self: Any, ref: EntityRef) -> Any:
    return self._brought.get(ref) or _NODE(self, ref)


_NODE = facts.Snapshot.node


# ----------------------------------------------------------------------------------------------------------- leases


@breach(evaluation, "_time_test")
def the_edge_of_at_most_comes_too_early(term: terms.TimeTest, scene: Scene) -> Any:
    if term.op in (CompareOp.LE, CompareOp.GT):
        strict = replace(term, op=CompareOp.LT if term.op is CompareOp.LE else CompareOp.GE)
        now = scene.question.now
        found, edges = _TIME_TEST(term, Scene(scene.question, scene.facts, masked=scene.masked)), scene
        _TIME_TEST(strict, edges)
        assert scene.question.now == now
        return found
    return _TIME_TEST(term, scene)


@breach(evaluation, "_time_test")
def a_test_of_time_has_no_edge(term: terms.TimeTest, scene: Scene) -> Any:
    return _TIME_TEST(term, Scene(scene.question, scene.facts, masked=scene.masked, variables=scene.variables))


_TIME_TEST = evaluation._time_test


@breach(evaluation, "_calendar_test")
def the_calendar_has_no_edge(term: terms.CalendarTest, scene: Scene) -> Any:
    return _CALENDAR_TEST(term, Scene(scene.question, scene.facts, masked=scene.masked))


_CALENDAR_TEST = evaluation._calendar_test


@breach(evaluation, "_calendar_test")
def every_zone_is_utc(term: terms.CalendarTest, scene: Scene) -> Any:
    return _CALENDAR_TEST(replace(term, zone="UTC"), scene)


@breach(interpreter, "_scope_edges")
def the_end_of_a_membership_in_scope_is_lost(_: Rule, __: Scene) -> set[int]:
    return set()


@breach(interpreter, "_rechecks")
def recheck_is_lost(_: Any, __: int) -> list[int]:
    return []


@breach(interpreter, "session_ends")
def the_end_of_the_session_is_lost(_: Question) -> list[int]:
    return []


@breach(Scene, "mask")
def time_is_not_masked(self: Scene) -> Scene:
    return Scene(self.question, self.facts)


@breach(evaluation, "count_approvals")
def approvals_do_not_lapse_in_a_lease(term: terms.Approvals, scene: Scene) -> Any:
    return _COUNT(term, Scene(scene.question, scene.facts, masked=scene.masked, variables=scene.variables))


@breach(evaluation, "count_approvals")
def approvals_that_cannot_be_read_are_none(term: terms.Approvals, scene: Scene) -> Any:
    return _COUNT(term, scene) if scene.facts.approvals is not None else (False, 0)


_COUNT = evaluation.count_approvals


# ------------------------------------------------------------------------------------------------------------ rules


@breach(Finding, "denies")
@property
def a_forbid_that_errs_lets_through(self: Finding) -> bool:
    return self.rule.effect is Effect.FORBID and self.applies


@breach(Finding, "applies")
@property
def a_permit_whose_duty_is_unknown_applies(self: Finding) -> bool:
    return self.condition is True


@breach(Judgement, "erring")
@property
def erring_rules_come_backwards(self: Judgement) -> tuple[Finding, ...]:
    return tuple(finding for finding in reversed(self.findings) if finding.errs)


@breach(interpreter, "whole")
def of_several_unless_the_last_one_counts(clauses: Any) -> Any:
    clauses = tuple(clauses)
    last = next((each for each in reversed(clauses) if each[0].kind is ClauseKind.UNLESS), None)
    return _WHOLE(each for each in clauses if each[0].kind is not ClauseKind.UNLESS or each is last)


_WHOLE = interpreter.whole


@breach(interpreter, "_holds")
def a_scope_that_nobody_knows_does_not_hold(rule: Rule, scopes: Any, ref: EntityRef, scene: Scene) -> bool:
    return evaluation.holds(scopes, ref, scene)[0] is True


@breach(interpreter, "_in_scope")
def via_is_not_looked_at(rule: Rule, scene: Scene) -> bool:
    return _IN_SCOPE(replace(rule, via=None), Scene(replace(scene.question, session=None), scene.facts))


@breach(interpreter, "_in_scope")
def a_forbid_does_not_hold_for_the_actor(rule: Rule, scene: Scene) -> bool:
    if rule.effect is Effect.FORBID:
        return _IN_SCOPE(rule, Scene(replace(scene.question, session=None), scene.facts))
    return _IN_SCOPE(rule, scene)


_IN_SCOPE = interpreter._in_scope


@breach(facts.Snapshot, "revoked")
def an_actor_is_never_revoked(self: Any, ref: EntityRef, proved: int | None) -> bool:
    return ref.type != "Agent" and _REVOKED(self, ref, proved)


_REVOKED = facts.Snapshot.revoked


@breach(interpreter, "_session_starts")
def a_session_of_the_future_counts(_: Question) -> list[int]:
    return []


# --------------------------------------------------------------------------------------------------------- remedies


@breach(interpreter, "_only_needs")
def a_remedy_for_what_needs_do_not_mend(_: Finding) -> bool:
    return True


@breach(interpreter, "_unmet")
def an_unknown_need_is_met(finding: Finding, kind: ClauseKind, scene: Scene) -> Any:
    clauses = tuple(
        (clause, True if isinstance(found, Unknown) and clause.kind is ClauseKind.NEEDS else found)
        for clause, found in finding.clauses
    )
    return _UNMET(replace(finding, clauses=clauses), kind, scene)


_UNMET = interpreter._unmet


# ------------------------------------------------------------------------------------------------------- lost rules


def _is_equality(term: terms.Term) -> bool:
    return isinstance(term, terms.Compare) and term.op is CompareOp.EQ


def _plain_equalities(rules: tuple[Rule, ...]) -> set[terms.Term]:
    return {clause.condition for rule in rules for clause in rule.clauses if _is_equality(clause.condition)}


@loss
def an_index_loses_what_stands_under_or(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    plain = _plain_equalities(rules)

    def lost(rule: Rule) -> bool:
        ors = (clause.condition for clause in rule.clauses if isinstance(clause.condition, terms.Or))
        return any(operand in plain for term in ors for operand in term.operands)

    return tuple(rule for rule in rules if not lost(rule))


@loss
def an_index_loses_what_stands_under_not(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    plain = _plain_equalities(rules)
    return tuple(
        rule
        for rule in rules
        if not any(isinstance(each.condition, terms.Not) and each.condition.operand in plain for each in rule.clauses)
    )


@loss
def of_two_rules_with_one_equality_the_second_is_lost(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    seen: set[terms.Term] = set()
    left = []
    for rule in rules:
        tests = {clause.condition for clause in rule.clauses if _is_equality(clause.condition)}
        if not tests & seen:
            left.append(rule)
        seen |= tests
    return tuple(left)


@loss
def of_many_grants_one_is_lost(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    grants = sorted(rule.id for rule in rules if rule.role is not None)
    lost = grants[len(grants) // 2] if len(grants) > 8 else None
    return tuple(rule for rule in rules if rule.id != lost)


@loss
def of_two_scopes_the_second_is_lost(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(replace(rule, resources=rule.resources[:1]) for rule in rules)
