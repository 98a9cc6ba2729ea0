"""A proxy between a client and a server that does to what they say what networks do.

    async with Proxy(target, Cut(after=20)) as proxy:
        ...  # ask at proxy.address

`with proxied(target, …) as proxy` is the same in a thread of its own, for clients that block. An address is the path of
a Unix socket, or a host and a port. `proxy.fault` may be set anew at any time: it is looked at for each piece of data.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

Address = str | tuple[str, int]

PIECE: Final = 65536


class Fault:
    """What becomes of the data that a server sends. Here nothing does."""

    requests = False
    """Whether it is done to what the client sends, instead."""

    async def pieces(self, data: bytes, sent: int) -> AsyncIterator[bytes]:
        """Yield what goes on of a piece of data, after so many bytes before it. Raise Ended to cut the connection."""
        yield data


class Ended(Exception):
    """Nothing more goes either way."""


@dataclass
class Delay(Fault):
    """Everything comes late."""

    seconds: float
    requests: bool = False

    async def pieces(self, data: bytes, sent: int) -> AsyncIterator[bytes]:
        await asyncio.sleep(self.seconds)
        yield data


@dataclass
class Cut(Fault):
    """The connection ends after so many bytes."""

    after: int = 0
    requests: bool = False

    async def pieces(self, data: bytes, sent: int) -> AsyncIterator[bytes]:
        yield data[: max(0, self.after - sent)]
        if sent + len(data) >= self.after:
            raise Ended


@dataclass
class HalfOpen(Fault):
    """The connection stays, and after so many bytes nothing more is heard."""

    after: int = 0
    requests: bool = False

    async def pieces(self, data: bytes, sent: int) -> AsyncIterator[bytes]:
        yield data[: max(0, self.after - sent)]


@dataclass
class Garbage(Fault):
    """Something else is heard instead, whatever was said."""

    data: bytes
    requests: bool = False

    async def pieces(self, data: bytes, sent: int) -> AsyncIterator[bytes]:
        yield self.data


@dataclass
class Flip(Fault):
    """One byte is another: the one at a place in all that is said."""

    at: int
    mask: int = 0xFF
    requests: bool = False

    async def pieces(self, data: bytes, sent: int) -> AsyncIterator[bytes]:
        changed = bytearray(data)
        if sent <= self.at < sent + len(data):
            changed[self.at - sent] ^= self.mask
        yield bytes(changed)


@dataclass
class Drip(Fault):
    """A few bytes come at a time, with a pause after each."""

    seconds: float
    size: int = 1
    requests: bool = False

    async def pieces(self, data: bytes, sent: int) -> AsyncIterator[bytes]:
        for at in range(0, len(data), self.size):
            yield data[at : at + self.size]
            await asyncio.sleep(self.seconds)


async def connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to an address."""
    if isinstance(address, str):
        return await asyncio.open_unix_connection(address)
    return await asyncio.open_connection(*address)


class Proxy:
    """Listens, by default on a port of its own, and hands on what is said. `at` is the path of a Unix socket."""

    def __init__(self, target: Address, fault: Fault | None = None, *, at: str | None = None) -> None:
        self.target, self.fault, self._at = target, fault or Fault(), at
        self.accepted = 0
        self.refuses = False
        self._server: asyncio.Server
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address: Address = ""

    async def __aenter__(self) -> Proxy:
        if self._at is not None:
            self._server = await asyncio.start_unix_server(self._accept, self._at)
            self.address = self._at
        else:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.address = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        # Whoever is being let in has a socket, and nothing closes it yet: once that is done, they can be ended.
        names = {each: getattr(each.get_coro(), "__name__", "") for each in asyncio.all_tasks()}
        letting_in = [each for each, name in names.items() if name == "_accept_connection2"]
        if letting_in:
            await asyncio.wait(letting_in)
        await asyncio.sleep(0)
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 1)
        # A transport closes its socket in the next turn of the loop.
        await asyncio.sleep(0)

    def cut(self) -> None:
        """End every connection that is open, at once."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.accepted += 1
        self._open.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            if self.refuses:
                return
            # Not to be cancelled half-way: nobody would close what was opened.
            connecting = asyncio.ensure_future(connect(self.target))
            try:
                there, other = await asyncio.shield(connecting)
            except asyncio.CancelledError:
                there, other = await connecting
                raise
            self._open.add(other)
            ways = [
                asyncio.create_task(self._hand_on(reader, other, requests=True)),
                asyncio.create_task(self._hand_on(there, writer, requests=False)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, other):
                if each is not None:
                    self._open.discard(each)
                    each.close()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, requests: bool) -> None:
        sent = 0
        try:
            while data := await reader.read(PIECE):
                fault = self.fault if self.fault.requests == requests else Fault()
                async for piece in fault.pieces(data, sent):
                    writer.write(piece)
                    await writer.drain()
                sent += len(data)
        except (Ended, OSError):
            pass


@contextlib.contextmanager
def proxied(target: Address, fault: Fault | None = None, *, at: str | None = None) -> Iterator[Proxy]:
    """Run a proxy in a thread of its own. `proxy.cut` is for that thread: call `cut(proxy)` instead."""
    proxy, ready, loop = Proxy(target, fault, at=at), threading.Event(), asyncio.new_event_loop()
    ended = asyncio.Event()

    async def run() -> None:
        async with proxy:
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        _LOOPS[id(proxy)] = loop
        yield proxy
    finally:
        _LOOPS.pop(id(proxy), None)
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}


def cut(proxy: Proxy) -> None:
    """End every connection of a proxy that runs in a thread of its own; return when that is done."""
    done = threading.Event()

    def end() -> None:
        proxy.cut()
        done.set()

    _LOOPS[id(proxy)].call_soon_threadsafe(end)
    assert done.wait(10)
