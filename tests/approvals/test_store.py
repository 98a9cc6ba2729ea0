"""What people may do about a request for access, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import pdp
from pdp.values import Datetime
from tests.approvals.places import ADA, API, HOUR, NOW, PEOPLE, Place, signer, user


def test_what_enough_others_approve_is_allowed_until_the_time_that_was_asked_for(place: Place) -> None:
    wanted = place.ask(action="deploy", change="c1")
    place.approve(wanted, "bo")
    alone = place.allows("deploy", change="c1")
    place.approve(wanted, "cy")

    decision = place.engine.decide(ADA, "deploy", API, {"change": "c1"})

    assert not alone
    assert decision
    assert decision.valid_until == NOW + 2 * HOUR
    assert not place.allows("deploy", change="c2")
    place.now = NOW + 2 * HOUR
    assert not place.allows("deploy", change="c1")


def test_an_approval_lapses_by_the_rule_where_more_was_asked_for(place: Place) -> None:
    place.approve(place.ask(lasts=24 * HOUR), "bo")

    decision = place.engine.decide(ADA, "restart", API)

    assert decision.valid_until == NOW + 4 * HOUR


def test_one_who_approves_twice_is_one(place: Place) -> None:
    first, second = (place.ask(action="deploy", change="c1") for _ in range(2))
    place.approve(first, "bo")

    place.approve(second, "bo")

    assert not place.allows("deploy", change="c1")
    with pytest.raises(pdp.RequestError, match='User "bo" has approved it already'):
        place.approve(first, "bo")


def test_two_keys_of_one_person_are_one_person(place: Place) -> None:
    place.keys.write_text(
        place.keys.read_text().replace(f'["{signer("bo").key}"]', f'["{signer("bo").key}", "{signer("bo2").key}"]')
    )
    first, second = (place.ask(action="deploy", change="c1") for _ in range(2))
    place.approve(first, "bo")

    place.store.approve(place.engine, second, signer=signer("bo2"))

    assert not place.allows("deploy", change="c1")
    with pytest.raises(pdp.RequestError, match="has approved it already"):
        place.store.approve(place.engine, first, signer=signer("bo2"))


@pytest.mark.parametrize(
    ("asks", "approves", "message"),
    [
        ("ada", "ada", 'User "ada" asked for it, and does not approve it'),
        ("bo", "bo", 'User "bo" asked for it, and does not approve it'),
        ("bo", "ada", 'User "ada" does what is asked for, and does not approve it'),
        ("ada", "eve", 'no rule asks User "eve" to approve this; asked are Group "reviewers"'),
    ],
)
def test_who_has_a_part_in_it_or_no_say_in_it_does_not_decide_about_it(
    place: Place, asks: str, approves: str, message: str
) -> None:
    wanted = place.ask(by=asks)

    with pytest.raises(pdp.RequestError) as approved:
        place.approve(wanted, approves)
    with pytest.raises(pdp.RequestError) as rejected:
        place.store.reject(place.engine, wanted, signer=signer(approves), why="no")

    assert (str(approved.value), str(rejected.value)) == (message, message)
    assert place.store.pending()[0].approvals == ()


def test_somebody_else_may_ask_for_it_and_is_no_approver_by_whatever_name(place: Place) -> None:
    place.keys.write_text(place.keys.read_text().replace("User:bo", 'User \\"bo\\"'))

    place.approve(place.ask(by="bo"), "cy")

    assert place.allows()


def test_a_rejection_closes_the_request_with_all_its_approvals(place: Place) -> None:
    wanted = place.ask()
    place.approve(wanted, "bo")
    before = place.allows()

    found = place.store.reject(place.engine, wanted, signer=signer("cy"), why="not now")

    assert before
    assert not place.allows()
    assert (found.closed, found.closed_by, found.closed_why) == ("rejected", user("cy"), "not now")
    assert place.store.pending() == []
    with pytest.raises(pdp.RequestError, match='the request is rejected by User "cy"'):
        place.approve(wanted, "dee")


def test_who_approved_may_still_reject(place: Place) -> None:
    wanted = place.ask()
    place.approve(wanted, "bo")

    place.store.reject(place.engine, wanted, signer=signer("bo"), why="I was wrong")

    assert not place.allows()


def test_who_asked_takes_the_request_back_and_who_approved_the_approval(place: Place) -> None:
    first, second = place.ask(), place.ask()
    place.approve(first, "bo")
    place.approve(second, "cy")

    one = place.store.withdraw(place.engine, first, signer=signer("ada"), why="it is over")
    still = place.allows()
    other = place.store.withdraw(place.engine, second, signer=signer("cy"))

    assert (one.closed, one.closed_by) == ("withdrawn", ADA)
    assert still
    assert (other.closed, other.approvals) == ("", ())
    assert not place.allows()
    place.approve(second, "cy")
    assert place.allows()


def test_nobody_takes_back_what_is_not_theirs(place: Place) -> None:
    wanted = place.ask()
    place.approve(wanted, "bo")

    with pytest.raises(pdp.RequestError, match='User "cy" has neither asked for it nor approved it'):
        place.store.withdraw(place.engine, wanted, signer=signer("cy"))
    assert place.allows()


def test_what_has_lapsed_is_approved_no_more(place: Place) -> None:
    wanted = place.ask()
    place.now = NOW + 2 * HOUR

    with pytest.raises(pdp.RequestError, match="the request lapsed at 2026-11-23T11:00:00Z"):
        place.approve(wanted, "bo")
    assert place.store.pending() == []


def test_what_is_asked_for_an_actor_is_for_no_other_way(place: Place) -> None:
    place.approve(place.ask(actor="helper"), "bo")

    assert place.allows(actor="helper")
    assert not place.allows()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda place: place.ask(action="read"), "no rule asks approvals for User"),
        (lambda place: place.ask(action="fly"), "the action `fly` is not declared"),
        (lambda place: place.ask(action="deploy"), "the value of `context.change` that `reviewed` asks approvals of"),
        (lambda place: place.ask(lasts=timedelta()), "`lasts` is a length of time, and longer than none"),
        (lambda place: place.ask(lasts=NOW), "what is asked for has ended before it is asked for"),
        (lambda place: place.ask(lasts=NOW.replace(tzinfo=None)), "`lasts`: a datetime needs a time zone"),
        (lambda place: place.ask(lasts=timedelta.max), "`lasts` is longer than there is time"),
        (lambda place: place.ask(by="mallory"), "is registered for nobody in"),
    ],
)
def test_what_makes_no_sense_to_ask_for_is_not_on_record(
    place: Place, ask: Callable[[Place], str], message: str
) -> None:
    with pytest.raises(pdp.RequestError, match=message):
        ask(place)

    assert place.store.pending() == []


@pytest.mark.parametrize("why", ["", "  ", "x" * 4097, "\ud800", None])
def test_a_request_says_why(place: Place, why: str) -> None:
    with pytest.raises(pdp.RequestError, match=r"a reason is needed|`why` is a text"):
        place.store.request(place.engine, pdp.Request(ADA, "restart", API), signer=signer("ada"), lasts=HOUR, why=why)


def test_rules_that_bind_different_values_are_told_apart_by_name(place: Place) -> None:
    text = """
        type User
        type Service
        action deploy on Service by User with { change: String }
        rule one: permit User to deploy on Service needs approval of context.change from User "bo" for 4h
        rule two: permit User to deploy on Service needs approval from User "bo" for 4h
    """
    engine = pdp.Engine.from_text(text, approvals=place.store, clock=lambda: place.now, entities=[])
    request = pdp.Request(ADA, "deploy", API, {"change": "c1"})

    def ask(rule: str | None) -> pdp.AccessRequest:
        return place.store.request(engine, request, signer=signer("ada"), lasts=HOUR, why="x", rule=rule)

    with pytest.raises(pdp.RequestError, match=r'`one` of "c1", `two` of no value \(help: name the rule'):
        ask(None)
    with pytest.raises(
        pdp.RequestError, match=r"the rule `three` asks no approvals here \(help: these do: `one`, `two`"
    ):
        ask("three")
    assert (ask("one").wanted.of, ask("two").wanted.of) == ("c1", None)


def test_a_value_is_approved_as_what_it_is(place: Place) -> None:
    text = """
        type User
        type Service
        enum Env { dev, prod }
        context { at: Datetime, ip: Ip, cost: Decimal, env: Env, on: Bool }
        context { n: Int, who: User, all: [Int], for: Duration }
        action deploy on Service by User
        rule one: permit User to deploy on Service needs approval of context.NAME from User "bo" for 4h
    """
    values = {
        "at": "2026-11-23T09:00:00Z",
        "ip": "10.0.0.0/8",
        "cost": "1.50",
        "env": "prod",
        "on": True,
        "n": 1,
        "who": ADA,
        "all": [3, 1],
        "for": "90m",
    }
    for name in values:
        engine = pdp.Engine.from_text(text.replace("NAME", name), approvals=place.store, clock=lambda: place.now)
        request = pdp.Request(ADA, "deploy", API, values)
        engine.upsert_entity(pdp.Entity("User", "bo"))

        wanted = place.store.request(engine, request, signer=signer("ada"), lasts=HOUR, why=name)
        before = engine.answer(request)
        place.store.approve(engine, wanted.id, signer=signer("bo"))

        assert (bool(before), bool(engine.answer(request))) == (False, True), name
        assert place.open().find(wanted.id).wanted == wanted.wanted
        place.store.withdraw(engine, wanted.id, signer=signer("ada"))


def test_who_is_revoked_neither_asks_for_approval_nor_gives_it(place: Place) -> None:
    wanted = place.ask()
    place.approve(wanted, "bo")
    place.engine.revoke(principal=user("bo"))
    place.engine.revoke(principal=user("cy"), not_before=NOW + HOUR)

    with pytest.raises(pdp.RequestError, match='User "cy" is revoked'):
        place.approve(wanted, "cy")
    with pytest.raises(pdp.RequestError, match='User "bo" is revoked'):
        place.ask(by="bo")
    assert not place.allows()
    place.approve(wanted, "dee")
    assert place.allows()


def test_who_holds_no_key_any_more_is_counted_no_more_and_what_they_took_away_stays_so(place: Place) -> None:
    rejected, approved, asked = place.ask(), place.ask(), place.ask(by="cy")
    place.store.reject(place.engine, rejected, signer=signer("bo"), why="no")
    place.approve(approved, "bo")
    place.approve(asked, "dee")

    place.register(("ada", "dee"))
    place.engine.refresh()

    assert not place.allows()
    assert place.store.find(rejected).closed == "rejected"
    assert [each.id for each in place.store.pending()] == [approved]
    assert [each.why for each in place.store.passed()] == [
        'the key is not registered for User "bo"',
        'the key of User "cy", who asked for it, is not registered any more',
    ]
    place.register(PEOPLE)
    place.engine.refresh()
    assert place.allows()


def test_a_key_that_became_anothers_speaks_for_neither(place: Place) -> None:
    place.approve(place.ask(), "bo")

    place.keys.write_text(place.keys.read_text().replace("User:bo", "User:zed"))
    place.engine.refresh()

    assert not place.allows()


def test_engines_and_stores_of_one_file_see_what_others_did(place: Place) -> None:
    other = place.open()
    engine = place.engine_of(other)
    wanted = place.ask()

    other.approve(engine, wanted, signer=signer("bo"))
    unaware = place.allows()
    place.engine.refresh()

    assert engine.allows(ADA, "restart", API)
    assert not unaware
    assert place.allows()


def test_of_two_verdicts_at_once_the_second_looks_at_the_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, other = place.ask(), place.open()

    class Slow:
        key = signer("cy").key

        def sign(self, message: bytes) -> bytes:
            if place.store.pending():
                place.store.reject(place.engine, wanted, signer=signer("bo"), why="no")
            return signer("cy").sign(message)

    with pytest.raises(pdp.RequestError, match='the request is rejected by User "bo"'):
        other.approve(place.engine, wanted, signer=Slow())
    assert not place.allows()


def test_what_was_done_is_told_as_plain_data(place: Place) -> None:
    wanted = place.ask(action="deploy", change="c1")
    found = place.approve(wanted, "bo").to_json()

    assert found == {
        "id": wanted,
        "asked_by": 'User "ada"',
        "at": str(Datetime.of(NOW)),
        "why": "INC-42",
        "principal": 'User "ada"',
        "actor": None,
        "action": "deploy",
        "resource": 'Service "api"',
        "of": "c1",
        "until": "2026-11-23T11:00:00Z",
        "approvals": [{"approver": 'User "bo"', "at": "2026-11-23T09:00:00Z"}],
        "closed": None,
        "closed_by": None,
        "closed_why": None,
        "counts": True,
    }


def test_a_store_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(pdp.RecordError, match="there is no such record"):
        pdp.ApprovalStore(tmp_path / "a.db", keys=tmp_path / "keys.json")


def test_types_are_on_record_by_names_that_no_other_will_ever_have(place: Place) -> None:
    text = """
        namespace shop
        type User
        type Service
        action deploy on Service by User
        rule one: permit User to deploy on Service needs approval from User "bo" for 4h
    """
    people = [pdp.Entity("User", "bo")]
    engine = pdp.Engine.from_text(text, approvals=place.store, clock=lambda: place.now, entities=people)

    wanted = place.store.request(engine, pdp.Request(ADA, "deploy", API), signer=signer("ada"), lasts=HOUR, why="x")
    place.store.approve(engine, wanted.id, signer=signer("bo"))

    assert wanted.wanted.principal == pdp.ref("shop.User", "ada")
    assert engine.allows(ADA, "deploy", API)
    other = pdp.Engine.from_text(text.replace("shop", "hr"), approvals=place.store, entities=people)
    assert not other.allows(ADA, "deploy", API, now=place.now)
    assert other.approvals_failure is None


def test_a_request_is_called_as_whoever_makes_it_says_and_ends_at_an_instant(place):
    seen = []

    def name(ledger, by):
        seen.append((len(ledger.requests), by))
        return "my-own-name"

    request = pdp.Request(ADA, "restart", API)
    made = place.store.request(
        place.engine, request, signer=signer("ada"), lasts=NOW + 3 * HOUR, why="INC-42", name=name
    )

    assert (made.id, made.wanted.until.to_datetime(), seen) == ("my-own-name", NOW + 3 * HOUR, [(0, ADA)])
    assert place.store.under("my-own") == made
    assert place.store.under("other") is None
    with pytest.raises(pdp.RequestError, match="there is a request `my-own-name` already"):
        place.store.request(place.engine, request, signer=signer("ada"), lasts=HOUR, why="x", name=name)
