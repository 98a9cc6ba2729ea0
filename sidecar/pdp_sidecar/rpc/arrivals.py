"""Calls whose message has not come: each holds a place that another could have, so it has only so much time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import grpc
from grpc import aio

from pdp_sidecar.rpc.refusals import Refused, abort

_OFTEN: Final = 1.0
"""Seconds between two looks at what has not come, or less where it has less time."""


class Arrivals:
    """Reads the messages of unary calls, which have to be there `within` so many seconds.

    gRPC reads them itself before it calls anybody, and waits for as long as the connection lives. Whoever began calls
    and sent nothing had all places, and nobody had yet asked who that is. A call whose messages are read here looks the
    same to a client.
    """

    def __init__(self, within: float) -> None:
        self._within, self._loop = within, asyncio.get_running_loop()
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._look()

    def around(self, service: grpc.GenericRpcHandler) -> grpc.GenericRpcHandler:
        """Return a service whose unary calls are read here. It goes around whatever else is around it."""
        return _Read(service, self._reading)

    def _reading(self, handler: Any) -> Any:
        is_answer = handler.unary_unary is not None
        answer = handler.unary_unary if is_answer else handler.unary_stream

        async def arrived(context: Any) -> Any:
            message = await self._next(context)
            if message is aio.EOF:
                await abort(context, Refused(grpc.StatusCode.INVALID_ARGUMENT, "the call has no message"))
            return message

        async def read(_: Any, context: Any) -> Any:
            return await answer(await arrived(context), context)

        async def read_and_stream(_: Any, context: Any) -> Any:
            async for each in answer(await arrived(context), context):
                yield each

        forms = (handler.request_deserializer, handler.response_serializer)
        if is_answer:
            return grpc.stream_unary_rpc_method_handler(read, *forms)
        return grpc.stream_stream_rpc_method_handler(read_and_stream, *forms)

    async def _next(self, context: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = self._loop.time()
        try:
            return await context.read()
        except asyncio.CancelledError:
            if task not in self._late:
                raise
        finally:
            del self._waiting[task]
            self._late.discard(task)
        task.uncancel()
        return await abort(context, Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "the message took too long to arrive"))

    def _look(self) -> None:
        due = self._loop.time() - self._within
        # They stand in the order in which they began.
        for task, began in [*self._waiting.items()]:
            if began > due:
                break
            if task not in self._late:
                self._late.add(task)
                task.cancel()
        self._timer = self._loop.call_later(min(self._within / 2, _OFTEN), self._look)

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()


class _Read(grpc.GenericRpcHandler):  # type: ignore[misc]  # It has no types.
    def __init__(self, service: grpc.GenericRpcHandler, reading: Callable[[Any], Any]) -> None:
        self._service, self._reading = service, reading
        self._known: dict[str, tuple[Any, Any]] = {}

    def service(self, details: Any) -> Any:
        """Return the handler of a call; that of one message reads it."""
        handler = self._service.service(details)
        if handler is None or handler.request_streaming:
            return handler
        known = self._known.get(details.method)
        if known is None or known[0] is not handler:
            known = self._known[details.method] = handler, self._reading(handler)
        return known[1]
