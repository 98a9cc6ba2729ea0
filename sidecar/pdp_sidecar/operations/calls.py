"""What stands around the methods of a gRPC service: unary calls are measured, and traced where that is configured.

An interceptor of gRPC would do, and take longer at each call than most answers do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

Around = Callable[[str, str, Callable[[Any, Any], Any]], Callable[[Any, Any], Any]]


class Measured(grpc.GenericRpcHandler):  # type: ignore[misc]  # It has no types.
    """A service whose unary calls are measured. `around` is `Operations.around`: it is asked once for each method."""

    def __init__(self, service: grpc.GenericRpcHandler, around: Around, protocol: str = "grpc") -> None:
        self._service, self._around, self._protocol = service, around, protocol
        self._known: dict[str, tuple[Any, Any]] = {}

    def service(self, details: Any) -> Any:
        """Return the handler of a call, within what measures it; that of a stream as it is."""
        handler = self._service.service(details)
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
