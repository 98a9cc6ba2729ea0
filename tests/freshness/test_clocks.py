"""Time that is decided by: nothing comes back that has ended, whatever becomes of the clock on the wall."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

import pytest

import pdp
from pdp.clocks import TOLERANCE, Clocks, passing
from pdp.model import SourceState
from tests.freshness.scene import (
    ADA,
    ENDING,
    GIL,
    HOUR,
    MINUTE,
    NOW,
    PAGE,
    SECOND,
    Time,
    allowed,
    engine,
    engine_of_machine,
)

MICROSECOND = timedelta(microseconds=1)
Make = Callable[[Time], pdp.Engine]


@pytest.fixture(params=["machine", "compiled", "interpreted"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make an engine by the clock of the machine, which answers at once, or by one of the test's own."""
    if request.param == "machine":
        return lambda time: engine_of_machine(time, monkeypatch)
    return lambda time: engine(time, compiled=request.param == "compiled")


@pytest.fixture(params=ENDING)
def ending(request: pytest.FixtureRequest) -> tuple[object, ...]:
    return ENDING[request.param]


def direct(asked: pdp.Engine) -> bool:
    """Tell whether anything is answered at once."""
    asked.decide(ADA, "read", PAGE)
    return bool(asked._world.held_for_decide)


# ------------------------------------------------------------------------------------------- a second around the end


def test_one_second_before_the_end_is_before_it_and_at_the_end_is_past_it(make: Make, ending: tuple[object]) -> None:
    time = Time()
    asked = make(time)

    time.goes_on(HOUR - SECOND)
    before = allowed(asked, ending)
    time.goes_on(SECOND - MICROSECOND)
    just_before = allowed(asked, ending)
    time.goes_on(MICROSECOND)
    at = allowed(asked, ending)
    time.goes_on(SECOND)

    assert (before, just_before, at, allowed(asked, ending)) == (True, True, False, False)


# -------------------------------------------------------------------------------------------------------- going back


def test_a_clock_that_goes_back_an_hour_brings_nothing_back(make: Make, ending: tuple[object]) -> None:
    time = Time()
    asked = make(time)
    time.goes_on(HOUR + MINUTE)
    asked._tick()
    assert not allowed(asked, ending)

    time.is_set(-HOUR)
    asked._tick()

    assert not allowed(asked, ending)
    assert allowed(asked), "what does not end goes on"
    status = asked.sources["clock"]
    assert (asked.state, status.state) == (SourceState.STALE, SourceState.STALE)
    assert status.detail == "the wall clock went back by 1h: time is reckoned from before"


@pytest.mark.parametrize(
    "look",
    [
        lambda asked: asked._tick(),
        lambda asked: asked.refresh(),
        lambda asked: asked.revoke(session="another"),
        lambda asked: asked.upsert_entity(pdp.Entity("User", "zoe", {"level": 1})),
        lambda asked: asked.state,
        lambda asked: asked.sources,
        lambda asked: asked.confirm("entities"),
        lambda asked: asked.answer(pdp.Request(ADA, "read", PAGE)),
    ],
    ids=["tick", "refresh", "revoke", "upsert", "state", "sources", "confirm", "answer"],
)
def test_whatever_looks_notices_a_clock_that_went_back(
    look: Callable[[pdp.Engine], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    asked = engine_of_machine(time, monkeypatch)
    time.goes_on(HOUR + MINUTE)
    asked._tick()

    time.is_set(-HOUR)
    look(asked)

    assert asked._clocks.behind


def test_time_goes_on_while_the_clock_is_behind(make: Make, ending: tuple[object]) -> None:
    time = Time()
    asked = make(time)
    time.goes_on(MINUTE)
    asked._tick()
    time.is_set(-HOUR)
    asked._tick()
    assert allowed(asked, ending)

    # Of a thousand seconds one is left out, and a minute has passed before.
    time.goes_on(HOUR - MINUTE + 5 * SECOND)

    assert not allowed(asked, ending)


def test_a_clock_that_has_caught_up_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    asked = engine_of_machine(time, monkeypatch)
    assert direct(asked)

    time.is_set(-HOUR)
    asked._tick()
    behind = direct(asked)
    time.is_set(HOUR - SECOND)
    asked._tick()
    still_behind = direct(asked)
    time.is_set(SECOND)
    asked._tick()

    assert (behind, still_behind, direct(asked)) == (False, False, True)
    assert asked.sources["clock"].state is SourceState.LOADED


def test_a_wall_clock_that_is_accepted_counts_from_then_on(make: Make, ending: tuple[object]) -> None:
    time = Time()
    asked = make(time)
    time.is_set(24 * HOUR)
    asked._tick()
    assert not allowed(asked, ending)
    time.is_set(-24 * HOUR)
    asked._tick()
    assert not allowed(asked, ending)

    asked.confirm("clock")

    assert allowed(asked, ending)
    assert asked.state is SourceState.LOADED


def test_what_is_revoked_while_the_clock_is_behind_is_revoked_up_to_the_time_that_is_decided_by(make: Make) -> None:
    time = Time()
    asked = make(time)
    asked._tick()
    time.is_set(-HOUR)
    asked._tick()

    asked.revoke(principal=ADA)

    session = {"authenticated_at": NOW}
    assert not asked.allows(ADA, "read", PAGE, session=session, now=NOW + MINUTE)


# ----------------------------------------------------------------------------------------------------- going forward


def test_a_clock_that_goes_forward_an_hour_ends_what_ends_by_then(make: Make, ending: tuple[object]) -> None:
    time = Time()
    asked = make(time)
    assert allowed(asked, ending)

    time.is_set(HOUR)

    assert not allowed(asked, ending)
    assert allowed(asked)
    assert asked.state is SourceState.LOADED


def test_a_machine_that_slept_has_lost_no_time(make: Make, ending: tuple[object]) -> None:
    time = Time()
    asked = make(time)
    assert allowed(asked, ending)

    # Some monotonic clocks stand still meanwhile: that is a step forward.
    time.is_set(HOUR)
    asked._tick()
    time.goes_on(MINUTE)
    asked._tick()

    assert asked.state is SourceState.LOADED
    assert not allowed(asked, ending)


# ------------------------------------------------------------------------------------------------ standing still


def test_a_clock_that_stands_still_is_noticed_and_time_goes_on(make: Make, ending: tuple[object]) -> None:
    time = Time()
    asked = make(time)
    asked._tick()
    states = set()

    for _ in range(62):
        time.stands_still(MINUTE)
        asked._tick()
        states.add(asked.sources["clock"].state)

    assert states == {SourceState.STALE}
    assert not allowed(asked, ending)


def test_a_leap_second_is_no_step(make: Make) -> None:
    time = Time()
    asked = make(time)
    asked._tick()

    time.is_set(-SECOND)
    asked._tick()

    assert asked.sources["clock"].state is SourceState.LOADED


@pytest.mark.parametrize(("by", "behind"), [(TOLERANCE, False), (TOLERANCE + 1, True)])
def test_more_than_two_seconds_are_a_step(by: int, behind: bool) -> None:
    time = Time()
    clocks = Clocks(lambda: time.wall, time.monotonic)
    clocks.look()

    time.is_set(-timedelta(microseconds=by))
    clocks.look()

    assert (clocks.behind > 0) is behind


def test_many_small_steps_are_one_large_one() -> None:
    time = Time()
    clocks = Clocks(lambda: time.wall, time.monotonic)
    clocks.look()

    for _ in range(3):
        time.is_set(-SECOND)
        clocks.look()

    assert clocks.behind


def test_a_clock_that_runs_a_little_slow_is_no_clock_that_went_back() -> None:
    time = Time()
    clocks = Clocks(lambda: time.wall, time.monotonic)
    clocks.look()

    for _ in range(1000):
        time.goes_on(HOUR)
        time.is_set(-SECOND)
        clocks.look()

    assert not clocks.behind


def test_a_thread_that_has_to_wait_between_two_readings_sees_nothing_go_back() -> None:
    time = Time()

    def late() -> float:
        read = time.passed
        time.goes_on(HOUR)
        return read

    clocks = Clocks(lambda: time.wall, late)
    for _ in range(10):
        clocks.look()

        assert not clocks.behind


# -------------------------------------------------------------------------------------------------- clocks of others


def test_a_clock_of_a_test_may_stand_still_while_that_of_the_machine_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    monkeypatch.setattr("pdp.clocks.time", time)
    asked = engine(time, monotonic=None)
    asked._tick()

    time.stands_still(HOUR)
    asked._tick()

    assert allowed(asked, ENDING["grant"])
    assert asked.state is SourceState.LOADED
    time.is_set(-HOUR)
    asked._tick()
    assert asked.state is SourceState.STALE, "what it cannot do unnoticed is to go back"


def test_a_clock_that_fails_is_told_and_denies() -> None:
    def broken() -> object:
        raise OSError

    time = Time()
    asked = engine(time, clock=broken)

    status = asked.sources["clock"]

    assert (status.state, status.detail) == (SourceState.FAILED, "the clock cannot be read: OSError")
    assert not allowed(asked)
    assert engine(time, clock=lambda: 5).sources["clock"].detail == "the clock gives no time with a zone"


@pytest.mark.parametrize("time_of", [lambda: math.nan, lambda: "late", lambda: 1 / 0], ids=["nan", "text", "raises"])
def test_a_monotonic_clock_that_fails_makes_everything_too_old(time_of: Callable[[], float]) -> None:
    time = Time()
    readings = iter([1.0] * 5)
    asked = engine(time, monotonic=lambda: next(readings, None) or time_of(), max_age={"entities": HOUR})

    asked._tick()

    assert str(asked.decide(ADA, "read", PAGE).reason) == "source_stale"
    assert not allowed(asked)


def test_a_time_that_the_caller_names_is_the_callers_affair(make: Make) -> None:
    time = Time()
    asked = make(time)
    time.goes_on(2 * HOUR)
    asked._tick()
    time.is_set(-2 * HOUR)
    asked._tick()

    assert asked.allows(GIL, "write", PAGE, now=NOW)
    assert not asked.allows(GIL, "write", PAGE)


def test_the_time_that_the_machine_slept_is_counted() -> None:
    first, second = passing(), passing()

    assert first <= second
