"""The values worth trying for a fact: on each side of every edge of the conditions that read it."""

from __future__ import annotations

import pytest

from pdp.engine import Engine
from pdp.evaluation import Scene
from pdp.flips.candidates import candidates
from pdp.flips.changes import NOW, ApprovedBy, Change, InContext, InSession, OfEntity, OnRecord, Within, apply, size
from pdp.flips.known import Known
from pdp.interpreter import judge
from pdp.model import Entity, Node, Request
from pdp.values import UNKNOWN, Datetime, ref, show

WORLD = """
enum Stage { dev, prod }
type Team
type User in Team { level: Int, hired?: Datetime }
type Page in Team { stage: Stage, words: [String], owner: User }
context { ip: Ip, size: Int, name?: String, mode: Stage }
action read on Page by User
rule r:
  permit User to read on Page
  when {condition}
"""
AT = Datetime.parse("2026-11-23T09:00:00Z")


def asked(condition, session=None):
    engine = Engine.from_text(
        WORLD.replace("{condition}", condition),
        entities=[
            Entity("Team", "a"),
            Entity("Team", "b"),
            Entity("User", "ada", {"level": 3, "hired": AT}, [ref("Team", "a")]),
            Entity("User", "bo", {"level": 9}),
            Entity("Page", "p", {"stage": "prod", "words": ["x"], "owner": ref("User", "ada")}),
        ],
    )
    context = {"ip": "10.1.2.3", "size": 5, "mode": "dev"}
    request = Request(ref("User", "ada"), "read", ref("Page", "p"), context, session, AT.to_datetime())
    _, _, question, facts = engine.judged(request)
    return engine, question, facts


def values(fact, condition, session=None):
    engine, question, facts = asked(condition, session)
    store = engine._world.store
    known = Known(store, len(store), engine.policy.schema, (question.principal, question.resource))
    terms = [clause.condition for clause in engine.policy.rules[0].clauses]
    found = candidates(fact, terms, Scene(question, facts), engine.policy.schema, known)
    return [None if change.value is None else show(change.value) for change in found]


@pytest.mark.parametrize(
    ("fact", "condition", "some"),
    [
        (InContext("size"), "context.size > 41", ["41", "42", "40", None]),
        (InContext("ip"), "context.ip in 192.0.2.0/24", ["192.0.2.0", "192.0.2.255", "192.0.3.0", "192.0.1.255"]),
        (InContext("mode"), "context.mode == prod", ["Stage.prod", None]),
        (InContext("name"), 'context has name and context.name like "INC-*"', ['"INC-"', '"INC-x"', '"other"']),
        (InContext("size"), "context.size + 2 == principal.level * 3", ["7", "8", "6"]),
        (OfEntity(ref("User", "ada"), "level"), "principal.level >= context.size", ["5", "6", "4"]),
        (OfEntity(ref("Page", "p"), "stage"), "resource.stage != prod", ["Stage.dev"]),
        (OfEntity(ref("Page", "p"), "owner"), "resource.owner.level > 5", ['User "bo"']),
        (OfEntity(ref("Page", "p"), "words"), 'any w in resource.words: w == "y"', ["[]", '["x", "y"]', '["y"]']),
        (InSession("mfa"), "session.mfa", ["true", "false"]),
        (Within(ref("User", "ada"), ref("Team", "b")), 'principal in Team "b"', ["true"]),
        (Within(ref("User", "ada"), ref("Team", "a")), 'not (principal in Team "a")', ["false"]),
        (
            InSession("authenticated_at"),
            "now - session.authenticated_at < 15m",
            ["2026-11-23T09:00:00Z", "2026-11-23T08:45:00Z", "2026-11-23T08:45:00.000001Z"],
        ),
        (NOW, "now < 2026-12-24", ["2026-12-24T00:00:00Z", "2026-12-24T00:00:00.000001Z"]),
    ],
)
def test_a_condition_says_what_is_worth_trying(fact, condition, some):
    session = {"authenticated_at": Datetime.parse("2026-11-23T08:00:00Z")}

    found = values(fact, condition, session)

    assert [each for each in some if each not in found] == []


def test_what_has_to_be_on_record_is_never_taken_away_there_and_time_never_goes_back():
    assert None not in values(OfEntity(ref("User", "ada"), "level"), "principal.level > 1")
    assert None in values(OfEntity(ref("User", "ada"), "hired"), "principal has hired")
    assert values(NOW, "now >= 2020-01-01") == []


def test_changes_are_applied_to_question_and_facts():
    engine, question, facts = asked("context.size > 41 and principal.level > 5")
    changes = [Change(InContext("size"), 42), Change(OfEntity(ref("User", "ada"), "level"), 6)]

    found = apply(changes, question, facts, engine.policy.schema)

    assert str(judge(engine.policy, question, facts).outcome) == "deny"
    assert str(judge(engine.policy, *found).outcome) == "allow"
    assert question.context["size"] == 5
    assert size(changes, question, facts) == 2


def test_whoever_is_put_on_record_counts_once_and_the_rest_of_them_is_unknown():
    engine, question, facts = asked("principal.level > 5")
    eve = ref("User", "eve")
    changes = [Change(OnRecord(eve), True), Change(Within(eve, ref("Team", "a")), True)]

    _, found = apply(changes, question, facts, engine.policy.schema)

    node = found.node(eve)
    assert isinstance(node, Node)
    assert node.attributes == {"level": UNKNOWN}
    assert [step.parent for step in node.parents] == [ref("Team", "a")]
    assert size(changes, question, facts) == 1


def test_a_session_that_is_brought_counts_once():
    engine, question, facts = asked("session.mfa")
    changes = [Change(InSession("mfa"), True), Change(InSession("acr"), "high")]

    found, _ = apply(changes, question, facts, engine.policy.schema)

    assert dict(found.session) == {"mfa": True, "acr": "high"}
    assert size(changes, question, facts) == 1


def test_an_approval_is_given_at_the_time_that_it_is_then():
    engine, question, facts = asked("context.size > 1")
    later = Datetime(AT.micros + 1)
    changes = [Change(ApprovedBy(ref("User", "bo"), 1), True), Change(NOW, later)]

    _, found = apply(changes, question, facts, engine.policy.schema)

    (record,) = found.approvals
    assert (record.approver, record.of, record.at) == (ref("User", "bo"), 1, later)
    assert ApprovedBy(ref("User", "bo"), 1) != ApprovedBy(ref("User", "bo"), True)
