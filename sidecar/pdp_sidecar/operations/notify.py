"""What systemd is told of a service: that it is ready, that it ends, and, again and again, that it is there."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell systemd something, where it started this process and listens; return whether it did."""
    path = environment.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    # An at sign stands for the zero byte that a name of no file begins with.
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)
    except OSError:
        # Nobody is kept from an answer by who does not listen.
        return False
    return True


def interval(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return how often systemd wants to hear that this process is there, in seconds; None where it does not."""
    try:
        given, process = int(environment.get("WATCHDOG_USEC", "0")), int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    # Half of it, so that one that comes late is no end.
    return given / 2e6 if given > 0 and process == os.getpid() else None


class Watchdog:
    """Tells systemd that the event loop goes round, for as long as it does."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment, self._every = environment, interval(environment)
        self._task = None if self._every is None else asyncio.create_task(self._beat(self._every))

    async def _beat(self, every: float) -> None:
        while True:
            notify(ALIVE, self._environment)
            await asyncio.sleep(every)

    async def drain(self, seconds: float) -> None:
        """Tell it no longer. What drains is still there: systemd has a time of its own for that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
