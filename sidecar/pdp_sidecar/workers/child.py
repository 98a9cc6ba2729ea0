"""A worker, as its supervisor starts it: `python -m pdp_sidecar.workers.child SOCKET MODULE:FUNCTION SUPERVISOR`.

The function is what the worker does: `async def work(control: Control) -> int | None`, whose result is the exit status.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

from pdp.engine import Engine
from pdp.errors import RecordError
from pdp.model import SourceState
from pdp_sidecar.operations.logs import tell
from pdp_sidecar.operations.metrics import Metrics
from pdp_sidecar.status import Others, Readiness
from pdp_sidecar.workers.messages import (
    About,
    Applied,
    Apply,
    Ask,
    Channel,
    ChannelError,
    Counted,
    Drain,
    Go,
    Loaded,
    Reload,
    Revoke,
    Revoked,
    Start,
    State,
)

ORPHANED: Final = 70
"""The exit status of a worker whose supervisor is gone."""

GRACE: Final = 10.0
"""So many seconds a worker drains that was not told by its supervisor, but by SIGTERM."""


class Control:
    """The supervisor, as a worker sees it. It is for the thread of the event loop, but for `tell` and
    `revoke_elsewhere`."""

    def __init__(self, channel: Channel, start: Start) -> None:
        self.number, self.settings = start.number, start.settings
        self._channel, self._patience = channel, start.patience
        self._loop = asyncio.get_running_loop()
        self._go: asyncio.Future[int] = self._loop.create_future()
        self._drain: asyncio.Future[float] = self._loop.create_future()
        self._revoking: dict[int, asyncio.Future[Revoked]] = {}
        self._asked = 0
        self._about = Others()
        self._said: State | None = None
        # Threads that wait for other workers may fill the pool of the loop: what others wait for has one of its own.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._unread: list[Apply] = []
        self._telling: Readiness | None = None
        self._told: Readiness | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._refresh: Callable[[int], object] | None = None
        self._metrics: Metrics | None = None
        self._reload: Callable[[], object] = lambda: None

    # ------------------------------------------------------------------------------------------------ for the worker

    async def begin(
        self,
        engine: Engine,
        *,
        metrics: Metrics | None = None,
        reload: Callable[[], object] = lambda: None,
    ) -> None:
        """Say that policies are held, and return when the worker may be asked: call it before anything listens.

        From then on the worker holds each revocation before it is answered in another. `metrics` is asked for what was
        counted, and `reload` is called when the policies are to be looked at.
        """
        self._refresh, self._metrics, self._reload = _reads(engine), metrics, reload
        self._channel.send(Loaded())
        await self._run(self._refresh, await self._go)

    def tell(self, readiness: Readiness) -> None:
        """Say how the worker is: once it is up, and whenever that may be another. It is for any thread."""
        self._loop.call_soon_threadsafe(self._tell_soon, readiness)

    def _tell_soon(self, readiness: Readiness) -> None:
        self._told = readiness
        self._telling, waits = readiness, self._telling is not None
        if not waits:
            self._do(self._tell())

    async def _tell(self) -> None:
        while (readiness := self._telling) is not None:
            said = await asyncio.to_thread(_state, readiness)
            if said != self._said:
                self._said = said
                self._channel.send(said)
            if self._telling is readiness:
                self._telling = None

    def others(self) -> Others:
        """Return what is known of all workers."""
        return self._about

    async def ended(self) -> float:
        """Wait until the worker has to end; return within how many seconds."""
        return await asyncio.shield(self._drain)

    def revoke_elsewhere(self, sequence: int | None) -> tuple[int, int]:
        """Have every other worker hold what the record has so far; return how many do, and how many were ended.

        It is what `Service` takes by this name, for any thread but that of the loop. Raises RecordError where nobody
        can tell that it holds everywhere.
        """
        if sequence is None:
            raise RecordError("there is no record from which other workers could read what is revoked")
        asked: Coroutine[Any, Any, Revoked] = self._revoke(sequence)
        try:
            found = asyncio.run_coroutine_threadsafe(asked, self._loop).result(self._patience + 1)
        except Exception as error:
            raise RecordError("it is on record, but nobody said that it holds in every worker") from error
        if found.problem:
            raise RecordError(f"it is on record, but does not hold in every worker: {found.problem}")
        return found.workers, found.ended

    async def _revoke(self, sequence: int) -> Revoked:
        self._asked += 1
        number = self._asked
        answer = self._revoking[number] = self._loop.create_future()
        try:
            self._channel.send(Revoke(number, sequence))
            return await asyncio.wait_for(answer, self._patience)
        finally:
            del self._revoking[number]

    # -------------------------------------------------------------------------------------------- for the supervisor

    async def listen(self) -> None:
        """Do what the supervisor says until it is gone, or says what makes no sense."""
        while True:
            match await self._channel.receive():
                case Go(sequence) if not self._go.done():
                    self._go.set_result(sequence)
                case Apply() as asked:
                    self._unread.append(asked)
                    if self._reading is None or self._reading.done():
                        self._reading = self._loop.create_task(self._read())
                case Revoked() as told:
                    answer = self._revoking.get(told.id)
                    if answer is not None and not answer.done():
                        answer.set_result(told)
                case Ask(number):
                    self._do(self._count(number))
                case Reload():
                    self.reload()
                case About(workers, problems):
                    self._about = Others(workers=workers, problems=problems)
                case Drain(seconds):
                    self.drain(seconds)
                case None:
                    return
                case other:
                    raise ChannelError(f"a worker is told no {type(other).__name__}")

    async def _read(self) -> None:
        """Read the record for all that wait for it, and tell them; where it cannot be read, nobody is told."""
        while self._unread:
            asked, self._unread = self._unread, []
            try:
                await self._run(self._refresh, max(each.sequence for each in asked))
            except Exception as error:
                # INVARIANT: nothing is said to hold then, so that the supervisor ends this worker.
                tell(logging.ERROR, "record_not_read", error=type(error).__name__, detail=str(error))
                return
            for each in asked:
                self._channel.send(Applied(each.id))
            if self._told is not None:
                # Time alone may have made it another: this is asked again and again.
                self._tell_soon(self._told)

    async def _run(self, work: Callable[[int], object] | None, sequence: int) -> None:
        if work is not None:
            await self._loop.run_in_executor(self._reader, work, sequence)

    def drain(self, seconds: float = GRACE) -> None:
        """Have the worker end; again, and it ends at once."""
        if self._drain.done():
            os._exit(1)
        self._drain.set_result(seconds)

    def reload(self) -> None:
        """Have the policies looked at."""
        try:
            self._reload()
        except Exception as error:
            tell(logging.ERROR, "reload_failed", error=type(error).__name__, detail=str(error))

    async def _count(self, number: int) -> None:
        if self._metrics is not None:
            self._channel.send(Counted(number, await self._metrics.told()))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _state(readiness: Readiness) -> State:
    try:
        status = readiness.status()
    except Exception as error:
        # INVARIANT: what cannot tell whether it is ready is not. The supervisor goes by what it heard last.
        return State(False, (f"nobody can tell how it is: {type(error).__name__}",), "", "")
    return State(status.ready, status.problems, status.revision, status.facts_revision)


def _reads(engine: Engine) -> Callable[[int], None]:
    def read(sequence: int) -> None:
        engine.refresh(seen=sequence)
        # INVARIANT: it is said to hold only where it does, or where everything is denied.
        if engine.sequence < sequence and engine.sources["revocations"].state is not SourceState.FAILED:
            raise RecordError(f"the record has {engine.sequence} facts, and not {sequence}")

    return read


Work = Callable[[Control], Awaitable[int | None]]


async def run(end: socket.socket, work: Work) -> int:
    """Do the work of a worker whose supervisor has the other end of a socket; return its exit status."""
    channel = await Channel.of(end)
    first = await channel.receive()
    if not isinstance(first, Start):
        raise ChannelError("a worker is first told to start")
    control = Control(channel, first)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, control.drain)
    loop.add_signal_handler(signal.SIGHUP, control.reload)
    listening = asyncio.create_task(control.listen())
    listening.add_done_callback(_orphaned)
    status = await work(control)
    listening.remove_done_callback(_orphaned)
    listening.cancel()
    return status or 0


def _orphaned(listening: asyncio.Task[None]) -> None:
    """End at once: without a supervisor nobody could say what is revoked elsewhere. Whoever asked denies."""
    if not listening.cancelled():
        os._exit(ORPHANED)


def _end_with_supervisor(parent: int) -> None:
    """Have the system end this process with the one that started it, also while it is stopped."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(ORPHANED)


_PDEATHSIG: Final = 1


def main(arguments: list[str]) -> int:
    """Be a worker."""
    _end_with_supervisor(int(arguments[2]))
    end = socket.socket(fileno=int(arguments[0]))
    module, _, name = arguments[1].partition(":")
    work = cast(Work, getattr(importlib.import_module(module), name))
    try:
        from uvloop import run as run_loop
    except ImportError:
        return asyncio.run(run(end, work))
    return run_loop(run(end, work))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
