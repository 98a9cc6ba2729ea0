"""A decision before a web application sees a request: ASGI middleware that needs nothing but pdp.

The middleware asks a function of yours what a connection asks for, and decides that. It answers denials itself. What is
allowed goes through as it is: `receive` and `send` are those of the server, so streams stay streams.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from enum import Enum
from typing import Any, Final

from pdp.enforcement import Anonymous, Denied, Enforcer, Handler, acting
from pdp.enforcement.admission import Admission, admit
from pdp.enforcement.denial import anonymous, refusal
from pdp.enforcement.duties import Call
from pdp.enforcement.enforcer import Given, resolve
from pdp.integrations.problem import MEDIA_TYPE, problem
from pdp.integrations.target import is_ambiguous
from pdp.model import Reason, Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Mark(Enum):
    """What a mapping answers where there is no request to decide."""

    PUBLIC = "public"
    ANONYMOUS = "anonymous"


PUBLIC: Final = Mark.PUBLIC
"""Let the connection through without a decision: sign-in, health checks."""

ANONYMOUS: Final = Mark.ANONYMOUS
"""Nobody proved who asks: 401."""


class Connection:
    """What a mapping is asked about: a request, or the opening of a WebSocket."""

    __slots__ = ("scope",)

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    @property
    def is_websocket(self) -> bool:
        """Whether a WebSocket is to be opened."""
        return bool(self.scope["type"] == "websocket")

    @property
    def method(self) -> str:
        """The method in upper case; opening a WebSocket is a GET."""
        return str(self.scope.get("method", "GET")).upper()

    @property
    def path(self) -> str:
        """The path with its percent-escapes decoded, so that `%2f` and `/` look the same."""
        return str(self.scope["path"])

    @property
    def raw_path(self) -> bytes | None:
        """The path as it was sent, without the query; None where the server does not tell."""
        found: bytes | None = self.scope.get("raw_path")
        return found

    def header(self, name: str) -> str | None:
        """Return a header, None where it is absent. Raises ValueError where it was sent more than once."""
        wanted = name.lower().encode("latin-1")
        found = [value for key, value in self.scope["headers"] if key.lower() == wanted]
        if len(found) > 1:
            # Which of them counts is for nobody to guess.
            raise ValueError(f"the header `{name}` was sent {len(found)} times")
        return found[0].decode("latin-1") if found else None


Mapped = Request | Mark
RequestOf = Callable[[Connection], Mapped | Awaitable[Mapped]]


class PolicyMiddleware:
    """Decides each connection before the application sees it.

    `request_of` takes a `Connection` and returns the `pdp.Request` to decide, `PUBLIC` or `ANONYMOUS`; it may be
    asynchronous. Whatever else it returns, and whatever it raises, is a denial.

    A denial is answered with 403, or 401 where nobody is known to ask, as an RFC 9457 problem. `reveal` says in it what
    it would take. `challenge` is the `WWW-Authenticate` of a 401. A WebSocket is denied before it is accepted.

    Paths that two readers may read differently (`//`, `.` and `..`, encoded slashes, backslashes) are denied before
    `request_of` is asked. `strict_paths=False` leaves them to it.

    The decision stands in `scope["pdp"]` and in `scope["state"]["pdp"]`; None where the connection is public. Guards
    inside the application find principal, session and engine of the request, and of its context what `share` names.
    """

    def __init__(
        self,
        app: App,
        request_of: RequestOf,
        *,
        engine: Given,
        handlers: Mapping[str, Call | Handler] | None = None,
        reveal: bool = False,
        challenge: str = "Bearer",
        strict_paths: bool = True,
        share: Iterable[str] = (),
    ) -> None:
        if not callable(request_of):
            raise TypeError("`request_of` is a function that takes a connection")
        self.app = app
        self._request_of = request_of
        self._enforcer = Enforcer(engine, handlers=handlers)
        self._reveal = reveal
        self._challenge = challenge.encode("latin-1")
        self._strict_paths = strict_paths
        self._share = tuple(share)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection on, or answer it."""
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            admission = await self._admit(scope, kind)
        except Denied as denied:
            await self._refuse(scope, receive, send, denied)
            return
        await self._pass_on(scope, receive, send, admission)

    async def _admit(self, scope: Scope, kind: str) -> Admission | None:
        """Return the allow that a connection goes through with, None where it is public. Raises Denied."""
        try:
            request = await self._mapped(scope, kind)
            admission = None
            if request is not PUBLIC:
                point, handlers = resolve(self._enforcer, {})
                admission = await admit(request, point, handlers, asynchronous=True)
            decision = None if admission is None else admission.decision
            # What another layer, or a mistake, left there is not the decision of this connection.
            scope["pdp"] = decision
            scope.setdefault("state", {})["pdp"] = decision
        except Denied:
            raise
        except Exception as error:
            raise refusal(f"the request is not known: {type(error).__name__}") from error
        return admission

    async def _mapped(self, scope: Scope, kind: str) -> Any:
        if kind not in ("http", "websocket"):
            raise refusal(f"connections of this type are not known: {kind}")
        connection = Connection(scope)
        if self._strict_paths and is_ambiguous(connection.path, connection.raw_path):
            raise refusal("the path can be read in two ways", reason=Reason.INVALID_REQUEST)
        found: object = self._request_of(connection)
        if inspect.isawaitable(found):
            found = await found
        if found is ANONYMOUS or (isinstance(found, Request) and _missing(found.principal)):
            raise anonymous()
        # INVARIANT: only what was named is public. None, True or a text are nothing to go by.
        if found is not PUBLIC and not isinstance(found, Request):
            raise refusal("the mapping returned no request")
        return found

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, admission: Admission | None) -> None:
        if admission is None:
            # Whoever acts outside of the application does not act within it.
            with acting(None, engine=self._enforcer):
                await self.app(scope, receive, send)
            return
        request = admission.request
        context = request.context or {}
        shared = {name: context[name] for name in self._share if name in context}
        try:
            with acting(request.principal, session=request.session, context=shared, engine=self._enforcer):
                await self.app(scope, receive, send)
        except GeneratorExit:
            raise
        except BaseException as failure:
            await admission.settle(failure)
            raise
        await admission.settle()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, denied: Denied) -> None:
        status = 401 if isinstance(denied, Anonymous) else 403
        body = json.dumps(problem(status, denied, reveal=self._reveal), ensure_ascii=False).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *([(b"www-authenticate", self._challenge)] if status == 401 else []),
        ]
        match scope["type"]:
            case "http":
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})
            case "websocket":
                await _refuse_websocket(scope, receive, send, status, headers, body)
            case _:
                # There is no answer that such a client would understand.
                raise denied


def _missing(principal: object) -> bool:
    # Callers are not bound by annotations.
    return principal is None


async def _refuse_websocket(
    scope: Scope, receive: Receive, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        # Closed before it was accepted: the server answers 403, whatever the code.
        await send({"type": "websocket.close", "code": 4000 + status, "reason": problem(status)["title"]})
