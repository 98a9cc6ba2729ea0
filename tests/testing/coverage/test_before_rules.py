"""A question that is answered before any rule is looked at shows nothing of the rules."""

from pdp.folder import load_sources
from pdp.source import Source
from pdp.testing.coverage import Coverage
from pdp.testing.runner import Runner

POLICY = """
type Group
type User in Group
type Page
action read on Page by User
rule readers:
  permit User in Group "readers" to read on Page
test "a session that is over":
  given User "ada"
  at 2026-11-24
  expect deny User "ada" to read on Page "home" as { expires_at: 2026-11-23 }
"""


def test_a_question_in_a_session_that_is_over_reaches_no_rule_and_no_scope():
    policy = load_sources([Source("wiki.pdp", POLICY)]).require()[0]
    coverage = Coverage(policy)

    list(coverage.watch(Runner(policy), policy.tests))

    assert not any(mark.reached for mark in coverage.report().marks)
