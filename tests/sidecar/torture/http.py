"""As much of an HTTP client as it takes to ask an evaluation over a connection that stays open."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.sidecar.torture import world

HEAD = (
    "POST /access/v1/evaluation HTTP/1.1\r\nHost: localhost\r\n"
    "Content-Type: application/json\r\nX-PDP-Reasons: true\r\n"
)


class Connection:
    """Asks one question after the other. It connects when it has to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: bytes, pause: float = 0.0) -> tuple[int, Any]:
        """Return status and body; raise OSError, EOFError or ValueError where there is no answer.

        With a pause, in seconds, the end of the question comes that much later than all before it.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            if pause:
                writer.write(question[:-1])
                await asyncio.sleep(pause)
            writer.write(question[-1:] if pause else question)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(fields.get("content-length", "0")))
        except BaseException:
            self.close()
            raise
        if fields.get("connection", "").lower() == "close":
            self.close()
        return int(lines[0].split()[1]), json.loads(body) if body.startswith((b"{", b'"')) else body.decode()

    def close(self) -> None:
        """Be closed, until the next question."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def question(number: int) -> bytes:
    """Return a request that asks whether one of the users may read."""
    user = world.USERS[number % len(world.USERS)]
    asked = {
        "subject": {"type": user.type, "id": user.id},
        "action": {"name": "read"},
        "resource": {"type": world.PAGE.type, "id": world.PAGE.id},
    }
    body = json.dumps(asked)
    return f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()
