"""How old each source is, and what becomes of the answers when one is too old."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time as _time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.holder import Holder
from pdp.keeper import Keeper
from pdp.model import SourceState
from pdp.values import EntityRef
from tests.freshness.scene import (
    ADA,
    BEN,
    ENDING,
    ENTITIES,
    MINUTE,
    NOW,
    PAGE,
    SECOND,
    TEXT,
    Source,
    Time,
    allowed,
    engine,
    engine_of_machine,
)

PATIENCE = 20
SOURCES = ["approvals", "entities", "policy", "revocations"]
DENYING = ["entities", "policy", "revocations"]


def reason(asked: pdp.Engine) -> str:
    allowed(asked)
    return str(asked.decide(ADA, "read", PAGE).reason)


def states(asked: pdp.Engine) -> dict[str, str]:
    return {name: str(each.state) for name, each in asked.sources.items() if each.state is not SourceState.LOADED}


def freshen(asked: pdp.Engine, source: str) -> None:
    if source == "revocations" and asked._feed.source is not None:
        asked.refresh()
    else:
        asked.confirm(source)


# -------------------------------------------------------------------------------------------------------- what is meant


def test_without_a_maximum_nothing_is_ever_too_old() -> None:
    time = Time()
    asked = engine(time)

    time.goes_on(timedelta(days=10_000))

    assert reason(asked) == "permitted"
    assert asked.sources["entities"] == pdp.SourceStatus(state=SourceState.LOADED, age=timedelta(days=10_000))
    assert asked.state is SourceState.LOADED
    assert not asked._keeper.alive, "nobody has to look"


@pytest.mark.parametrize("source", DENYING)
@pytest.mark.parametrize("compiled", [True, False])
def test_past_its_age_a_source_denies_everything_and_tells_why(source: str, compiled: bool) -> None:
    time = Time()
    asked = engine(time, max_age={source: MINUTE}, compiled=compiled)

    time.goes_on(MINUTE - timedelta(microseconds=1))
    before = reason(asked)
    time.goes_on(SECOND)

    decision = asked.decide(ADA, "read", PAGE)
    assert (before, str(decision.reason), bool(decision)) == ("permitted", "source_stale", False)
    assert decision.detail == f"`{source}` was last confirmed 1m ago, and may be 1m old"
    assert not any(allowed(asked, question) for question in ENDING.values())
    assert states(asked) == {source: "stale"}
    assert asked.state is SourceState.STALE


@pytest.mark.parametrize("source", DENYING)
def test_it_is_too_old_at_its_age_and_not_before(source: str) -> None:
    time = Time()
    asked = engine(time, max_age={source: MINUTE})

    time.goes_on(MINUTE)

    assert not allowed(asked)


@pytest.mark.parametrize("source", DENYING)
def test_what_is_answered_at_once_is_denied_when_somebody_has_looked(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    monkeypatch.setattr(Keeper, "wake", lambda _: None)
    monkeypatch.setattr(Keeper, "alive", True)
    asked = engine_of_machine(time, monkeypatch, max_age={source: MINUTE})
    assert asked.allows(ADA, "read", PAGE)

    time.goes_on(MINUTE)
    asked._tick()

    assert not asked.allows(ADA, "read", PAGE)
    assert str(asked.decide(ADA, "read", PAGE).reason) == "source_stale"
    freshen(asked, source)
    assert asked.allows(ADA, "read", PAGE)


def test_past_their_age_approvals_are_unknown_and_nothing_else_is() -> None:
    time = Time()
    asked = engine(time, max_age={"approvals": MINUTE})
    before = allowed(asked, ENDING["approval"])

    time.goes_on(MINUTE)

    decision = asked.decide(*ENDING["approval"])
    assert (before, bool(decision), decision.erring_rules) == (True, False, ("approved",))
    assert allowed(asked)
    assert states(asked) == {"approvals": "stale"}
    asked.confirm("approvals")
    assert allowed(asked, ENDING["approval"])


@pytest.mark.parametrize("source", SOURCES)
def test_where_answers_go_on_only_the_state_tells(source: str) -> None:
    time = Time()
    asked = engine(time, max_age={source: MINUTE}, when_stale={source: "continue"})

    time.goes_on(MINUTE)

    assert allowed(asked)
    assert allowed(asked, ENDING["approval"])
    assert states(asked) == {source: "stale"}
    assert asked.state is SourceState.STALE


def test_a_record_that_failed_goes_before_one_that_is_old() -> None:
    time, source = Time(), Source()
    asked = engine(time, revocations=source, max_age={"revocations": MINUTE, "entities": MINUTE})
    source.fails = True

    time.goes_on(MINUTE)
    asked.refresh()

    assert reason(asked) == "source_failed"
    assert states(asked) == {"entities": "stale", "revocations": "failed"}
    assert asked.state is SourceState.FAILED
    source.fails = False
    asked.refresh()
    assert reason(asked) == "source_stale"


def test_approvals_that_cannot_be_read_have_failed() -> None:
    asked = engine(Time(), approvals=None)

    assert asked.sources["approvals"].detail == "the approvals cannot be read"
    assert asked.state is SourceState.FAILED


# ----------------------------------------------------------------------------------------------- what makes it fresh


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_is_confirmed_is_as_old_as_that(source: str) -> None:
    time = Time()
    asked = engine(time, revocations=Source(), max_age={source: MINUTE})

    for _ in range(10):
        time.goes_on(MINUTE - SECOND)
        freshen(asked, source)

    assert allowed(asked)
    assert asked.sources[source].age == timedelta(0)
    assert asked.sources[source].max_age == MINUTE
    time.goes_on(MINUTE)
    assert (asked.sources[source].state, asked.sources[source].age) == (SourceState.STALE, MINUTE)
    freshen(asked, source)
    assert allowed(asked)


def test_a_record_is_fresh_though_it_has_nothing_new_and_only_reading_it_makes_it_so() -> None:
    time, source = Time(), Source()
    asked = engine(time, revocations=source, max_age={"revocations": MINUTE})
    time.goes_on(SECOND)

    with pytest.raises(pdp.RequestError, match="`refresh` confirms the revocations: there is a record to be read"):
        asked.confirm("revocations")
    old = asked.sources["revocations"].age
    asked.refresh()

    assert (old, asked.sources["revocations"].age) == (SECOND, timedelta(0))


def test_a_record_is_as_old_as_the_beginning_of_its_reading() -> None:
    time = Time()

    class Slow(Source):
        def read(self, after: Any) -> Any:
            found = super().read(after)
            time.goes_on(SECOND)
            return found

    asked = engine(time, revocations=Slow())

    asked.refresh()

    assert asked.sources["revocations"].age >= SECOND


def test_a_record_that_hangs_holds_up_neither_a_revocation_nor_what_is_due() -> None:
    time, begun, over = Time(), threading.Event(), threading.Event()

    class Hanging(Source):
        def read(self, after: Any) -> Any:
            if begun.is_set() or not armed:
                return super().read(after)
            begun.set()
            assert over.wait(PATIENCE)
            return super().read(after)

    armed = False
    asked = engine(time, revocations=Hanging(), max_age={"revocations": MINUTE})
    armed = True
    reading = threading.Thread(target=asked.refresh)
    reading.start()
    assert begun.wait(PATIENCE)

    revoking = threading.Thread(target=lambda: asked.revoke(principal=BEN))
    revoking.start()
    deadline = _time.monotonic() + PATIENCE
    while asked.decide(BEN, "read", PAGE).reason != "principal_revoked" and _time.monotonic() < deadline:
        _time.sleep(0.001)
    revoked = str(asked.decide(BEN, "read", PAGE).reason)
    time.goes_on(MINUTE)
    asked._tick()
    stale = str(asked.decide(ADA, "read", PAGE).reason)
    over.set()
    reading.join(PATIENCE)
    revoking.join(PATIENCE)

    assert (revoked, stale) == ("principal_revoked", "source_stale")
    assert asked.sequence == 1
    assert str(asked.decide(BEN, "read", PAGE).reason) in ("principal_revoked", "source_stale")


@pytest.mark.parametrize("source", ["policy", "entities"])
def test_a_reload_that_fails_keeps_what_was_held_and_its_age_goes_on(tmp_path: Path, source: str) -> None:
    time = Time()
    asked = engine(time, max_age={source: MINUTE})
    (tmp_path / "a.pdp").write_text("rule", encoding="utf-8")
    time.goes_on(MINUTE - SECOND)

    with pytest.raises(pdp.PolicyError):
        asked.reload(tmp_path)
    before = allowed(asked)
    time.goes_on(SECOND)

    assert (before, reason(asked)) == (True, "source_stale")
    (tmp_path / "a.pdp").write_text(TEXT.replace("level: Int", "level?: Int"), encoding="utf-8")
    with pytest.raises(pdp.PolicyError):
        asked.reload(tmp_path)
    (tmp_path / "a.pdp").write_text("type User\n", encoding="utf-8")
    asked.reload(tmp_path)
    assert states(asked) == {}


def test_entities_that_are_replaced_are_fresh_and_one_that_is_changed_confirms_nothing() -> None:
    time = Time()
    asked = engine(time)
    time.goes_on(MINUTE)

    asked.upsert_entity(pdp.Entity("User", "zoe", {"level": 1}))
    asked.remove_entity(EntityRef("User", "zoe"))
    changed = asked.sources["entities"].age
    asked.replace_entities(ENTITIES)

    assert (changed, asked.sources["entities"].age, asked.sources["policy"].age) == (MINUTE, timedelta(0), MINUTE)


def test_a_policy_that_is_replaced_is_fresh_and_entities_are_not() -> None:
    time = Time()
    asked = engine(time)
    time.goes_on(MINUTE)

    asked.replace_policy(asked.policy)

    assert (asked.sources["policy"].age, asked.sources["entities"].age) == (timedelta(0), MINUTE)


def test_entities_that_do_not_fit_confirm_nothing() -> None:
    time = Time()
    asked = engine(time)
    time.goes_on(MINUTE)

    with pytest.raises(pdp.RequestError):
        asked.replace_entities([pdp.Entity("Ghost", "g")])

    assert asked.sources["entities"].age == MINUTE


# ------------------------------------------------------------------------------------------------- who is told of it


def test_it_is_logged_once_when_a_source_is_too_old_and_once_when_it_is_not(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    asked = engine(time, max_age={"entities": MINUTE}, when_stale={"entities": "continue"})

    with caplog.at_level(logging.INFO, "pdp"):
        for _ in range(3):
            time.goes_on(MINUTE)
            asked._tick()
        asked.confirm("entities")
        asked._tick()

    assert caplog.record_tuples == [
        ("pdp", logging.WARNING, "`entities` was last confirmed 1m ago, and may be 1m old"),
        ("pdp", logging.INFO, "`entities` is fresh again"),
    ]


def test_it_is_logged_once_when_the_clock_went_back_and_once_when_it_caught_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = Time()
    asked = engine(time)
    asked._tick()

    with caplog.at_level(logging.INFO, "pdp"):
        time.is_set(-MINUTE)
        asked._tick()
        asked._tick()
        time.is_set(MINUTE)
        asked._tick()

    assert [each.getMessage() for each in caplog.records] == [
        "the wall clock went back by 1m: time is reckoned from before",
        "the wall clock has caught up",
    ]


def test_what_takes_the_log_may_ask_the_engine_and_may_fail() -> None:
    time = Time()
    asked = engine(time, max_age={"entities": MINUTE})
    said = []

    class Asking(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            said.append(asked.state)
            asked.refresh()
            raise RuntimeError("nobody takes it")

    handler = Asking()
    logging.getLogger("pdp").addHandler(handler)
    try:
        time.goes_on(MINUTE)
        asked._tick()
    finally:
        logging.getLogger("pdp").removeHandler(handler)

    assert said == [SourceState.STALE]
    assert not allowed(asked)


def test_a_watch_is_stale_while_a_source_is() -> None:
    time = Time()
    asked = engine(time, max_age={"entities": MINUTE})

    with asked.watch(pdp.Request(ADA, "read", PAGE)) as watch:
        before = str(watch.state)
        time.goes_on(MINUTE)
        asked._tick()
        stale = str(watch.state)
        asked.confirm("entities")

        assert (before, stale, str(watch.state)) == ("allowed", "stale", "allowed")


# ------------------------------------------------------------------------------------------------------- who looks


def test_a_thread_looks_when_it_is_due() -> None:
    asked = pdp.Engine.from_text(TEXT, entities=ENTITIES, max_age={"entities": timedelta(milliseconds=300)})

    deadline = _time.monotonic() + PATIENCE
    while asked.allows(ADA, "read", PAGE) and _time.monotonic() < deadline:
        _time.sleep(0.001)

    assert str(asked.decide(ADA, "read", PAGE).reason) == "source_stale"
    asked.confirm("entities")
    assert asked._keeper.alive


def test_where_no_thread_can_be_had_nothing_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: Keeper) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Keeper, "wake", none)
    time = Time()

    asked = engine_of_machine(time, monkeypatch, max_age={"entities": MINUTE})

    assert allowed(asked)
    assert not asked._world.held_for_decide
    time.goes_on(MINUTE)
    assert not asked.allows(ADA, "read", PAGE), "each question looks for itself"


def test_where_nobody_can_tell_how_old_it_is_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    asked = engine(time, max_age={"entities": MINUTE})
    time.goes_on(MINUTE)

    def failing(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Holder, "_revised", failing)

    assert str(asked.decide(ADA, "read", PAGE).reason) == "internal_error"
    assert not asked.allows(ADA, "read", PAGE)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("held", [False, True])
def test_a_child_that_was_forked_looks_for_itself_though_a_lock_was_held(held: bool) -> None:
    asked = pdp.Engine.from_text(TEXT, entities=ENTITIES, max_age={"entities": timedelta(milliseconds=300)})
    turns = [asked._changing, asked._reading, asked._feed._growing] if held else []
    locks = [*(each._lock for each in turns), *([asked._clocks._lock] if held else [])]
    for lock in locks:
        lock.acquire()

    child = os.fork()
    if child == 0:
        signal.alarm(3 * PATIENCE)
        deadline = _time.monotonic() + PATIENCE
        while asked.allows(ADA, "read", PAGE) and _time.monotonic() < deadline:
            _time.sleep(0.001)
        good = str(asked.decide(ADA, "read", PAGE).reason) == "source_stale" and asked._keeper.alive
        asked.revoke(principal=ADA)
        asked.confirm("entities")
        os._exit(0 if good and str(asked.decide(ADA, "read", PAGE).reason) == "principal_revoked" else 1)

    for lock in locks:
        lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_in_a_child_nothing_is_answered_at_once_until_somebody_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    asked = engine_of_machine(time, monkeypatch, max_age={"entities": MINUTE})
    deadline = _time.monotonic() + PATIENCE
    while not asked._world.held_for_decide and _time.monotonic() < deadline:
        asked.decide(ADA, "read", PAGE)
    wake = Keeper.wake
    monkeypatch.setattr(Keeper, "wake", lambda self: None)

    child = os.fork()
    if child == 0:
        signal.alarm(3 * PATIENCE)
        good = allowed(asked) and not asked._world.held_for_decide
        time.goes_on(MINUTE)
        good = good and not asked.allows(ADA, "read", PAGE)
        asked.confirm("entities")
        good = good and allowed(asked) and not asked._world.held_for_decide
        monkeypatch.setattr(Keeper, "wake", wake)
        asked._keeper.wake()
        while not asked._world.held_for_decide and _time.monotonic() < deadline:
            asked.decide(ADA, "read", PAGE)
        os._exit(0 if good and asked._world.held_for_decide else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_age": {"entitties": MINUTE}}, "`entitties` is none of .*did you mean `entities`"),
        ({"max_age": {"clock": MINUTE}}, "`clock` is none of approvals, entities, policy, revocations"),
        ({"max_age": {"entities": 60}}, "the `max_age` of `entities` is not a timedelta of more than nothing"),
        ({"max_age": {"entities": timedelta(0)}}, "is not a timedelta of more than nothing"),
        ({"when_stale": {"entities": "continue"}}, "`entities` has no `max_age`, and is never stale"),
        (
            {"max_age": {"entities": MINUTE}, "when_stale": {"entities": "allow"}},
            "`when_stale` of `entities` is neither `deny` nor `continue`",
        ),
        ({"when_stale": {5: "deny"}}, "`5` is none of"),
    ],
)
def test_an_option_that_means_nothing_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(pdp.RequestError, match=said):
        engine(Time(), **options)


@pytest.mark.parametrize("name", ["entity", "", None, 5, "sources"])
def test_only_what_is_a_source_is_confirmed(name: Any) -> None:
    with pytest.raises(pdp.RequestError, match="is none of approvals, entities, policy, revocations, clock"):
        engine(Time()).confirm(name)


def test_an_age_may_be_as_long_as_any() -> None:
    time = Time()
    asked = engine(time, max_age={"entities": timedelta.max, "policy": timedelta(microseconds=1)})

    time.goes_on(timedelta(milliseconds=1))

    assert asked.decide(ADA, "read", PAGE).detail == "`policy` was last confirmed 1ms ago, and may be 1us old"
    assert asked.sources["entities"].max_age == timedelta.max
    assert asked.allows(ADA, "read", PAGE, now=NOW) is False
