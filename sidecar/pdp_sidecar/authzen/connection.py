"""A connection of HTTP/1.1: who is at its other end, and how long and how large what it sends may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pdp_sidecar.authzen.app import PEER
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.callers import Peer
from pdp_sidecar.sockets import peer_of

Identities = Callable[[bytes], tuple[str, ...]]
"""Tells who a certificate, in DER, says it is, now."""

_LATE: Final = "the request took too long to arrive"
_LARGE: Final = "the request line and headers are too large"


class Connection(HttpToolsProtocol):
    """Serves the requests of one client, one after the other."""

    def __init__(
        self, config: Config, state: ServerState, options: Options, identities: Identities | None = None
    ) -> None:
        super().__init__(config, state, {})
        self._options, self._identities = options, identities
        self._head, self._in_head, self._deaf = 0, False, False
        # Since when a request is awaited that has begun; a connection begins with one.
        self.began: float | None = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a client, unless there are too many."""
        super().connection_made(transport)
        self.app_state = {PEER: self._teller(transport)}
        if len(self.connections) > self._options.max_connections:
            transport.abort()

    def _teller(self, transport: asyncio.Transport) -> Callable[[], Peer]:
        secured, identities = transport.get_extra_info("ssl_object"), self._identities
        if secured is None:
            peer = peer_of(transport.get_extra_info("socket"))
            return lambda: peer
        certificate = secured.getpeercert(binary_form=True)
        if certificate is None or identities is None:
            return Peer
        # Asked for each request: a certificate may run out while the connection stays.
        return lambda: Peer(identities=identities(certificate))

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > self._options.max_head:
                self.refuse(_LARGE)

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        self._head, self._in_head = 0, True
        self.began = self.loop.time()

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Have the whole of a request."""
        super().on_message_complete()
        self.began = None

    def look(self, now: float) -> None:
        """End the connection where its request takes too long, or nobody reads the answers."""
        if self.flow.write_paused:
            # It asks and does not listen.
            if self._deaf:
                self.transport.abort()
            self._deaf = True
            return
        self._deaf = False
        if self.began is not None and now - self.began > self._options.request_seconds:
            self.refuse(_LATE)

    def refuse(self, message: str) -> None:
        """End the connection with an error, unless an answer has begun."""
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
        else:
            self.send_400_response(message)

    def eof_received(self) -> None:
        """End where the client does: what it has not finished asking it does not ask."""


def settings(app: Any, options: Options) -> Config:
    """Return how uvicorn is to speak HTTP: nothing is believed that a client says of others, and nothing is logged."""
    found = Config(
        app,
        loop="none",
        http=HttpToolsProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=options.idle_seconds,  # type: ignore[arg-type]  # The event loop takes fractions.
    )
    found.load()
    return found
