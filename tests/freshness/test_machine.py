"""Clocks that are set, sources that fail and are read again, in any order: what that comes to is a few lines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import pdp
from pdp.keeper import Keeper
from pdp.values import Datetime
from tests.freshness.scene import ADA, ENDING, NOW, PAGE, Source, Time, allowed, engine, engine_of_machine

END = NOW + timedelta(hours=1)
AGES = {"entities": 600, "revocations": 300, "policy": 5000, "approvals": 900}
SECONDS = st.sampled_from([1, 2, 3, 60, 299, 300, 599, 601, 3599, 3600, 7200]) | st.integers(0, 10_000)
STEPS = st.lists(st.tuples(st.sampled_from(["goes_on", "goes_back", "jumps", "stands_still"]), SECONDS), max_size=4)


class Model:
    """What has to be: since when each source is known, and the least that it can be on the clock."""

    def __init__(self, time: Time, exact: bool) -> None:
        self.time, self.exact, self.since, self.fails = time, exact, dict.fromkeys(AGES, time.passed), False
        self.top, self.at, self.behind = time.wall, time.passed, False

    def look(self) -> Any:
        """Return the time that is decided by: exactly, or give or take what is no step of a clock."""
        wall, passed = self.time.wall, self.time.passed
        least = self.top + timedelta(seconds=passed - self.at) * 0.999
        self.behind = wall < least and (self.behind or least - wall > timedelta(seconds=2))
        if wall >= least:
            self.top, self.at = wall, passed
        return max(wall, least) if self.exact or self.behind else wall

    def old(self, source: str) -> bool:
        return self.time.passed - self.since[source] >= AGES[source]

    @property
    def holds(self) -> bool:
        return not (self.fails or any(map(self.old, ("entities", "revocations", "policy"))))


class Staleness(RuleBasedStateMachine):
    @initialize(kind=st.sampled_from(["machine", "compiled", "interpreted"]))
    def begin(self, kind: str) -> None:
        self.time, self.source, self.patch = Time(), Source(), pytest.MonkeyPatch()
        # The thread of an engine would look at moments that no example can repeat.
        self.patch.setattr(Keeper, "wake", lambda _: None)
        self.patch.setattr(Keeper, "alive", True)
        options: dict[str, Any] = {
            "revocations": self.source,
            "max_age": {name: timedelta(seconds=seconds) for name, seconds in AGES.items()},
        }
        self.on_machine = kind == "machine"
        self.asked = (
            engine_of_machine(self.time, self.patch, **options)
            if self.on_machine
            else engine(self.time, compiled=kind == "compiled", **options)
        )
        self.model = Model(self.time, exact=not self.on_machine)
        self.last = NOW

    @rule(steps=STEPS, ticks=st.booleans())
    def time_passes(self, steps: list[tuple[str, int]], ticks: bool) -> None:
        for kind, seconds in steps:
            by = timedelta(seconds=seconds)
            match kind:
                case "goes_on":
                    self.time.goes_on(by)
                case "stands_still":
                    self.time.stands_still(by)
                case _:
                    self.time.is_set(by if kind == "jumps" else -by)
            if ticks:
                self.asked._tick()
                self.model.look()

    @rule(fails=st.booleans())
    def the_record_is_read(self, fails: bool) -> None:
        self.source.fails = self.model.fails = fails
        self.asked.refresh()
        if not fails:
            self.model.since["revocations"] = self.time.passed

    @rule(source=st.sampled_from(["entities", "policy", "approvals"]))
    def a_source_is_confirmed(self, source: str) -> None:
        self.asked.confirm(source)
        self.model.since[source] = self.time.passed

    @rule()
    def an_entity_is_changed(self) -> None:
        self.asked.upsert_entity(pdp.Entity("User", "zoe", {"level": 1}))

    @rule()
    def policy_is_replaced(self) -> None:
        self.asked.replace_policy(self.asked.policy)
        self.model.since["policy"] = self.time.passed

    @precondition(lambda self: self.model.behind)
    @rule()
    def the_clock_is_accepted(self) -> None:
        self.asked.confirm("clock")
        self.model.top, self.model.at, self.model.behind = self.time.wall, self.time.passed, False
        self.last = min(self.last, self.time.wall)

    @invariant()
    def nothing_is_allowed_past_its_end(self) -> None:
        if self.on_machine:
            # What is answered at once does not look.
            self.asked._tick()
        now = self.model.look()

        assert allowed(self.asked, ENDING["grant"]) is (self.model.holds and now < END)
        assert allowed(self.asked, ENDING["membership"]) is (self.model.holds and now < END)
        assert allowed(self.asked, ENDING["session"]) is (self.model.holds and now < END)
        approved = self.model.holds and NOW <= now < END and not self.model.old("approvals")
        assert allowed(self.asked, ENDING["approval"]) is approved
        assert allowed(self.asked) is self.model.holds

    @invariant()
    def time_does_not_go_back(self) -> None:
        told = self.asked.explain(pdp.Request(ADA, "read", PAGE)).now
        assert told is not None
        now = Datetime.parse(told).to_datetime()

        assert now == self.model.look()
        assert now >= self.last - (timedelta(seconds=2) if self.on_machine else timedelta(0))
        self.last = max(now, self.last)

    @invariant()
    def each_source_is_as_it_is_told(self) -> None:
        found = self.asked.sources
        self.model.look()
        stale = {name for name in AGES if self.model.old(name)}

        assert {name for name, each in found.items() if str(each.state) != "loaded"} == stale | (
            {"clock"} if self.model.behind else set()
        ) | ({"revocations"} if self.model.fails else set())
        assert all(found[name].age.total_seconds() == self.time.passed - self.model.since[name] for name in AGES)

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()


TestStaleness = Staleness.TestCase
TestStaleness.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
