"""An engine that revokes: what is revoked, what comes back, and what becomes of it where the record fails."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdp
from pdp.model import Approval, Mark, Membership, Reason, Request, Revocation, RevocationKind, SourceState
from pdp.revocation.log import RevocationLog
from pdp.values import Datetime, EntityRef
from tests.differential.comparing import exactly

TEXT = """
type Group in Group
type User in Group { level: Int }
type Agent
type Page
session { actor?: Agent }
action read, write on Page by User
rule reads: permit User to read on Page
rule delegates: permit User to read on Page via Agent
rule writes: permit User to write on Page needs approval from User for 4h
"""
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA, BEN, EVE = (EntityRef("User", name) for name in ("ada", "ben", "eve"))
PAGE, BOT = EntityRef("Page", "home"), EntityRef("Agent", "bot")
STAFF, CORE = EntityRef("Group", "staff"), EntityRef("Group", "core")
ENTITIES = [
    pdp.Entity("Group", "staff"),
    pdp.Entity("Group", "core", {}, [STAFF]),
    pdp.Entity("User", "ada", {"level": 1}, [CORE]),
    pdp.Entity("User", "ben", {"level": 1}, [Membership(STAFF, Datetime.of(NOW + HOUR))]),
    pdp.Entity("User", "eve", {"level": 1}),
    pdp.Entity("User", "edgar", {"level": 1}),
]
FULL = {
    "session_id": "s",
    "token_id": "t",
    "key_id": "k",
    "device_id": "d",
    "authenticated_at": NOW - HOUR,
    "issued_at": NOW,
}


@pytest.fixture(params=[True, False], ids=["compiled", "interpreted"])
def compiled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def engine(**options: Any) -> pdp.Engine:
    return pdp.Engine.from_text(TEXT, entities=ENTITIES, **options)


def reason(
    asked: pdp.Engine,
    principal: EntityRef = ADA,
    session: dict[str, Any] | None = None,
    now: datetime = NOW,
    action: str = "read",
) -> str:
    """Ask in each way: all have to agree."""
    decision = asked.decide(principal, action, PAGE, session=session, now=now)
    assert asked.allows(principal, action, PAGE, session=session, now=now) is bool(decision)
    if session is not None:
        read_once = asked.session(session)
        for _ in range(2):
            assert asked.decide(principal, action, PAGE, session=read_once, now=now) == decision
            assert asked.allows(principal, action, PAGE, session=read_once, now=now) is bool(decision)
    return str(decision.reason)


# ---------------------------------------------------------------------------------------------------- what is meant


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"principal": ADA}, "principal_revoked"),
        ({"group": STAFF}, "principal_revoked"),
        ({"group": CORE}, "principal_revoked"),
        ({"workload": EntityRef("User", "ad")}, "principal_revoked"),
        ({"session": "s"}, "session_revoked"),
        ({"session": "t"}, "session_revoked"),
        ({"token": "t"}, "session_revoked"),
        ({"key": "k"}, "session_revoked"),
        ({"device": "d"}, "session_revoked"),
        ({"principal": BEN}, "permitted"),
        ({"workload": EntityRef("User", "da")}, "permitted"),
        ({"workload": EntityRef("Group", "a")}, "permitted"),
        ({"token": "s"}, "permitted"),
        ({"key": "d"}, "permitted"),
    ],
)
def test_each_kind_reaches_what_it_names_and_nothing_else(compiled: bool, given: dict[str, Any], expected: str) -> None:
    asked = engine(compiled=compiled)
    assert reason(asked, session=FULL) == "permitted"

    asked.revoke(**given, not_before=NOW - HOUR)

    assert reason(asked, session=FULL) == expected
    assert reason(asked, EVE) == "permitted"


@pytest.mark.parametrize("given", [{"principal": ADA}, {"group": STAFF}, {"device": "d"}, {"token": "t"}])
def test_only_what_was_proved_later_comes_back(compiled: bool, given: dict[str, Any]) -> None:
    asked = engine(compiled=compiled)
    asked.revoke(**given, not_before=NOW - HOUR)

    def at(**times: datetime) -> bool:
        names = {"device_id": "d", "token_id": "t"}
        return reason(asked, session={**names, **times}) == "permitted"

    late = NOW - HOUR + timedelta(microseconds=1)
    assert not at()
    assert not at(authenticated_at=NOW - HOUR)
    assert at(authenticated_at=late)
    assert at(issued_at=late)
    assert not at(authenticated_at=NOW - HOUR, issued_at=NOW), "a token that is renewed proves nothing anew"


def test_a_principal_that_was_revoked_needs_a_session_from_then_on(compiled: bool) -> None:
    asked = engine(compiled=compiled)

    asked.revoke(principal=ADA, not_before=NOW)

    assert reason(asked) == "principal_revoked"
    assert reason(asked, session={"mfa": True}) == "principal_revoked"
    assert reason(asked, session={"authenticated_at": NOW + HOUR}, now=NOW + HOUR) == "permitted"


def test_an_earlier_instant_takes_nothing_back(compiled: bool) -> None:
    asked = engine(compiled=compiled)
    asked.revoke(principal=ADA, not_before=NOW)

    asked.revoke(principal=ADA, not_before=NOW - 9 * HOUR)

    assert reason(asked, session={"authenticated_at": NOW - HOUR}) == "principal_revoked"


@pytest.mark.parametrize("given", [{"session": "s"}, {"token": "t"}, {"key": "k"}])
def test_what_may_be_stolen_is_revoked_for_good(compiled: bool, given: dict[str, Any]) -> None:
    asked = engine(compiled=compiled)

    asked.revoke(**given)

    forged = datetime(9999, 1, 1, tzinfo=UTC)
    session = {**FULL, "authenticated_at": forged, "issued_at": forged}
    assert reason(asked, session=session, now=forged) == "session_revoked"


def test_an_actor_is_reached_as_a_principal_is(compiled: bool) -> None:
    asked = engine(compiled=compiled)
    session = {"actor": BOT, "authenticated_at": NOW}
    assert reason(asked, session=session) == "permitted"

    asked.revoke(principal=BOT, not_before=NOW)

    assert reason(asked, session=session) == "principal_revoked"


def test_a_membership_in_a_revoked_group_ends_the_deny_with_itself(compiled: bool) -> None:
    asked = engine(compiled=compiled)
    asked.revoke(group=STAFF, not_before=NOW)

    decision = asked.decide(BEN, "read", PAGE, now=NOW)

    assert (decision.reason, decision.valid_until) == (Reason.PRINCIPAL_REVOKED, NOW + HOUR)
    assert reason(asked, BEN, now=NOW + HOUR) == "permitted"


class Late:
    """A source that knows one user, and is late about the group that the user is in."""

    def entity(self, ref: EntityRef) -> pdp.Entity | None:
        if ref == EntityRef("User", "new"):
            return pdp.Entity("User", "new", {"level": 1}, [EntityRef("Group", "late")])
        if ref == EntityRef("Group", "late"):
            raise TimeoutError
        return None


def test_whoever_may_be_in_a_revoked_group_is_revoked(compiled: bool) -> None:
    asked = engine(compiled=compiled, providers=[Late()])
    assert reason(asked, EntityRef("User", "new")) == "permitted"

    asked.revoke(group=STAFF, not_before=NOW)

    assert reason(asked, EntityRef("User", "new")) == "principal_revoked"
    assert reason(asked, EntityRef("User", "nobody")) == "unknown_entity"


def test_an_approval_of_before_counts_no_longer_and_one_of_later_does(compiled: bool) -> None:
    approvals = [Approval(EVE, ADA, "write", PAGE, Datetime.of(NOW))]
    asked = engine(compiled=compiled, approvals=approvals)
    assert reason(asked, action="write", now=NOW + HOUR) == "permitted"

    asked.revoke(principal=EVE, not_before=NOW - HOUR)
    assert reason(asked, action="write", now=NOW + HOUR) == "permitted"

    asked.revoke(principal=EVE, not_before=NOW)
    assert reason(asked, action="write", now=NOW + HOUR) == "default"


def test_what_the_constructor_is_given_is_revoked_for_good(compiled: bool) -> None:
    asked = engine(compiled=compiled, revoked=[ADA], revoked_sessions=["t", "s2"])

    assert reason(asked, session={"authenticated_at": NOW}) == "principal_revoked"
    assert reason(asked, EVE, session={"token_id": "t"}) == "session_revoked"
    assert reason(asked, EVE, session={"session_id": "s2"}) == "session_revoked"
    assert reason(asked, EVE, session={"token_id": "t2"}) == "permitted"


@pytest.mark.parametrize("name", ["issuer", "session_id", "key_id", "device_id"])
def test_a_name_that_is_no_text_makes_a_session_invalid(compiled: bool, name: str) -> None:
    assert reason(engine(compiled=compiled), session={name: 5}) == "invalid_session"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "one thing is revoked at a time"),
    ({"principal": ADA, "session": "s"}, "one thing is revoked at a time"),
    ({"principal": EntityRef("Usr", "ada")}, "the type `Usr` is not declared (help: did you mean `User`?)"),
    ({"principal": "User:ada"}, "the principal is no entity reference"),
    ({"principal": EntityRef("User", "")}, "the principal's id is none"),
    ({"workload": EntityRef("User", "")}, "the workload's id is none"),
    ({"group": ADA}, "nothing can be in a `User`"),
    ({"session": ""}, "the session is no text, or an empty one"),
    ({"token": 5}, "the token is no text, or an empty one"),
    ({"key": "\ud800"}, "the key is no text"),
    ({"principal": ADA, "not_before": datetime(2026, 1, 1)}, "`not_before` is not a datetime with a time zone"),
    ({"principal": ADA, "not_before": 5}, "`not_before` is not a datetime"),
    ({"principal": ADA, "why": "x" * 5000}, "`why` is a text of at most 4096"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_revoked_is_refused_and_changes_nothing(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    asked = engine(revocations=RevocationLog(tmp_path / "log.db", create=True))

    with pytest.raises(pdp.RequestError) as caught:
        asked.revoke(**given)

    assert message in str(caught.value)
    assert (asked.sequence, reason(asked, session=FULL)) == (0, "permitted")


# ------------------------------------------------------------------------------------------------------- agreement


NAMES = st.sampled_from(["a", "b", "ab"])
TIMES = st.sampled_from([NOW - HOUR, NOW, NOW + HOUR])
CLAIMS = st.one_of(
    st.fixed_dictionaries({"principal": st.sampled_from([ADA, BEN, EVE, BOT])}),
    st.fixed_dictionaries({"group": st.sampled_from([STAFF, CORE])}),
    st.fixed_dictionaries({"workload": st.sampled_from([EntityRef("User", each) for each in ("a", "e", "ed", "z")])}),
    *(st.fixed_dictionaries({kind: NAMES}) for kind in ("session", "token", "key", "device")),
)
SESSIONS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("session_id", "token_id", "key_id", "device_id"), NAMES),
        **dict.fromkeys(("authenticated_at", "issued_at", "expires_at"), TIMES),
        "actor": st.just(BOT),
    },
)
CHANGES = st.lists(st.tuples(CLAIMS, st.none() | TIMES), max_size=6)
WHO = st.sampled_from([ADA, BEN, EVE, EntityRef("User", "edgar"), EntityRef("User", "nobody")])


@settings(max_examples=60, deadline=None)
@given(CHANGES, st.lists(st.tuples(WHO, SESSIONS), min_size=1, max_size=3))
def test_compiled_rules_and_the_interpreter_agree_after_each_revocation(
    changes: Sequence[tuple[dict[str, Any], datetime | None]],
    questions: Sequence[tuple[EntityRef, dict[str, Any] | None]],
) -> None:
    fast, slow = engine(clock=lambda: NOW), engine(compiled=False, clock=lambda: NOW)
    sessions = [None if each is None else fast.session(each) for _, each in questions]

    for given_, not_before in [({}, None), *changes]:
        if given_:
            fast.revoke(**given_, not_before=not_before)
            slow.revoke(**given_, not_before=not_before)
        for (who, _), session in zip(questions, sessions, strict=True):
            for now in (NOW, NOW + 2 * HOUR):
                request = Request(who, "read", PAGE, session=session, now=now)
                right = exactly(slow.answer(request))
                assert exactly(fast.answer(request)) == right
                assert exactly(fast.decide(who, "read", PAGE, session=session, now=now)) == right
                assert fast.allows(who, "read", PAGE, session=session, now=now) is slow.allows(
                    who, "read", PAGE, session=session, now=now
                )


# ------------------------------------------------------------------------------------------------------- the record


def test_engines_that_share_a_record_know_what_was_revoked_after_a_refresh(tmp_path: Path, compiled: bool) -> None:
    log = tmp_path / "log.db"
    first = engine(revocations=RevocationLog(log, create=True), compiled=compiled)
    second = engine(revocations=RevocationLog(log), compiled=compiled)
    assert reason(second) == "permitted"

    assert first.revoke(principal=ADA, why="left") == 1

    assert reason(first) == "principal_revoked"
    second.refresh()
    assert (reason(second), second.sequence) == ("principal_revoked", 1)
    assert reason(engine(revocations=RevocationLog(log), compiled=compiled)) == "principal_revoked"


def test_a_revocation_takes_with_it_what_others_have_put_on_record_before(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    first, second = engine(revocations=RevocationLog(log, create=True)), engine(revocations=RevocationLog(log))
    first.revoke(principal=ADA)

    assert second.revoke(token="t") == 2

    assert reason(second) == "principal_revoked"


def test_what_is_revoked_stays_so_whatever_else_changes(tmp_path: Path, compiled: bool) -> None:
    asked = engine(revocations=RevocationLog(tmp_path / "log.db", create=True), compiled=compiled)
    asked.revoke(principal=ADA)
    (tmp_path / "policy.pdp").write_text("namespace hr\n" + TEXT.replace("level: Int", "level?: Int"))
    (tmp_path / "other.pdp").write_text("namespace it\ntype User\n")

    asked.upsert_entity(pdp.Entity("User", "ada", {"level": 2}))
    assert reason(asked) == "principal_revoked"
    asked.reload(tmp_path / "policy.pdp")
    asked.upsert_entity(pdp.Entity("User", "ada"))
    assert reason(asked) == "principal_revoked"
    (tmp_path / "policies").mkdir()
    for name in ("policy.pdp", "other.pdp"):
        (tmp_path / name).rename(tmp_path / "policies" / name)
    asked.reload(tmp_path / "policies")
    asked.upsert_entity(pdp.Entity("hr.User", "ada"))
    assert reason(asked, EntityRef("hr.User", "ada")) == "principal_revoked"


@pytest.mark.parametrize("claim", [{"principal": ADA}, {"group": STAFF}, {"workload": EntityRef("User", "ad")}])
def test_what_is_revoked_stays_so_where_the_policy_leaves_its_namespace(
    tmp_path: Path, compiled: bool, claim: dict[str, Any]
) -> None:
    policy = tmp_path / "policy.pdp"
    policy.write_text("namespace hr\n" + TEXT)
    asked = pdp.Engine.load(policy, compiled=compiled)
    asked.revoke(**claim)

    policy.write_text(TEXT)
    asked.reload(policy)
    asked.replace_entities(ENTITIES)

    assert reason(asked) == "principal_revoked"
    assert reason(asked, EVE) == "permitted"


def test_a_record_that_was_put_back_denies_everything_until_a_person_accepts_it(tmp_path: Path, compiled: bool) -> None:
    path, backup = tmp_path / "log.db", tmp_path / "backup.db"
    log = RevocationLog(path, create=True)
    asked = engine(revocations=log, compiled=compiled)
    asked.revoke(token="t0")
    log.close()
    shutil.copy(path, backup)
    asked.revoke(principal=ADA)
    session = asked.session(FULL)
    assert asked.decide(EVE, "read", PAGE, session=session, now=NOW)

    log.close()
    backup.replace(path)
    asked.refresh()

    assert asked.state is SourceState.FAILED
    assert reason(asked, EVE) == "source_failed"
    assert not asked.allows(EVE, "read", PAGE, session=session, now=NOW)
    detail = asked.decide(EVE, "read", PAGE).detail
    assert detail == "the record ends at fact 1, and fact 2 was seen before"
    RevocationLog(path).publish(Revocation(RevocationKind.TOKEN, "x"))
    asked.refresh()
    asked.upsert_entity(pdp.Entity("User", "eve", {"level": 7}))
    assert reason(asked, EVE) == "source_failed", "to grow again does not make it the one that it was"

    asked.accept_record()

    assert (asked.state, asked.sequence) == (SourceState.LOADED, 2)
    assert (reason(asked, EVE), reason(asked)) == ("permitted", "principal_revoked")


def test_an_engine_believes_who_saw_more_of_the_record(tmp_path: Path) -> None:
    asked = engine(revocations=RevocationLog(tmp_path / "log.db", create=True))
    asked.revoke(token="t")

    asked.refresh(seen=1)
    assert asked.state is SourceState.LOADED
    asked.refresh(seen=2)

    assert (asked.state, reason(asked, EVE)) == (SourceState.FAILED, "source_failed")
    asked.refresh()
    assert asked.state is SourceState.FAILED


class Source:
    """A record in memory, which fails as a test says."""

    def __init__(self) -> None:
        self.facts: list[Revocation] = []
        self.error: Exception | None = None
        self.skips = 0

    def publish(self, fact: Revocation) -> int:
        if self.error is not None:
            raise self.error
        self.facts.append(fact)
        return len(self.facts)

    def read(self, after: Mark) -> tuple[Sequence[Revocation], Mark]:
        if self.error is not None:
            raise self.error
        facts = self.facts[after.sequence :]
        return facts[self.skips :], Mark(len(self.facts), b"here")


@pytest.mark.parametrize("error", [pdp.RecordError("the bus is away"), TimeoutError(), MemoryError(), KeyError("x")])
def test_a_source_that_cannot_be_read_denies_until_it_can(compiled: bool, error: Exception) -> None:
    source = Source()
    asked = engine(revocations=source, compiled=compiled)
    assert reason(asked) == "permitted"

    source.error = error
    asked.refresh()
    assert (reason(asked), reason(engine(revocations=source, compiled=compiled))) == ("source_failed", "source_failed")
    source.error = None
    asked.refresh()

    assert reason(asked) == "permitted"


@pytest.mark.parametrize("error", [pdp.RecordError("the disk is full"), OSError(28, "no space")])
def test_what_could_not_be_put_on_record_is_told_and_holds_here(compiled: bool, error: Exception) -> None:
    source = Source()
    asked = engine(revocations=source, compiled=compiled)
    source.error = error

    with pytest.raises(pdp.RecordError):
        asked.revoke(principal=ADA)

    assert not asked.decide(ADA, "read", PAGE)
    source.error = None
    asked.refresh()
    assert reason(asked) == "principal_revoked"


def test_a_source_that_leaves_out_a_fact_has_failed_for_good() -> None:
    source = Source()
    asked = engine(revocations=source)
    source.facts = [Revocation(RevocationKind.TOKEN, "a"), Revocation(RevocationKind.TOKEN, "b")]
    source.skips = 1

    asked.refresh()
    source.skips = 0
    asked.refresh()

    assert (asked.state, reason(asked)) == (SourceState.FAILED, "source_failed")


def test_a_damaged_record_denies_and_is_no_empty_one(tmp_path: Path, compiled: bool) -> None:
    log = RevocationLog(tmp_path / "log.db", create=True)
    log.publish(Revocation(RevocationKind.TOKEN, "t"))
    log.close()
    connection = sqlite3.connect(log.path)
    connection.execute("DELETE FROM facts")
    connection.execute("DELETE FROM record")
    connection.commit()
    connection.close()

    asked = engine(revocations=log, compiled=compiled)

    assert (asked.state, reason(asked)) == (SourceState.FAILED, "source_failed")


def test_an_engine_without_a_record_revokes_all_the_same(compiled: bool) -> None:
    asked = engine(compiled=compiled)

    assert asked.revoke(principal=ADA) is None

    asked.refresh()
    assert (asked.state, asked.sequence, reason(asked)) == (SourceState.LOADED, 0, "principal_revoked")


def test_what_one_issuer_named_is_revoked_and_the_same_name_of_another_is_not(compiled: bool) -> None:
    engine = pdp.Engine.from_text(TEXT, entities=ENTITIES, compiled=compiled)
    ours, theirs = FULL | {"issuer": "https://id.x"}, FULL | {"issuer": "https://id.x/other"}

    engine.revoke(token="t", issuer="https://id.x")

    asked = (ADA, "read", PAGE, None)
    assert engine.decide(*asked, ours, NOW).reason is Reason.SESSION_REVOKED
    assert engine.decide(*asked, theirs, NOW)
    assert engine.decide(*asked, FULL, NOW)
    engine.revoke(token="t")
    assert engine.decide(*asked, theirs, NOW).reason is Reason.SESSION_REVOKED


@pytest.mark.parametrize("kind", ["session", "key"])
def test_sessions_and_keys_are_of_an_issuer_too(compiled: bool, kind: str) -> None:
    engine = pdp.Engine.from_text(TEXT, entities=ENTITIES, compiled=compiled)

    engine.revoke(**{kind: kind[0]}, issuer="https://id.x")

    assert engine.decide(ADA, "read", PAGE, None, FULL, NOW)
    assert not engine.decide(ADA, "read", PAGE, None, FULL | {"issuer": "https://id.x"}, NOW)


@pytest.mark.parametrize("target", [{"principal": ADA}, {"group": STAFF}, {"device": "d"}])
def test_no_issuer_names_people_or_devices(target: dict[str, Any]) -> None:
    engine = pdp.Engine.from_text(TEXT, entities=ENTITIES)

    with pytest.raises(pdp.RequestError, match="an issuer names sessions, tokens and keys, and no "):
        engine.revoke(**target, issuer="https://id.x")
