"""Ask ASGI applications without a server or a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


def ask(app: Any, method: str, url: str, **options: Any) -> httpx.Response:
    """Send one request and return the answer."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, url, **options)

    return asyncio.run(send())


def scope_of(kind: str = "http", path: str = "/docs/d1", **more: Any) -> dict[str, Any]:
    """Return a scope as a server would."""
    found = {"type": kind, "asgi": {"version": "3.0"}, "path": path, "raw_path": path.encode(), "headers": []}
    return {**found, "query_string": b"", "root_path": "", "scheme": "http", "method": "GET", **more}


def messages(app: Any, scope: dict[str, Any], *incoming: dict[str, Any]) -> list[dict[str, Any]]:
    """Run an application on a connection and return what it sent."""
    sent: list[dict[str, Any]] = []
    waiting = list(incoming)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent
