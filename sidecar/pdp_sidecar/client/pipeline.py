"""A connection that speaks frames, for the tasks of one event loop: questions go out as they come."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, Final, cast

from pdp_sidecar.client.connection import unspoken
from pdp_sidecar.client.failures import Failure, Garbled, Late, Lost
from pdp_sidecar.client.messages import LONGEST, message, refused
from pdp_sidecar.client.wire import Asker, Message, Turned
from pdp_sidecar.frames.codec import HEAD, PROTOCOL, Kind, Read, body, fields_of, frame, options
from pdp_sidecar.frames.values import Unreadable

_UNHEARD: Final = 10_000
"""So much may be told that nobody has listened to yet; then the connection is closed."""


_UNANSWERED: Final = 10_000
"""So many questions may be left that nobody waits for any more; then the connection is closed."""

_UNSENT: Final = 16 * 2**20
"""So many bytes may wait for a sidecar that takes none; then the connection is closed."""


class Pipeline(asyncio.Protocol):
    """Each answer goes to whoever asked, by the number of the question; what is wrong with one closes it for all."""

    def __init__(self) -> None:
        self.read = Read()
        self.loop = asyncio.get_running_loop()
        self.told: deque[Message] = deque()
        self.welcome: Any = None
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, tuple[Kind, asyncio.Future[Any]]] = {}
        # Nobody waits any more for what answers these.
        self._left: set[int] = set()
        self._number = 0
        self._buffer = bytearray()
        self._ready = asyncio.Event()
        self.failure: Failure | None = None

    @classmethod
    async def open(cls, path: str, asker: Asker, deadline: float) -> Pipeline:
        """Connect and greet. Raises Failure."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                _, found = await loop.create_unix_connection(cls, path)
        except TimeoutError:
            raise Late("the sidecar takes no connection") from None
        except OSError as error:
            raise Lost(f"no sidecar can be reached at {path}: {error.strerror or error}") from error
        try:
            hello = {"protocol": PROTOCOL, "handles": sorted(asker.handles), "facts": asker.facts}
            found.welcome = options(await found.ask(Kind.HELLO, body(hello), Kind.WELCOME, deadline))
        except Unreadable as error:
            found.close()
            raise Garbled(str(error)) from error
        except Lost as lost:
            found.close()
            raise unspoken(path, lost) from lost
        except BaseException:
            found.close()
            raise
        return found

    async def ask(self, kind: Kind, inside: bytes, expected: Kind, deadline: float) -> Any:
        """Send a frame and return what is in the one that answers it. Raises Failure."""
        if self.failure is not None:
            raise self.failure
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        future: asyncio.Future[Any] = self.loop.create_future()
        self._waiting[number] = expected, future
        timer = self.loop.call_later(max(deadline - time.monotonic(), 0.0), _give_up, future)
        try:
            self.send(frame(kind, number, inside))
            return await future
        finally:
            timer.cancel()
            if self._waiting.pop(number, None) is not None and self.failure is None:
                # Nobody waits for it, and it may come yet.
                self._left.add(number)
                if len(self._left) > _UNANSWERED:
                    self._end(Late())

    def send(self, data: bytes) -> None:
        """Send bytes. Raises Failure."""
        if self._transport is None or self.failure is not None:
            raise self.failure or Lost("there is no connection")
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _UNSENT:
            self._end(Late("the sidecar takes no more questions"))

    async def next(self, seconds: float) -> Message | None:
        """Return what is told next, None where nothing is in time. Raises Failure where nothing will be."""
        if not self.told:
            self._ready.clear()
            if self.failure is not None:
                raise self.failure
            try:
                async with asyncio.timeout(seconds):
                    await self._ready.wait()
            except TimeoutError:
                return None
        if not self.told:
            raise self.failure or Lost("there is no connection")
        return self.told.popleft()

    def close(self) -> None:
        """Close it; whoever waits is told."""
        self._end(Lost("the connection was closed"))

    # ---------------------------------------------------------------------------------------------- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is one, and says so to nobody.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Lost("the sidecar closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at = 0
        try:
            while len(self._buffer) - at >= HEAD.size:
                size, kind, number = HEAD.unpack_from(self._buffer, at)
                if size > LONGEST:
                    raise Unreadable("the sidecar sent too much")
                end = at + HEAD.size + size
                if len(self._buffer) < end:
                    break
                inside = bytes(self._buffer[at + HEAD.size : end])
                at = end
                self._take(kind, number, fields_of(inside))
            del self._buffer[:at]
        except Exception as error:
            self._end(Garbled(str(error)))

    def _take(self, kind: int, number: int, fields: Any) -> None:
        if kind in (Kind.BEAT, Kind.CHANGE):
            self._hear(message(self.read, kind, number, fields))
            return
        waiting = self._waiting.get(number)
        if waiting is None:
            self._unawaited(kind, number, fields)
            return
        expected, future = waiting
        # Where this raises, whoever waits is told with all others.
        found: Any = self._read(kind, fields) if kind == expected else fields
        if kind in (expected, Kind.ERROR):
            del self._waiting[number]
        if kind == Kind.ERROR:
            if not future.done():
                future.set_exception(refused(fields))
        elif kind != expected:
            raise Unreadable("an answer of another kind came")
        elif not future.done():
            future.set_result(found)

    def _unawaited(self, kind: int, number: int, fields: Any) -> None:
        if number in self._left:
            self._left.discard(number)
            # What it tells is told once, and counts for the answers after it.
            self._read(kind, fields)
        elif kind == Kind.ERROR:
            failure = refused(fields)
            if number == 0:
                # It is about the whole connection.
                self._end(failure)
            else:
                self._hear(Turned(number, "failed", None, str(failure)))
        else:
            # INVARIANT: what answers no question answers none.
            raise Unreadable("an answer to no question came")

    def _read(self, kind: int, fields: Any) -> Any:
        if kind == Kind.ANSWER:
            return self.read.reply(fields)
        return self.read.replies(fields) if kind == Kind.ANSWERS else fields

    def _hear(self, what: Message) -> None:
        if len(self.told) >= _UNHEARD:
            raise Unreadable("more is told than anybody listens to")
        self.told.append(what)
        self._ready.set()

    def _end(self, failure: Failure) -> None:
        if self.failure is None:
            self.failure = failure
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(self.failure)
        self._waiting.clear()
        self._left.clear()
        self._ready.set()
        if self._transport is not None:
            self._transport.abort()


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(Late())
