"""One connection to a sidecar that speaks frames, for one thread at a time."""

from __future__ import annotations

import socket as _socket
import struct
import time
from typing import Any, Final

from pdp_sidecar.client.failures import Failure, Garbled, Late, Lost, Refused
from pdp_sidecar.client.messages import LONGEST, refused
from pdp_sidecar.client.wire import Asker
from pdp_sidecar.frames.codec import HEAD, PROTOCOL, Kind, Read, body, fields_of, frame, options
from pdp_sidecar.frames.values import Unreadable

_TIMEVAL: Final = struct.Struct("@ll")


class Connection:
    """Sends frames and waits for what answers them. Whatever goes wrong closes it."""

    def __init__(self, path: str, asker: Asker, deadline: float) -> None:
        """Connect and greet. Raises Failure."""
        self.read = Read()
        self._number = 0
        self._left = b""
        self._wait: float | None = None
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            self._await(deadline)
            self._socket.connect(path)
            hello = {"protocol": PROTOCOL, "handles": sorted(asker.handles), "facts": asker.facts}
            self.welcome = options(self._greeted(path, body(hello), deadline))
        except BlockingIOError:
            self.close()
            raise Late("the sidecar takes no connection") from None
        except OSError as error:
            self.close()
            raise Lost(f"no sidecar can be reached at {path}: {error.strerror or error}") from error
        except Unreadable as error:
            self.close()
            raise Garbled(str(error)) from error
        except BaseException:
            self.close()
            raise

    def _greeted(self, path: str, hello: bytes, deadline: float) -> Any:
        try:
            return self.ask(Kind.HELLO, hello, Kind.WELCOME, deadline)
        except Lost as lost:
            raise unspoken(path, lost) from lost

    def ask(self, kind: Kind, inside: bytes, expected: Kind, deadline: float) -> Any:
        """Send a frame and return what is in the one that answers it. Raises Failure."""
        if self._left:
            self.close()
            raise Garbled("the sidecar sent more than was asked for")
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        try:
            found, answered, fields = self._asked(frame(kind, number, inside), deadline)
            if (found, answered) not in ((expected, number), (Kind.ERROR, number), (Kind.ERROR, 0)):
                # INVARIANT: what answers another question answers none.
                raise Garbled("an answer to another question came")
        except BaseException:
            # Whatever it is, an answer may come yet, and would be taken for that to the next question.
            self.close()
            raise
        if found == Kind.ERROR:
            failure = refused(fields)
            if answered == 0 or not isinstance(failure, Refused):
                # It is about the whole connection.
                self.close()
            raise failure
        return fields

    def _asked(self, data: bytes, deadline: float) -> tuple[int, int, Any]:
        try:
            self.send(data, deadline)
        except Lost:
            # Whoever closed it may have said why.
            try:
                return self.receive(deadline)
            except Failure:
                pass
            raise
        return self.receive(deadline)

    def send(self, data: bytes, deadline: float) -> None:
        """Send bytes. Raises Late or Lost."""
        try:
            sent = 0
            while sent < len(data):
                self._await(deadline)
                sent += self._socket.send(data[sent:] if sent else data)
        except BlockingIOError:
            raise Late() from None
        except OSError as error:
            raise Lost(f"the connection to the sidecar broke: {error.strerror or error}") from error

    def receive(self, deadline: float) -> tuple[int, int, Any]:
        """Return the kind, the number and the inside of the next frame. Raises Failure."""
        try:
            while len(self._left) < HEAD.size:
                self._left += self._bytes(deadline)
            size, kind, number = HEAD.unpack_from(self._left)
            if size > LONGEST:
                raise Garbled("the sidecar sent too much")
            end = HEAD.size + size
            while len(self._left) < end:
                self._left += self._bytes(deadline)
            data, self._left = self._left[HEAD.size : end], self._left[end:]
            return kind, number, fields_of(data)
        except Unreadable as error:
            raise Garbled(str(error)) from error

    def _bytes(self, deadline: float) -> bytes:
        """Return what comes next."""
        self._await(deadline)
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            raise Late() from None
        except OSError as error:
            raise Lost(f"the connection to the sidecar broke: {error.strerror or error}") from error
        if not data:
            raise Lost("the sidecar closed the connection")
        return data

    def _await(self, deadline: float) -> None:
        """Have the kernel wait until a deadline at most: to ask it each time would take as long as an answer does."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise Late()
        wait = self._wait
        # What is set may be a little more than what is left; the next step looks again.
        if wait is None or not wait * 0.8 <= left <= wait * 1.01:
            self._wait = left
            value = _TIMEVAL.pack(*divmod(int(left * 1e6) + 1, 1_000_000))
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, value)
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, value)

    @property
    def is_open(self) -> bool:
        """Whether nothing has gone wrong yet."""
        return self._socket.fileno() >= 0

    def interrupt(self) -> None:
        """Have whoever waits for it told that it is over."""
        try:
            self._socket.shutdown(_socket.SHUT_RDWR)
        except OSError:
            # It is over already.
            pass

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def unspoken(path: str, lost: Lost) -> Lost:
    """Say of a connection that was lost before anything was answered what may be behind that."""
    return Lost(f"{lost} before it was greeted; if {path} speaks gRPC, connect to grpc:unix:{path}")
