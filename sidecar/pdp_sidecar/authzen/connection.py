"""A connection of HTTP/1.1: who is at its other end, and how long and how large what it sends may be."""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pdp.identity.certificates import leaf_of
from pdp.identity.who import NOTHING, Shown
from pdp_sidecar.authzen.app import PEER
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.authzen.reading import Refused
from pdp_sidecar.callers import Peer
from pdp_sidecar.sockets import peer_of

Identities = Callable[[bytes], tuple[str, ...]]
"""Tells who a certificate, in DER, says it is, now."""

_LATE: Final = "the request took too long to arrive"
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 30\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\nthere are too many connections"
)
_LARGE: Final = "the request line and headers are too large"


class _Joining:
    """A transport that sends the head of an answer together with its body: one packet, and one call to the system."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._head, self._send, self._close = b"", transport.write, transport.close
        self.is_closing, self.abort = transport.is_closing, transport.abort

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.endswith(b"\r\n\r\n") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
            return
        self._send(data)

    def flush(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._send(data)

    def close(self) -> None:
        self.flush()
        self._close()


class Connection(HttpToolsProtocol):
    """Serves the requests of one client, one after the other."""

    def __init__(
        self, config: Config, state: ServerState, options: Options, identities: Identities | None = None
    ) -> None:
        super().__init__(config, state, {})
        self._options, self._identities = options, identities
        self._head, self._in_head, self._deaf = 0, False, False
        self._receiving = self._surplus = False
        self._ready: tuple[RequestResponseCycle, Any] | None = None
        # Since when a request is awaited that has begun; a connection begins with one.
        self.began: float | None = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a client. Where there are too many it is told so, and where there are twice as many, not even that."""
        super().connection_made(transport)
        self.transport = _Joining(transport)  # type: ignore[assignment]  # All that is asked of it is there.
        self.app_state = {PEER: self._teller(transport)}
        most = self._options.max_connections
        self._surplus = len(self.connections) > most
        if len(self.connections) > 2 * most:
            transport.abort()

    def _teller(self, transport: asyncio.Transport) -> Callable[[], Peer]:
        secured, identities = transport.get_extra_info("ssl_object"), self._identities
        if secured is None:
            peer = peer_of(transport.get_extra_info("socket"))
            return lambda: peer
        certificate = secured.getpeercert(binary_form=True)
        if certificate is None or identities is None:
            return Peer
        leaf = leaf_of(certificate)
        shown = NOTHING if leaf is None else Shown(certificate=leaf.digest)

        def told() -> Peer:
            # Asked for each request: a certificate may run out while the connection stays, and proves nothing then.
            found = identities(certificate)
            if not found:
                # Whoever shows a certificate that does not count is not somebody who shows none.
                raise Refused(401, "the certificate has run out, or names nobody who may ask")
            return Peer(identities=found, certificate=leaf, shown=shown)

        return told

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        if self._surplus:
            # What it sends is taken first: else the system would drop the answer.
            self.transport.write(_FULL)
            self.transport.close()
            return
        self._receiving = True
        super().data_received(data)
        self._receiving = False
        if self._ready is not None:
            # The rest of its body is still to come.
            cycle, app = self._ready
            self._ready = None
            super()._start_asgi_task(cycle, app)
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
        if self._ready is not None:
            cycle, app = self._ready
            self._ready = None
            self._answer(cycle, app)

    def on_response_complete(self) -> None:
        """Send what is left of an answer."""
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._receiving:
            # Most requests are here as a whole: what takes a task, and a turn of the loop, is seen right after.
            self._ready = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request that is here. Where that has to wait for anything, a task goes on with it."""
        answering = cycle.run_asgi(app)
        context = contextvars.copy_context()
        try:
            awaited = context.run(answering.send, None)
        except StopIteration:
            return
        task = self.loop.create_task(_rest(answering, awaited), context=context)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

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


async def _rest(begun: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _going_on(begun, awaited)


@types.coroutine
def _going_on(begun: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Go on with what awaits something already."""
    while True:
        try:
            told = yield awaited
        except BaseException as error:
            # Such as that it is cancelled.
            step = partial(begun.throw, error)
        else:
            step = partial(begun.send, told)
        try:
            awaited = step()
        except StopIteration:
            return


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
