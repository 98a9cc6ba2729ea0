"""What callers, clocks and sources hand in that is not as it should be: none of it may make a revocation void."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.model import Mark, Request, Revocation, RevocationKind, SourceState
from pdp.revocation.log import RevocationLog
from pdp.values import EntityRef
from tests.revocation.test_engine import ADA, EVE, HOUR, NOW, PAGE, engine, reason


@pytest.fixture(params=[True, False], ids=["compiled", "interpreted"])
def compiled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


WEST, EAST = timezone(-HOUR), timezone(HOUR)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime.max.replace(tzinfo=WEST), "principal_revoked"),
        (datetime.max.replace(tzinfo=UTC), "principal_revoked"),
        (datetime.min.replace(tzinfo=EAST), "permitted"),
    ],
)
def test_an_instant_beyond_the_last_of_utc_is_the_last_and_spoils_no_record(
    tmp_path: Path, moment: datetime, expected: str
) -> None:
    asked = engine(revocations=RevocationLog(tmp_path / "log.db", create=True))

    asked.revoke(principal=ADA, not_before=moment)

    assert asked.state is SourceState.LOADED
    assert reason(asked, session={"authenticated_at": NOW}) == expected
    assert reason(asked, EVE) == "permitted"


class Broken(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        raise OSError("no such zone")


def test_a_time_zone_that_fails_is_refused_as_none_is() -> None:
    with pytest.raises(pdp.RequestError, match="`not_before` is not a datetime with a time zone"):
        engine().revoke(principal=ADA, not_before=datetime(2026, 1, 1, tzinfo=Broken()))


def test_one_text_is_not_taken_for_the_sessions_of_its_letters() -> None:
    with pytest.raises(pdp.RequestError, match="one text, not several"):
        engine(revoked_sessions="s-42")


def test_many_requests_are_answered_of_what_is_revoked_when_the_last_is_there(compiled: bool) -> None:
    asked = engine(compiled=compiled)

    def requests() -> Iterator[Request]:
        asked.revoke(principal=ADA)
        yield Request(ADA, "read", PAGE)

    answers = asked.decide_many(requests())

    assert [str(each.reason) for each in answers] == ["principal_revoked"]


# ------------------------------------------------------------------------------------------------- odd sources


class Told:
    """A source that tells what a test says, and numbers what it is given as a test says."""

    def __init__(self, facts: Sequence[Any] = (), number: Any = None) -> None:
        self.facts, self.number = facts, number

    def publish(self, fact: Revocation) -> int:
        return self.number  # type: ignore[no-any-return]

    def read(self, after: Mark) -> tuple[Sequence[Revocation], Mark]:
        return self.facts[after.sequence :], Mark(len(self.facts), b"here")


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "fact",
    [
        Revocation("group", "staff", "Group"),  # type: ignore[arg-type]
        Revocation("workload", "a", "User"),  # type: ignore[arg-type]
        Revocation("party", "a", "User"),  # type: ignore[arg-type]
        Revocation(RevocationKind.TOKEN, 5),  # type: ignore[arg-type]
        Revocation(RevocationKind.TOKEN, Text("t")),
        Revocation(RevocationKind.GROUP, "staff", None),  # type: ignore[arg-type]
        Revocation(RevocationKind.PRINCIPAL, "ada", "User", NOW),  # type: ignore[arg-type]
        ("token", "t"),
        None,
    ],
)
def test_a_source_that_tells_what_is_no_revocation_denies_everything(compiled: bool, fact: Any) -> None:
    asked = engine(revocations=Told([fact]), compiled=compiled)

    assert reason(asked, EVE) == "source_failed"


class Longer(list[Revocation]):
    """Says that it holds more than it does."""

    def __len__(self) -> int:
        return super().__len__() + 1


def test_a_source_that_tells_less_than_it_numbers_denies_everything(compiled: bool) -> None:
    facts = Longer([Revocation(RevocationKind.TOKEN, "t")])
    source = Told()
    source.read = lambda after: (facts, Mark(2, b"here"))  # type: ignore[method-assign]

    assert reason(engine(revocations=source, compiled=compiled), EVE) == "source_failed"


@pytest.mark.parametrize("number", [None, "1", 0, -1, True, 1.0])
def test_what_has_no_number_is_not_acknowledged_and_holds_here(compiled: bool, number: Any) -> None:
    asked = engine(revocations=Told(number=number), compiled=compiled)

    with pytest.raises(pdp.RecordError, match="has not told the number"):
        asked.revoke(principal=ADA)

    assert reason(asked) == "principal_revoked"


class Bus(Told):
    """A source that tells the engine at once of what the engine puts on it."""

    asked: pdp.Engine

    def publish(self, fact: Revocation) -> int:
        self.asked.refresh()
        return 1


def in_time(work: Callable[[], Any]) -> Any:
    """Return what something returns or raises, on a thread of its own: it may wait for itself."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except pdp.PdpError as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert found, "it never ends"
    return found[0]


def test_a_source_that_calls_the_engine_which_calls_it_is_told_so(compiled: bool) -> None:
    source = Bus()
    asked = source.asked = engine(revocations=source, compiled=compiled)

    told = in_time(lambda: asked.revoke(principal=ADA))

    assert isinstance(told, pdp.RecordError)
    assert reason(asked) == "principal_revoked"
    assert in_time(lambda: asked.upsert_entity(pdp.Entity("User", "zoe", {"level": 1}))) is None


def test_a_change_in_the_middle_of_a_change_is_refused_and_the_first_one_holds() -> None:
    asked = engine()

    def parents() -> Iterator[EntityRef]:
        asked.revoke(principal=EVE)
        yield from ()

    told = in_time(lambda: asked.upsert_entity(pdp.Entity("User", "zoe", {"level": 1}, parents())))

    assert isinstance(told, pdp.RequestError)
    assert "in the middle of a change" in str(told)
    asked.revoke(principal=EVE)
    assert reason(asked, EVE) == "principal_revoked"


# ------------------------------------------------------------------------------------------------------- Cedar


ANYBODY = "permit (principal, action, resource);"


@pytest.mark.parametrize(
    "ref",
    [EntityRef("User", ""), EntityRef("Shop::User", 'a"\n\u202e'), EntityRef("User", "x" * 5000)],
    ids=["empty", "odd", "long"],
)
def test_whoever_may_ask_by_policies_of_cedar_can_be_revoked(compiled: bool, ref: EntityRef) -> None:
    asked = pdp.Engine.load_cedar(ANYBODY, compiled=compiled)
    photo = EntityRef("Photo", "p")
    assert asked.allows(ref, "read", photo)

    asked.revoke(principal=ref)

    assert not asked.allows(ref, "read", photo)
    assert asked.allows(EntityRef("User", "eve"), "read", photo)


def test_the_beginning_of_every_name_is_refused_by_policies_of_cedar_too() -> None:
    with pytest.raises(pdp.RequestError, match="the workload's id is none: the id is empty"):
        pdp.Engine.load_cedar(ANYBODY).revoke(workload=EntityRef("User", ""))
