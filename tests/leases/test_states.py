"""The table of states in docs/reverification.md: it is what the code does, and what happens to a real engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

import pdp
from pdp.engine import Engine
from pdp.leases.states import WatchState, state_after
from pdp.model import Decision, Mark, Outcome, Reason, Revocation

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reverification.md"


class Row(NamedTuple):
    """What a decision says, and the state after it, by the one before."""

    reason: Reason
    handled: bool
    after: dict[WatchState | None, WatchState]

    @property
    def decision(self) -> Decision:
        outcome = Outcome.ALLOW if self.reason is Reason.PERMITTED else Outcome.DENY
        return Decision(outcome=outcome, reason=self.reason, unhandled=() if self.handled else ("log",))

    def __str__(self) -> str:
        return str(self.reason) if self.handled else f"{self.reason} unhandled"


def read_table() -> list[Row]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| the decision says |"))
    before = [None, *(WatchState(name) for name in re.findall("`(.*?)`", lines[start]))]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        says, *after = (cell.strip() for cell in line.strip("|").split("|"))
        reason = Reason(says.split("`")[1])
        states = dict(zip(before, map(WatchState, after), strict=True))
        rows.append(Row(reason, "nobody handles" not in says, states))
    return rows


TABLE = read_table()
STATES: tuple[WatchState | None, ...] = (None, *WatchState)

each_row = pytest.mark.parametrize("row", TABLE, ids=str)
each_state = pytest.mark.parametrize("before", STATES, ids=lambda state: str(state or "at first"))


def test_every_reason_stands_in_the_table_once() -> None:
    assert sorted(row.reason for row in TABLE if row.handled) == sorted(Reason)
    assert [row.reason for row in TABLE if not row.handled] == [Reason.PERMITTED]
    assert all(row.after.keys() == set(STATES) for row in TABLE)


@each_row
@each_state
def test_the_table_is_what_the_code_does(row: Row, before: WatchState | None) -> None:
    assert state_after(before, row.decision) is row.after[before]


def test_every_state_of_the_table_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \| (?:the request|it is|nobody can)", PAGE.read_text(encoding="utf-8"), re.M)

    assert sorted(explained) == sorted(WatchState)


# ----------------------------------------------------------------------------------------------------- a real engine


ADA, HOME = pdp.ref("User", "ada"), pdp.ref("Page", "home")
START = datetime(2026, 11, 28, 12, tzinfo=UTC)
TEXT = """
type Group
type User in Group { banned: Bool, turn: Int }
type Agent
type Page
session { actor?: Agent }
obligation log {}
action read on Page by User
rule staff_reads: permit User in Group "staff" to read on Page
rule agents_read: permit User in Group "staff" to read on Page via Agent
rule banned_do_not: forbid anyone to read on Page when principal.banned because "they were told why"
"""


class Record:
    """A record of revocations that can fail."""

    broken = False

    def publish(self, fact: Revocation) -> int:
        raise pdp.RecordError("the disk is full")

    def read(self, after: Mark) -> tuple[Sequence[Revocation], Mark]:
        if self.broken:
            raise pdp.RecordError("the disk is gone")
        return (), after


class Stage:
    """One watched request, and everything that can happen to it. `because(reason)` names what brings a reason about."""

    def __init__(self, reason: Reason) -> None:
        self.now, self.clock_fails, self.passed = START, False, 0.0
        self.record = Record()
        self.known = self.staff = True
        self.banned, self.turn = False, 0
        self.engine = Engine.from_text(
            TEXT,
            entities=[pdp.Entity("Group", "staff")],
            clock=self.clock,
            monotonic=lambda: self.passed,
            max_age={"policy": timedelta(minutes=9)},
            revocations=self.record,
        )
        self.show()
        self.session: dict[str, object] = {
            "session_id": "s-1",
            "authenticated_at": START - timedelta(hours=1),
            "expires_at": START + timedelta(hours=1),
        }
        if reason is Reason.INVALID_SESSION:
            self.session["actor"] = pdp.ref("Agent", "helper")
        if reason is Reason.SESSION_NOT_YET_VALID:
            # It began, and the clock is put back behind that.
            self.session["authenticated_at"] = START
        self.told: list[pdp.Change] = []

    def clock(self) -> datetime:
        if self.clock_fails:
            raise OSError("no clock")
        return self.now

    def show(self) -> None:
        """Let the engine know what is true of the user."""
        if self.known:
            self.turn += 1
            parents = [pdp.ref("Group", "staff")] if self.staff else []
            self.engine.upsert_entity(pdp.Entity("User", "ada", {"banned": self.banned, "turn": self.turn}, parents))
        else:
            self.engine.remove_entity(ADA)

    def watch(self) -> None:
        self.watched = self.engine.watch(pdp.Request(ADA, "read", HOME, session=self.session))
        self.watched.listen(lambda change: None if change is None else self.told.append(change))

    # ------------------------------------------------------------------------------------------- from where it starts

    def bring(self, state: WatchState) -> None:
        """Bring the request into a state."""
        if state is WatchState.SUSPENDED:
            self.banned = True
            self.show()
        elif state is WatchState.FAILED:
            self.record.broken = True
            self.engine.refresh()
        elif state is WatchState.STALE:
            self.source_stale()
        elif state is WatchState.ENDED:
            with suppress(pdp.RecordError):
                self.engine.revoke(session="s-1")

    def leave(self, state: WatchState, reason: Reason) -> None:
        """Take away what brought the request into a state, unless that is what the reason is."""
        if state is WatchState.SUSPENDED and reason is not Reason.FORBIDDEN and self.known:
            self.banned = False
            self.show()
        elif state is WatchState.FAILED and reason is not Reason.SOURCE_FAILED:
            self.record.broken = False
            self.engine.refresh()
        elif state is WatchState.STALE and reason is not Reason.SOURCE_STALE:
            self.engine.confirm("policy")

    # -------------------------------------------------------------------------------------------------- what happens

    def happen(self, row: Row) -> None:
        """Let what brings about a decision happen."""
        if row.handled:
            getattr(self, row.reason.value)()
        else:
            self.obliged()

    def permitted(self) -> None:
        """Nothing is in the way."""

    def obliged(self) -> None:
        self.swap("to read on Page\n", "to read on Page oblige log {}\n")

    def forbidden(self) -> None:
        self.banned = True
        self.show()

    def default(self) -> None:
        self.staff = False
        self.show()

    def invalid_request(self) -> None:
        self.swap("read on", "look on")

    def unknown_entity(self) -> None:
        self.known = False
        self.show()

    def session_not_yet_valid(self) -> None:
        self.now = START - timedelta(minutes=1)
        self.engine.confirm("clock")
        self.show()

    def session_expired(self) -> None:
        self.now += timedelta(hours=1)

    def session_revoked(self) -> None:
        with suppress(pdp.RecordError):
            self.engine.revoke(session="s-1")

    def principal_revoked(self) -> None:
        with suppress(pdp.RecordError):
            self.engine.revoke(principal=ADA)

    def invalid_session(self) -> None:
        self.swap("Agent", "Robot")

    def source_stale(self) -> None:
        self.passed += 600
        self.now += timedelta(seconds=600)
        self.engine._tick()

    def source_failed(self) -> None:
        self.record.broken = True
        self.engine.refresh()

    def internal_error(self) -> None:
        self.clock_fails = True
        self.show()

    def swap(self, old: str, new: str) -> None:
        self.engine.replace_policy(Engine.from_text(TEXT.replace(old, new)).policy)


@each_row
@pytest.mark.parametrize("before", STATES, ids=lambda state: str(state or "at first"))
def test_a_real_engine_goes_the_way_of_the_table(row: Row, before: WatchState | None) -> None:
    stage = Stage(row.reason)
    if before is None:
        stage.happen(row)
        stage.watch()
    else:
        stage.bring(before)
        stage.watch()
        assert stage.watched.state is before
        stage.happen(row)
        stage.leave(before, row.reason)

    after = stage.watched.state

    assert after is row.after[before]
    moved = before is not None and after is not before
    assert [(change.before, change.state) for change in stage.told] == ([(before, after)] if moved else [])
    if before is not WatchState.ENDED:
        assert stage.watched.decision.reason is row.reason
        assert bool(stage.watched) is (row.reason is Reason.PERMITTED and row.handled)
