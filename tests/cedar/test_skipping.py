"""A forbid of Cedar that fails is skipped: no check lets one through that fails for any request of the corpus."""

import pytest
from conformance.corpus import Row, rows

import peers
from pdp.cedar.parser import parse_policies
from pdp.cedar.schemas import load_schemas
from pdp.cedar.text import show_ref
from pdp.cedar.validation import skipping
from pdp.classes import replace
from pdp.engine import Engine
from pdp.model import Effect
from pdp.source import Source

PARTS = 6


def failing(row: Row) -> set[str]:
    """Return the policies that fail for a request of the row, by their names."""
    engine = Engine.load_cedar(row.policies, row.schema, row.entities)
    return {
        name
        for asked in row.requests
        for name in engine.decide(asked.principal, show_ref(asked.action), asked.resource, asked.context).erring_rules
    }


def warned(row: Row, *, with_schema: bool) -> set[str]:
    """Return the policies, taken as forbids, that a warning says can be skipped."""
    source = Source("policies.cedar", row.policies)
    policies, _ = parse_policies(source)
    schema, _ = load_schemas([Source("s.cedarschema", row.schema)])
    forbids = [replace(policy, effect=Effect.FORBID) for policy in policies]
    found = skipping(forbids, schema if with_schema else None)
    assert {each.code for each in found} <= {"forbid_can_be_skipped"}
    spans = [each.span for each in found if each.span is not None]
    return {
        policy.id
        for policy in policies
        if policy.span is not None
        and any(policy.span.start <= span.start and span.end <= policy.span.end for span in spans)
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_a_policy_that_fails_is_one_that_the_check_warns_of(part: int) -> None:
    path = peers.require("cedar/corpus-sample.jsonl.gz")
    erring = [row for row in rows(path) if any(asked.errors for asked in row.requests)]
    looked = 0

    for row in erring[part::PARTS]:
        failed = failing(row)
        assert failed <= warned(row, with_schema=False), row.name
        if row.validates:
            assert failed <= warned(row, with_schema=True), row.name
        looked += 1

    assert looked > 10
