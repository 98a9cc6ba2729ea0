"""Watches beside what else goes on: clocks that are put back, interrupts, signals, values of other types."""

from __future__ import annotations

import datetime
from datetime import timedelta

import pdp

ADA, PAY = pdp.ref("User", "ada"), pdp.ref("Service", "pay")
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


class Machine:
    """Two clocks that go on together, until one of them is set."""

    def __init__(self) -> None:
        self.wall, self.passed = NOON, 100.0

    def engine(self, policy: str, **options: object) -> pdp.Engine:
        clocks = {"clock": lambda: self.wall, "monotonic": lambda: self.passed}
        return pdp.Engine.from_text(policy, **clocks, **options)  # type: ignore[arg-type]

    def go(self, by: timedelta) -> None:
        self.wall += by
        self.passed += by.total_seconds()


GRANTED = """
type User
type Service
action deploy on Service by User
role operator on Service: deploy
grant operator on Service "pay" to User "ada" from 2026-01-01T11:45:00Z until 2026-01-01T11:50:00Z
grant operator on Service "ledger" to User "ada" from 2026-01-01T11:55:00Z until 2026-01-01T15:00:00Z
"""


def test_a_watch_goes_by_a_clock_that_was_put_right() -> None:
    machine = Machine()
    engine = machine.engine(GRANTED)
    later = pdp.Request(ADA, "deploy", pdp.ref("Service", "ledger"))
    watch = engine.watch(later)
    machine.wall -= timedelta(minutes=30)
    engine.refresh()

    before = bool(watch), engine.answer(later).outcome == pdp.Outcome.ALLOW
    engine.confirm("clock")

    assert before == (True, True)
    assert not engine.answer(later)
    assert not watch


def test_what_ends_after_a_clock_was_put_right_is_told_when_it_ends() -> None:
    machine = Machine()
    engine = machine.engine(GRANTED)
    watch = engine.watch(pdp.Request(ADA, "deploy", PAY))
    told: list[pdp.Change | None] = []
    watch.listen(told.append)
    machine.wall -= timedelta(minutes=13)
    engine.refresh()
    engine.confirm("clock")

    begun = bool(watch)
    machine.go(timedelta(minutes=4))
    engine._tick()

    assert begun
    assert [change.state for change in told if change is not None] == [pdp.WatchState.ALLOWED, pdp.WatchState.SUSPENDED]
