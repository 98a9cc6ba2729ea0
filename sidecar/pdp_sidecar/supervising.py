"""Several workers: what keeps them holds their ports, and tells how all of them are."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from typing import Final

from pdp.classes import replace
from pdp_sidecar.addresses import Address
from pdp_sidecar.config import Configuration, Flags
from pdp_sidecar.config.listening import Listener
from pdp_sidecar.operations import probes
from pdp_sidecar.operations.notify import Watchdog
from pdp_sidecar.operations.writing import begin as begin_log
from pdp_sidecar.running import Running
from pdp_sidecar.sockets import SocketError, listening_tcp
from pdp_sidecar.workers.ports import Reserved, reserve
from pdp_sidecar.workers.supervisor import Supervisor

WORK: Final = "pdp_sidecar.worker:work"

_LOOK: Final = 0.02
"""How often it is looked whether all workers are up, in seconds."""


async def supervise(
    configuration: Configuration, flags: Flags, announce: Callable[[Sequence[Listener]], object]
) -> int:
    """Keep workers until a signal asks for the end; return the exit status. Raise SocketError for a port in use."""
    supervisor = Supervisor(WORK, configuration.options.workers, flags.to_plain())
    log = begin_log(configuration.options.operations.log)
    kept = _reserved(configuration)
    running: list[Running] = [Watchdog()]
    try:
        heard = [each for each in configuration.listeners if each.protocol != "operations"]
        operations = configuration.listener("operations")
        if operations is not None:
            heard.append(await _operations(operations, configuration, supervisor, running))
        _hear(supervisor, configuration.options.limits.drain)
        up = asyncio.create_task(_up(supervisor, configuration.options.workers.count))
        up.add_done_callback(lambda task: None if task.cancelled() else announce(heard))
        try:
            return await supervisor.run()
        finally:
            up.cancel()
    finally:
        for each in reversed(running):
            await each.drain(1.0)
        for port in kept:
            port.close()
        await asyncio.to_thread(log.close)


def _reserved(configuration: Configuration) -> list[Reserved]:
    found: list[Reserved] = []
    for each in configuration.listeners:
        if each.protocol != "operations":
            try:
                found.append(reserve(each.address.host, each.address.port))
            except OSError as error:
                for port in found:
                    port.close()
                raise SocketError(f"nothing can listen at `{each.address}`: {(error.strerror or '').lower()}") from None
    return found


async def _operations(
    listener: Listener, configuration: Configuration, supervisor: Supervisor, running: list[Running]
) -> Listener:
    bound = listening_tcp(listener.address.host, listener.address.port)
    certificates = configuration.certificates
    context = certificates.context() if certificates is not None and listener.secure else None
    running.append(await probes.start(supervisor, [bound], context, plaintext=True))
    return replace(listener, address=Address(host=listener.address.host, port=bound.getsockname()[1]))


def _hear(supervisor: Supervisor, seconds: float) -> None:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        # The second time, it ends its workers at once.
        supervisor.stop(0.0 if asked.is_set() else seconds)
        asked.set()

    for name, call in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, supervisor.reload)):
        with contextlib.suppress(RuntimeError, ValueError):
            loop.add_signal_handler(name, call)


async def _up(supervisor: Supervisor, count: int) -> None:
    while not (supervisor.look()[0] and supervisor.workers == count):
        await asyncio.sleep(_LOOK)
