"""The gRPC server as a part of the sidecar."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from grpc import aio

from pdp.classes import dataclass
from pdp_sidecar.callers import Callers
from pdp_sidecar.rpc.checks import Checks
from pdp_sidecar.rpc.health import Health
from pdp_sidecar.rpc.identity import Identities, clock
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.rpc.streams import Streams
from pdp_sidecar.service import Service

DECISIONS: Final = "pdp.v1.DecisionService"
ADMINISTRATION: Final = "pdp.v1.AdminService"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a server listens: `unix:PATH`, or `host:port` with credentials of gRPC, None for none (plaintext)."""

    address: str
    credentials: Any = None


class Server:
    """A gRPC server that runs. `ports` has the port of each listener; that of a Unix socket says nothing."""

    def __init__(self, server: Any, ports: Sequence[int], streams: Streams) -> None:
        self._server, self.ports, self._streams = server, tuple(ports), streams

    async def drain(self, seconds: float) -> None:
        """Take no new call, end streams, let calls end within so many seconds, then close."""
        self._streams.closing.set()
        await self._server.stop(seconds)


async def start(
    service: Service,
    callers: Callers,
    options: Options,
    listeners: Sequence[Listener],
    *,
    ready: Callable[[], bool] = lambda: True,
    handlers: Sequence[grpc.GenericRpcHandler] = (),
    interceptors: Sequence[aio.ServerInterceptor] = (),
    now: Callable[[], _datetime.datetime] = clock,
) -> Server:
    """Answer calls on all listeners; raise OSError where one cannot be had.

    `ready` is what health tells. `handlers` are of further services, which see to it themselves who asks. `now` is the
    clock by which certificates run out.
    """
    server = aio.server(
        handlers=handlers,
        interceptors=interceptors,
        options=options.channel(),
        maximum_concurrent_rpcs=options.calls,
    )
    streams = Streams(options.streams)
    identities = Identities(callers, now)
    checks = Checks(service, identities, items=options.batch_items, size=options.message_size)
    server.add_generic_rpc_handlers((_decisions(checks),))
    Health(ready, (DECISIONS, ADMINISTRATION), streams, options.beat).add_to(server)
    ports = [_listen(server, each) for each in listeners]
    await server.start()
    return Server(server, ports, streams)


def _decisions(checks: Checks) -> grpc.GenericRpcHandler:
    # Without what would turn bytes into messages: the methods do that themselves, so that what cannot be read gets an
    # error that says so, and an answer need not be a message first.
    return grpc.method_handlers_generic_handler(
        DECISIONS,
        {
            "Check": grpc.unary_unary_rpc_method_handler(checks.check),
            "CheckBatch": grpc.unary_unary_rpc_method_handler(checks.batch),
            "CheckStream": grpc.stream_stream_rpc_method_handler(checks.stream),
        },
    )


def _listen(server: Any, listener: Listener) -> int:
    try:
        if listener.credentials is None:
            port = server.add_insecure_port(listener.address)
        else:
            port = server.add_secure_port(listener.address, listener.credentials)
    except RuntimeError as error:
        raise OSError(f"gRPC cannot listen on `{listener.address}`: {error}") from error
    return int(port)
