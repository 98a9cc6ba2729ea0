"""One client, many threads, many processes: nobody hangs, and nobody gets what is another's (group P)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pdp
from tests.sidecar.client.running import SOON, Sidecar, running, until
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, engine

READS = pdp.Request(ADA, "read", HOME)
DENIED = pdp.Request(BEN, "read", PLAN)


def in_child(work: Callable[[], bool], seconds: float = 10.0) -> int:
    """Do something in a child that is forked; return 0 where it was true, and anything else where it was not."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        threading.Event().wait(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return 3


def asks(remote: Any) -> bool:
    return remote.allows(*READS) is True and remote.allows(*DENIED) is False and bool(remote.decide(*READS))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
class TestFork:
    def forked(self, remote: pdp.Engine | Any, times: int) -> None:
        stop = threading.Event()

        def ask() -> None:
            while not stop.wait(0.002):
                assert asks(remote)

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            found = [in_child(lambda: asks(remote)) for _ in range(times)]
        finally:
            stop.set()
            for thread in threads:
                thread.join(SOON)

        assert found == [0] * times
        assert asks(remote)

    def test_a_child_asks_by_connections_of_its_own(self, tmp_path):
        with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, timeout=3.0) as remote:
            self.forked(remote, 50)

    @pytest.mark.slow
    def test_a_thousand_children_ask(self, tmp_path):
        with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, timeout=5.0) as remote:
            self.forked(remote, 1000)

    def test_a_client_that_was_made_before_is_used_after(self, tmp_path):
        with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target) as remote:
            assert in_child(lambda: asks(remote)) == 0
            assert asks(remote)

    def test_what_is_kept_in_a_parent_is_not_kept_in_a_child(self, tmp_path):
        with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target) as remote:
            remote.allows(*READS)
            until(lambda: remote._leases.is_trusted)
            assert remote.allows(*READS)
            watch = remote.watch(READS)
            assert watch

            assert in_child(lambda: not remote._leases.is_trusted and not watch and str(watch.state) == "ended") == 0
            assert in_child(lambda: bool(remote.watch(READS))) == 0

            assert watch

    def test_a_child_hears_of_a_revocation(self, tmp_path):
        with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target) as remote:
            ready, told = os.pipe()

            def work() -> bool:
                remote.allows(*READS)
                until(lambda: remote._leases.is_trusted)
                known = remote.allows(*READS)
                os.write(told, b"x")
                until(lambda: not remote.allows(*READS))
                return known

            results: list[int] = []
            thread = threading.Thread(target=lambda: results.append(in_child(work)))
            thread.start()
            assert os.read(ready, 1) == b"x"
            sidecar.engine.revoke(principal=ADA)
            thread.join(SOON)
            os.close(ready)
            os.close(told)

            assert results == [0]

    def test_an_event_loop_of_a_child_asks_anew(self, tmp_path):
        with running(engine(), tmp_path / "s") as sidecar:
            remote = pdp.connect_async(sidecar.target)

            async def ask() -> bool:
                found: bool = await remote.allows(*READS)
                await remote.close()
                return found

            assert in_child(lambda: asyncio.run(ask())) == 0

    @pytest.mark.parametrize("how", [pytest.param("unused", marks=pytest.mark.slow), "used"])
    def test_a_child_asks_by_grpc_as_well(self, tmp_path, how):
        command = [sys.executable, str(Path(__file__).with_name("forking.py"))]
        server = subprocess.Popen(
            [*command, "serve", str(tmp_path / "s")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"

            run = subprocess.run([*command, f"grpc:unix:{tmp_path / 's'}.grpc", how], timeout=60, check=False)

            assert server.stdin is not None
            server.stdin.close()
            server.wait(SOON)

        assert run.returncode == 0


def test_threads_that_share_a_client_get_their_own_answers(tmp_path):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, timeout=5.0) as remote:
        wrong: list[Any] = []

        def ask(number: int) -> None:
            for lap in range(60):
                allowed = (number + lap) % 2 == 0
                context = {"note": str(number), "score": lap}
                request = READS if allowed else pdp.Request(BEN, "edit", PLAN, context)
                if remote.allows(*request) is not allowed:
                    wrong.append(request)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON * 4)

        assert not any(thread.is_alive() for thread in threads)
        assert wrong == []


def test_reloads_and_revocations_under_threads_leave_no_allow_behind(tmp_path):
    users = [pdp.ref("User", f"u{number}") for number in range(16)]
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, timeout=5.0) as remote:
        for user in users:
            sidecar.engine.upsert_entity(pdp.Entity("User", user.id))
        stop, late = threading.Event(), []
        gone: dict[pdp.EntityRef, float] = {}

        def ask() -> None:
            while not stop.is_set():
                for user in users:
                    began = time.monotonic()
                    ended = gone.get(user)
                    if remote.allows(user, "read", HOME) and ended is not None and began > ended + _BOUND:
                        late.append(user)

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for number, user in enumerate(users):
            sidecar.engine.upsert_entity(pdp.Entity("Page", "other", {"public": True, "level": number % 3}))
            remote.revoke(principal=user)
            gone[user] = time.monotonic()
            # Whoever revoked does not see it a moment later.
            assert not remote.allows(user, "read", HOME)
        threading.Event().wait(0.1)
        stop.set()
        for thread in threads:
            thread.join(SOON)

        assert late == []
        assert not any(remote.allows(user, "read", HOME) for user in users)


_BOUND = 0.0
"""A client that has revoked denies from then on, in each of its threads."""


def test_a_client_that_nobody_holds_leaves_no_thread_behind(tmp_path):
    with running(engine(), tmp_path / "s") as sidecar:
        before = threading.active_count()
        remote: Any = pdp.connect(sidecar.target)
        assert remote.allows(*READS)
        remote._wire.close()
        until(lambda: threading.active_count() > before)
        del remote

        until(lambda: threading.active_count() <= before)


def test_who_listens_is_told_of_a_restart(tmp_path):
    first = Sidecar(engine(), tmp_path / "s")
    with pdp.connect(first.target, timeout=1.0) as remote:
        assert remote.allows(*READS)
        until(lambda: remote._leases.is_trusted)
        epoch = remote._leases.held.epoch
        watch = remote.watch(READS)
        assert watch
        first.end()
        second = Sidecar(engine(revoked=[ADA]), tmp_path / "s")
        try:
            until(lambda: remote._leases.held.epoch not in (epoch, None))
            until(lambda: not watch)

            assert not remote.allows(*READS)
            assert str(watch.state) == "ended"
        finally:
            second.end()
