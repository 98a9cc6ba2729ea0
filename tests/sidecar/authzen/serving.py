"""A server of AuthZEN on a port of its own, in a thread of its own, and a client that says what it is told to say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import uvloop

import pdp
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.authzen.server import Server, start
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.service import Service

ANYBODY = Callers(otherwise=caller("anybody"))
EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
JSON = {"content-type": "application/json"}


class Served:
    """A server that runs. `url` is where; `ask` posts a document, or a body that is none."""

    loop: asyncio.AbstractEventLoop
    server: Server

    def __init__(self, service: Service, port: int) -> None:
        self.service, self.port = service, port
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.url, timeout=10)

    def ask(self, path: str, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content, headers={**JSON, **named})


@contextlib.contextmanager
def serving(
    engine: pdp.Engine | Service,
    options: Options | None = None,
    callers: Callers = ANYBODY,
    at: socket.socket | None = None,
    **more: Any,
) -> Iterator[Served]:
    """Run a server."""
    service = engine if isinstance(engine, Service) else Service(engine)
    listening = socket.create_server(("127.0.0.1", 0)) if at is None else at
    port = listening.getsockname()[1] if at is None else 0
    ready, loop, failed = threading.Event(), uvloop.new_event_loop(), []
    started: list[Server] = []
    ended = asyncio.Event()

    async def run() -> None:
        try:
            server = await start(service, callers, options or Options(), [listening], **more)
            started.append(server)
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            ready.set()
        await ended.wait()
        await server.drain(1)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        assert not failed, failed
        served = Served(service, port)
        served.loop, served.server = loop, started[0]
        yield served
        served.client.close()
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()
        listening.close()
        service.close()


def question(
    subject: Any = ("User", "ada"),
    action: str = "read",
    resource: Any = ("Page", "home"),
    **more: Any,
) -> dict[str, Any]:
    """Return the document of an evaluation."""
    return {"subject": named(subject), "action": {"name": action}, "resource": named(resource), **more}


def named(given: Any) -> Any:
    """Return a subject or a resource: of a type and an id, and properties if there are any."""
    if not isinstance(given, tuple):
        return given
    return dict(zip(("type", "id", "properties"), given, strict=False))


def called(app: Any, path: str, body: bytes, method: str = "POST", **headers: str) -> tuple[int, Any]:
    """Return the status and the document that an application answers with, or the text where it is no document."""
    sent: list[dict[str, Any]] = []
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "raw_path": path.encode(), "headers": [*_JSON, *named]}
    asyncio.run(app(scope, receive, send))
    start, *parts = sent
    text = b"".join(each["body"] for each in parts)
    return start["status"], json.loads(text) if _JSON[0] in start["headers"] else text.decode()


_JSON = [(b"content-type", b"application/json")]
