"""A sidecar that runs in a thread of the test, on a Unix socket, with a world that the test can change."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pdp
from pdp_sidecar.callers import Caller, Callers, caller
from pdp_sidecar.frames.options import Options
from pdp_sidecar.frames.server import FrameServer, start
from pdp_sidecar.service import Service

SOON = 5.0


class Sidecar:
    """Serves an engine by frames until it is ended."""

    def __init__(self, engine: pdp.Engine, path: Path, who: Caller | None = None, **options: Any) -> None:
        self.engine, self.path = engine, path
        self.service = Service(engine)
        self._callers = Callers(by_uid={os.getuid(): who or caller("test")})
        self._options = Options(**options)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(SOON)

    async def _serve(self) -> None:
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(self.path))
        self.server: FrameServer = await start(self.service, self._callers, self._options, listening)
        self._ready.set()
        await self._over.wait()
        await self.server.drain(1.0)
        listening.close()
        self.path.unlink(missing_ok=True)
        await asyncio.sleep(0)

    def end(self) -> None:
        """End it, as a restart does: connections are closed."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._over.set)
            self._thread.join(SOON)
            assert not self._thread.is_alive()
        self.service.close()

    def cut(self) -> None:
        """Close every connection, and go on."""
        done = threading.Event()

        def close() -> None:
            for connection in [*self.server.connections]:
                connection.close()
            done.set()

        self.loop.call_soon_threadsafe(close)
        assert done.wait(SOON)

    @property
    def target(self) -> str:
        return f"unix:{self.path}"


@contextlib.contextmanager
def running(engine: pdp.Engine, path: Path, who: Caller | None = None, **options: Any) -> Iterator[Sidecar]:
    sidecar = Sidecar(engine, path, who, **options)
    try:
        yield sidecar
    finally:
        sidecar.end()
