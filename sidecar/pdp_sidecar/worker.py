"""One worker: an engine, a loop, and everything that listens.

It is up when all parts are, and ends in order: first nobody is sent here any more, then all that listens takes nothing
new and finishes what it has begun, then the records are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

from pdp.errors import DiagnosticError, RecordError
from pdp_sidecar.config import Configuration, ConfigurationError, Flags, load
from pdp_sidecar.desk import Desk
from pdp_sidecar.facts import Records
from pdp_sidecar.identifying import Identifying
from pdp_sidecar.issuing import issuers_of
from pdp_sidecar.operations.logs import tell
from pdp_sidecar.operations.options import LogOptions
from pdp_sidecar.operations.together import Operations
from pdp_sidecar.operations.writing import begin as begin_log
from pdp_sidecar.parts import FIRST, PARTS, Ground, Start
from pdp_sidecar.reloading import load_engine
from pdp_sidecar.running import Running
from pdp_sidecar.service import Service
from pdp_sidecar.status import Readiness
from pdp_sidecar.workers.child import Control

AT_ONCE: Final = 1
"""The exit status of a worker that was told to end twice."""

REFUSED: Final = 3
"""The exit status of a worker that found policies or configuration not to hold up."""

PATIENCE: Final = 1.0
"""Seconds beyond those that a part was given, before it is left as it is."""


class Worker:
    """What one process holds, from its policies to the end. It is made before anything listens."""

    def __init__(self, configuration: Configuration) -> None:
        """Load policies, facts and whose tokens are taken.

        Raise PolicyError, FactsError, RecordError or ConfigurationError where they do not hold up.
        """
        self.configuration = configuration
        self._records = Records(configuration)
        try:
            self.engine, self._mark = load_engine(configuration.policies, **self._records.options)
            self._issuers = issuers_of(configuration)
        except BaseException:
            self._records.close()
            raise

    async def run(
        self,
        announce: Callable[[Ground], object] = lambda _: None,
        *,
        first: Sequence[Start] = FIRST,
        parts: Sequence[Start] = PARTS,
        ending: Ending | None = None,
        control: Control | None = None,
    ) -> int:
        """Answer until the end is asked for; return the exit status.

        `announce` is called once everything is up. `control` asks for the end where this is one worker of several,
        signals or `ending` do otherwise. Raise SocketError or OSError where something cannot listen.
        """
        ground = self._ground(control)
        operating: list[Running] = []
        running: list[Running] = []
        seconds = self.configuration.options.limits.drain
        try:
            with _frozen(), (ending or Ending()).heard(ground) as end:
                if control is not None:
                    await control.begin(self.engine, metrics=ground.operations.metrics, reload=end.reload)
                await _start(first, ground, operating)
                await _start(parts, ground, running)
                ground.readiness.waiting.discard("listeners")
                ground.tell()
                self.engine.listen(ground.tell)
                announce(ground)
                if control is None:
                    await end.asked.wait()
                else:
                    seconds = await control.ended()
        finally:
            ground.readiness.draining = True
            ground.tell()
            await _drain(running, seconds)
            await _drain(operating, seconds)
            for place in ground.places:
                place.close()
            ground.service.close()
            self._records.close()
            if ground.issuers is not None:
                await asyncio.to_thread(ground.issuers.close)
            await ground.operations.close()
        return 0

    def _ground(self, control: Control | None) -> Ground:
        elsewhere = None if control is None else control.revoke_elsewhere
        issuers = self._issuers
        identifying = None if issuers is None else Identifying(issuers, self.engine)
        service = Service(self.engine, identifying=identifying, desk=self._desk(), revoke_elsewhere=elsewhere)
        readiness = Readiness(service) if control is None else Readiness(service, others=control.others)
        return Ground(
            configuration=self.configuration,
            engine=self.engine,
            mark=self._mark,
            records=self._records,
            issuers=issuers,
            service=service,
            readiness=readiness,
            operations=Operations(self.configuration.options.operations, self.engine),
            control=control,
        )

    def _desk(self) -> Desk | None:
        store, signer = self._records.approvals, self.configuration.desk
        return None if store is None or signer is None else Desk(self.engine, store, signer)

    def close(self) -> None:
        """Close what is open, where it never ran."""
        self._records.close()
        if self._issuers is not None:
            self._issuers.close()


async def _start(starts: Sequence[Start], ground: Ground, running: list[Running]) -> None:
    for start in starts:
        part = await start(ground)
        running += [] if part is None else [part]


async def _drain(running: Sequence[Running], seconds: float) -> None:
    """Let all parts end at once. One that fails to, or takes longer than it was given, keeps no other from it."""
    ends = [asyncio.create_task(_end(each, seconds)) for each in reversed(running)]
    if not ends:
        return
    _, late = await asyncio.wait(ends, timeout=seconds + PATIENCE)
    if late:
        tell(logging.ERROR, "drain_late", parts=len(late), seconds=seconds)


async def _end(part: Running, seconds: float) -> None:
    try:
        await part.drain(seconds)
    except Exception as error:
        tell(logging.ERROR, "drain_failed", part=type(part).__name__, error=type(error).__name__, detail=str(error))


class Ending:
    """How the end of a worker is asked for: by a signal, or by `ask`. To ask twice ends it at once."""

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        self.asked = asyncio.Event()
        self._leave = leave
        self._ground: Ground | None = None

    def ask(self) -> None:
        """Ask for the end."""
        if self.asked.is_set():
            # Somebody does not want to wait. What would stay for others to find is all that is seen to.
            for place in () if self._ground is None else self._ground.places:
                with contextlib.suppress(Exception):
                    place.close()
            self._leave(AT_ONCE)
        self.asked.set()

    def reload(self) -> None:
        """Have the policies looked at."""
        if self._ground is not None and self._ground.reloader is not None:
            self._ground.reloader.ask()

    @contextlib.contextmanager
    def heard(self, ground: Ground) -> Iterator[Ending]:
        """Hear signals, unless somebody else does. They are heard to the end of the process: also while it drains."""
        self._ground = ground
        loop = asyncio.get_running_loop()
        calls = {signal.SIGTERM: self.ask, signal.SIGINT: self.ask, signal.SIGHUP: self.reload}
        for name, call in calls.items() if ground.control is None else ():
            # Only the main thread has signals; a test may run in another.
            with contextlib.suppress(RuntimeError, ValueError):
                loop.add_signal_handler(name, call)
        yield self


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Keep the garbage collector from going through what stays: it would pause for as long as that is large."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run something to its end, in the fastest loop that there is."""
    try:
        from uvloop import run as run_loop
    except ImportError:
        return asyncio.run(work)
    return run_loop(work)


async def work(control: Control) -> int:
    """Be one worker of several: what `pdp_sidecar.workers.child` is told to do."""
    options = LogOptions()
    try:
        configuration = load(Flags.of(control.settings))
        options = configuration.options.operations.log
        worker = Worker(configuration)
    except (ConfigurationError, DiagnosticError, RecordError) as error:
        # Whoever keeps the workers has checked all of it: it is another since. Nothing else of this one logs.
        log = begin_log(options)
        tell(logging.ERROR, "worker_refused", error=type(error).__name__, detail=str(error))
        log.close()
        return REFUSED
    return await worker.run(control=control)
