"""Watches beside what else goes on: clocks that are put back, interrupts, signals, values of other types."""

from __future__ import annotations

import datetime
import enum
import os
import queue
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

import pdp
from pdp.model import Mark
from pdp.shelter import _DEPTHS, SHELTER
from pdp.values import Datetime

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


def hear(engine: pdp.Engine) -> None:
    """Wait until all was told that is to be told."""
    heard = threading.Event()
    watches = engine._watches
    assert watches is not None
    watches._teller.tell(lambda _: heard.set(), None)
    assert heard.wait(60)


def test_what_ends_after_a_clock_was_put_right_is_told_when_it_ends() -> None:
    machine = Machine()
    engine = machine.engine(GRANTED)
    watch = engine.watch(pdp.Request(ADA, "deploy", PAY))
    told: queue.SimpleQueue[pdp.Change | None] = queue.SimpleQueue()
    watch.listen(told.put)
    machine.wall -= timedelta(minutes=13)
    engine.refresh()
    engine.confirm("clock")

    begun = bool(watch)
    machine.go(timedelta(minutes=4))
    engine._tick()

    assert begun
    # The engine's own thread may have been quicker, and still be about to tell: it is waited for, not looked for.
    heard = [change.state for change in (told.get(timeout=60), told.get(timeout=60)) if change is not None]
    assert heard == [pdp.WatchState.ALLOWED, pdp.WatchState.SUSPENDED]


OPEN = """
type User { tier: Int }
type Service
action deploy on Service by User
rule the_first_tier_deploys: permit User to deploy on Service when principal.tier == 1
"""


class Directory:
    """A provider that knows everybody, and is interrupted once where it is told to be."""

    def __init__(self) -> None:
        self.tier, self.interrupted = 1, False

    def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
        if self.interrupted:
            self.interrupted = False
            raise KeyboardInterrupt
        return pdp.Entity("User", ref.id, {"tier": self.tier}) if ref.type == "User" else None


def deploys(name: str) -> pdp.Request:
    return pdp.Request(pdp.ref("User", name), "deploy", PAY)


def unless_allowed(event: threading.Event) -> Callable[[pdp.Change | None], object]:
    return lambda change: None if change else event.set()


def wait_for(event: threading.Event) -> bool:
    return event.wait(10)


def test_an_interrupt_in_the_middle_of_a_change_hides_it_from_nobody() -> None:
    directory = Directory()
    engine = pdp.Engine.from_text(OPEN, providers=[directory])
    names = [ADA, pdp.ref("User", "ben"), pdp.ref("User", "cy")]
    watches = [engine.watch(deploys(name.id)) for name in names]
    heard = [threading.Event() for _ in watches]
    for watch, event in zip(watches, heard, strict=True):
        watch.listen(unless_allowed(event))
    directory.tier, directory.interrupted = 2, True

    with pytest.raises(KeyboardInterrupt):
        engine.changed(*names)

    assert not any(watches)
    assert all(map(wait_for, heard))


def test_an_interrupt_right_after_a_change_hides_it_from_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = pdp.Engine.from_text(OPEN, entities=[pdp.Entity("User", name, {"tier": 1}) for name in ("ada", "ben")])
    watches = [engine.watch(deploys(name)) for name in ("ada", "ben")]
    heard = threading.Event()
    watches[1].listen(unless_allowed(heard))

    def interrupted(*_: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "_changed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.revoke(principal=ADA)
    engine.upsert_entity(pdp.Entity("User", "ben", {"tier": 2}))

    assert not any(watches)
    assert wait_for(heard)


def test_who_leaves_the_process_when_told_leaves_the_others_to_be_told() -> None:
    engine = pdp.Engine.from_text(OPEN, entities=[pdp.Entity("User", name, {"tier": 1}) for name in ("ada", "ben")])
    heard = threading.Event()
    engine.watch(deploys("ada"), on_change=lambda _: sys.exit("no access"))
    engine.watch(deploys("ben"), on_change=lambda _: heard.set())

    engine.revoke(principal=ADA)
    engine.revoke(principal=pdp.ref("User", "ben"))

    assert wait_for(heard)


def test_the_handler_of_a_signal_is_refused_in_the_midst_of_a_step_and_waits_for_nobody() -> None:
    names = [f"u{number}" for number in range(200)]
    engine = pdp.Engine.from_text(OPEN, entities=[pdp.Entity("User", name, {"tier": 1}) for name in names])
    watches = [engine.watch(deploys(name)) for name in names]
    done, refused = [0], [0]
    # The handler comes between any two steps of Python, as one that the system calls would.
    steps = [0]

    def handler(frame: object, event: str, what: object) -> None:
        steps[0] += 1
        if steps[0] % 97:
            return
        try:
            engine.answer(deploys("u0"))
            engine.revoke(session=f"s{steps[0]}")
            done[0] += 1
        except pdp.RequestError:
            refused[0] += 1

    def changes() -> None:
        sys.setprofile(handler)
        try:
            for name in names[:20]:
                engine.upsert_entity(pdp.Entity("User", name, {"tier": 2}))
        finally:
            sys.setprofile(None)

    thread = threading.Thread(target=changes, daemon=True)
    thread.start()
    thread.join(20)

    assert not thread.is_alive()
    assert done[0] and refused[0]
    assert [bool(watch) for watch in watches] == [bool(engine.answer(watch.request)) for watch in watches]


CEDAR = "permit (principal, action, resource) when {{ context.number == {} }};"


def test_a_policy_that_names_another_value_of_python_that_is_equal_is_another() -> None:
    engine = pdp.Engine.load_cedar(CEDAR.format("1"))
    request = pdp.Request(ADA, "deploy", PAY, {"number": 1})
    watch = engine.watch(request)

    engine.replace_policy(pdp.Engine.load_cedar(CEDAR.format("true")).policy)

    assert not engine.answer(request)
    assert not watch


APPROVED = """
type Group
type User in Group
type Service
action deploy on Service by User with { number: Int }
rule others_approve: permit User to deploy on Service needs approvals of context.number from Group "reviewers" for 4h
"""


class Approvals:
    """A source that says of one approval what it is told to say."""

    def __init__(self) -> None:
        self.of: int = 1
        self.sequence = 1

    def read(self, after: Mark) -> tuple[list[pdp.Approval], Mark]:
        now = Datetime.of(NOON)
        grace = pdp.ref("User", "grace")
        approval = pdp.Approval(approver=grace, principal=ADA, action="deploy", resource=PAY, at=now, of=self.of)
        return [approval], Mark(self.sequence)


def test_an_approval_of_another_value_of_python_that_is_equal_is_another() -> None:
    approvals = Approvals()
    reviewers = pdp.ref("Group", "reviewers")
    people = [pdp.Entity("Group", "reviewers"), pdp.Entity("User", "grace", parents=[reviewers])]
    entities = [*people, pdp.Entity("User", "ada")]
    engine = Machine().engine(APPROVED, entities=entities, approvals=approvals)
    request = pdp.Request(ADA, "deploy", PAY, {"number": 1})
    watch = engine.watch(request)

    before = bool(watch), bool(engine.answer(request))
    approvals.of, approvals.sequence = True, 2
    engine.refresh()

    assert before == (True, True)
    assert not engine.answer(request)
    assert not watch


class Verb(enum.StrEnum):
    """Actions as a program may name them."""

    DEPLOY = "deploy"


@pytest.mark.parametrize("action", ["deploy", 'Action::"deploy"', Verb.DEPLOY])
def test_a_policy_of_cedar_that_names_no_action_is_that_of_every_action(action: str) -> None:
    engine = pdp.Engine.load_cedar("permit (principal, action, resource);")
    request = pdp.Request(ADA, action, PAY)
    watch = engine.watch(request)

    before = bool(watch)
    engine.replace_policy(pdp.Engine.load_cedar("forbid (principal, action, resource);").policy)

    assert before
    assert not engine.answer(request)
    assert not watch


def test_an_action_that_is_a_text_of_another_class_is_found_by_its_name() -> None:
    engine = pdp.Engine.from_text(OPEN, entities=[pdp.Entity("User", "ada", {"tier": 1})])
    request = pdp.Request(ADA, Verb.DEPLOY, PAY)
    watch = engine.watch(request)

    before = bool(watch)
    engine.replace_policy(pdp.Engine.from_text(OPEN.replace("== 1", "== 2")).policy)

    assert before
    assert not engine.answer(request)
    assert not watch


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_that_was_forked_shelters_none_of_the_threads_of_its_parent() -> None:
    inside, done = threading.Event(), threading.Event()

    def changes() -> None:
        with SHELTER:
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=changes)
    thread.start()
    inside.wait(10)

    child = os.fork()
    if child == 0:
        # What shelters a thread keeps an interrupt from it.
        os._exit(len(_DEPTHS))
    done.set()
    thread.join()

    assert os.waitpid(child, 0)[1] == 0


def test_a_watch_that_is_asked_knows_at_once_that_a_source_is_too_old() -> None:
    machine = Machine()
    engine = machine.engine(GRANTED, max_age={"entities": timedelta(minutes=1)})
    machine.wall -= timedelta(minutes=13)
    engine.confirm("clock")
    watch = engine.watch(pdp.Request(ADA, "deploy", PAY))

    before = bool(watch)
    machine.go(timedelta(minutes=1))

    assert before
    assert watch.state is pdp.WatchState.STALE
