"""All receivers that a configuration of identities has, and the threads in which they wait."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from pdp.identity.issuer import Issuer
from pdp.identity.options import Options
from pdp.identity.revoking.logout import Logouts
from pdp.identity.revoking.scim.directory import Directory
from pdp.identity.revoking.scim.endpoints import Endpoints
from pdp_sidecar.receivers.logout import LogoutReceiver
from pdp_sidecar.receivers.messages import App
from pdp_sidecar.receivers.mounting import Mounted
from pdp_sidecar.receivers.revoking import Revoking
from pdp_sidecar.receivers.scim import ScimReceiver, notice
from pdp_sidecar.running import Running
from pdp_sidecar.service import Service


def _micros() -> int:
    return time.time_ns() // 1000


class Receivers:
    """Made once in a worker. What they wait for is in threads of their own: others may be busy for long."""

    def __init__(
        self,
        options: Options,
        issuers: Mapping[str, Sequence[Issuer]],
        service: Service,
        *,
        users: str,
        environment: Mapping[str, str] | None = None,
        now: Callable[[], int] = _micros,
    ) -> None:
        """`users` is where to keep whom a directory tells of. Raise SecretError, or RecordError for that file."""
        self._logouts: LogoutReceiver | None = None
        self._scim: ScimReceiver | None = None
        self._directory: Directory | None = None
        self._pools: list[ThreadPoolExecutor] = []
        if any(each.options.logout is not None for entries in issuers.values() for each in entries):
            logouts = Logouts(
                issuers, revoker=Revoking(service, "logout"), now=now, leeway=options.leeway, largest=options.largest
            )
            self._logouts = LogoutReceiver(logouts.end, self._pool("logout", 4))
        if options.scim is not None:
            digest = hashlib.sha256(options.scim.token.text(environment).encode()).digest()
            self._directory = Directory(users)
            endpoints = Endpoints(
                options.scim,
                self._directory,
                revoker=Revoking(service, "scim"),
                now=now,
                leeway=options.leeway,
                notice=notice,
            )
            # They go in turn, whatever the number of threads.
            self._scim = ScimReceiver(endpoints, digest, self._pool("scim", 1))

    def _pool(self, name: str, threads: int) -> ThreadPoolExecutor:
        found = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._pools.append(found)
        return found

    def around(self, app: App) -> App:
        """Return an application that answers what is for receivers by them, and all else as it did."""
        if self._logouts is None and self._scim is None:
            return app
        return Mounted(app, logouts=self._logouts, directory=self._scim)

    def after(self, running: Running) -> Running:
        """Return what ends as something does that asks these, and ends them then."""
        return _Both(running, self)

    async def drain(self, seconds: float) -> None:
        """Let what was begun be finished, and close the file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for each in self._pools:
            each.shutdown()
        if self._directory is not None:
            self._directory.close()


class _Both:
    def __init__(self, first: Running, second: Running) -> None:
        self._first, self._second = first, second

    async def drain(self, seconds: float) -> None:
        try:
            await self._first.drain(seconds)
        finally:
            await self._second.drain(seconds)
