"""An engine whose clocks are set by the test, and what ends in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import pdp
from pdp.model import Approval, Mark, Membership, Revocation
from pdp.values import Datetime, EntityRef

TEXT = """
type Group
type User in Group { level: Int }
type Page
action read, write, edit on Page by User
role writer on Page: write
grant writer on Page "home" to User "gil" until 2026-11-23T10:00:00Z
rule reads: permit User to read on Page when principal.level > 0
rule members: permit User in Group "staff" to write on Page
rule approved: permit User to edit on Page needs approval from User for 1h
"""
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ADA, BEN, GIL = (EntityRef("User", name) for name in ("ada", "ben", "gil"))
PAGE, STAFF = EntityRef("Page", "home"), EntityRef("Group", "staff")
ENTITIES = [
    pdp.Entity("Group", "staff"),
    pdp.Entity("User", "ada", {"level": 1}),
    pdp.Entity("User", "ben", {"level": 1}, [Membership(STAFF, Datetime.of(NOW + HOUR))]),
    pdp.Entity("User", "gil", {"level": 1}),
]
APPROVAL = Approval(BEN, ADA, "edit", PAGE, Datetime.of(NOW))

# All of these end an hour after `NOW`.
ENDING: dict[str, tuple[Any, ...]] = {
    "grant": (GIL, "write", PAGE),
    "membership": (BEN, "write", PAGE),
    "approval": (ADA, "edit", PAGE),
    "session": (ADA, "read", PAGE, None, {"expires_at": NOW + HOUR}),
}


class Time:
    """Two clocks. They go on together, and the one on the wall is set."""

    def __init__(self) -> None:
        self.wall, self.passed = NOW, 1000.0

    def goes_on(self, by: timedelta) -> None:
        self.wall += by
        self.passed += by.total_seconds()

    def is_set(self, by: timedelta) -> None:
        self.wall += by

    def stands_still(self, by: timedelta) -> None:
        """Nothing but the wall clock does."""
        self.passed += by.total_seconds()

    def time_ns(self) -> int:
        return Datetime.of(self.wall).micros * 1000

    def monotonic(self) -> float:
        return self.passed

    def clock_gettime(self, _: int) -> float:
        return self.passed


class Source:
    """A record in memory, which fails when it is told to."""

    def __init__(self) -> None:
        self.facts: list[Revocation] = []
        self.fails = False

    def publish(self, fact: Revocation) -> int:
        self._check()
        self.facts.append(fact)
        return len(self.facts)

    def read(self, after: Mark) -> tuple[Sequence[Revocation], Mark]:
        self._check()
        return self.facts[after.sequence :], Mark(len(self.facts), b"here")

    def _check(self) -> None:
        if self.fails:
            raise TimeoutError


def engine(time: Time, **options: Any) -> pdp.Engine:
    """Return an engine of both clocks of a test."""
    given: dict[str, Any] = {"clock": lambda: time.wall, "monotonic": time.monotonic, "approvals": [APPROVAL]} | options
    return pdp.Engine.from_text(TEXT, entities=ENTITIES, **given)


def engine_of_machine(time: Time, patch: pytest.MonkeyPatch, **options: Any) -> pdp.Engine:
    """Return an engine that answers at once, on a machine that has the clocks of a test."""
    patch.setattr("pdp.clocks.time", time)
    patch.setattr("pdp.codegen.support.time", time)
    return pdp.Engine.from_text(TEXT, entities=ENTITIES, **{"approvals": [APPROVAL], "compiled": True} | options)


def allowed(asked: pdp.Engine, question: Sequence[Any] = (ADA, "read", PAGE)) -> bool:
    """Ask in each way: all have to agree."""
    found = asked.allows(*question)
    assert bool(asked.decide(*question)) is found
    assert bool(asked.answer(pdp.Request(*question))) is found
    assert bool(asked.explain(pdp.Request(*question)).decision) is found
    assert [bool(each) for each in asked.decide_many([pdp.Request(*question)])] == [found]
    return found
