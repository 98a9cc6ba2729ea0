"""What a supervisor and its workers say to one another, and the channel that it goes through."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, Final

import msgspec

from pdp_sidecar.operations.metrics import Numbers

MAX_FRAME: Final = 4 * 2**20
"""The size of a message, in bytes. What is larger is no message of ours."""

MAX_UNSENT: Final = 4 * MAX_FRAME
"""So much may wait for an end that does not read, before it is taken for dead."""


class Message(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """A message, told from others by its name."""


class Start(Message, frozen=True):
    """To a worker, first of all: which one it is, and what it is to do."""

    number: int
    settings: dict[str, Any]
    patience: float


class Loaded(Message, frozen=True):
    """From a worker: it holds policies and facts, and nobody can ask it yet."""


class Go(Message, frozen=True):
    """To a worker that is loaded: when it has read the record so far, it may be asked."""

    sequence: int


class State(Message, frozen=True):
    """From a worker that may be asked: how it is."""

    ready: bool
    problems: tuple[str, ...]
    revision: str
    facts_revision: str


class Revoke(Message, frozen=True):
    """From a worker: the record has a revocation that every other has to read before it is answered."""

    id: int
    sequence: int


class Revoked(Message, frozen=True):
    """To the worker that asked: how many others hold the revocation, and how many were ended instead."""

    id: int
    workers: int
    ended: int
    problem: str = ""


class Apply(Message, frozen=True):
    """To a worker: read the record so far, and say so. One that does not is ended."""

    id: int
    sequence: int


class Applied(Message, frozen=True):
    """From a worker: what the record has so far holds in it."""

    id: int


class Ask(Message, frozen=True):
    """To a worker: what has it counted?"""

    id: int


class Counted(Message, frozen=True):
    """From a worker: what it has counted."""

    id: int
    numbers: Numbers


class Reload(Message, frozen=True):
    """To a worker: look at the policies on disk."""


class About(Message, frozen=True):
    """To a worker: how many there are, and what is to be said of them all."""

    workers: int
    problems: tuple[str, ...]


class Drain(Message, frozen=True):
    """To a worker: take no new work, finish what is begun within so many seconds, and end."""

    seconds: float


Any_ = Start | Loaded | Go | State | Revoke | Revoked | Apply | Applied | Ask | Counted | Reload | About | Drain

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final[msgspec.msgpack.Decoder[Any_]] = msgspec.msgpack.Decoder(Any_)
_LENGTH: Final = struct.Struct(">I")


class ChannelError(Exception):
    """What came through a channel is no message, or one end does not read what the other sends."""


class Channel:
    """One end of a pair of sockets: messages, each after its length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def of(cls, end: socket.socket) -> Channel:
        """Return the channel of a socket, for the loop that runs."""
        reader, writer = await asyncio.open_unix_connection(sock=end, limit=MAX_FRAME)
        return cls(reader, writer)

    def send(self, message: Any_) -> None:
        """Send a message without waiting for anybody. What cannot be sent closes the channel."""
        data = _ENCODER.encode(message)
        waiting = self._writer.transport.get_write_buffer_size()
        if len(data) > MAX_FRAME or waiting > MAX_UNSENT:
            self.close()
        elif not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Any_ | None:
        """Return the next message, None where the other end is gone; raise ChannelError for what is none."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > MAX_FRAME:
                raise ChannelError(f"a message of {length} bytes is larger than {MAX_FRAME}")
            return _DECODER.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except msgspec.MsgspecError as error:
            raise ChannelError(f"this is no message: {error}") from error

    def close(self) -> None:
        """Close it at once: what waits to be sent is lost."""
        self._writer.transport.abort()
