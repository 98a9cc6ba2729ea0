"""Health by the protocol that is usual for gRPC: whether the server is ready is asked each time, never remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from pdp_sidecar.rpc.refusals import Refused, abort, exhausted
from pdp_sidecar.rpc.streams import Places, Streams

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """Tells whether the server is ready, for all its services alike. Anybody who can connect may ask."""

    def __init__(
        self, ready: Callable[[], bool], services: Iterable[str], streams: Streams, watches: int, interval: float
    ) -> None:
        """`watches` are how many go on at once: anybody may, so that they take no place of who has to say who it is."""
        self._ready, self._services, self._streams = ready, frozenset(services) | {""}, streams
        self._interval = interval
        self._places = Places(watches, "watches of health are open")

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what answers by this."""
        read, write = health_pb2.HealthCheckRequest.FromString, health_pb2.HealthCheckResponse.SerializeToString
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self.check, read, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch, read, write),
        }
        return grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods)

    async def check(self, request: Any, context: Any) -> Any:
        """Tell how a service is."""
        status = self._status(request.service)
        if status == _UNKNOWN:
            await abort(context, Refused(grpc.StatusCode.NOT_FOUND, "there is no such service"))
        return health_pb2.HealthCheckResponse(status=status)

    async def watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Tell how a service is now, and each time that this is another."""
        if not self._places.is_free:
            await abort(context, exhausted(self._places.full))
        told = None
        with self._places.take():
            while not self._streams.closing.is_set():
                status = self._status(request.service)
                if status != told:
                    told = status
                    yield health_pb2.HealthCheckResponse(status=status)
                await self._streams.pause(self._interval)

    def _status(self, service: str) -> int:
        if service not in self._services:
            return int(_UNKNOWN)
        try:
            is_ready = self._ready() is True and not self._streams.closing.is_set()
        except Exception:
            # Whoever cannot say that it is ready is not.
            is_ready = False
        return int(_SERVING if is_ready else _NOT_SERVING)
