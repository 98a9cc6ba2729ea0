"""A store under real threads, over a real server: nobody waits who need not, and nobody is refused who is right."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from pdp.clocks import passing
from pdp.identity.issuer import UnknownKeyError
from pdp.identity.jwk import read
from pdp.identity.keys.source import Address
from pdp.identity.keys.store import KeyStore, Pace
from pdp.identity.keys.web import Client
from tests.identity.keys.fakes import document
from tests.identity.keys.servers import Server, says, serving

PACE = Pace(refresh=300.0, cooldown=30.0, max_stale=3600.0)


class Scene:
    """A server of keys, and a store of them whose time can be moved on."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.slow = threading.Event()
        self.release = threading.Event()
        self.answered = 0
        self.offset = 0.0
        self.publish("k1")
        client = Client(10.0)
        source = Address(f"{server.url}/keys", client, lambda data: read(data, use="sig", algorithms=["ES256"]))
        self.store = KeyStore(source, PACE, monotonic=lambda: passing() + self.offset)

    def publish(self, *names: str) -> None:
        answer = says(document(*names))

        def late(connection: socket.socket, path: str) -> None:
            if self.slow.is_set():
                # It takes as long as a test looks at it.
                self.release.wait(8.0)
            self.answered += 1
            answer(connection, path)

        self.server.answer = late

    @property
    def reads(self) -> int:
        return len(self.server.asked)

    def find(self, kid: str) -> bool:
        """Look for a key as whoever verifies tokens does: wait once for what is coming."""
        try:
            self.store.find(kid, "ES256")
        except UnknownKeyError as error:
            if error.coming is None:
                return False
            error.coming.result(10.0)
            return self.find(kid)
        return True


@pytest.fixture
def scene() -> Iterator[Scene]:
    with serving(says(b"")) as server:
        found = Scene(server)
        yield found
        found.release.set()
        if hasattr(found, "store"):
            found.store.close()


def together(count: int, work: Callable[[int], object]) -> None:
    """Do something in so many threads at once; raise what any of them raises."""
    ready, failures = threading.Barrier(count), list[BaseException]()

    def run(number: int) -> None:
        try:
            ready.wait(10.0)
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    for failure in failures:
        raise failure


def test_thirty_two_threads_that_begin_together_bring_one_read(scene: Scene) -> None:
    found: list[bool] = []

    together(32, lambda _: found.append(scene.find("k1")))

    assert found == [True] * 32
    assert scene.reads == 1


def test_ten_thousand_unknown_keys_bring_one_read_and_hold_up_no_known_key(scene: Scene) -> None:
    """PyJWKClient: a known key waited 2.8 seconds while a server took three for one that was not known."""
    assert scene.find("k1")
    scene.offset += 31.0
    scene.slow.set()
    took: list[float] = []
    begins = time.perf_counter()

    def flood(number: int) -> None:
        for each in range(2500):
            with pytest.raises(UnknownKeyError):
                scene.store.find(f"unknown-{number}-{each}", "ES256")

    def ask(number: int) -> None:
        if number < 4:
            flood(number)
            return
        while time.perf_counter() - begins < 1.0 or len(took) < 10_000:
            at = time.perf_counter()
            scene.store.find("k1", "ES256")
            took.append(time.perf_counter() - at)

    together(5, ask)
    answered = scene.answered
    scene.release.set()

    took.sort()
    # Neither who asks for a known key nor who asks for an unknown one has waited for the server.
    assert (scene.reads, answered) == (2, 1)
    assert took[len(took) * 99 // 100] < 0.001


def test_keys_rotate_under_load_and_nobody_sees_it(scene: Scene) -> None:
    """Whoever brings a token of the newest key is never refused, and the key before last is."""
    assert scene.find("k1")
    over = threading.Event()
    current = ["k1"]
    refused: list[str] = []
    asked = [0]

    def load(_: int) -> None:
        while not over.is_set():
            name = current[0]
            if not scene.find(name) and name == current[0]:
                refused.append(name)
            asked[0] += 1

    def rotate() -> None:
        for number in range(2, 12):
            # The one before stays in the set: tokens that it signed are still about.
            scene.publish(f"k{number - 1}", f"k{number}")
            scene.offset += 31.0
            current[0] = f"k{number}"
            before = asked[0]
            while asked[0] < before + 100:
                time.sleep(0.001)
        over.set()

    together(9, lambda number: rotate() if number == 8 else load(number))

    assert refused == []
    assert not scene.find("k1")
    # One for each new key, and the first.
    assert scene.reads <= 11


def test_an_event_loop_goes_on_while_keys_are_on_their_way(scene: Scene) -> None:
    scene.slow.set()
    ticks = 0

    async def ask() -> bool:
        try:
            scene.store.find("k1", "ES256")
        except UnknownKeyError as error:
            assert error.coming is not None
            await asyncio.wrap_future(error.coming)
        return scene.find("k1")

    async def main() -> list[Any]:
        nonlocal ticks
        askers = [asyncio.create_task(ask()) for _ in range(100)]
        while not scene.reads:
            await asyncio.sleep(0)
        # Who gives up takes nothing from those who go on waiting.
        askers[0].cancel()
        for _ in range(100):
            await asyncio.sleep(0)
            ticks += 1
        scene.release.set()
        return await asyncio.gather(*askers, return_exceptions=True)

    found = asyncio.run(main())

    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [True] * 99
    assert (ticks, scene.reads) == (100, 1)


def test_a_store_that_is_closed_lets_nobody_wait_for_a_server_that_hangs(scene: Scene) -> None:
    scene.slow.set()
    waiting = scene.store.start()
    while not scene.reads:
        time.sleep(0.001)

    scene.store.close()

    assert waiting.done()


def test_a_thread_ends_with_its_store(scene: Scene) -> None:
    assert scene.find("k1")
    thread = scene.store._worker._thread  # type: ignore[attr-defined]  # Nobody else has it.

    del scene.store
    thread.join(5.0)

    assert not thread.is_alive()


# ---------------------------------------------------------------------------------------------------------------- forks


def in_child(work: Callable[[], bool]) -> bool:
    """Return what comes of something in a child that was forked."""
    with warnings.catch_warnings():
        # Python warns of forks beside threads: that nothing here holds a lock over one is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    ends = time.monotonic() + 20.0
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("the child hangs")


fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@fork
def test_a_child_has_the_keys_of_its_parent_and_reads_for_itself(scene: Scene) -> None:
    assert scene.find("k1")
    scene.publish("k1", "k2")

    def work() -> bool:
        has_old = scene.find("k1")
        scene.offset += 31.0
        return has_old and scene.find("k2")

    assert in_child(work)
    assert scene.reads == 2


@fork
def test_a_child_that_asks_nothing_reads_nothing(scene: Scene) -> None:
    assert scene.find("k1")
    scene.offset += 1000.0

    assert in_child(lambda: scene.store._worker.is_idle)
    assert scene.reads == 1


@fork
def test_a_child_begins_to_read_again_though_it_asks_for_known_keys_alone(scene: Scene) -> None:
    assert scene.find("k1")
    scene.offset += 1000.0
    scene.publish("k2")

    def work() -> bool:
        ends = time.monotonic() + 10.0
        while scene.find("k1") and time.monotonic() < ends:
            time.sleep(0.001)
        return scene.find("k2")

    assert in_child(work)


@fork
@pytest.mark.parametrize("holds", [False, True])
def test_a_child_waits_for_no_read_and_no_lock_of_its_parent(scene: Scene, holds: bool) -> None:
    scene.slow.set()
    waiting = scene.store.start()
    while not scene.reads:
        time.sleep(0.001)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with scene.store._lock:
            held.set()
            done.wait(10.0)

    holder = threading.Thread(target=hold)
    if holds:
        holder.start()
        held.wait(10.0)

    def work() -> bool:
        scene.slow.clear()
        return scene.find("k1")

    try:
        # The server is the parent's: it is told there.
        scene.slow.clear()
        assert in_child(work)
    finally:
        done.set()
        scene.release.set()
        if holds:
            holder.join(10.0)
    assert isinstance(waiting, Future)
    assert waiting.result(10.0) is None
