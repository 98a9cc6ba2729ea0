"""Asking by AuthZEN over HTTP. It has no stream, so that no answer is kept, and nothing of what is no decision."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeVar
from urllib.parse import urlsplit

from pdp.errors import RequestError
from pdp.search import Page
from pdp_sidecar.client.aio import AsyncClient
from pdp_sidecar.client.asking import Options, expressed, in_order, options
from pdp_sidecar.client.client import Client
from pdp_sidecar.client.documents import document, reply_of
from pdp_sidecar.client.failures import Garbled, Late, Lost, Refused
from pdp_sidecar.client.wire import Revoked
from pdp_sidecar.frames.codec import Reply, asked
from pdp_sidecar.frames.values import Unreadable, unpack

T = TypeVar("T")
_MOST: Final = 16 * 2**20
_IDLE: Final = 32


class Place(NamedTuple):
    """Where a sidecar is, and how to get there."""

    host: str
    port: int
    path: str
    context: ssl.SSLContext | None


class HttpWire:
    """Asks a decision point of AuthZEN; its connections are kept for the next question."""

    def __init__(self, place: Place, found: Options) -> None:
        """Connect to nothing yet."""
        self._place, self._session = place, found.session_field
        self._headers = {"Content-Type": "application/json", "X-PDP-Reasons": "true"}
        if found.handles:
            self._headers["X-PDP-Handles"] = ", ".join(sorted(found.handles))
        self._asker = found.asker
        self._idle: list[http.client.HTTPConnection] = []
        self._ended = False

    def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question. Raises Failure."""
        return reply_of(self._ask("evaluation", self._document(question), deadline))

    def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state. Raises Failure."""
        documents, denials = expressed(questions, self._document)
        # None at all would be one question.
        body = b'{"evaluations":[' + b",".join(documents) + b"]}"
        found = self._ask("evaluations", body, deadline).get("evaluations") if documents else []
        if type(found) is not list or len(found) != len(documents):
            raise Garbled("there are not as many answers as questions")
        return in_order([reply_of(each) for each in found], denials)

    def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Raise Failure: AuthZEN explains nothing."""
        _unsupported("explanations")

    def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Raise Failure: AuthZEN revokes nothing."""
        _unsupported("revocations")

    def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """Raise Failure: ask by another protocol."""
        _unsupported("searches by this client")

    def status(self, deadline: float) -> dict[str, Any]:
        """Raise Failure: AuthZEN tells nothing of that."""
        _unsupported("a status")

    def feed(self, deadline: float) -> None:
        """Return nothing: AuthZEN has no stream."""

    def forked(self) -> None:
        """Forget the connections of a parent."""
        idle, self._idle = self._idle, []
        for connection in idle:
            if connection.sock is not None:
                # Of what is shared with the parent, only this process lets go: TLS would say goodbye for both.
                connection.sock.detach() if isinstance(connection.sock, ssl.SSLSocket) else connection.sock.close()

    def close(self) -> None:
        """Close every connection that nobody asks by."""
        self._ended = True
        while self._idle:
            self._idle.pop().close()

    def _document(self, question: bytes) -> bytes:
        try:
            return json.dumps(document(asked(unpack(question)), self._session), ensure_ascii=False).encode()
        except Unreadable:
            raise Refused("unreadable", "this is no question") from None
        except UnicodeEncodeError as error:
            raise Refused("invalid_request", "half of a character has no form in JSON") from error
        except (RequestError, TypeError, ValueError, AttributeError) as error:
            raise Refused("invalid_request", str(error)) from error

    def _ask(self, endpoint: str, body: bytes, deadline: float) -> dict[str, Any]:
        connection = self._connection()
        try:
            status, data = self._sent(connection, endpoint, body, deadline)
        except BaseException:
            connection.close()
            raise
        if self._ended or len(self._idle) >= _IDLE or connection.sock is None:
            connection.close()
        else:
            self._idle.append(connection)
        return _read(status, data)

    def _sent(
        self, connection: http.client.HTTPConnection, endpoint: str, body: bytes, deadline: float
    ) -> tuple[int, bytes]:
        token = self._asker.shown()
        headers = self._headers if token is None else {**self._headers, "Authorization": f"Bearer {token}"}
        try:
            _wait(connection, deadline)
            connection.request("POST", f"{self._place.path}/access/v1/{endpoint}", body, headers)
            _wait(connection, deadline)
            response = connection.getresponse()
            data = b""
            while part := response.read1(65536):
                data += part
                if len(data) > _MOST:
                    raise Garbled("the sidecar sent too much")
                _wait(connection, deadline)
            # What is cut off ends as well.
            if response.length:
                raise Lost("the sidecar closed the connection")
            # One of a known length stays open when all of it is read, and the next question would be asked twice.
            response.close()
            return response.status, data
        except TimeoutError:
            raise Late() from None
        except ssl.SSLError as error:
            raise Refused("untrusted", f"the sidecar is not who it should be: {error.reason}") from error
        except OSError as error:
            raise Lost(f"no sidecar can be reached at {self._place.host}: {error.strerror or error}") from error
        except http.client.HTTPException as error:
            raise Lost(f"the connection to the sidecar broke: {type(error).__name__}") from error

    def _connection(self) -> http.client.HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            if self._ended:
                raise Refused("closed", "the client is closed") from None
        place = self._place
        if place.context is not None:
            return http.client.HTTPSConnection(place.host, place.port, context=place.context)
        return http.client.HTTPConnection(place.host, place.port)


def _wait(connection: http.client.HTTPConnection, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Late()
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)


def _unsupported(what: str) -> NoReturn:
    raise Refused("unsupported", f"AuthZEN has no {what}: connect by frames or gRPC")


def _read(status: int, data: bytes) -> dict[str, Any]:
    if status == 200:
        try:
            found = json.loads(data)
        except ValueError as error:
            raise Garbled("the answer is no JSON") from error
        if type(found) is dict:
            return found
        raise Garbled("the answer is no object")
    said = data.decode("utf-8", "replace")[:500]
    if status in _CODES:
        raise Refused(_CODES[status], said)
    if status in (502, 504):
        # Somebody on the way has lost the sidecar.
        raise Lost(f"the sidecar cannot be reached: {said}")
    raise Refused(f"http_{status}", said)


_CODES: Final = {400: "invalid_request", 401: "unauthenticated", 403: "not_permitted", 404: "unsupported", 503: "busy"}


# ----------------------------------------------------------------------------------------------------- in an event loop


class AsyncHttpWire:
    """Asks from an event loop, by a thread for each question: its own protocols are faster."""

    def __init__(self, wire: HttpWire) -> None:
        self._wire = wire
        self.loop: asyncio.AbstractEventLoop | None = None

    async def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question. Raises Failure."""
        return await _beside(lambda: self._wire.check(question, deadline))

    async def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state. Raises Failure."""
        return await _beside(lambda: self._wire.check_many(questions, deadline))

    async def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Raise Failure."""
        return self._wire.explain(question, deadline)

    async def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Raise Failure."""
        return self._wire.revoke(target, deadline)

    async def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """Raise Failure."""
        return self._wire.search(method, given, terms, deadline)

    async def status(self, deadline: float) -> dict[str, Any]:
        """Raise Failure."""
        return self._wire.status(deadline)

    async def feed(self, deadline: float) -> None:
        """Return nothing: AuthZEN has no stream."""

    async def close(self) -> None:
        """Close every connection that nobody asks by."""
        self._wire.close()

    def forked(self) -> None:
        """Forget the connections of a parent."""
        self._wire.forked()


async def _beside(ask: Callable[[], T]) -> T:
    # What asks is of one question alone: who is cancelled leaves it, and takes no answer of another.
    return await asyncio.to_thread(ask)


# --------------------------------------------------------------------------------------------------------- by its name


def connect(target: str, given: Mapping[str, Any]) -> Client:
    """Return a client; it connects when it is first asked. Raises RequestError."""
    found = options(given, leases=False)
    return Client(HttpWire(_place(target, found), found), found)


def connect_async(target: str, given: Mapping[str, Any]) -> AsyncClient:
    """Return a client for event loops; it connects when it is first asked. Raises RequestError."""
    found = options(given, leases=False)
    return AsyncClient(AsyncHttpWire(HttpWire(_place(target, found), found)), found)


def _place(target: str, found: Options) -> Place:
    parts = urlsplit(target)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if not parts.hostname or port == -1 or parts.query or parts.fragment or "@" in parts.netloc:
        raise RequestError("a decision point of AuthZEN is an address such as https://pdp.example.com")
    is_safe = parts.scheme == "https"
    if not (is_safe or found.insecure or parts.hostname in _HERE):
        raise RequestError(
            "whoever is on the way could answer in place of the sidecar: use https://, or say `insecure=True`"
        )
    context = _context(found) if is_safe else None
    return Place(parts.hostname, port or (443 if is_safe else 80), parts.path.rstrip("/"), context)


def _context(found: Options) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=found.ca)
        if found.certificate is not None:
            context.load_cert_chain(found.certificate, found.key)
    except OSError as error:
        # What TLS cannot make use of is one as well.
        named = "`ca`, `certificate` or `key`"
        raise RequestError(f"{named} cannot be used: {error.strerror or type(error).__name__}") from error
    return context


_HERE: Final = frozenset(("127.0.0.1", "::1", "localhost"))
