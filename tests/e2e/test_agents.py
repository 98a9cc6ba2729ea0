"""Agents exchange the token of a person for one that names both (RFC 8693)."""

from __future__ import annotations

import pdp
from pdp.identity.who import Actor

CALENDAR = pdp.ref("Calendar", "ada")


def test_an_agent_acts_for_a_person(provider, scene):
    token = provider.exchange(provider.sign_in("ada", strong=True).access_token)
    found = scene("agent")

    who = found.who(token)

    assert who.ref == pdp.ref("User", "ada")
    assert who.session["actor"] == pdp.ref("Agent", "helper")
    decided = {action: bool(found.decide_about(who, action, CALENDAR)) for action in ("read", "invite", "share")}
    assert decided == {"read": True, "invite": True, "share": False}


def test_an_agent_invites_nobody_before_the_person_confirms(provider, scene):
    token = provider.exchange(provider.sign_in("ada").access_token)

    decision = scene("agent").decide(token, "invite", CALENDAR)

    assert [each.texts for each in decision.remedies] == [("confirm with a second factor",)]


def test_the_person_alone_does_it_all(provider, scene):
    token = provider.sign_in("ada").access_token
    found = scene("agent")

    assert all(found.decide(token, action, CALENDAR) for action in ("read", "invite", "share"))


def test_an_agent_of_an_agent_is_who_decides_and_both_are_told(provider, scene):
    token = provider.exchange(provider.exchange(provider.sign_in("ada").access_token), "subhelper")
    found = scene("agent")

    who = found.who(token)

    assert who.actors == (
        Actor(subject="subhelper", issuer=provider.issuer, ref=pdp.ref("Agent", "subhelper")),
        Actor(subject="helper", issuer=provider.issuer),
    )
    # It is in no group of agents that may.
    assert not found.decide_about(who, "read", CALENDAR)


def test_an_agent_is_never_taken_for_the_person(provider, scene):
    token = provider.exchange(provider.sign_in("ada", strong=True).access_token)

    assert scene("people").refusal(token) == "invalid_claims"
