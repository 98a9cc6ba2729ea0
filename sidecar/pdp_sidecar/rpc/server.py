"""The gRPC server as a part of the sidecar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import grpc
from grpc import aio
from grpc_reflection.v1alpha import reflection

from pdp.classes import dataclass
from pdp.identity.certificates import identities_of
from pdp_sidecar.callers import Callers
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.generated.admin_service_pb2 import (
    ApproveRequest,
    PendingRequest,
    RejectRequest,
    RevokeRequest,
    StatusRequest,
)
from pdp_sidecar.rpc.administration import approve, pending, reject, revoke
from pdp_sidecar.rpc.administration import status as status_message
from pdp_sidecar.rpc.arrivals import Arrivals
from pdp_sidecar.rpc.calls import Calls, at_once
from pdp_sidecar.rpc.checks import Checks
from pdp_sidecar.rpc.explanations import explaining
from pdp_sidecar.rpc.health import Health
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.rpc.searches import what_can, who_can
from pdp_sidecar.rpc.streams import Places, Streams
from pdp_sidecar.rpc.watching import Watching
from pdp_sidecar.service import Service
from pdp_sidecar.status import Readiness, Status

DECISIONS: Final = "pdp.v1.DecisionService"
ADMINISTRATION: Final = "pdp.v1.AdminService"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a server listens: `unix:PATH`, or `host:port` with credentials of gRPC, None for none (plaintext)."""

    address: str
    credentials: Any = None


class Server:
    """A gRPC server that runs. `ports` has the port of each listener; that of a Unix socket says nothing."""

    def __init__(self, server: Any, ports: Sequence[int], streams: Streams, arrivals: Arrivals) -> None:
        self._server, self.ports, self._streams, self._arrivals = server, tuple(ports), streams, arrivals

    async def drain(self, seconds: float) -> None:
        """Take no new call, end streams, let calls end within so many seconds, then close."""
        self._streams.close()
        await self._server.stop(seconds)
        self._arrivals.close()


def _as_it_is(service: grpc.GenericRpcHandler) -> grpc.GenericRpcHandler:
    return service


async def start(
    service: Service,
    callers: Callers,
    options: Options,
    listeners: Sequence[Listener],
    *,
    ready: Callable[[], bool] | None = None,
    status: Callable[[], Status] | None = None,
    handlers: Sequence[grpc.GenericRpcHandler] = (),
    around: Callable[[grpc.GenericRpcHandler], grpc.GenericRpcHandler] = _as_it_is,
    identities: Callable[[bytes], tuple[str, ...]] = identities_of,
) -> Server:
    """Answer calls on all listeners; raise OSError where one cannot be had.

    `ready` is what health tells, `status` what Status does; without them a server that has started is ready. `handlers`
    are of further services, which see to it themselves who asks. `around` is put around each service. `identities` says
    whom a certificate that TLS has verified names now, nobody where it has run out.
    """
    alone = Readiness(service, waiting=set())
    streams, known = Streams(options.streams), Identities(service, callers, identities)
    arrivals = Arrivals(options.arrival)
    server = aio.server(
        handlers=tuple(arrivals.around(around(each)) for each in handlers),
        options=options.channel(),
        maximum_concurrent_rpcs=options.calls,
    )
    calls = Calls(known, Places(options.slow_calls, "calls of this kind are answered"))
    decisions = _decisions(
        Checks(service, known, streams, options), Watching(service, known, streams, options), calls, service
    )
    administration = _administration(calls, service, status or alone.status)
    services = (DECISIONS, ADMINISTRATION)
    health = Health(ready or (lambda: alone.ready), services, streams, options.health_watches, options.beat)
    mine = (around(decisions), around(administration), health.handler())
    server.add_generic_rpc_handlers(tuple(map(arrivals.around, mine)))
    if options.reflection:
        reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server)
    ports = [_listen(server, each) for each in listeners]
    await server.start()
    return Server(server, ports, streams, arrivals)


# Handlers come without what would turn bytes into messages. They do that themselves, so that what cannot be read gets
# an error that says so, and an answer need not be a message first.


def _decisions(checks: Checks, watching: Watching, calls: Calls, service: Service) -> grpc.GenericRpcHandler:
    explained = calls.handler(pb.ExplainRequest.FromString, partial(explaining, service), is_slow=True)
    who = calls.handler(pb.WhoCanRequest.FromString, at_once(partial(who_can, service)), is_slow=True)
    what = calls.handler(pb.WhatCanRequest.FromString, at_once(partial(what_can, service)), is_slow=True)
    return grpc.method_handlers_generic_handler(
        DECISIONS,
        {
            "Check": grpc.unary_unary_rpc_method_handler(checks.check),
            "CheckBatch": grpc.unary_unary_rpc_method_handler(checks.batch),
            "CheckStream": grpc.stream_stream_rpc_method_handler(checks.stream),
            "Explain": grpc.unary_unary_rpc_method_handler(explained),
            "Watch": grpc.stream_stream_rpc_method_handler(watching.watch),
            "WhoCan": grpc.unary_unary_rpc_method_handler(who),
            "WhatCan": grpc.unary_unary_rpc_method_handler(what),
        },
    )


def _administration(calls: Calls, service: Service, told: Callable[[], Status]) -> grpc.GenericRpcHandler:
    revoked = calls.handler(RevokeRequest.FromString, at_once(partial(revoke, service)))
    waiting = calls.handler(PendingRequest.FromString, at_once(partial(pending, service)))
    approved = calls.handler(ApproveRequest.FromString, at_once(partial(approve, service)))
    rejected = calls.handler(RejectRequest.FromString, at_once(partial(reject, service)))
    tells = calls.handler(StatusRequest.FromString, at_once(lambda caller, _: status_message(caller, told)))
    return grpc.method_handlers_generic_handler(
        ADMINISTRATION,
        {
            "Approve": grpc.unary_unary_rpc_method_handler(approved),
            "Pending": grpc.unary_unary_rpc_method_handler(waiting),
            "Reject": grpc.unary_unary_rpc_method_handler(rejected),
            "Revoke": grpc.unary_unary_rpc_method_handler(revoked),
            "Status": grpc.unary_unary_rpc_method_handler(tells),
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
