"""Work under a lease goes on for as long as it is allowed, and no longer, in threads and in event loops."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import pdp
from pdp.enforcement.leased import Interrupt
from pdp.engine import Engine
from pdp.leases.watch import Change, Listener, Watch
from pdp.shelter import SHELTER

PATIENCE = 20
ADA, BEN, PAY = pdp.ref("User", "ada"), pdp.ref("User", "ben"), pdp.ref("Service", "pay")
TEXT = """
type User { level: Int }
type Service
obligation log { }
action deploy, watch on Service by User
rule deploys: permit User to deploy on Service when principal.level > 2
rule watches: permit User to watch on Service when principal.level > 2 oblige log { }
"""


@pytest.fixture
def engine() -> Engine:
    return Engine.from_text(TEXT, entities=[user("ada"), user("ben")], handles=["log"])


def user(name: str, level: int = 3) -> pdp.Entity:
    return pdp.Entity("User", name, {"level": level})


class Worker(threading.Thread):
    """Does some work under a lease, in a thread, and tells what became of it."""

    def __init__(self, work: Callable[[pdp.Lease], object], **options: Any) -> None:
        super().__init__(daemon=True)
        self.work, self.options = work, options
        self.begun = threading.Event()
        self.error: BaseException | None = None
        self.start()
        assert self.begun.wait(PATIENCE)

    def run(self) -> None:
        try:
            with pdp.lease("deploy", PAY, principal=ADA, **self.options) as lease:
                self.begun.set()
                self.work(lease)
        except BaseException as error:
            self.error = error
            self.begun.set()

    def ended(self) -> BaseException | None:
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.error


def forever(_: pdp.Lease) -> None:
    while True:
        time.sleep(0.001)


# -------------------------------------------------------------------------------------------------------------- threads


def test_work_that_is_allowed_is_done(engine: Engine) -> None:
    with pdp.lease("deploy", PAY, principal=ADA, engine=engine) as lease:
        assert not lease.ended
        assert lease.request.principal == ADA
        lease.check()

    assert len(engine._watches._held) == 0  # type: ignore[union-attr]


def test_a_block_that_ends_while_it_is_begun_is_interrupted_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    engine.watch(pdp.Request(ADA, "deploy", PAY), on_change=lambda _: slow.wait(0.05))
    listen = Watch.listen

    def ends(watch: Watch, listener: Listener) -> Change:
        found = listen(watch, listener)
        # Those who are told are told after who takes their time.
        engine.revoke(principal=ADA)
        return found

    monkeypatch.setattr(Watch, "listen", ends)
    after: list[str] = []
    try:
        with pytest.raises(pdp.LeaseEnded), pdp.lease("deploy", PAY, principal=ADA, engine=engine):
            after.append("begun")
        for _ in range(200):
            time.sleep(0.001)
    except Interrupt:
        after.append("interrupted")

    assert after == []


def test_a_block_that_waits_for_what_a_process_writes_ends_by_its_last_check(engine: Engine) -> None:
    reading, writing = os.pipe()
    # An interrupt may come between the opening of a file and the block that closes it.
    lines = os.fdopen(reading, "rb")

    def work(lease: pdp.Lease) -> None:
        for _ in lines:
            pass
        lease.check()

    worker = Worker(work, engine=engine, on_end=lambda _: os.close(writing))
    engine.upsert_entity(user("ada", level=1))
    error = worker.ended()
    lines.close()

    assert isinstance(error, pdp.LeaseEnded)
    assert [*engine._watches._held.all()] == []  # type: ignore[union-attr]


def test_work_that_is_not_allowed_is_not_begun(engine: Engine) -> None:
    engine.revoke(principal=ADA)
    begun = False

    with pytest.raises(pdp.Denied) as denied, pdp.lease("deploy", PAY, principal=ADA, engine=engine):
        begun = True

    assert not begun
    assert type(denied.value) is pdp.Denied
    assert len(engine._watches._held) == 0  # type: ignore[union-attr]


def test_a_thread_is_stopped_in_the_middle_of_its_work(engine: Engine) -> None:
    worker = Worker(forever, engine=engine)

    engine.revoke(principal=ADA)

    error = worker.ended()
    assert isinstance(error, pdp.LeaseEnded)
    assert str(error) == 'User "ada" may not deploy Service "pay": User "ada" is revoked'


def test_work_that_goes_on_whatever_goes_wrong_is_stopped_too(engine: Engine) -> None:
    def stubborn(_: pdp.Lease) -> None:
        while True:
            try:
                time.sleep(0.001)
            except Exception:
                pass

    worker = Worker(stubborn, engine=engine)
    engine.upsert_entity(user("ada", level=1))

    assert isinstance(worker.ended(), pdp.LeaseEnded)


def test_access_that_comes_back_does_not_bring_back_the_work(engine: Engine) -> None:
    go = threading.Event()

    def works(lease: pdp.Lease) -> None:
        go.wait(PATIENCE)
        lease.check()

    worker = Worker(works, engine=engine, interrupts=False)
    engine.upsert_entity(user("ada", level=1))
    engine.upsert_entity(user("ada", level=5))
    go.set()

    assert isinstance(worker.ended(), pdp.LeaseEnded)


def test_without_interrupts_it_is_over_when_somebody_asks(engine: Engine) -> None:
    seen: list[bool] = []

    def asks(lease: pdp.Lease) -> None:
        seen.append(lease.wait(PATIENCE))
        lease.check()

    worker = Worker(asks, engine=engine, interrupts=False)
    engine.revoke(principal=ADA)

    assert isinstance(worker.ended(), pdp.LeaseEnded)
    assert seen == [True]


def test_without_interrupts_a_block_that_nobody_stopped_fails_at_its_end(engine: Engine) -> None:
    with (
        pytest.raises(pdp.LeaseEnded),
        pdp.lease("deploy", PAY, principal=ADA, engine=engine, interrupts=False) as lease,
    ):
        engine.revoke(principal=ADA)
        assert lease.ended


def test_what_else_was_begun_can_be_ended(engine: Engine) -> None:
    changes: list[pdp.Change] = []
    worker = Worker(forever, engine=engine, on_end=changes.append)

    engine.revoke(principal=ADA)

    worker.ended()
    assert [each.state for each in changes] == [pdp.WatchState.ENDED]


def test_what_cannot_be_ended_stops_the_work_all_the_same(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    def fails(change: pdp.Change) -> None:
        raise OSError

    worker = Worker(forever, engine=engine, on_end=fails)
    engine.revoke(principal=ADA)

    assert isinstance(worker.ended(), pdp.LeaseEnded)


def test_an_error_of_the_work_is_the_cause_of_the_end_that_hides_it(engine: Engine) -> None:
    with (
        pytest.raises(pdp.LeaseEnded) as ended,
        pdp.lease("deploy", PAY, principal=ADA, engine=engine, interrupts=False),
    ):
        engine.revoke(principal=ADA)
        raise ValueError("half done")

    assert isinstance(ended.value.__cause__, ValueError)


def test_who_presses_ctrl_c_has_their_way(engine: Engine) -> None:
    lease = pdp.lease("deploy", PAY, principal=ADA, engine=engine, interrupts=False)

    with pytest.raises(KeyboardInterrupt), lease:
        engine.revoke(principal=ADA)
        raise KeyboardInterrupt


def test_an_error_of_work_that_is_allowed_is_that_error(engine: Engine) -> None:
    with pytest.raises(ValueError, match="half done"), pdp.lease("deploy", PAY, principal=ADA, engine=engine):
        raise ValueError("half done")


def test_the_end_of_time_in_a_lease_is_the_end_of_the_work() -> None:
    now = [datetime(2026, 11, 28, 12, tzinfo=UTC)]
    text = TEXT.replace("principal.level > 2", "now < 2026-11-28T13:00:00Z")
    engine = Engine.from_text(text, entities=[user("ada")], clock=lambda: now[0])

    with pytest.raises(pdp.LeaseEnded), pdp.lease("deploy", PAY, principal=ADA, engine=engine) as lease:
        now[0] += timedelta(hours=2)
        lease.check()


def test_nothing_is_interrupted_after_the_block(engine: Engine) -> None:
    def short(lease: pdp.Lease) -> None:
        pass

    for _ in range(200):
        stopper = threading.Thread(target=engine.upsert_entity, args=[user("ada", level=1)])
        try:
            with pdp.lease("deploy", PAY, principal=ADA, engine=engine):
                stopper.start()
        except pdp.Denied:
            pass
        # An interrupt that came late would be raised here.
        for _ in range(50):
            short(None)  # type: ignore[arg-type]
        stopper.join(PATIENCE)
        engine.upsert_entity(user("ada"))


def test_a_thread_that_changes_an_engine_is_not_interrupted_within_it(engine: Engine) -> None:
    steps: list[str] = []

    def changes(_: pdp.Lease) -> None:
        with SHELTER:
            engine.revoke(principal=ADA)
            end = time.monotonic() + 0.05
            while time.monotonic() < end:
                pass
            steps.append("whole")
        while True:
            time.sleep(0.001)

    worker = Worker(changes, engine=engine)

    assert isinstance(worker.ended(), pdp.LeaseEnded)
    assert steps == ["whole"]


def test_an_interrupt_is_no_error_that_work_would_catch() -> None:
    assert not issubclass(Interrupt, Exception)


def test_a_lease_is_for_one_block(engine: Engine) -> None:
    lease = pdp.lease("deploy", PAY, principal=ADA, engine=engine)
    with pytest.raises(RuntimeError, match="a lease is asked within its block"):
        lease.check()
    with lease:
        pass

    with pytest.raises(RuntimeError, match="a lease is for one block: ask for another"), lease:
        pass


def test_who_acts_and_who_decides_are_found_as_a_guard_finds_them(engine: Engine) -> None:
    with pdp.acting(ADA, engine=engine), pdp.lease("deploy", PAY) as lease:
        assert lease.request.principal == ADA

    with pytest.raises(pdp.Denied, match="nobody is known to act"), pdp.lease("deploy", PAY, engine=engine):
        pass
    with pytest.raises(pdp.Denied, match="no engine is known"), pdp.lease("deploy", PAY, principal=ADA):
        pass


def test_an_engine_that_cannot_watch_gives_no_lease() -> None:
    class Deciding:
        def decide(self, *_: object, **__: object) -> object:
            raise AssertionError

    with (
        pytest.raises(pdp.Denied, match="the engine cannot watch"),
        pdp.lease(
            "deploy",
            PAY,
            principal=ADA,
            engine=Deciding(),  # type: ignore[arg-type]
        ),
    ):
        pass


def test_obligations_are_fulfilled_before_the_work_and_after_it(engine: Engine) -> None:
    steps: list[str] = []
    before = pdp.Handler(lambda *_: steps.append("before"))
    after = pdp.Handler(lambda *_: steps.append("after"), after=True)

    with pdp.lease("watch", PAY, principal=ADA, engine=engine, handlers={"log": before}):
        steps.append("work")
    with (
        pytest.raises(pdp.LeaseEnded),
        pdp.lease("watch", PAY, principal=ADA, engine=engine, handlers={"log": after}, interrupts=False),
    ):
        engine.revoke(principal=ADA)
        steps.append("more")

    assert steps == ["before", "work", "more", "after"]
    with (
        pytest.raises(pdp.Denied, match="nobody fulfils the obligation `log`"),
        pdp.lease("watch", PAY, principal=BEN, engine=engine),
    ):
        steps.append("never")


# ---------------------------------------------------------------------------------------------------------- event loops


def test_a_task_is_cancelled_where_it_waits(engine: Engine) -> None:
    async def work() -> None:
        asyncio.get_running_loop().call_later(0.01, lambda: engine.revoke(principal=ADA))
        async with pdp.lease("deploy", PAY, principal=ADA, engine=engine):
            await asyncio.sleep(PATIENCE * 10)

    with pytest.raises(pdp.LeaseEnded, match='User "ada" is revoked'):
        asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_a_task_goes_on_after_its_lease_has_ended(engine: Engine) -> None:
    async def work() -> str:
        try:
            async with pdp.lease("deploy", PAY, principal=ADA, engine=engine):
                engine.revoke(principal=ADA)
                # Nothing waits here: the block ends before anything can be cancelled.
                time.sleep(0.05)
        except pdp.LeaseEnded:
            await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            task = asyncio.current_task()
            assert task is not None
            return f"cleaned up, {task.cancelling()}"
        return "went on"

    assert asyncio.run(asyncio.wait_for(work(), PATIENCE)) == "cleaned up, 0"


def test_a_task_that_others_cancel_is_cancelled(engine: Engine) -> None:
    async def work() -> None:
        async with pdp.lease("deploy", PAY, principal=ADA, engine=engine):
            await asyncio.sleep(PATIENCE)

    async def both() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0.01)
        task.cancel()
        engine.revoke(principal=ADA)
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(both(), PATIENCE))


def test_a_timeout_around_a_lease_is_a_timeout(engine: Engine) -> None:
    async def work() -> None:
        async with asyncio.timeout(0.01), pdp.lease("deploy", PAY, principal=ADA, engine=engine):
            await asyncio.sleep(PATIENCE)

    with pytest.raises(TimeoutError):
        asyncio.run(work())


def test_in_an_event_loop_a_lease_is_asynchronous(engine: Engine) -> None:
    async def work() -> None:
        with pdp.lease("deploy", PAY, principal=ADA, engine=engine):
            pass

    with pytest.raises(RuntimeError, match="in an event loop, a lease is an `async with`"):
        asyncio.run(work())


def test_asynchronous_handlers_are_waited_for(engine: Engine) -> None:
    steps: list[str] = []

    async def log(*_: object) -> None:
        await asyncio.sleep(0)
        steps.append("logged")

    async def work() -> None:
        async with pdp.lease("watch", PAY, principal=ADA, engine=engine, handlers={"log": log}):
            steps.append("work")

    asyncio.run(asyncio.wait_for(work(), PATIENCE))

    assert steps == ["logged", "work"]
