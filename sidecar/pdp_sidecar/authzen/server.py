"""The server: sockets, their connections, and the end of both."""

from __future__ import annotations

import asyncio
import logging
import ssl as _ssl
from collections.abc import Callable, Sequence
from socket import socket

from uvicorn.server import ServerState

from pdp_sidecar.authzen.app import App, Application
from pdp_sidecar.authzen.connection import Connection, Identities, settings
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.callers import Callers
from pdp_sidecar.service import Service

_GLANCE = 0.5
"""Seconds between two looks at what takes too long, or less where a request may take less."""


class Server:
    """Runs until it is drained."""

    def __init__(self, state: ServerState, servers: Sequence[asyncio.Server], glance: float = _GLANCE) -> None:
        self._glance = glance
        self._state, self._servers = state, servers
        self._looking = asyncio.create_task(self._look())

    @property
    def sockets(self) -> list[socket]:
        """The sockets that it listens at."""
        return [each for server in self._servers for each in server.sockets]

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._glance)
            now = loop.time()
            for each in tuple(self._state.connections):
                if isinstance(each, Connection):
                    each.look(now)

    async def drain(self, seconds: float) -> None:
        """Take no new work, finish what is begun within so many seconds, then close."""
        for server in self._servers:
            server.close()
        for each in tuple(self._state.connections):
            each.shutdown()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self._state.connections and loop.time() < end:
            await asyncio.sleep(0.01)
        self._looking.cancel()
        for each in tuple(self._state.connections):
            each.transport.abort()
        for task in tuple(self._state.tasks):
            task.cancel()
        await asyncio.gather(self._looking, *self._state.tasks, return_exceptions=True)
        # A transport closes its socket in the next turn of the loop.
        await asyncio.sleep(0)


async def start(
    service: Service,
    callers: Callers,
    options: Options,
    sockets: Sequence[socket],
    ssl: _ssl.SSLContext | None = None,
    *,
    identities: Identities | None = None,
    around: Callable[[App], App] | None = None,
) -> Server:
    """Serve at sockets that are bound. `identities` tells who a client's certificate says it is, at any time.

    `around` puts something around the application, such as what sheds load. Up to where it first waits, the application
    is run outside of a task.
    """
    app = Application(service, callers, options)
    return await serve(app if around is None else around(app), options, sockets, ssl, identities=identities)


async def serve(
    app: App,
    options: Options,
    sockets: Sequence[socket],
    ssl: _ssl.SSLContext | None = None,
    *,
    identities: Identities | None = None,
) -> Server:
    """Serve any application so, within the limits on connections and requests that options have."""
    # It warns of each client that speaks no HTTP, at a client's pleasure.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config, state = settings(app, options), ServerState()
    loop, servers = asyncio.get_running_loop(), list[asyncio.Server]()

    def connection() -> Connection:
        return Connection(config, state, options, identities)

    patience = None if ssl is None else options.request_seconds
    try:
        for each in sockets:
            servers.append(await loop.create_server(connection, sock=each, ssl=ssl, ssl_handshake_timeout=patience))
    except BaseException:
        for server in servers:
            server.close()
        raise
    return Server(state, servers, min(_GLANCE, options.request_seconds / 4))
