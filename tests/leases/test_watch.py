"""A watch as its user sees it: its states, who is told what and when, and what it does to others."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pickle
import threading
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.engine import Engine
from pdp.model import Decision, Outcome, Reason

PATIENCE = 20
ADA, BEN, HOME = pdp.ref("User", "ada"), pdp.ref("User", "ben"), pdp.ref("Page", "home")
TEXT = """
type Group
type User in Group { level: Int }
type Page
action read on Page by User with { change: String }
rule reads: permit User in Group "staff" to read on Page when principal.level > 2 and now < 2026-11-28T13:00:00Z
rule not_on_the_first: forbid anyone to read on Page when now["UTC"].day == 1 because "the first is a day of rest"
"""


class World:
    """An engine whose time is set by hand."""

    def __init__(self, **options: Any) -> None:
        self.now = datetime(2026, 11, 28, 12, tzinfo=UTC)
        self.engine = Engine.from_text(
            TEXT,
            entities=[pdp.Entity("Group", "staff"), self.user("ada"), self.user("ben")],
            clock=lambda: self.now,
            **options,
        )
        self.told: list[pdp.Change] = []
        self.rang = threading.Semaphore(0)

    def user(self, name: str, level: int = 3) -> pdp.Entity:
        return pdp.Entity("User", name, {"level": level}, [pdp.ref("Group", "staff")])

    def hear(self, change: pdp.Change) -> None:
        self.told.append(change)
        self.rang.release()

    def watch(self, who: pdp.EntityRef = ADA, **rest: Any) -> pdp.Watch:
        return self.engine.watch(pdp.Request(who, "read", HOME, {"change": "c1"}, **rest), self.hear)

    def heard(self, count: int = 1) -> list[tuple[str | None, str]]:
        assert all(self.rang.acquire(timeout=PATIENCE) for _ in range(count))
        return [(None if each.before is None else str(each.before), str(each.state)) for each in self.told]


@pytest.fixture
def world() -> Iterator[World]:
    yield World()


def test_a_watch_says_what_the_engine_decides(world: World) -> None:
    watch = world.watch()

    assert watch
    assert watch.state is pdp.WatchState.ALLOWED
    assert watch.decision == world.engine.answer(watch.request)
    assert world.told == []


def test_whoever_watches_is_told_of_each_change_in_its_order(world: World) -> None:
    with world.watch():
        world.engine.upsert_entity(world.user("ada", level=1))
        world.engine.upsert_entity(world.user("ada", level=2))
        world.engine.upsert_entity(world.user("ada", level=4))
        world.engine.revoke(principal=ADA, why="her laptop is lost")

        assert world.heard(3) == [("allowed", "suspended"), ("suspended", "allowed"), ("allowed", "ended")]
        assert [bool(each) for each in world.told] == [False, True, False]
        assert [str(each.decision.reason) for each in world.told] == ["default", "permitted", "principal_revoked"]
        assert world.told[0].at == world.now


def test_when_a_change_returns_what_it_touches_is_in_its_new_state(world: World) -> None:
    ada, ben = world.watch(), world.watch(BEN)

    world.engine.revoke(principal=ADA)

    assert ada.state is pdp.WatchState.ENDED
    assert ben.state is pdp.WatchState.ALLOWED


def test_what_was_revoked_does_not_come_back(world: World) -> None:
    watch = world.watch(session={"authenticated_at": "2026-11-28T11:00:00Z"})

    world.engine.revoke(principal=ADA)
    world.now += timedelta(minutes=1)
    again = world.watch(session={"authenticated_at": world.now.isoformat()})
    world.engine.upsert_entity(world.user("ada", level=9))

    assert again
    assert watch.state is pdp.WatchState.ENDED


def test_the_end_of_a_lease_is_seen_by_whoever_looks(world: World) -> None:
    watch = world.watch()
    assert watch.decision.valid_until == datetime(2026, 11, 28, 13, tzinfo=UTC)

    world.now += timedelta(minutes=59, seconds=59)
    assert watch
    world.now += timedelta(seconds=1)

    assert not watch
    assert watch.state is pdp.WatchState.SUSPENDED


def test_the_end_of_a_lease_is_told_by_a_thread_of_the_engine(world: World) -> None:
    with world.watch():
        world.now += timedelta(hours=1)
        world.engine._keeper.wake()

        assert world.heard() == [("allowed", "suspended")]


def test_a_thread_looks_by_the_clock_of_the_machine() -> None:
    rang = threading.Event()
    soon = datetime.now(UTC) + timedelta(milliseconds=200)
    engine = Engine.from_text(f"""
        type User
        type Page
        action read on Page by User
        rule for_now: permit User "ada" to read on Page until {soon.isoformat().replace("+00:00", "Z")}
    """)

    with engine.watch(pdp.Request(ADA, "read", HOME), lambda change: rang.set()) as watch:
        assert watch
        assert rang.wait(PATIENCE)
        late = datetime.now(UTC) - soon

    assert timedelta(0) <= late < timedelta(seconds=5)


def test_one_thread_looks_after_all_watches(world: World) -> None:
    before = threading.active_count()

    watches = [world.watch() for _ in range(100)]
    world.engine.upsert_entity(world.user("ada", level=1))
    world.heard(100)

    assert threading.active_count() <= before + 2
    assert not any(watches)


def test_a_watch_that_is_closed_is_not_true_and_says_nothing(world: World) -> None:
    watch = world.watch()

    watch.close()
    watch.close()
    world.engine.upsert_entity(world.user("ada", level=1))
    with world.watch(BEN):
        world.engine.revoke(principal=BEN)

    assert not watch
    assert world.heard() == [("allowed", "ended")]
    assert len(world.engine._watches._held) == 0  # type: ignore[union-attr]


def test_what_fails_when_it_is_told_holds_up_nobody(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def fails(change: pdp.Change) -> None:
        raise RuntimeError("no")

    world.engine.watch(pdp.Request(BEN, "read", HOME, {"change": "c1"}), fails)
    with world.watch():
        world.engine.revoke(principal=BEN)
        world.engine.revoke(principal=ADA)

        assert world.heard() == [("allowed", "ended")]
    assert "a function that watches an answer has failed" in caplog.text


def test_whoever_is_told_may_ask_and_change_the_engine(world: World) -> None:
    done = threading.Event()

    def again(change: pdp.Change) -> None:
        if world.engine.allows(BEN, "read", HOME, {"change": "c1"}):
            world.engine.revoke(principal=BEN)
            world.engine.watch(pdp.Request(BEN, "read", HOME), again)
            done.set()

    world.engine.watch(pdp.Request(ADA, "read", HOME, {"change": "c1"}), again)
    world.engine.revoke(principal=ADA)

    assert done.wait(PATIENCE)


def test_a_request_stays_as_it_was_when_the_watch_began(world: World) -> None:
    context, session = {"change": "c1"}, {"authenticated_at": "2026-11-28T11:00:00Z"}
    watch = world.engine.watch(pdp.Request(ADA, "read", HOME, context, session))

    context["change"], session["expires_at"] = 1, "2026-11-28T11:30:00Z"  # type: ignore[assignment]
    world.engine.upsert_entity(world.user("ada", level=4))

    assert watch
    assert watch.request.context == {"change": "c1"}


class Liar(dict[str, Any]):
    """A mapping that cannot be copied."""

    def __deepcopy__(self, memo: object) -> Liar:
        raise OSError


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            pdp.Request(ADA, "read", HOME, now=datetime.now(UTC)),
            "a watch goes by the engine's clock: its request names no time",
        ),
        (pdp.Request(ADA, "read", HOME, Liar(change=1)), "the request cannot be kept: OSError"),
        (pdp.Request(ADA, "read", HOME, session=3), "the request cannot be kept: TypeError"),  # type: ignore[arg-type]
        ("read", "a watch is of a `pdp.Request`"),
    ],
)
def test_what_cannot_be_watched_is_refused(world: World, request_: Any, said: str) -> None:
    with pytest.raises(pdp.RequestError) as raised:
        world.engine.watch(request_)

    assert str(raised.value) == said


@pytest.mark.parametrize(
    "request_",
    [
        pdp.Request(ADA, 3, HOME),  # type: ignore[arg-type]
        pdp.Request("ada", "read", HOME),  # type: ignore[arg-type]
        pdp.Request(ADA, "erase", HOME),
        pdp.Request(pdp.ref("User", "nobody"), "read", HOME),
    ],
)
def test_a_request_that_no_rule_is_asked_about_waits_for_better_times(world: World, request_: Any) -> None:
    watch = world.engine.watch(request_)

    assert watch.state is pdp.WatchState.SUSPENDED
    world.engine.upsert_entity(world.user("nobody"))
    world.engine.replace_policy(Engine.from_text(TEXT.replace("action read", "action read, erase")).policy)
    assert bool(watch) is bool(world.engine.answer(watch.request))


def test_what_an_entity_is_in_is_followed_when_all_is_exchanged_at_once(world: World, tmp_path: Path) -> None:
    watch = world.watch()
    schema = TEXT.replace("type Group\ntype User in Group", "type Team\ntype Group in Team\ntype User in Group")
    (tmp_path / "p.pdp").write_text(schema)
    ada = {"type": "User", "id": "ada", "in": ['Group "staff"'], "attributes": {"level": 3}}
    others = [{"type": "Team", "id": "all"}, {"type": "Group", "id": "staff", "in": ['Team "all"']}]
    (tmp_path / "entities.json").write_text(json.dumps({"entities": [ada, *others]}))
    world.engine.reload(tmp_path)
    assert watch

    world.engine.revoke(group=pdp.ref("Team", "all"))

    assert watch.state is pdp.WatchState.ENDED


def test_a_user_who_comes_to_be_known_is_noticed(world: World) -> None:
    new = world.watch(pdp.ref("User", "new"))
    assert new.decision.reason is Reason.UNKNOWN_ENTITY

    world.engine.upsert_entity(world.user("new"))

    assert new


class Directory:
    """A provider whose word changes."""

    def __init__(self) -> None:
        self.level = 3
        self.asked = 0

    def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
        self.asked += 1
        return (
            pdp.Entity("User", ref.id, {"level": self.level}, [pdp.ref("Group", "staff")]) if ref.id == "eve" else None
        )


def test_the_word_of_a_provider_counts_for_a_time() -> None:
    directory = Directory()
    world = World(providers=[directory], lent=timedelta(seconds=30))
    watch = world.watch(pdp.ref("User", "eve"))
    assert watch

    directory.level = 1
    world.now += timedelta(seconds=29)
    assert watch
    world.now += timedelta(seconds=1)

    assert not watch


def test_a_provider_that_has_changed_is_asked_anew_when_somebody_says_so() -> None:
    directory = Directory()
    world = World(providers=[directory])
    watch, other = world.watch(pdp.ref("User", "eve")), world.watch()
    asked = directory.asked

    directory.level = 1
    world.engine.changed(ADA)
    before = bool(watch)
    world.engine.changed(pdp.ref("User", "eve"))

    assert before
    assert other
    assert not watch
    assert directory.asked > asked


def test_a_provider_that_changes_the_engine_while_it_is_asked_is_no_deadlock() -> None:
    class Busy:
        def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
            worlds[0].engine.upsert_entity(worlds[0].user("ben", level=len(worlds)))
            return None

    worlds = [World()]
    worlds[0] = World(providers=[Busy()])

    watch = worlds[0].watch(pdp.ref("User", "eve"))
    worlds[0].engine.revoke(principal=pdp.ref("User", "eve"))

    assert watch.state is pdp.WatchState.ENDED


@pytest.mark.parametrize("lent", [timedelta(0), timedelta(seconds=-1), 5])
def test_how_long_the_word_of_a_provider_counts_is_a_span(lent: Any) -> None:
    with pytest.raises(pdp.RequestError, match="`lent` is a span of time, and not an empty one"):
        World(lent=lent)


# ------------------------------------------------------------------------------------------------------ event loops


def test_changes_are_gone_through_in_an_event_loop(world: World) -> None:
    async def follow() -> list[str]:
        found = []
        with world.watch() as watch:
            async for change in watch:
                found.append(str(change.state))
                if len(found) == 1:
                    threading.Thread(target=world.engine.upsert_entity, args=[world.user("ada", level=1)]).start()
                elif len(found) == 2:
                    threading.Thread(target=lambda: world.engine.revoke(principal=ADA)).start()
        return found

    assert asyncio.run(asyncio.wait_for(follow(), PATIENCE)) == ["allowed", "suspended", "ended"]


def test_whoever_goes_through_changes_is_done_when_the_watch_is_closed(world: World) -> None:
    async def follow() -> int:
        watch = world.watch()
        asyncio.get_running_loop().call_later(0.01, watch.close)
        return len([change async for change in watch])

    assert asyncio.run(asyncio.wait_for(follow(), PATIENCE)) == 1


def test_of_what_nobody_reads_the_last_is_kept(world: World) -> None:
    async def follow() -> list[bool]:
        watch = world.watch()
        changes = aiter(watch)
        for turn in range(1000):
            world.engine.upsert_entity(world.user("ada", level=1 + turn % 2 * 4))
        world.engine.revoke(principal=ADA)
        return [bool(change) async for change in changes]

    found = asyncio.run(asyncio.wait_for(follow(), PATIENCE))

    assert len(found) == 256
    assert found[-1] is False


def test_a_loop_that_is_closed_is_no_longer_told(world: World) -> None:
    async def begin() -> object:
        watch = world.watch()
        return aiter(watch)

    stream = asyncio.run(begin())
    world.engine.revoke(principal=ADA)

    assert stream is not None


# ------------------------------------------------------------------------------------------------------ life and death


def test_an_engine_that_nobody_holds_is_gone_with_its_threads() -> None:
    world = World()
    watch: pdp.Watch | None = world.watch()
    gone = weakref.ref(world.engine)
    keeper = world.engine._keeper
    world.engine._keeper.wake()
    thread = keeper._thread

    del world, watch
    gc.collect()

    assert thread is not None
    thread.join(PATIENCE)
    gc.collect()
    assert gone() is None


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_watch_does_not_live_on_in_a_child(world: World) -> None:
    watch = world.watch()

    child = os.fork()
    if child == 0:
        ended = watch.state is pdp.WatchState.ENDED and not watch
        os._exit(0 if ended and world.watch(BEN) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert watch


def test_a_watch_is_of_its_process(world: World) -> None:
    with pytest.raises(TypeError, match="a watch is of the engine that made it"):
        pickle.dumps(world.watch())


def test_changes_and_ends_from_many_threads_leave_nothing_behind(world: World) -> None:
    def work(number: int) -> None:
        for turn in range(40):
            with world.watch(ADA if number % 2 else BEN):
                world.engine.upsert_entity(world.user("ada", level=turn % 5))
                if turn == 20 and number == 0:
                    world.engine.revoke(principal=BEN)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 3)

    watches = world.engine._watches
    assert watches is not None
    assert len(watches._held) == 0
    assert not watches._held._below
    assert not watches._flying
    assert watches._wheel.next is None


def test_nothing_that_raises_lets_anything_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = world.watch()
    assert watch

    def broken(*_: object) -> Decision:
        raise MemoryError

    monkeypatch.setattr(world.engine._answers, "answer", broken)
    monkeypatch.setattr(world.engine._answers, "judge", broken)
    world.engine.upsert_entity(world.user("ada", level=4))

    assert watch.state is pdp.WatchState.FAILED
    assert watch.decision.outcome is Outcome.DENY
