"""A reference is a tuple of Python's, and nothing but a reference passes for one."""

import pytest

import pdp
from pdp.conform import Mismatch, conform
from pdp.schema import Schema
from pdp.types import Primitive, SetType

NOBODY = Schema(entities={}, enums={}, actions={}, groups={}, roles={}, obligations={})
OPEN = """
type User
type Page
action read on Page by User
rule everybody_reads:
  permit User to read on Page
"""


@pytest.mark.parametrize("given", [("User", "ada"), ["User", "ada"], "User:ada", None])
def test_a_plain_tuple_is_no_principal_and_no_resource(given):
    engine = pdp.Engine.from_text(OPEN)

    as_principal = engine.decide(given, "read", pdp.ref("Page", "home"))
    as_resource = engine.decide(pdp.ref("User", "ada"), "read", given)

    assert engine.allows(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"))
    for decision in (as_principal, as_resource):
        assert not decision
        assert decision.reason is pdp.Reason.INVALID_REQUEST


def test_a_reference_is_no_set_of_texts():
    with pytest.raises(Mismatch, match="expected `\\[String\\]`, found `User"):
        conform(pdp.ref("User", "ada"), SetType(Primitive.STRING), NOBODY)
