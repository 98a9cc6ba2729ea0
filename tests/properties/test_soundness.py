"""The checker is sound: a rule that checks errs on no facts that conform to the schema.

What remains is what no checker can know: arithmetic out of range, an entity that nothing holds, a session that is
absent, approvals and sources that cannot be read. None of these is in the worlds asked here.
"""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings

from pdp.checker import check
from pdp.source import Source
from pdp.syntax import parse
from pdp.terms import Policy
from tests.properties.conditions import FULL, SCHEMA, SPARSE, rules

# Many drafts are refused, which is what the checker is for.
searching = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


SCHEMA_FILE, _ = parse(Source("schema.pdp", SCHEMA))


def checked(rule: str) -> Policy:
    """Return the policy, where the checker lets the rule pass."""
    file, wrong = parse(Source("rule.pdp", rule))
    assert wrong == []
    policy, _ = check([SCHEMA_FILE, file])
    assume(policy is not None)
    return policy


def test_the_schema_of_these_worlds_checks() -> None:
    file, wrong = parse(Source("schema.pdp", SCHEMA))

    # Each of its defines waits for a rule that uses it.
    assert {each.code for each in [*wrong, *check([file])[1]]} == {"unused_define"}


@searching
@given(rules("permit", "when", "needs"))
def test_a_permit_that_checks_errs_on_no_facts_that_conform(rule: str) -> None:
    policy = checked(rule)

    decisions = [decision for facts in (*FULL, *SPARSE) for decision in facts.ask(policy, acted_for=False)]

    assert {name for decision in decisions for name in decision.erring_rules} == set()
    assert not any(each.unknown for decision in decisions for each in decision.obligations)


@searching
@given(rules("forbid", "when", "unless"))
def test_a_forbid_that_checks_errs_on_no_facts_that_conform_and_have_all_attributes(rule: str) -> None:
    policy = checked(rule)

    # An actor is an attribute of the session like any other.
    decisions = [decision for facts in FULL for decision in facts.ask(policy, acted_for=True)]

    assert {name for decision in decisions for name in decision.erring_rules} == set()


@searching
@given(rules("forbid", "unless"))
def test_what_lifts_a_forbid_errs_on_no_facts_that_conform(rule: str) -> None:
    policy = checked(rule)

    decisions = [d for facts in (*FULL, *SPARSE) for acted_for in (False, True) for d in facts.ask(policy, acted_for)]

    assert {name for decision in decisions for name in decision.erring_rules} == set()
