"""A sidecar that runs in a thread of the test, by all protocols, with an engine that the test can change."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pdp
from pdp_sidecar import rpc
from pdp_sidecar.authzen.options import Options as HttpOptions
from pdp_sidecar.authzen.server import start as start_http
from pdp_sidecar.callers import Caller, Callers, caller
from pdp_sidecar.frames.options import Options
from pdp_sidecar.frames.server import FrameServer, start
from pdp_sidecar.service import Service

SOON = 5.0


def until(holds: Callable[[], object], seconds: float = SOON) -> None:
    """Wait until something holds, which another thread brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come to hold"
        threading.Event().wait(0.002)


class Sidecar:
    """Serves an engine until it is ended: by frames, and by gRPC and HTTP where a test asks for `protocols`."""

    def __init__(
        self,
        engine: pdp.Engine | Service,
        path: Path,
        who: Caller | Callers | None = None,
        protocols: str = "frames",
        **options: Any,
    ) -> None:
        self.service = engine if isinstance(engine, Service) else Service(engine)
        self.engine, self.path, self._protocols = self.service.engine, path, protocols
        found = caller("test") if who is None else who
        self._callers = found if isinstance(found, Callers) else Callers(by_uid={os.getuid(): found}, otherwise=found)
        self._options = options
        self.http = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(SOON)

    async def _serve(self) -> None:
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(self.path))
        options = Options(**self._options)
        self.server: FrameServer = await start(self.service, self._callers, options, listening)
        running: list[Any] = [self.server]
        if "grpc" in self._protocols:
            listener = rpc.Listener(f"unix:{self.path}.grpc")
            limits = rpc.Options(beat=options.beat_interval)
            running.append(await rpc.start(self.service, self._callers, limits, [listener]))
        if "http" in self._protocols:
            place = socket.create_server(("127.0.0.1", 0))
            self.http = f"http://127.0.0.1:{place.getsockname()[1]}"
            asked = HttpOptions(session="session")
            running.append(await start_http(self.service, self._callers, asked, [place]))
        self._ready.set()
        await self._over.wait()
        for each in running:
            await each.drain(0.1)
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
        """Close every connection by frames, and go on."""
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

    @property
    def grpc(self) -> str:
        return f"grpc:unix:{self.path}.grpc"


@contextlib.contextmanager
def running(
    engine: pdp.Engine | Service,
    path: Path,
    who: Caller | Callers | None = None,
    protocols: str = "frames",
    **options: Any,
) -> Iterator[Sidecar]:
    sidecar = Sidecar(engine, path, who, protocols, **options)
    try:
        yield sidecar
    finally:
        sidecar.end()


class Loop:
    """An event loop in a thread of its own: what an asynchronous client answers, for tests that are not."""

    def __init__(self, target: str, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.client: Any = pdp.connect_async(target, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        def call(*given: Any, **named: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(method(*given, **named), self.loop).result(SOON)

        return call

    def session(self, given: Any) -> Any:
        return self.client.session(given)

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self.client.close(), self.loop).result(SOON)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(SOON)
        self.loop.close()
