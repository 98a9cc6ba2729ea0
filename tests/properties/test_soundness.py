"""The checker is sound: a rule that checks errs on no facts that conform to the schema.

What remains is what no checker can know: arithmetic out of range, an entity that nothing holds, a session that is
absent, approvals and sources that cannot be read. None of these is in the worlds asked here.
"""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings

from pdp.folder import load_sources
from pdp.source import Source
from pdp.terms import Policy
from tests.properties.conditions import FULL, SCHEMA, SPARSE, rules

# Many drafts are refused, which is what the checker is for.
searching = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def checked(rule: str) -> Policy:
    """Return the policy, where the checker lets the rule pass."""
    loaded = load_sources([Source("p.pdp", SCHEMA + rule)])
    assume(not loaded.errors)
    policy, _ = loaded.require()
    return policy


def test_the_schema_of_these_worlds_checks() -> None:
    assert [str(each) for each in load_sources([Source("p.pdp", SCHEMA)]).diagnostics] == []


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
