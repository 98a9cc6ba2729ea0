"""Who acts for somebody is there wherever a rule is about them alone: that nobody does is an outcome elsewhere only."""

import pytest

from tests.testing.coverage.policies import cover, policy_of

WORLD = """
type User
type Agent { verified: Bool }
type Robot { verified: Bool }
type Doc
session { actor?: Agent }
action read, write on Doc by User, Robot
"""
BECAUSE = '\n  because "nobody verified it"'
VERIFIED = "session has actor and session.actor.verified"


@pytest.mark.parametrize(
    ("rule", "never_false"),
    [
        (f"forbid Agent to any on Doc\n  unless {VERIFIED}{BECAUSE}", False),
        (f"permit User to read on Doc\n  when {VERIFIED}\n  via Agent", False),
        (f"forbid User to any on Doc\n  unless {VERIFIED}{BECAUSE}", True),
        (f"forbid anyone to any on Doc\n  unless {VERIFIED}{BECAUSE}", True),
        (f"forbid Robot, Agent to any on Doc\n  unless {VERIFIED}{BECAUSE}", True),
        (f"permit User to read on Doc\n  when {VERIFIED}", True),
    ],
)
def test_an_actor_that_is_missing_is_asked_for_where_it_can_be_missing(rule, never_false):
    report = cover(policy_of(f"{WORLD}\nrule checked:\n  {rule}\n"))

    wanted = {mark.point.text: len(mark.point.outcomes) for mark in report.marks}

    assert wanted["session has actor"] == (2 if never_false else 1)


def test_that_nobody_acts_is_the_outcome_that_such_a_rule_cannot_have():
    rule = f"forbid Agent to any on Doc\n  when not session has actor or session.actor.verified{BECAUSE}"

    report = cover(policy_of(f"{WORLD}\nrule checked:\n  {rule}\n"))

    (mark,) = [mark for mark in report.marks if mark.point.text == "not session has actor"]
    assert [mark.point.word(outcome) for outcome in mark.point.outcomes] == ["false"]


def test_a_define_is_asked_for_as_the_strictest_of_its_rules_asks():
    define = f"define checked = {VERIFIED}\n"
    rules = "rule a:\n  permit User to read on Doc\n  when checked\n  via Agent\n"
    rules += f"rule b:\n  forbid User to any on Doc\n  unless checked{BECAUSE}\n"

    report = cover(policy_of(WORLD + define + rules))

    (mark,) = [mark for mark in report.marks if mark.point.text == "session has actor"]
    assert len(mark.point.outcomes) == 2
