"""The server of frames: it takes connections of a Unix socket, and tells all that listen of each epoch."""

from __future__ import annotations

import asyncio
import logging
import socket as _socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pdp_sidecar.callers import Callers, Peer
from pdp_sidecar.frames.connection import Connection
from pdp_sidecar.frames.options import Options
from pdp_sidecar.service import Service
from pdp_sidecar.status import Readiness

_CREDENTIALS: Final = struct.Struct("3i")
_ADMINISTERING: Final = 2
_LOG: Final = logging.getLogger("pdp.sidecar")
_SWEEP: Final = 0.5
"""How often connections that ask nothing are looked at, in seconds."""


async def start(
    service: Service,
    callers: Callers,
    options: Options,
    socket: _socket.socket,
    *,
    status: Callable[[], dict[str, Any]] | None = None,
) -> FrameServer:
    """Answer whoever connects to a Unix socket that is bound. Raise ValueError for any other socket.

    `status` tells how the sidecar is, such as `Status.to_json`; it may take long.
    """
    if socket.family != _socket.AF_UNIX:
        raise ValueError("frames are for a Unix socket: the kernel tells who is at the other end")
    server = FrameServer(service, callers, options, status or _status_of(service))
    await server.begin(socket)
    return server


def _status_of(service: Service) -> Callable[[], dict[str, Any]]:
    readiness = Readiness(service, waiting=set())
    return lambda: readiness.status().to_json()


class FrameServer:
    """A server that runs; `drain` ends it."""

    def __init__(
        self, service: Service, callers: Callers, options: Options, status: Callable[[], dict[str, Any]]
    ) -> None:
        self.service, self.callers, self.options, self.status = service, callers, options, status
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self._turns = asyncio.Semaphore(options.max_slow)
        # Those threads that all share may be busy for long with what others search.
        self._own = ThreadPoolExecutor(_ADMINISTERING, thread_name_prefix="frames")
        self._listener: asyncio.AbstractServer | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._is_due = False
        self._ended = False

    async def begin(self, socket: _socket.socket) -> None:
        """Take connections from now on."""
        self._stop = self.service.listen(self._changed)
        self._listener = await self.loop.create_unix_server(lambda: Connection(self), sock=socket)
        self._sweep()
        self._beat_again()

    # ---------------------------------------------------------------------------------------------------- who is there

    @staticmethod
    def peer(transport: asyncio.BaseTransport) -> Peer:
        """Return who is at the other end of a connection, as the kernel has it."""
        found = transport.get_extra_info("socket")
        option = getattr(_socket, "SO_PEERCRED", None)
        if found is None or option is None:
            return Peer()
        _, uid, _ = _CREDENTIALS.unpack(found.getsockopt(_socket.SOL_SOCKET, option, _CREDENTIALS.size))
        return Peer(uid=uid)

    # ------------------------------------------------------------------------------------------------- what takes long

    async def slowly(self, work: Callable[[], Any]) -> Any:
        """Do in a thread what takes long, a little at a time."""
        await self._turns.acquire()
        try:
            working = self.loop.run_in_executor(None, work)
        except BaseException:
            self._turns.release()
            raise
        # Not when whoever asked has gone: the thread works on.
        working.add_done_callback(lambda _: self._turns.release())
        return await asyncio.shield(working)

    async def apart(self, work: Callable[[], Any]) -> Any:
        """Do in a thread what waits for nobody, such as a revocation."""
        return await self.loop.run_in_executor(self._own, work)

    # ----------------------------------------------------------------------------------------------------------- beats

    def _changed(self, _: str) -> None:
        """Have all be told of another epoch, soon and once; called in any thread."""
        if not self._is_due:
            self._is_due = True
            try:
                self.loop.call_soon_threadsafe(self._beat)
            except RuntimeError:
                # The loop is closed, and every connection with it.
                pass

    def _beat(self) -> None:
        # Before the epoch is read: whoever changes it after that asks for another.
        self._is_due = False
        for connection in [*self.connections]:
            try:
                connection.beat()
            except Exception:
                # INVARIANT: one that cannot be told keeps nobody else from being told, and relies on nothing it heard.
                _LOG.exception("a beat could not be told")
                connection.abort()

    def _beat_again(self) -> None:
        self._later(self.options.beat_interval, self._beat_again)
        self._beat()

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in [*self.connections]:
            connection.look(now)
        self._later(_SWEEP, self._sweep)

    def _later(self, seconds: float, call: object) -> None:
        if not self._ended:
            self._timers = [each for each in self._timers if not each.cancelled() and each.when() > self.loop.time()]
            self._timers.append(self.loop.call_later(seconds, call))  # type: ignore[arg-type]

    # ------------------------------------------------------------------------------------------------------------- end

    async def drain(self, seconds: float) -> None:
        """Take no new connection and no new question, finish what is begun within so many seconds, then close."""
        self._ended = True
        self._stop()
        for timer in self._timers:
            timer.cancel()
        if self._listener is not None:
            self._listener.close()
        for connection in [*self.connections]:
            connection.stop()
        tasks = [task for connection in self.connections for task in connection.tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for connection in [*self.connections]:
            connection.close()
        self._own.shutdown(wait=False)
