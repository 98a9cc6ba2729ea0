"""As much of HTTP/2 as it takes to misbehave in it."""

from __future__ import annotations

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4
CHECK = "/pdp.v1.DecisionService/Check"
STREAM = "/pdp.v1.DecisionService/CheckStream"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def field(name: str, value: str | bytes) -> bytes:
    """Return a header field as a literal that is not put into any table."""
    raw = value if isinstance(value, bytes) else value.encode()
    return b"\x00" + _text(name.encode()) + _text(raw)


def _text(data: bytes) -> bytes:
    if len(data) < 127:
        return bytes((len(data),)) + data
    rest, found = len(data) - 127, [127]
    while rest > 127:
        found.append(rest & 127 | 128)
        rest >>= 7
    return bytes((*found, rest)) + data


def request(path: str = CHECK, *more: tuple[str, str | bytes]) -> bytes:
    """Return the header fields of a call."""
    usual = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")]
    return b"".join(field(*each) for each in [*usual, ("te", "trailers"), ("content-type", "application/grpc"), *more])


def call(stream: int, fields: bytes, flags: int = END_HEADERS) -> bytes:
    return frame(HEADERS, flags, stream, fields)


class Connection:
    """A connection that says what a test wants it to."""

    def __init__(self, address: str, *, greets: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(address.removeprefix("unix:"))
        if greets:
            self.send(PREFACE + frame(SETTINGS, 0, 0))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Send; tell whether the server still takes it."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Say and hear nothing any more."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def until_end(self) -> list[tuple[int, int, bytes]]:
        """Return the frames that come until the server closes: kind, stream and payload."""
        data = b""
        while True:
            try:
                found = self.socket.recv(65536)
            except OSError:
                found = b""
            if not found:
                return list(frames(data))
            data += found


def frames(data: bytes) -> list[tuple[int, int, bytes]]:
    found = []
    while len(data) >= 9:
        size = int.from_bytes(data[:3])
        found.append((data[3], int.from_bytes(data[5:9]) & 0x7FFFFFFF, data[9 : 9 + size]))
        data = data[9 + size :]
    return found
