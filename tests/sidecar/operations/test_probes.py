"""What those who run a sidecar ask it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pdp_sidecar.operations import probes
from pdp_sidecar.operations.metrics import Metrics
from pdp_sidecar.operations.probes import Alone, Probes
from pdp_sidecar.service import Service
from pdp_sidecar.status import Readiness
from tests.sidecar.scene import engine


def told() -> tuple[Alone, Readiness]:
    found = engine()
    readiness = Readiness(Service(found), waiting=set())
    return Alone(readiness, Metrics(found)), readiness


def bound(host: str = "127.0.0.1") -> socket.socket:
    found = socket.socket()
    found.bind((host, 0))
    return found


def asked(work: Callable[[httpx.AsyncClient, Readiness], object]) -> None:
    async def run() -> None:
        found, readiness = told()
        at = bound()
        serving = await probes.start(found, [at])
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{at.getsockname()[1]}") as client:
                await work(client, readiness)  # type: ignore[misc]
        finally:
            await serving.drain(1.0)

    asyncio.run(run())


def test_it_tells_that_it_lives_whether_it_is_ready_and_what_it_counted() -> None:
    async def work(client: httpx.AsyncClient, readiness: Readiness) -> None:
        lives, ready, metrics = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]

        assert (lives.status_code, lives.text) == (200, "ok\n")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "problems": []})
        assert metrics.status_code == 200 and "pdp_ready 1.0" in metrics.text
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")

    asked(work)


def test_whoever_connects_and_asks_nothing_keeps_nobody_from_hearing_that_it_lives() -> None:
    async def work(client: httpx.AsyncClient, readiness: Readiness) -> None:
        port = client.base_url.port
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]

        lives = await client.get("/healthz")

        assert lives.status_code == 200
        for _, writer in idle:
            writer.close()

    asked(work)


def test_what_is_not_ready_lives_all_the_same() -> None:
    async def work(client: httpx.AsyncClient, readiness: Readiness) -> None:
        readiness.draining = True
        lives, ready, metrics = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]

        assert lives.status_code == 200
        assert (ready.status_code, ready.json()) == (503, {"ready": False, "problems": ["it is ending"]})
        assert "pdp_ready 0.0" in metrics.text

    asked(work)


@pytest.mark.parametrize(
    "method, path, status",
    [("POST", "/readyz", 405), ("GET", "/", 404), ("GET", "/metrics/", 404), ("HEAD", "/healthz", 200)],
)
def test_nothing_else_is_answered(method: str, path: str, status: int) -> None:
    async def work(client: httpx.AsyncClient, readiness: Readiness) -> None:
        found = await client.request(method, path)

        assert found.status_code == status and (method != "HEAD" or found.content == b"")

    asked(work)


class Broken:
    workers, counts = 1, dict[str, int]()

    def look(self) -> tuple[bool, tuple[str, ...]]:
        raise ValueError("odd")

    async def told(self) -> list[object]:
        return []


@pytest.mark.parametrize("path, status", [("/readyz", 503), ("/metrics", 500), ("/healthz", 200)])
def test_what_cannot_tell_how_it_is_is_not_ready(path: str, status: int) -> None:
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    app = Probes(Broken())  # type: ignore[arg-type]
    asyncio.run(app({"type": "http", "method": "GET", "path": path}, None, send))  # type: ignore[arg-type]

    assert sent[0]["status"] == status
    if path == "/readyz":
        assert json.loads(sent[1]["body"])["problems"] == ["nobody can tell how it is: ValueError"]  # type: ignore[arg-type]


def test_an_address_that_others_reach_is_refused_without_tls_unless_that_is_said(tmp_path: Path) -> None:
    async def run() -> None:
        found, _ = told()
        public, private = bound("0.0.0.0"), socket.socket(socket.AF_UNIX)
        private.bind(str(tmp_path / "s"))
        with pytest.raises(ValueError, match="can be reached by others"):
            await probes.start(found, [public])
        for sockets, plaintext in (([public], True), ([private], False)):
            serving = await probes.start(found, sockets, plaintext=plaintext)
            await serving.drain(1.0)

    asyncio.run(run())
