"""The application: who asks, at which endpoint, with which body, and what is sent back. Plain ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

from pdp.classes import dataclass, replace
from pdp.errors import TokenError
from pdp.identity.who import Shown
from pdp_sidecar.authzen import answers
from pdp_sidecar.authzen.clients import Client
from pdp_sidecar.authzen.endpoints import WELL_KNOWN, Endpoint, Endpoints, metadata, micros, prefix_of
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.authzen.reading import Refused
from pdp_sidecar.authzen.requests import KEYS, REQUESTS
from pdp_sidecar.bodies import GoneError, TooLargeError, body_of
from pdp_sidecar.callers import Callers, NotPermitted, Peer
from pdp_sidecar.identifying import Challenge, told
from pdp_sidecar.service import Service

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

PEER: Final = "pdp_peer"
"""The name, in the state of a scope, of what tells who is at the other end."""

_REQUEST_ID: Final = b"x-request-id"
_KEY: Final = b"idempotency-key"
_READ: Final = frozenset(
    (
        b"authorization",
        b"content-length",
        b"content-type",
        b"dpop",
        _KEY,
        _REQUEST_ID,
        b"x-pdp-handles",
        b"x-pdp-reasons",
    )
)
_JSON, _TEXT = (b"content-type", b"application/json"), (b"content-type", b"text/plain; charset=utf-8")
_PROBLEM: Final = (b"content-type", b"application/problem+json")
_CLOSE: Final = (b"connection", b"close")
_CHALLENGE: Final = b'Bearer realm="pdp"'
_LONGEST_ID: Final = 1024


@dataclass(frozen=True, slots=True)
class Route:
    """What is at a path. `decides` says that a denial is sent where it fails, and `known` that nobody is nobody there.

    Where there is a `body` and an endpoint, that takes it in the place of one that is sent.
    """

    method: str
    endpoint: Endpoint | None = None
    body: bytes = b""
    decides: bool = False
    known: bool = False
    status: int = 200


class Application:
    """Answers requests over HTTP. `callers` may be set anew while it runs."""

    def __init__(
        self, service: Service, callers: Callers, options: Options, *, now: Callable[[], int] = micros
    ) -> None:
        self.callers = callers
        self._service, self._options, self._handles = service, options, frozenset(options.handles)
        self._base = options.identifier.rstrip("/")
        endpoints = Endpoints(service, options, now=now)
        self._requests = endpoints.requests
        self._routes = _routes(endpoints, options)
        self._tasks = _tasks(endpoints, options)
        # What is sent most is made once.
        self._starts = {len(body): _start(200, body, [_JSON]) for body in (answers.TRUE, answers.FALSE)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        route, found, read = self._routes.get(scope["raw_path"]), _Head(), False
        try:
            found.take(scope["headers"], self._options.max_headers)
            if route is None:
                route = self._task(scope["raw_path"])
            if route is None:
                raise Refused(404, "there is nothing at this path")
            if scope["method"] != route.method:
                raise Refused(405, f"this path takes {route.method}")
            if route.endpoint is None:
                status, body = 200, route.body
            else:
                client = await self._client(scope, found.values)
                if route.known:
                    client = self._told_apart(client, found.values)
                if route.method == "GET":
                    asked = route.body
                else:
                    _check_type(found.values)
                    asked, read = await self._body(receive, found.values), True
                answer = route.endpoint(client, asked)
                status, body = route.status, answer if isinstance(answer, bytes) else await answer
        except Refused as refused:
            await _refuse(send, refused, found.echo, route, read=read)
            return
        except TokenError as error:
            await _refuse(send, _refused(error), found.echo, route, read=read)
            return
        except NotPermitted as error:
            await _refuse(send, Refused(403, str(error)), found.echo, route, read=read)
            return
        except GoneError:
            return
        except Exception as error:
            # INVARIANT: an exception is a denial with its cause, whatever raised it.
            message = f"the request could not be answered: {type(error).__name__}"
            if route is None or not route.decides:
                await _refuse(send, Refused(500, message), found.echo, route, read=read)
                return
            status, body = 200, answers.failed(500, message)
        start = self._starts.get(len(body)) if not found.echo else None
        await send(_start(status, body, [_JSON, *found.echo]) if start is None else start)
        await send({"type": "http.response.body", "body": body})

    async def _client(self, scope: Scope, head: Mapping[bytes, bytes]) -> Client:
        """Return who asks; raise Refused for nobody, TokenError or NotPermitted."""
        state = scope.get("state")
        tell = state.get(PEER) if state else None
        peer: Peer = Peer() if tell is None else tell()
        given = head.get(b"authorization")
        if given is not None:
            peer = self._bringing(peer, given, head.get(b"dpop"), scope)
        caller = await self._service.caller(self.callers, peer)
        if caller is None:
            raise Refused(401, "nobody is known by this token" if given else "say who asks: `Authorization: Bearer …`")
        handles, reasons = head.get(b"x-pdp-handles"), head.get(b"x-pdp-reasons")
        if handles is None and reasons is None:
            return Client(caller, self._handles)
        known = caller is not self.callers.otherwise
        return Client(caller, self._handles | _names(handles), _truth(reasons), known)

    def _told_apart(self, client: Client, head: Mapping[bytes, bytes]) -> Client:
        """Return a client with the name that it gives to what it sends; raise Refused for one that shows nothing."""
        if client.caller is self.callers.otherwise:
            raise Refused(401, "say who asks: `Authorization: Bearer …`")
        return replace(client, known=True, key=head.get(_KEY, b"").decode("latin-1"))

    def _task(self, path: bytes) -> Route | None:
        """Return what is at the path of a task, None for any other."""
        begin = next((each for each in self._tasks if path.startswith(each)), None)
        if begin is None or self._requests is None:
            return None
        return Route("GET", self._requests.task, path[len(begin) :], known=True)

    def _bringing(self, peer: Peer, given: bytes, proof: bytes | None, scope: Scope) -> Peer:
        """Return a peer with the token that it shows, and the proof that it has its key; raise Refused."""
        token, proves = _token(given)
        proofs = () if proof is None else (proof.decode("latin-1"),)
        shown = peer.shown
        if proofs:
            shown = Shown(
                certificate=shown.certificate, proofs=proofs, method=scope["method"], url=self._url(scope["raw_path"])
            )
        # By its class: whatever copies all else of a peer takes longer than most of this.
        return Peer(
            uid=peer.uid,
            identities=peer.identities,
            certificate=peer.certificate,
            token=token,
            proves=proves,
            shown=shown,
        )

    def _url(self, path: bytes) -> str:
        """Return the URL that clients know a path by, nothing where nobody said what that is."""
        found, prefix = path.decode("ascii"), prefix_of(self._options)
        return self._base + found.removeprefix(prefix) if self._base else ""

    async def _body(self, receive: Receive, head: Mapping[bytes, bytes]) -> bytes:
        """Return the body; raise Refused where it is too long."""
        longest = self._options.max_body
        try:
            return await body_of(receive, head.get(b"content-length"), longest)
        except TooLargeError:
            raise Refused(400, f"a body has at most {longest} bytes") from None


def _routes(endpoints: Endpoints, options: Options) -> dict[bytes, Route]:
    found = {
        "/access/v1/evaluation": Route("POST", endpoints.evaluation, decides=True),
        "/access/v1/evaluations": Route("POST", endpoints.evaluations, decides=True),
    }
    if options.searches:
        for name in ("subject", "resource", "action"):
            found[f"/access/v1/search/{name}"] = Route("POST", getattr(endpoints, f"{name}s"))
    requests = endpoints.requests
    if requests is not None:
        found[REQUESTS] = Route("POST", requests.submit, known=True, status=202)
        found[KEYS] = Route("GET", body=requests.jwks)
    if options.identifier:
        prefix = prefix_of(options)
        # Whatever stands before this server may leave the prefix in the path or take it out.
        found |= {f"{prefix}{path}": route for path, route in found.items()}
        found[f"{WELL_KNOWN}{prefix}"] = Route("GET", body=metadata(options, requests=requests is not None))
    # By the path as it was sent: no other spelling is the same to whoever filters paths.
    return {path.encode(): route for path, route in found.items()}


def _tasks(endpoints: Endpoints, options: Options) -> tuple[bytes, ...]:
    """Return what the paths of tasks begin with."""
    if endpoints.requests is None:
        return ()
    return tuple(f"{prefix}{REQUESTS}/".encode() for prefix in dict.fromkeys(("", prefix_of(options))))


class _Head:
    """What is read of the headers. `echo` goes back, whatever comes of the rest."""

    __slots__ = ("echo", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.echo: Sequence[Header] = ()

    def take(self, headers: Sequence[Header], most: int) -> None:
        """Take those that count; raise Refused for one that is there twice, or for too many."""
        values = self.values
        twice = b""
        for name, value in headers:
            if name in _READ:
                if name in values:
                    twice = name
                values[name] = value
        given = values.get(_REQUEST_ID)
        if given is not None:
            if len(given) > _LONGEST_ID or not given.decode("latin-1").isprintable():
                raise Refused(400, "`X-Request-ID` is too long, or no text")
            self.echo = ((_REQUEST_ID, given),)
        if twice:
            raise Refused(400, f"`{twice.decode('ascii')}` is there twice")
        if len(headers) > most:
            raise Refused(400, f"a request has at most {most} headers")


def _check_type(head: Mapping[bytes, bytes]) -> None:
    """Raise Refused where a body is not said to be JSON."""
    given = head.get(b"content-type")
    if given == b"application/json":
        return
    kind, _, rest = (given or b"").decode("latin-1").lower().partition(";")
    charset = rest.replace(" ", "").replace('"', "")
    if kind.strip() != "application/json" or charset not in ("", "charset=utf-8", "charset=utf8"):
        raise Refused(400, "the body has to be `Content-Type: application/json`, in UTF-8")


def _token(given: bytes) -> tuple[str, bool]:
    """Return the token of an `Authorization` header, and whether it is said to be bound; raise Refused for others."""
    scheme, _, token = given.decode("latin-1").partition(" ")
    kind = scheme.lower()
    if kind not in ("bearer", "dpop") or not token.strip():
        raise Refused(
            401, "the only scheme is `Authorization: Bearer …`, or `DPoP …` for a token that is bound to a key"
        )
    return token.strip(), kind == "dpop"


def _refused(error: TokenError) -> Refused:
    """Return how a request is turned away whose token is refused, or cannot be verified now."""
    return Refused(503, told(error)) if error.passing else Refused(401, told(error), Challenge.of(error))


def _names(given: bytes | None) -> frozenset[str]:
    if given is None:
        return frozenset()
    return frozenset(name for each in given.decode("latin-1").split(",") if (name := each.strip()))


def _truth(given: bytes | None) -> bool:
    if given is None or given == b"false":
        return False
    if given != b"true":
        raise Refused(400, "`X-PDP-Reasons` is `true` or `false`")
    return True


def _start(status: int, body: bytes, headers: list[Header]) -> Message:
    length = (b"content-length", str(len(body)).encode())
    return {"type": "http.response.start", "status": status, "headers": [*headers, length]}


async def _refuse(send: Send, refused: Refused, echo: Sequence[Header], route: Route | None, *, read: bool) -> None:
    headers = [_PROBLEM if refused.problem else _TEXT, *echo]
    if refused.status == 401:
        headers.append((b"www-authenticate", _challenge(refused.challenge)))
    if refused.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if refused.status == 405 and route is not None:
        headers.append((b"allow", route.method.encode()))
    if not read:
        # What is left of the body is not waited for.
        headers.append(_CLOSE)
    body = _problem(refused) if refused.problem else refused.message.encode("utf-8", "replace")
    await send(_start(refused.status, body, headers))
    await send({"type": "http.response.body", "body": body})


def _problem(refused: Refused) -> bytes:
    """Return what is wrong as RFC 9457 has it."""
    title = refused.problem.rpartition(":")[2].replace("_", " ")
    told = {"type": refused.problem, "title": title, "status": refused.status, "detail": refused.message}
    return answers.encode(told)


def _challenge(given: Challenge | None) -> bytes:
    return _CHALLENGE if given is None else f'{given.scheme} realm="pdp", error="{given.error}"'.encode()
