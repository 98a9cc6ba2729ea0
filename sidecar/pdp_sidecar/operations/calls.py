"""What stands before the methods of a gRPC server: unary calls are measured, and traced where that is configured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc import aio

Around = Callable[[str, str, Callable[[Any, Any], Any]], Callable[[Any, Any], Any]]


class Calls(aio.ServerInterceptor):  # type: ignore[misc]  # It has no types.
    """An interceptor. `around` is `Operations.around`: it is asked once for each method that there is."""

    def __init__(self, around: Around, protocol: str = "grpc") -> None:
        self._around, self._protocol = around, protocol
        self._known: dict[str, tuple[Any, Any]] = {}

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Return the handler of a call, within what measures it; that of a stream as it is."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            # What nobody serves has no name here: whoever calls could make up any number of them.
            return handler
        known = self._known.get(details.method)
        if known is not None and known[0] is handler:
            return known[1]
        method = details.method.rpartition("/")[2]
        wrapped = grpc.unary_unary_rpc_method_handler(
            self._around(self._protocol, method, handler.unary_unary),
            handler.request_deserializer,
            handler.response_serializer,
        )
        self._known[details.method] = (handler, wrapped)
        return wrapped
