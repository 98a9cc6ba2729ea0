"""Servers that are measured, each in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures import MeasurementError

PATIENCE = 120.0
"""How many seconds a server may take until it answers: ten thousand policies take Cerbos some."""


class ServerError(MeasurementError):
    """A server did not come up, or is gone."""


@dataclass(slots=True)
class Served:
    """A server that answers."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)

    def said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2_000:]


def serve(
    name: str,
    command: Sequence[str],
    folder: Path,
    *,
    ready: str | Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Served:
    """Start a server, and wait until an address answers with 200, or until `ready` tells that it is."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
    served = Served(name, process, log)
    until = time.monotonic() + PATIENCE
    while not (ready() if callable(ready) else _answers(ready)):
        if process.poll() is not None:
            raise ServerError(f"{name} has ended: {served.said()}")
        if time.monotonic() > until:
            served.stop()
            raise ServerError(f"{name} does not answer: {served.said()}")
        time.sleep(0.05)
    return served


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def free_port() -> int:
    """Return a port of this machine that nobody has just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
