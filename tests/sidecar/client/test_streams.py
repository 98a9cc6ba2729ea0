"""The stream of a client: what one watch, or one bad stream, does to all others."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

import pdp
from pdp_sidecar.client.asking import Keys, Options
from pdp_sidecar.client.client import Client
from pdp_sidecar.client.failures import Lost
from pdp_sidecar.client.leases import Leases
from pdp_sidecar.client.watching import Watching
from pdp_sidecar.client.wire import Turned
from pdp_sidecar.frames.codec import HEAD, PROTOCOL, Kind, Reply, frame
from pdp_sidecar.frames.values import pack
from tests.sidecar.client.running import SOON, Loop, running, until
from tests.sidecar.scene import ADA, HOME, PLAN, engine

READS = pdp.Request(ADA, "read", HOME)
TOO_LARGE = {"unix": {"note": "x" * 5000}, "grpc": {"score": 2**63}}


class Silent:
    """A stream that takes questions, and tells nothing of them."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def subscribe(self, number: int, question: bytes) -> None:
        self.asked.append(number)


def test_what_an_earlier_stream_told_counts_for_as_long_as_its_beats_do():
    times = [100.0]
    leases = Leases(10, 5.0, lambda: times[0])
    watching = Watching(leases, Keys(), lambda call, what: call(what), lambda number: None)
    heard: list[str] = []
    watched = watching.open(READS, lambda change: heard.append(str(change.state)))
    first, second, third = Silent(), Silent(), Silent()
    watching.subscribe(first)
    leases.told("one.1", 1.0)
    watching.turned(Turned(watched.number, "allowed", Reply(engine().answer(READS), None, "")))
    watch = watching.opened(watched)

    for stream in (second, third):
        watching.subscribe(stream)
        times[0] += 2.0
        leases.told("two.1", 1.0)
        watching.late()
        assert (str(watch.state), heard) == (("allowed", []) if stream is second else ("failed", ["failed"]))

    watching.turned(Turned(watched.number, "allowed", Reply(engine().answer(READS), None, "")))
    assert (str(watch.state), heard) == ("allowed", ["failed", "allowed"])


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("protocol", ["unix", "grpc"])
def test_a_question_that_cannot_be_watched_is_a_matter_of_that_watch_alone(tmp_path, protocol, kind):
    with running(engine(), tmp_path / "s", protocols="frames grpc", max_frame=4096, beat_interval=0.05) as sidecar:
        target = sidecar.grpc if protocol == "grpc" else sidecar.target
        client: Any = pdp.connect(target) if kind == "sync" else Loop(target)
        inner = client.client if isinstance(client, Loop) else client
        hearing = inner._hearing if kind == "async" else inner._listening
        bad = client.watch(pdp.Request(ADA, "edit", PLAN, TOO_LARGE[protocol]))
        good = client.watch(READS)
        assert (str(bad.state), str(good.state)) == ("failed", "allowed")
        assert ("4096 bytes" if protocol == "unix" else "64 bits") in bad.decision.detail

        old, before = hearing._feed, hearing._messages
        _end(client, old)
        until(lambda: hearing._feed not in (None, old))
        new = hearing._feed
        until(lambda: hearing._messages > before + 5)
        sidecar.engine.revoke(principal=ADA)
        until(lambda: not good)
        assert hearing._feed is new
        _closed(client)


def _end(client: Any, feed: Any) -> None:
    if isinstance(client, Loop):
        client.loop.call_soon_threadsafe(feed.close)
    else:
        feed.close()


def _closed(client: Any) -> None:
    client.end() if isinstance(client, Loop) else client.close()


def test_who_keeps_no_answers_keeps_none_while_it_watches(tmp_path):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, leases=False) as remote:
        assert remote.watch(READS)
        until(lambda: remote._leases.is_trusted)

        assert remote.allows(*READS)
        assert not remote._leases.held.young


def test_where_no_thread_can_be_had_each_question_is_asked(tmp_path, monkeypatch):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, timeout=0.5) as remote:

        def refused(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refused)
            assert remote.allows(*READS)
            assert not remote._leases.held.young

        assert remote.allows(*READS)
        until(lambda: remote._leases.is_trusted)


class Broken:
    """A wire whose streams end before they tell anything."""

    def feed(self, deadline: float) -> Broken:
        return self

    def next(self, seconds: float) -> None:
        raise Lost("it is over")

    def close(self) -> None: ...

    def forget(self) -> None: ...


class Pauses(list[float]):
    """Notes for how long somebody would wait, and is set after ten times."""

    def wait(self, seconds: float) -> bool:
        self.append(seconds)
        return len(self) == 10

    def set(self) -> None: ...


def test_streams_that_tell_nothing_are_opened_ever_more_slowly():
    client = Client(Broken(), Options())  # type: ignore[arg-type]  # Nothing is asked.
    client._listening._over = pauses = Pauses()  # type: ignore[assignment]

    client._listening._connect()

    assert len(pauses) == 10
    assert pauses[-1] > 5 * pauses[2] > 0


@pytest.mark.parametrize(("limit", "size"), [("_UNANSWERED", 1), ("_UNSENT", 100_000)])
def test_a_sidecar_that_answers_nothing_does_not_fill_the_memory_of_a_client(tmp_path, monkeypatch, limit, size):
    monkeypatch.setattr(f"pdp_sidecar.client.pipeline.{limit}", 5)
    connections = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        length, _, number = HEAD.unpack(await reader.readexactly(HEAD.size))
        await reader.readexactly(length)
        writer.write(frame(Kind.WELCOME, number, pack({"protocol": PROTOCOL})))

    async def serve() -> list[bool]:
        server = await asyncio.start_unix_server(deaf, tmp_path / "s", limit=100)
        asked = (ADA, "edit", PLAN, {"note": "x" * size})
        async with pdp.connect_async(f"unix:{tmp_path / 's'}", timeout=0.05, leases=False) as client:
            found = await asyncio.gather(*(client.allows(*asked) for _ in range(10)))
            found.append(await client.allows(*asked))
        for writer in connections:
            writer.close()
        server.close()
        return found

    assert asyncio.run(serve()) == [False] * 11
    assert len(connections) > 1


@pytest.mark.parametrize("leases", [True, False])
def test_a_client_that_nobody_has_any_more_lets_go_of_its_connections(tmp_path, leases):
    async def forget(target: str) -> None:
        for _ in range(3):
            client = pdp.connect_async(target, leases=leases)
            assert await client.allows(*READS)
            del client
            gc.collect()
        async with asyncio.timeout(SOON):
            while sidecar.server.connections or len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)

    with running(engine(), tmp_path / "s") as sidecar:
        asyncio.run(forget(sidecar.target))

        assert not sidecar.server.connections
