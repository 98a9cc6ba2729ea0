"""Servers of this machine that answer as a test has them answer: well, late, or badly."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Answer = Callable[[socket.socket, str], None]
"""What a server does with a connection whose request has come; the text is the path that was asked for."""


class Server:
    """Counts what it is asked, and has each connection answered in a thread of its own."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.heads: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def by_tls(self, wrap: Callable[[socket.socket], socket.socket]) -> None:
        self._wrap = wrap
        self.url = f"https://localhost:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(10.0)
            connection = self._wrap(connection)
            head = b""
            while b"\r\n\r\n" not in head:
                read = connection.recv(65536)
                if not read:
                    return
                head += read
            path = head.split(b" ", 2)[1].decode()
            self.heads.append(head)
            self.asked.append(path)
            self.answer(connection, path)
        except OSError:
            # Whoever asked has gone.
            pass
        finally:
            connection.close()

    def close(self) -> None:
        # A thread that waits for a connection does not hear of a socket that is closed.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5.0)
        for thread in self._threads:
            thread.join(5.0)


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()


def response(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


def says(body: bytes, status: str = "200 OK", headers: str = "") -> Answer:
    return lambda connection, _: connection.sendall(response(body, status, headers))
