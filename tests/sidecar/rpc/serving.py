"""A server that a test asks, and what it asks it with."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

import pdp
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.generated.admin_service_pb2_grpc import AdminServiceStub
from pdp_sidecar.generated.check_pb2 import CheckRequest, CheckResponse
from pdp_sidecar.generated.decision_service_pb2_grpc import DecisionServiceStub
from pdp_sidecar.rpc import Listener, Options, Server, start
from pdp_sidecar.service import Service
from pdp_sidecar.wire import decision_of, request_message
from tests.sidecar import scene

OURS = Callers(by_uid={os.getuid(): caller("ours")})


def run(test: Coroutine[Any, Any, Any], seconds: float = 20) -> Any:
    """Run a test, which is over in so many seconds or hangs."""
    return asyncio.run(asyncio.wait_for(test, seconds))


class Client:
    """What a test holds of a server: the engine that it asks in the same process, and the services by gRPC."""

    def __init__(self, service: Service, server: Server, channel: aio.Channel, address: str) -> None:
        self.service, self.engine, self.server, self.channel = service, service.engine, server, channel
        self.decisions, self.admin = DecisionServiceStub(channel), AdminServiceStub(channel)
        self.address = address

    async def check(self, request: pdp.Request, handles: tuple[str, ...] = (), **options: Any) -> CheckResponse:
        return await self.decisions.Check(request_message(request, handles), **options)

    async def allows(self, request: pdp.Request, handles: tuple[str, ...] = (), **options: Any) -> bool:
        return bool(decision_of(await self.check(request, handles, **options)))


@asynccontextmanager
async def serving(
    folder: Path,
    service: Service | None = None,
    options: Options | None = None,
    callers: Callers = OURS,
    channel: tuple[tuple[str, Any], ...] = (),
    **more: Any,
) -> AsyncIterator[Client]:
    """Serve on a Unix socket."""
    service = service or Service(scene.engine())
    address = f"unix:{folder / 'pdp.sock'}"
    server = await start(service, callers, options or Options(), [Listener(address)], **more)
    try:
        async with aio.insecure_channel(address, channel) as open_channel:
            yield Client(service, server, open_channel, address)
    finally:
        await server.drain(0)
        service.close()


async def status_of(call: Any) -> tuple[grpc.StatusCode, str]:
    """Return with which status a call ends, and what it says."""
    try:
        if isinstance(call, aio.StreamStreamCall | aio.UnaryStreamCall):
            while await call.read() is not aio.EOF:
                pass
            # The end of a stream is told with no exception; what it ended with is.
            if await call.code() is not grpc.StatusCode.OK:
                return await call.code(), await call.details()
        else:
            await call
    except aio.AioRpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def reading(user: pdp.EntityRef = scene.ADA, page: pdp.EntityRef = scene.HOME, action: str = "read") -> pdp.Request:
    return pdp.Request(user, action, page)


def message(**fields: Any) -> CheckRequest:
    return CheckRequest(**fields)
