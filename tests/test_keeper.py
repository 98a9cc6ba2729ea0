"""The thread that looks again: it keeps nothing alive, and it is there in each process that needs it."""

from __future__ import annotations

import gc
import os
import threading
import weakref

import pytest

from pdp.keeper import Keeper

PATIENCE = 20


class Thing:
    """Tells when it was called."""

    def __init__(self, *, fails: bool = False, wait: float | None = None) -> None:
        self.called = threading.Semaphore(0)
        self.fails, self.wait = fails, wait
        self.keeper = Keeper(self.tick)

    def tick(self) -> float | None:
        self.called.release()
        if self.fails:
            raise RuntimeError("something is wrong")
        return self.wait


def test_nothing_runs_until_it_is_woken() -> None:
    thing = Thing()

    assert not thing.keeper.alive
    thing.keeper.wake()

    assert thing.called.acquire(timeout=PATIENCE)
    assert thing.keeper.alive


def test_it_is_called_again_when_it_asks_for_it_and_when_it_is_woken() -> None:
    thing = Thing(wait=0.0)

    thing.keeper.wake()

    assert all(thing.called.acquire(timeout=PATIENCE) for _ in range(5))


@pytest.mark.parametrize("thing", [Thing(), Thing(fails=True), Thing(wait=-5.0), Thing(wait=1e9)])
def test_it_looks_again_after_a_second_whatever_becomes_of_a_call(thing: Thing) -> None:
    thing.keeper.wake()

    assert all(thing.called.acquire(timeout=PATIENCE) for _ in range(2))


def test_it_ends_with_what_it_looks_after() -> None:
    thing = Thing()
    thing.keeper.wake()
    assert thing.called.acquire(timeout=PATIENCE)
    thread, gone = thing.keeper._thread, weakref.ref(thing)

    del thing
    gc.collect()

    assert thread is not None
    thread.join(PATIENCE)
    assert gone() is None
    assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_that_was_forked_has_a_thread_of_its_own() -> None:
    thing = Thing()
    thing.keeper.wake()
    assert thing.called.acquire(timeout=PATIENCE)

    child = os.fork()
    if child == 0:
        os._exit(0 if thing.called.acquire(timeout=PATIENCE) and thing.keeper.alive else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
