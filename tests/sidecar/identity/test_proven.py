"""Whoever was verified asks for itself, by what was proved and by nothing that it says of itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdp
from pdp.model import Request
from pdp_sidecar.callers import Caller, NotPermitted
from tests.sidecar.identity.scene import (
    ADA,
    ASKING,
    BEN,
    CI,
    EDITORS,
    PAGE,
    PEP,
    TOKENS,
    Clock,
    engine,
    identity,
    itself,
    service,
)

SERVICE = service()
WITH_MFA = {"mfa": True, "methods": ["otp"], "authenticated_at": "2026-11-28T09:59:00Z"}


def test_whoever_was_verified_asks_for_itself_with_the_session_of_its_token():
    plain, strong = itself(identity()), itself(identity(mfa=True))

    edit = Request(ADA, "edit", PAGE)

    assert SERVICE.check(plain, Request(ADA, "read", PAGE)).decision
    assert [bool(SERVICE.check(each, edit).decision) for each in (plain, strong)] == [False, True]


@pytest.mark.parametrize("principal", [BEN, CI, pdp.ref("User", "ada "), pdp.ref("user", "ada"), pdp.ref("", "")])
def test_it_asks_for_nobody_else(principal):
    decision = SERVICE.check(itself(identity()), Request(principal, "read", PAGE)).decision

    assert (decision.reason, decision.detail) == ("invalid_request", "`itself` may not ask for this principal")


def test_it_asks_for_others_that_the_configuration_names_and_not_with_its_own_session():
    mesh = itself(identity(pdp.Entity("Workload", "mesh"), mfa=True), "User")

    assert SERVICE.check(mesh, Request(ADA, "read", PAGE)).decision
    assert not SERVICE.check(mesh, Request(ADA, "edit", PAGE)).decision
    assert SERVICE.check(mesh, Request(ADA, "edit", PAGE, session=WITH_MFA)).decision
    assert not SERVICE.check(mesh, Request(CI, "read", PAGE)).decision


def test_a_session_of_another_counts_only_from_whoever_may_vouch_for_it():
    shy = itself(identity(pdp.Entity("Workload", "mesh")), "User", asserts_session=False)

    assert SERVICE.check(shy, Request(ADA, "read", PAGE)).decision
    assert "vouch" in SERVICE.check(shy, Request(ADA, "edit", PAGE, session=WITH_MFA)).decision.detail


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Request(ADA, "edit", PAGE, session=WITH_MFA), "the question has none beside it"),
        (Request(ADA, "edit", PAGE, session={}), "the question has none beside it"),
        (Request(ADA, "read", PAGE, entities=(pdp.Entity(*ADA),)), "the request does not bring it"),
        (Request(ADA, "read", pdp.Entity(*ADA)), "the request does not bring it"),
        (Request(ADA, "read", PAGE, entities=(pdp.Entity("Page", "x", {"level": 1}),)), "no entities but the resource"),
        (Request(ADA, "read", pdp.Entity(*EDITORS)), "brings nothing that it may be in"),
    ],
)
def test_what_it_says_of_itself_is_refused(asked, why):
    decision = SERVICE.check(itself(identity()), asked).decision

    assert decision.reason == "invalid_request"
    assert why in decision.detail


AGENTS = """
type Team in Team
type User { email?: String }
type Agent in Team
session { actor?: Agent }
action inspect on Agent, Team by User
rule trusted_agents_inspect:
  permit User to inspect on anything
  via Agent in Team "trusted"
"""


@pytest.mark.parametrize("brought", [pdp.ref("Agent", "bot"), pdp.ref("Team", "bots")])
def test_whoever_acts_for_another_says_nothing_of_what_it_is_in(brought):
    asked = service(pdp.Engine.from_text(AGENTS, entities=[pdp.Entity("User", "ada")], clock=Clock().now))
    lifted = pdp.Entity(*brought, parents=[pdp.ref("Team", "trusted")])

    decision = asked.check(itself(identity(actors=("bot",))), Request(ADA, "inspect", lifted)).decision

    assert (decision.outcome, decision.reason) == ("deny", "invalid_request")


def test_what_a_request_brings_of_its_principal_is_not_looked_at():
    # Nobody holds it: so what a request brings would count.
    forged = pdp.Entity("Workload", "ci", {"repository": "x/api"})

    trusted = SERVICE.check(itself(identity(CI), "Workload"), Request(forged, "read", PAGE)).decision
    genuine = SERVICE.check(itself(TOKENS["ci"]), Request(CI, "read", PAGE)).decision

    assert not trusted
    assert genuine


def test_a_resource_that_nobody_holds_is_brought_by_whoever_asks_for_itself():
    assert SERVICE.check(itself(identity()), Request(ADA, "read", pdp.Entity("Page", "new", {"level": 1}))).decision


# --------------------------------------------------------------------------------------------------------- handed on


def test_a_token_that_is_handed_on_says_for_whom_and_with_which_session():
    assert SERVICE.check(PEP, Request(ADA, "edit", PAGE), identity(mfa=True)).decision
    assert not SERVICE.check(PEP, Request(ADA, "edit", PAGE), identity()).decision


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Request(BEN, "read", PAGE), "the token is of another principal than the question names"),
        (Request(ADA, "edit", PAGE, session=WITH_MFA), "the question has none beside it"),
        (Request(ADA, "read", PAGE, entities=(pdp.Entity(*ADA),)), "the request does not bring it"),
    ],
)
def test_a_question_says_nothing_beside_its_token(asked, why):
    assert why in SERVICE.check(PEP, asked, identity(mfa=True)).decision.detail


def test_a_token_is_handed_on_by_whoever_may_ask_for_whom_it_is_of():
    bound = Caller("shop", ASKING, itself(identity(), "Workload").principals)
    alone = itself(identity(pdp.Entity("Workload", "other")))

    for each in (bound, alone):
        assert (
            "may not ask for this principal"
            in SERVICE.check(each, Request(ADA, "read", PAGE), identity()).decision.detail
        )


def test_whoever_hands_a_token_on_brings_entities_as_it_does_without_one():
    brought = (pdp.Entity("Page", "new", {"level": 1}),)

    assert SERVICE.check(PEP, Request(ADA, "read", pdp.ref("Page", "new"), entities=brought), identity()).decision


def test_many_questions_are_of_their_own_tokens():
    asked = [
        Request(ADA, "edit", PAGE),
        Request(BEN, "read", PAGE),
        Request(ADA, "edit", PAGE),
        Request(ADA, "edit", PAGE),
    ]

    found, _ = SERVICE.check_many(PEP, asked, {0: identity(mfa=True), 1: identity(BEN), 2: identity()})

    assert [bool(each) for each in found] == [True, True, False, False]


# --------------------------------------------------------------------------------------------------- what else there is


@pytest.mark.parametrize(("keep", "lease"), [(None, 600), (5, 5), (900, 600)])
def test_an_answer_is_kept_no_longer_than_the_word_of_whoever_is_asked_about_its_token(keep, lease):
    asked = service()
    asked.identifying._issuers.keep = None if keep is None else keep * 1_000_000
    read, given = Request(ADA, "read", PAGE), identity()

    (many,), _ = asked.check_many(PEP, [read], {0: given})
    found = [asked.check(PEP, read, given).decision, asked.check(itself(given), read).decision, many]

    assert [bool(each) for each in found] == [True] * 3
    assert [asked.kept(each, "e") for each in found] == [("e", lease * 1_000_000)] * 3
    assert asked.kept(asked.check(PEP, read).decision, "e") == ("e", None)


def test_another_time_is_asked_for_by_whoever_may_explain():
    may, may_not = itself(identity()), Caller("x", ASKING - {"explain"}, identity=identity())
    asked = Request(ADA, "read", PAGE, now=Clock().now())

    assert "another time" in SERVICE.check(may_not, asked).decision.detail
    assert SERVICE.check(may, asked).decision


def test_searches_of_whoever_was_verified_are_of_itself():
    asker = itself(identity(mfa=True))

    assert SERVICE.what_can(asker, ADA, "edit", "Page").results == (PAGE,)
    assert SERVICE.actions(asker, ADA, PAGE).results == ("edit", "read")
    assert SERVICE.who_can(asker, "User", "edit", PAGE).results == (ADA,)
    for search in (
        lambda: SERVICE.what_can(asker, BEN, "read", "Page"),
        lambda: SERVICE.what_can(asker, ADA, "read", "Page", session=WITH_MFA),
        lambda: SERVICE.actions(asker, BEN, PAGE),
        lambda: SERVICE.actions(asker, ADA, pdp.Entity(*EDITORS)),
        lambda: SERVICE.who_can(asker, "User", "read", PAGE, entities=[pdp.Entity(*EDITORS)]),
    ):
        with pytest.raises(NotPermitted):
            search()


def test_watches_and_explanations_are_of_itself():
    asker = itself(identity())

    with SERVICE.watch(asker, Request(ADA, "read", PAGE)) as watch:
        assert watch.decision
    assert SERVICE.explain(asker, Request(ADA, "read", PAGE)).decision
    for each in (SERVICE.watch, SERVICE.explain):
        with pytest.raises(NotPermitted):
            each(asker, Request(BEN, "read", PAGE))


EVE, STAFF = pdp.ref("User", "eve"), pdp.ref("Group", "staff")
NAMES = st.sampled_from([ADA, EVE, CI, STAFF])
BROUGHT = st.builds(
    pdp.Entity,
    st.sampled_from(["User", "Group", "Workload", "Page"]),
    st.sampled_from(["ada", "eve", "ci", "staff"]),
    st.fixed_dictionaries({}, optional={"repository": st.just("x/api"), "level": st.just(1), "email": st.just("a@b")}),
    st.lists(st.sampled_from([EDITORS, STAFF]), max_size=1).map(tuple),
)

ESCALATING = (pdp.Entity(*STAFF, {}, (EDITORS,)),)


@settings(max_examples=400)
@given(
    whose=st.sampled_from([identity(pdp.Entity(*EVE, {}, (STAFF,)), mfa=True), identity(CI)]),
    principal=st.one_of(st.just(EVE), NAMES, BROUGHT),
    action=st.sampled_from(["read", "edit"]),
    resource=st.one_of(st.just(PAGE), BROUGHT),
    session=st.sampled_from([None, None, {}, WITH_MFA]),
    entities=st.one_of(st.just(ESCALATING), st.lists(BROUGHT, max_size=2).map(tuple)),
)
def test_nothing_that_a_question_says_makes_more_of_an_identity_than_was_proved(
    whose, principal, action, resource, session, entities
):
    asked = Request(principal, action, resource, None, session, None, entities)

    decision = SERVICE.check(itself(whose), asked).decision

    # Eve is in a group of which nobody knows what it is in, and the build is of no repository: it stays so.
    if decision:
        assert (whose.ref, asked.action) == (EVE, "read")


def test_the_property_is_about_what_the_engine_takes_from_others():
    held, eve = engine(), pdp.Entity(*EVE, {}, (STAFF,))

    assert not held.allows(eve, "edit", PAGE, session=WITH_MFA)
    assert held.allows(eve, "edit", PAGE, session=WITH_MFA, entities=ESCALATING)
    assert held.allows(pdp.Entity(*CI, {"repository": "x/api"}), "read", PAGE)
