"""What stands before an ASGI application: calls beyond a number are refused at once, and the others are measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final

from pdp_sidecar.operations.metrics import Meter, Metrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# What AuthZEN says of errors holds for these too: the body is the message, as a JSON string.
_BODY: Final = b'"too many requests are being answered; ask again later"'
_START: Final = {
    "type": "http.response.start",
    "status": 503,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
        (b"retry-after", b"1"),
    ],
}
_END: Final = {"type": "http.response.body", "body": _BODY}


class Gate:
    """Lets `limit` calls at once through to an application; whoever comes beyond gets 503 before anything is read.

    `exempt` are paths that always go through, such as those of probes. `methods` are paths that are measured each by
    itself, with the name of each; all others are one, so that nobody makes up new ones.
    """

    def __init__(
        self,
        app: App,
        limit: int,
        metrics: Metrics,
        *,
        protocol: str = "http",
        methods: Mapping[str, str] | None = None,
        exempt: Collection[str] = (),
    ) -> None:
        self._app, self._limit, self._exempt = app, limit, frozenset(exempt)
        self._meters = {path: metrics.meter(protocol, name) for path, name in (methods or {}).items()}
        self._other = metrics.meter(protocol, "other")
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        meter = self._meters.get(scope["path"], self._other)
        if self._in_flight >= self._limit:
            await _refuse(meter, send)
            return
        self._in_flight += 1
        began = meter.begin()
        try:
            await self._app(scope, receive, send)
        finally:
            # However it ends, also when the client goes away: a place that is not given back is lost.
            meter.end(began)
            self._in_flight -= 1


async def _refuse(meter: Meter, send: Send) -> None:
    meter.refused += 1
    await send(_START)
    await send(_END)
