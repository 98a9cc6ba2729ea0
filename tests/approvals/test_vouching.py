"""What people do with a token: a service that verified it signs, and vouches for no more than the file of keys says."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdp
from pdp.approvals.events import LAYOUT, Event, EventKind, Signed, Wanted, message, read_event
from pdp.approvals.keys import Keys, Recorder
from pdp.approvals.ledger import Ledger
from pdp.approvals.vouching import Vouched, Vouching
from pdp.identity.who import Actor, Identity
from pdp.journal import Journal
from pdp.model import RevocationKind
from pdp.session import Session
from pdp.values import Datetime, EntityRef
from tests.approvals.places import ADA, API, HOUR, NOW, PEOPLE, Place, signer, user

LOGIN, CI = "https://login.example.com", "https://ci.example.com"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJibyJ9.c2lnbmF0dXJl"
DESK = signer("desk")


def identity(
    name: str, *, since: datetime = NOW - HOUR, until: datetime = NOW + HOUR, kind: str = "User", **more: Any
) -> Identity:
    issuer = more.pop("issuer", LOGIN)
    actors = more.pop("actors", ())
    session = {
        "mfa": True,
        "methods": ["pwd", "mfa"],
        "authenticated_at": since,
        "issued_at": since,
        "expires_at": until,
        "issuer": issuer,
        "token_id": f"t-{name}",
        "bound": False,
    }
    return Identity(
        principal=pdp.ref(kind, name),
        session=Session({each: value for each, value in {**session, **more}.items() if value is not None}),
        issuer=issuer,
        subject=f"sub-{name}",
        until=Datetime.of(until).micros,
        token_id=f"t-{name}",
        digest=hashlib.sha256(TOKEN.encode()).hexdigest(),
        actors=actors,
    )


def by_token(name: str, by: pdp.Signer = DESK, **more: Any) -> Vouching:
    return Vouching(by, identity(name, **more))


class Desk(Place):
    """A place where a desk vouches for people who show a token, beside those who have keys."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.vouch({"User": [LOGIN]})

    def vouch(self, may_vouch: Any, people: Sequence[str] = PEOPLE, key: str = DESK.key) -> None:
        keys: dict[str, Any] = {f"User:{name}": [signer(name).key] for name in people}
        desk = {"Agent:helper": [{"key": key, "may_vouch": may_vouch}]} if may_vouch else {}
        self.keys.write_text(json.dumps(keys | desk))

    def approve_by_token(self, id: str, name: str, **more: Any) -> pdp.AccessRequest:
        return self.store.approve(self.engine, id, signer=by_token(name, **more))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# --------------------------------------------------------------------------------------------------------- it counts


def test_who_shows_a_token_asks_and_approves(desk: Desk) -> None:
    request = pdp.Request(ADA, "deploy", API, {"change": "c1"})
    asked = desk.store.request(desk.engine, request, signer=by_token("ada"), lasts=HOUR, why="INC-42")
    before = desk.allows("deploy", change="c1")
    desk.approve_by_token(asked.id, "bo")
    desk.approve(asked.id, "cy")

    during = desk.allows("deploy", change="c1")

    assert (before, during) == (False, True)
    assert [each.approver for each in desk.store.find(asked.id).approvals] == [user("bo"), user("cy")]


def test_what_was_shown_is_told_of_whoever_showed_it(desk: Desk) -> None:
    id_ = desk.ask()
    desk.approve_by_token(id_, "bo")
    desk.approve(id_, "cy")

    told = desk.open().find(id_).to_json()["tokens"]

    assert told == {
        'User "bo"': {
            "issuer": LOGIN,
            "subject": "sub-bo",
            "token": hashlib.sha256(TOKEN.encode()).hexdigest(),
            "names": [f"{LOGIN} t-bo", "t-bo"],
            "proved": "2026-11-23T08:00:00Z",
            "until": "2026-11-23T10:00:00Z",
            "mfa": True,
            "bound": False,
        }
    }


def test_the_record_does_not_hold_the_token(desk: Desk) -> None:
    id_ = desk.ask()

    desk.approve_by_token(id_, "bo")

    desk.store.close()
    held = b"".join(each.read_bytes() for each in desk.path.parent.glob("a.db*"))
    assert b"sub-bo" in held
    assert not any(part.encode() in held for part in TOKEN.split("."))


def test_one_person_with_a_key_and_a_token_is_one_person(desk: Desk) -> None:
    id_ = desk.ask(action="deploy", change="c1")
    desk.approve(id_, "bo")

    with pytest.raises(pdp.RequestError, match='User "bo" has approved it already'):
        desk.approve_by_token(id_, "bo")

    assert not desk.allows("deploy", change="c1")


def test_what_was_done_with_a_key_is_taken_back_with_a_token(desk: Desk) -> None:
    id_ = desk.ask()
    desk.approve(id_, "bo")

    desk.store.withdraw(desk.engine, id_, signer=by_token("bo"))

    assert not desk.allows()


def test_who_shows_a_token_may_reject(desk: Desk) -> None:
    id_ = desk.ask()

    found = desk.store.reject(desk.engine, id_, signer=by_token("bo"), why="not on a Friday")

    assert (found.closed, found.closed_by) == ("rejected", user("bo"))


# ------------------------------------------------------------------------------------------------ it is not vouched for


@pytest.mark.parametrize(
    ("may_vouch", "message"),
    [
        ({}, "may vouch for nobody in"),
        ({"Agent": [LOGIN]}, f'Agent "helper" may not vouch for User "bo" by a token of {LOGIN}'),
        ({"User": [CI]}, f'Agent "helper" may not vouch for User "bo" by a token of {LOGIN}'),
    ],
)
def test_a_key_vouches_for_nobody_but_whom_it_may(desk: Desk, may_vouch: Any, message: str) -> None:
    id_ = desk.ask()
    desk.vouch(may_vouch)

    with pytest.raises(pdp.RequestError, match=message):
        desk.approve_by_token(id_, "bo")

    assert not desk.allows()


def test_a_key_of_a_person_vouches_for_nobody(desk: Desk) -> None:
    id_ = desk.ask()

    with pytest.raises(pdp.RequestError, match="may vouch for nobody in"):
        desk.approve_by_token(id_, "bo", by=signer("cy"))

    assert not desk.allows()


def test_a_key_that_vouches_signs_for_nobody_by_itself(desk: Desk) -> None:
    id_ = desk.ask()

    with pytest.raises(pdp.RequestError, match="it vouches for others, who show a token"):
        desk.store.approve(desk.engine, id_, signer=DESK)

    assert not desk.allows()


@pytest.mark.parametrize("may_vouch", [{}, {"Agent": [LOGIN]}, {"User": [CI]}])
def test_what_a_key_vouched_for_ends_with_its_right_to(desk: Desk, may_vouch: Any) -> None:
    id_ = desk.ask()
    desk.approve_by_token(id_, "bo")
    before = desk.allows()
    desk.vouch(may_vouch)

    desk.engine.refresh()

    assert (before, desk.allows()) == (True, False)


def test_a_key_of_another_service_takes_nothing_over(desk: Desk) -> None:
    id_ = desk.ask()
    desk.approve_by_token(id_, "bo")
    desk.vouch({"User": [LOGIN]}, key=signer("other desk").key)

    desk.engine.refresh()

    assert not desk.allows()


def test_what_acts_for_a_person_approves_nothing(desk: Desk) -> None:
    actor = Actor(subject="helper", issuer=LOGIN, ref=pdp.ref("Agent", "helper"))

    with pytest.raises(pdp.RequestError, match="another acts for the principal of the token"):
        by_token("bo", actors=(actor,))


def test_nobody_approves_with_a_token_what_they_asked_for(desk: Desk) -> None:
    for asker, approver in (("bo", "bo"), ("cy", "ada")):
        id_ = desk.ask(by=asker)

        with pytest.raises(pdp.RequestError, match="and does not approve it"):
            desk.approve_by_token(id_, approver)

    assert not desk.allows()


def test_who_is_in_no_scope_approves_nothing_with_a_token(desk: Desk) -> None:
    id_ = desk.ask()

    with pytest.raises(pdp.RequestError, match='no rule asks User "eve" to approve this'):
        desk.approve_by_token(id_, "eve")


# -------------------------------------------------------------------------------------------------- it is worth nothing


def test_a_token_that_has_run_out_approves_nothing(desk: Desk) -> None:
    id_ = desk.ask()

    with pytest.raises(pdp.RequestError, match='the token of User "bo" counted no more'):
        desk.approve_by_token(id_, "bo", until=NOW)


def test_a_token_that_does_not_tell_since_when_approves_nothing() -> None:
    with pytest.raises(pdp.RequestError, match="does not tell when its principal proved who it is"):
        by_token("bo", authenticated_at=None, issued_at=None)


@pytest.mark.parametrize("odd", [{"token_id": 7}, {"issued_at": "yesterday"}, {"key_id": True}])
def test_a_session_that_is_none_approves_nothing(desk: Desk, odd: dict[str, Any]) -> None:
    id_ = desk.ask()

    with pytest.raises(pdp.RequestError, match=r"is not such as policies know|does not tell when"):
        desk.approve_by_token(id_, "bo", **odd)


REVOKED = [
    {"principal": user("bo"), "not_before": NOW - timedelta(minutes=30)},
    {"principal": user("bo")},
    {"token": "t-bo"},
    {"token": "t-bo", "issuer": LOGIN},
    {"session": "t-bo", "issuer": LOGIN},
    {"group": pdp.ref("Group", "reviewers"), "not_before": NOW - timedelta(minutes=30)},
]


@pytest.mark.parametrize("target", REVOKED, ids=lambda each: "-".join(each))
def test_who_is_revoked_since_they_proved_who_they_are_approves_nothing(desk: Desk, target: Any) -> None:
    id_ = desk.ask()
    desk.engine.revoke(**target)

    with pytest.raises(pdp.RequestError, match="is revoked"):
        desk.approve_by_token(id_, "bo")


@pytest.mark.parametrize("target", REVOKED, ids=lambda each: "-".join(each))
def test_what_was_approved_with_a_token_ends_with_it_at_once(desk: Desk, target: Any) -> None:
    id_ = desk.ask()
    desk.approve_by_token(id_, "bo")

    with desk.engine.watch(pdp.Request(ADA, "restart", API)) as watch:
        before = bool(watch)
        desk.engine.revoke(**target)
        after = bool(watch)

    assert (before, after, desk.allows()) == (True, False, False)


@pytest.mark.parametrize(
    "target",
    [
        {"token": "t-cy"},
        {"token": "t-bo", "issuer": CI},
        {"principal": user("bo"), "not_before": NOW - 2 * HOUR},
        {"principal": user("cy")},
    ],
    ids=lambda each: "-".join(each),
)
def test_what_others_lose_takes_nothing_away(desk: Desk, target: Any) -> None:
    id_ = desk.ask()
    desk.approve_by_token(id_, "bo")

    desk.engine.revoke(**target)

    assert desk.allows()


def test_who_signed_in_again_after_they_were_revoked_approves(desk: Desk) -> None:
    id_ = desk.ask()
    desk.engine.revoke(principal=user("bo"), not_before=NOW - 2 * HOUR)

    desk.approve_by_token(id_, "bo")

    assert desk.allows()


# ------------------------------------------------------------------------------------------------------- what is forged

NAMES = st.sampled_from(["bo", "cy", "ada", "eve"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
TIMES = st.integers(-(2**53), 2**53).map(Datetime)
VOUCHED = st.builds(
    Vouched,
    issuer=TEXTS,
    subject=TEXTS,
    token=TEXTS,
    names=st.lists(st.tuples(st.sampled_from(RevocationKind), TEXTS), max_size=3).map(tuple),
    proved=TIMES,
    until=TIMES,
    mfa=st.booleans(),
    bound=st.booleans(),
)


@given(VOUCHED)
def test_what_is_vouched_for_is_read_as_it_was_written(vouched: Vouched) -> None:
    event = Event(kind=EventKind.APPROVED, id="r", by=user("bo"), key=DESK.key, at=Datetime.of(NOW), vouched=vouched)

    assert read_event(event.text) == event


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mfa", 1),
        ("mfa", None),
        ("until", "2026-11-23T09:00:00Z"),
        ("proved", 1.5),
        ("proved", True),
        ("names", [["nothing", "x"]]),
        ("names", [["token", 7]]),
        ("names", [["token", "x", "y"]]),
        ("names", None),
        ("issuer", None),
        ("more", 1),
    ],
)
def test_what_is_written_in_another_way_is_no_event(name: str, value: Any) -> None:
    event = Event(
        kind=EventKind.APPROVED,
        id="r",
        by=user("bo"),
        key=DESK.key,
        at=Datetime.of(NOW),
        vouched=by_token("bo").vouched,
    )
    data = json.loads(event.text)
    data["vouched"][name] = value

    with pytest.raises(ValueError, match=r"\w"):
        read_event(json.dumps(data, sort_keys=True, separators=(",", ":")))


@given(
    type_=st.sampled_from(["User", "Agent"]),
    name=NAMES,
    issuer=st.sampled_from([LOGIN, CI]),
    by=st.sampled_from(["desk", "bo", "nobody"]),
    late=st.integers(-2, 2),
    vouches=st.dictionaries(
        st.sampled_from(["User", "Agent"]), st.lists(st.sampled_from([LOGIN, CI]), min_size=1), max_size=2
    ),
)
def test_an_approval_counts_only_where_its_key_may_vouch_for_its_token(
    type_: str, name: str, issuer: str, by: str, late: int, vouches: dict[str, list[str]]
) -> None:
    until = Datetime.of(NOW)
    vouched = Vouched(
        issuer=issuer, subject="s", token="d", names=(), proved=until, until=until, mfa=False, bound=False
    )
    asked = Event(
        kind=EventKind.REQUESTED,
        id="r",
        by=user("dee"),
        key=signer("dee").key,
        at=Datetime(until.micros - 9),
        why="x",
        wanted=Wanted(principal=ADA, action="restart", resource=API, until=Datetime.of(NOW + HOUR)),
    )
    at = Datetime(until.micros + late)
    approved = Event(
        kind=EventKind.APPROVED, id="r", by=EntityRef(type_, name), key=signer(by).key, at=at, vouched=vouched
    )
    ledger = Ledger(_keys(vouches))

    found = ledger.after([Signed(asked, b""), Signed(approved, b"")])

    counts = bool([*found.approvals()])
    may = by == "desk" and issuer in vouches.get(type_, ()) and late < 0 and (type_, name) != ("User", "ada")
    assert counts is may
    assert len(found.passed) == (0 if counts else 1)


def _keys(vouches: dict[str, list[str]]) -> Keys:
    recorders = {DESK.key: Recorder(pdp.ref("Agent", "helper"), {k: frozenset(v) for k, v in vouches.items()})}
    owners = {signer(name).key: user(name) for name in ("bo", "dee")}
    return Keys(owners, b"1", recorders if vouches else {})


def test_whoever_can_write_the_file_and_has_a_key_vouches_for_nobody(desk: Desk) -> None:
    id_ = desk.ask()
    journal = Journal(desk.path, LAYOUT)
    _, mark = journal.read(pdp.Mark())
    mine = signer("cy")
    event = Event(
        kind=EventKind.APPROVED,
        id=id_,
        by=user("bo"),
        key=mine.key,
        at=Datetime.of(NOW),
        vouched=by_token("bo").vouched,
    )
    journal.follow(Signed(event, mine.sign(message(event.text, mark.sequence + 1, mark.digest))), mark)
    journal.close()

    desk.engine.refresh()

    assert not desk.allows()
    assert [each.why for each in desk.store.passed()] == ['the key may not vouch for User "bo", nor for anybody else']


@pytest.mark.parametrize("other", [("sub-bo", "sub-cy"), ('"mfa":true', '"mfa":false'), ("t-bo", "t-cy")])
def test_a_change_of_what_was_vouched_for_is_noticed(desk: Desk, other: tuple[str, str]) -> None:
    id_ = desk.ask()
    desk.approve_by_token(id_, "bo")
    desk.store.close()
    with sqlite3.connect(desk.path) as connection:
        connection.execute("UPDATE facts SET event = replace(event, ?, ?)", other)
    connection.close()

    engine = desk.engine_of(desk.open())

    assert not engine.allows(ADA, "restart", API)
    assert "is damaged" in str(engine.approvals_failure)


# ---------------------------------------------------------------------------------------------------- the file of keys


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected a key in quotes, found a record"),
        ({"key": DESK.key}, "a key that vouches says for whom"),
        ({"key": DESK.key, "may_vouch": {}}, "expected the issuers by the type of principal"),
        ({"key": DESK.key, "may_vouch": ["User"]}, "expected the issuers by the type of principal, found a list"),
        ({"key": DESK.key, "may_vouch": {"User": []}}, "expected a list of issuers"),
        ({"key": DESK.key, "may_vouch": {"User": LOGIN}}, "expected a list of issuers"),
        ({"key": DESK.key, "may_vouch": {"User": [LOGIN, 7]}}, "expected a list of issuers"),
        ({"key": DESK.key, "may_vouch": {"Usr": [LOGIN]}}, "there is no type `Usr`"),
        ({"key": DESK.key, "may_vouch": {"User": [LOGIN]}, "mfa": True}, "a key that vouches has no `mfa`"),
        ({"key": "x", "may_vouch": {"User": [LOGIN]}}, "`x` is no public key of Ed25519"),
        ({"key": signer("ada").key, "may_vouch": {"User": [LOGIN]}}, 'User "ada" has this key already'),
    ],
)
def test_a_file_of_keys_says_exactly_for_whom_a_key_vouches(desk: Desk, given: Any, message: str) -> None:
    desk.keys.write_text(json.dumps({"User:ada": [signer("ada").key], "Agent:helper": [given]}))

    with pytest.raises(pdp.FactsError, match=message):
        Keys.load(desk.keys, desk.engine.policy.schema)


def test_a_type_is_called_as_the_file_of_keys_calls_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    policy = "namespace shop\ntype Group\ntype User in Group\ntype Service\naction deploy on Service by User\n"
    policy += "rule r:\n  permit User to deploy on Service\n  needs approval from User for 4h\n"
    people = [pdp.Entity("shop.User", name) for name in PEOPLE]
    engine = pdp.Engine.from_text(policy, entities=people, approvals=desk.store, clock=lambda: NOW)
    wanted = pdp.Request(pdp.ref("shop.User", "ada"), "deploy", pdp.ref("shop.Service", "api"))
    id_ = desk.store.request(engine, wanted, signer=signer("ada"), lasts=HOUR, why="INC-42").id

    desk.store.approve(engine, id_, signer=by_token("bo", kind="shop.User"))

    assert [each.approver for each in desk.store.find(id_).approvals] == [user("bo")]
    assert engine.allows(*wanted)
