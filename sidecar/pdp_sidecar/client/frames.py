"""Asking by frames on a Unix socket: a connection for each thread that asks at a time, kept for the next."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from pdp.search import Page
from pdp_sidecar.client.connection import Connection
from pdp_sidecar.client.failures import Failure, Garbled, Late, Refused
from pdp_sidecar.client.messages import message, refused
from pdp_sidecar.client.wire import Asker, Message, Revoked, Turned
from pdp_sidecar.frames.codec import MAX_FRAME, Kind, Reply, body, frame
from pdp_sidecar.frames.values import Unreadable

T = TypeVar("T")
_IDLE: Final = 32
"""So many connections are kept that nobody asks by."""


class FrameWire:
    """Asks the sidecar at a path."""

    def __init__(self, path: str, asker: Asker) -> None:
        """Connect to nothing yet."""
        self._path, self._asker = path, asker
        self._idle: list[Connection] = []
        self._all: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._ended = False

    def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question. Raises Failure."""
        connection = self._connection(deadline)
        fields = self._answer(connection, Kind.CHECK, question, Kind.ANSWER, deadline)
        reply: Reply = _read(connection, connection.read.reply, fields)
        self._keep(connection)
        return reply

    def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state. Raises Failure."""
        packed = batch(questions)
        connection = self._connection(deadline)
        try:
            within(connection.welcome, packed)
        except Refused:
            self._keep(connection)
            raise
        fields = self._answer(connection, Kind.MANY, packed, Kind.ANSWERS, deadline)
        replies: list[Reply] = _read(connection, connection.read.replies, fields)
        if len(replies) != len(questions):
            connection.close()
            raise Garbled("there are not as many answers as questions")
        self._keep(connection)
        return replies

    def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Return the trace of an answer as plain data. Raises Failure."""
        return self._told(Kind.EXPLAIN, question, deadline)

    def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Let something count no more. Raises Failure."""
        return revoked(self._told(Kind.REVOKE, body(dict(target)), deadline))

    def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """List what an engine has a method for. Raises Failure."""
        return page(self._told(Kind.SEARCH, body([method, [*given], dict(terms)]), deadline))

    def status(self, deadline: float) -> dict[str, Any]:
        """Tell how the sidecar is. Raises Failure."""
        return self._told(Kind.STATUS, body(None), deadline)

    def feed(self, deadline: float) -> FrameFeed:
        """Open a stream. Raises Failure."""
        return FrameFeed(Connection(self._path, self._asker, deadline), deadline)

    def forked(self) -> None:
        """Forget the connections of a parent."""
        self._idle, known = [], [*self._all]
        self._all = weakref.WeakSet()
        for connection in known:
            # Of what is shared with the parent, only this process lets go.
            connection.close()

    def close(self) -> None:
        """Close every connection that nobody asks by; the others are closed after they have answered."""
        self._ended = True
        while self._idle:
            self._idle.pop().close()

    def _told(self, kind: Kind, inside: bytes, deadline: float) -> dict[str, Any]:
        connection = self._connection(deadline)
        fields = self._answer(connection, kind, inside, Kind.RESULT, deadline)
        if type(fields) is not dict:
            connection.close()
            raise Garbled("this is no result")
        self._keep(connection)
        return fields

    def _answer(self, connection: Connection, kind: Kind, inside: bytes, expected: Kind, deadline: float) -> Any:
        try:
            return connection.ask(kind, inside, expected, deadline)
        except Refused:
            # It was answered, and others can be.
            if connection.is_open:
                self._keep(connection)
            raise

    def _connection(self, deadline: float) -> Connection:
        try:
            # INVARIANT: a list gives each of its elements to one thread.
            return self._idle.pop()
        except IndexError:
            if self._ended:
                raise Refused("closed", "the client is closed") from None
            connection = Connection(self._path, self._asker, deadline)
            self._all.add(connection)
            return connection

    def _keep(self, connection: Connection) -> None:
        if self._ended or len(self._idle) >= _IDLE:
            connection.close()
        else:
            self._idle.append(connection)


def _read(connection: Connection, read: Any, fields: Any) -> Any:
    try:
        return read(fields)
    except Unreadable as error:
        connection.close()
        raise Garbled(str(error)) from error


def batch(questions: Sequence[bytes]) -> bytes:
    """Return a list of what is packed already."""
    return b"\xdd" + len(questions).to_bytes(4, "big") + b"".join(questions)


def within(welcome: Mapping[str, Any], inside: bytes) -> None:
    """Raise Refused where a frame is larger than a sidecar takes: it would end the connection."""
    limit = welcome.get("max_frame", MAX_FRAME)
    if len(inside) > limit:
        raise Refused("too_large", f"a frame has at most {limit} bytes: ask in parts")


def revoked(found: dict[str, Any]) -> Revoked:
    """Return what a sidecar says of a revocation; raise Garbled where it says nothing."""
    sequence, epoch = found.get("sequence"), found.get("epoch")
    if (sequence is not None and type(sequence) is not int) or type(epoch) is not str:
        raise Garbled("the sidecar does not say what became of the revocation")
    return Revoked(sequence, epoch)


def page(found: dict[str, Any]) -> Page[Any]:
    """Return what a search found; raise Garbled where that is not said."""
    results, token = found.get("results"), found.get("next_token")
    if type(results) is not list or type(token) is not str:
        raise Garbled("the sidecar does not say what it found")
    return Page(tuple(results), token)


class FrameFeed:
    """What a sidecar tells by itself."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        """Listen by a connection that is there for nothing else. Raises Failure."""
        self._connection = connection
        self._writing = threading.Lock()
        try:
            self._send(frame(Kind.BEATS, 0, body(None)), deadline)
        except BaseException:
            connection.close()
            raise

    def next(self, seconds: float) -> Message | None:
        """Return what comes next, None where nothing does in time. Raises Failure where nothing will."""
        connection = self._connection
        try:
            kind, number, fields = connection.receive(time.monotonic() + seconds)
        except Late:
            return None
        try:
            if kind == Kind.ERROR:
                failure = refused(fields)
                if number == 0:
                    raise failure
                return Turned(number, "failed", None, str(failure))
            return message(connection.read, kind, number, fields)
        except Unreadable as error:
            raise Garbled(str(error)) from error

    def subscribe(self, number: int, question: bytes) -> None:
        """Watch a question. Raises Failure."""
        within(self._connection.welcome, question)
        self._send(frame(Kind.SUBSCRIBE, number, question), time.monotonic() + _SENDING)

    def unsubscribe(self, number: int) -> None:
        """Watch it no longer."""
        try:
            self._send(frame(Kind.UNSUBSCRIBE, number, body(None)), time.monotonic() + _SENDING)
        except Failure:
            # With the connection, all that it watches is over.
            pass

    def _send(self, data: bytes, deadline: float) -> None:
        with self._writing:
            try:
                self._connection.send(data, deadline)
            except BaseException:
                # Half of a frame may be on its way.
                self._connection.interrupt()
                raise

    def close(self) -> None:
        """End it; whoever waits for it is told."""
        self._connection.interrupt()

    def forget(self) -> None:
        """Let go of it, where nobody reads it any more."""
        self._connection.close()


_SENDING: Final = 1.0
