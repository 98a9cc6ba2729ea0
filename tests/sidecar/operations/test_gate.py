"""Calls beyond what is taken on are refused at once, and what is refused costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pdp_sidecar.operations.gate import Gate
from pdp_sidecar.operations.metrics import Metrics
from tests.sidecar.scene import engine


class Slow:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.begun = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


class Client:
    def __init__(self, gate: Gate, path: str = "/ask") -> None:
        self.sent: list[dict[str, Any]] = []
        self.task = asyncio.create_task(gate({"type": "http", "path": path}, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        raise AssertionError("nothing is read of what is refused")

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_calls_beyond_the_limit_get_503_at_once_and_the_others_are_answered() -> None:
    async def run() -> None:
        app, metrics = Slow(), Metrics(engine())
        gate = Gate(app, 2, metrics, methods={"/ask": "ask"})
        clients = [Client(gate) for _ in range(20)]
        await settle()
        refused = [each for each in clients if each.status == 503]
        in_flight = metrics.meter("http", "ask").in_flight
        app.let.set()
        await asyncio.gather(*(each.task for each in clients))

        assert (len(refused), in_flight, app.begun) == (18, 2, 2)
        assert dict(refused[0].sent[0]["headers"])[b"retry-after"] == b"1"
        assert int(dict(refused[0].sent[0]["headers"])[b"content-length"]) == len(refused[0].sent[1]["body"])
        assert [each.status for each in clients if each not in refused] == [200, 200]
        assert metrics.meter("http", "ask").refused == 18

    asyncio.run(run())


@pytest.mark.parametrize("end", ["answered", "cancelled", "failed"])
def test_a_place_is_given_back_however_a_call_ends(end: str) -> None:
    async def run() -> None:
        app = Slow()

        async def failing(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, send)
            if end == "failed":
                raise ValueError

        gate = Gate(failing, 1, Metrics(engine()))
        first = Client(gate)
        await settle()
        if end == "cancelled":
            first.task.cancel()
        app.let.set()
        await asyncio.gather(first.task, return_exceptions=True)
        second = Client(gate)
        await asyncio.gather(second.task, return_exceptions=True)

        assert second.status == 200

    asyncio.run(run())


def test_what_is_exempt_is_answered_whatever_else_is_going_on() -> None:
    async def run() -> None:
        app, health = Slow(), Slow()
        health.let.set()

        async def both(scope: Any, receive: Any, send: Any) -> None:
            await (health if scope["path"] == "/health" else app)(scope, receive, send)

        gate = Gate(both, 1, Metrics(engine()), exempt=["/health"])
        waiting = Client(gate)
        await settle()
        asked = Client(gate, "/health")
        await asked.task
        app.let.set()
        await waiting.task

        assert asked.status == 200

    asyncio.run(run())


def test_what_is_no_request_goes_by() -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["type"])

    asyncio.run(Gate(app, 1, Metrics(engine()))({"type": "lifespan"}, None, None))  # type: ignore[arg-type]

    assert heard == ["lifespan"]


def test_nobody_makes_up_names_of_methods() -> None:
    async def run(path: Callable[[int], str]) -> list[str]:
        metrics, app = Metrics(engine()), Slow()
        app.let.set()
        gate = Gate(app, 10, metrics, methods={"/ask": "ask"})
        for number in range(5):
            await Client(gate, path(number)).task
        return [each.method for each in metrics.numbers().latencies]

    assert asyncio.run(run(lambda number: f"/{number}")) == ["ask", "other"]
