"""What those who run a sidecar ask it: `/healthz`, `/readyz` and `/metrics`, at an address of their own."""

from __future__ import annotations

import ipaddress
import json
import ssl as _ssl
from collections.abc import Mapping, Sequence
from socket import AF_UNIX, socket
from typing import Any, Final, Protocol

from pdp_sidecar.authzen.options import Options
from pdp_sidecar.authzen.server import Server, serve
from pdp_sidecar.operations.exposition import CONTENT_TYPE, Sums
from pdp_sidecar.operations.gate import Receive, Scope, Send
from pdp_sidecar.operations.metrics import Metrics, Numbers
from pdp_sidecar.status import Readiness


class Told(Protocol):
    """What is known of a sidecar, of one worker or of all."""

    def look(self) -> tuple[bool, tuple[str, ...]]:
        """Return whether it is ready, and what is wrong."""

    async def told(self) -> Sequence[Numbers]:
        """Return what each worker has counted."""

    @property
    def workers(self) -> int:
        """How many workers are up."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What whoever keeps the workers has counted."""


class Alone:
    """What is known of the one worker that there is."""

    def __init__(self, readiness: Readiness, metrics: Metrics) -> None:
        self.look, self._metrics = readiness.look, metrics

    async def told(self) -> Sequence[Numbers]:
        """Return what it has counted."""
        return [await self._metrics.told()]

    @property
    def workers(self) -> int:
        """It is one."""
        return 1

    @property
    def counts(self) -> Mapping[str, int]:
        """Nobody keeps it."""
        return {}


_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


class Probes:
    """The application. It changes nothing, and reads nothing of a request but its path."""

    def __init__(self, told: Told) -> None:
        self._told, self._sums = told, Sums()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        status, kind, body = await self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if path not in ("/healthz", "/readyz", "/metrics"):
            return 404, _TEXT, b"there are /healthz, /readyz and /metrics\n"
        if method not in ("GET", "HEAD"):
            return 405, _TEXT, b"only GET is answered\n"
        if path == "/healthz":
            # That this runs is the answer: what cannot be reached any more is to be ended.
            return 200, _TEXT, b"ok\n"
        try:
            ready, problems = self._told.look()
            if path == "/metrics":
                told = await self._told.told()
                return 200, CONTENT_TYPE, self._sums.exposition(told, ready, self._told.workers, self._told.counts)
        except Exception as error:
            # INVARIANT: what cannot tell whether it is ready is not.
            ready, problems = False, (f"nobody can tell how it is: {type(error).__name__}",)
            if path == "/metrics":
                return 500, _TEXT, f"{problems[0]}\n".encode()
        body: dict[str, Any] = {"ready": ready, "problems": problems}
        return 200 if ready else 503, _JSON, json.dumps(body).encode() + b"\n"


async def start(
    told: Told, sockets: Sequence[socket], ssl: _ssl.SSLContext | None = None, *, plaintext: bool = False
) -> Server:
    """Answer at sockets that are bound. Raise ValueError for one that others reach, without TLS or `plaintext`."""
    if ssl is None and not plaintext:
        for each in sockets:
            _check(each)
    return await serve(Probes(told), _LIMITS, sockets, ssl)


CONNECTIONS: Final = 256

_LIMITS: Final = Options(max_connections=CONNECTIONS, request_seconds=5.0, idle_seconds=75.0)
"""Whoever watches over a sidecar needs a few connections. One that asks nothing takes no place for long."""


def _check(bound: socket) -> None:
    if bound.family != AF_UNIX and not ipaddress.ip_address(bound.getsockname()[0]).is_loopback:
        host, port = bound.getsockname()[:2]
        raise ValueError(f"{host}:{port} can be reached by others: give it TLS, or say that it is to be plaintext")
