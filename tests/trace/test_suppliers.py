"""Who can supply a fact depends on whose word counts for it, and those who need the least help come first."""

from __future__ import annotations

from pdp.engine import Engine
from pdp.model import Entity, Request
from pdp.values import ref

POLICY = """\
type Group
type User in Group { level: Int }
type Doc { open: Bool }
action read on Doc by User
rule open:
  permit User to read on Doc
  when resource.open
rule trusted:
  permit User to read on Doc
  when principal.level >= 3
"""

HELD = (Entity("User", "ada", {"level": 1}), Entity("Doc", "plan", {"open": False}))


def flips(principal, resource, policy=POLICY):
    engine = Engine.from_text(policy, entities=HELD)
    found = engine.explain(Request(principal, "read", resource)).flips
    assert found is not None
    return [
        None if each is None else [(change.text, change.who) for change in each]
        for each in (found.smallest, found.alone)
    ]


def test_what_is_on_record_is_no_callers_though_the_request_brings_it():
    smallest, alone = flips(Entity("User", "ada", {"level": 9}), ref("Doc", "plan"))

    assert smallest == [('Doc "plan".open = true', "administrator")]
    assert alone is None


def test_what_a_request_brings_is_offered_before_what_takes_an_administrator():
    smallest, alone = flips(Entity("User", "bo", {"level": 1}), ref("Doc", "plan"))

    assert smallest == [('User "bo".level = 3', "caller")]
    assert alone is None


def test_what_takes_no_administrator_may_be_of_an_entity_that_the_request_brings():
    policy = POLICY.replace("principal.level >= 3", "principal.level >= 3 and session.mfa")

    smallest, alone = flips(Entity("User", "bo", {"level": 1}), ref("Doc", "plan"), policy)

    assert smallest == [('Doc "plan".open = true', "administrator")]
    assert alone == [('User "bo".level = 3', "caller"), ("session.mfa = true", "caller")]


def test_a_membership_that_the_request_brings_is_the_callers():
    policy = POLICY.replace(
        "permit User to read on Doc\n  when principal.level",
        'permit User in Group "a" to read on Doc\n  when principal.level',
    )

    smallest, _ = flips(Entity("User", "bo", {"level": 3}), Entity("Doc", "new", {"open": False}), policy)

    assert smallest == [('Doc "new".open = true', "caller")]
