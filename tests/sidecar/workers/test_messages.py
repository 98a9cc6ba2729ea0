"""What goes through the channel between a supervisor and a worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp_sidecar.operations.metrics import Latencies, Numbers
from pdp_sidecar.workers import messages
from pdp_sidecar.workers.messages import (
    About,
    Apply,
    Channel,
    ChannelError,
    Counted,
    Go,
    Loaded,
    Revoked,
    Start,
    State,
)

ALL = [
    Start(1, {"folder": "x", "deep": [1, None, {"a": 1.5}]}, 2.0),
    Loaded(),
    Go(7),
    State(True, ("one",), "r", "f"),
    Apply(1, 2),
    Revoked(1, 2, 3, "what"),
    About(2, ()),
    Counted(1, Numbers(instance="i", started=1.0, latencies=[Latencies("grpc", "Check", [0] * 16, 0.5)])),
]


def over(work: Callable[[Channel, socket.socket], Awaitable[None]]) -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False), theirs.setblocking(False)
        channel = await Channel.of(ours)
        try:
            await work(channel, theirs)
        finally:
            channel.close()
            theirs.close()

    asyncio.run(run())


def test_what_is_sent_is_received_in_its_order() -> None:
    async def work(channel: Channel, end: socket.socket) -> None:
        other = await Channel.of(end)
        for each in ALL:
            channel.send(each)

        assert [await other.receive() for _ in ALL] == ALL
        channel.close()
        assert await other.receive() is None
        other.close()

    over(work)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=64), st.booleans())
def test_garbage_is_no_message_and_nothing_else_goes_wrong(data: bytes, framed: bool) -> None:
    async def work(channel: Channel, end: socket.socket) -> None:
        end.sendall(len(data).to_bytes(4, "big") + data if framed else data)
        end.close()
        try:
            found = await channel.receive()
        except ChannelError:
            return
        assert found is None or isinstance(found, messages.Message)

    over(work)


def test_a_length_that_is_too_much_is_refused_before_anything_is_read() -> None:
    async def work(channel: Channel, end: socket.socket) -> None:
        end.sendall(b"\xff\xff\xff\xff")

        with pytest.raises(ChannelError, match="4294967295 bytes is larger"):
            await channel.receive()

    over(work)


def test_an_end_that_does_not_read_is_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_UNSENT", 100_000)

    async def work(channel: Channel, end: socket.socket) -> None:
        for _ in range(200):
            channel.send(State(True, ("x" * 10_000,), "r", "f"))
        await asyncio.sleep(0)

        assert channel._writer.is_closing()

    over(work)


def test_a_message_that_is_too_large_closes_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_FRAME", 1000)

    async def work(channel: Channel, end: socket.socket) -> None:
        channel.send(State(True, ("x" * 1001,), "r", "f"))

        assert channel._writer.is_closing()

    over(work)
