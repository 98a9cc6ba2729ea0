"""The facts that a sidecar has beside its policy folder: records that it opens, and reads again and again."""

from __future__ import annotations

import asyncio
import datetime as _datetime
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pdp.approvals.store import ApprovalStore
from pdp.engine import Engine
from pdp.freshness import SOURCES
from pdp.revocation.log import RevocationLog
from pdp_sidecar.config import Configuration
from pdp_sidecar.operations.logs import tell


class Records:
    """The records that a configuration names, open. `options` are those of an engine that goes by them."""

    def __init__(self, configuration: Configuration) -> None:
        """Open them. Raise RecordError where one is not there, or is not safe to go by."""
        facts = configuration.options.facts
        self.options: dict[str, Any] = _ages(configuration)
        self._open: list[RevocationLog | ApprovalStore] = []
        self.approvals: ApprovalStore | None = None
        try:
            if configuration.revocations is not None:
                log = RevocationLog(configuration.revocations, create=facts.create)
                self._open.append(log)
                self.options["revocations"] = log
            if configuration.approvals is not None and configuration.keys is not None:
                store = ApprovalStore(configuration.approvals, keys=configuration.keys)
                self._open.append(store)
                self.options["approvals"] = self.approvals = store
        except BaseException:
            self.close()
            raise

    @property
    def any(self) -> bool:
        """Whether there is one that has to be read again and again."""
        return bool(self._open)

    def close(self) -> None:
        """Close them."""
        for each in self._open:
            each.close()


def _ages(configuration: Configuration) -> dict[str, Any]:
    facts = configuration.options.facts
    ages = {name: getattr(facts.max_age, name) for name in SOURCES}
    known = {name: _datetime.timedelta(seconds=age) for name, age in ages.items() if age is not None}
    return {"max_age": known, "when_stale": {name: getattr(facts.when_stale, name) for name in known}}


class Refresher:
    """Has an engine read its records again and again, in a thread of its own.

    Those that all share may be busy for long with what callers search: nothing revoked would hold meanwhile.
    """

    def __init__(
        self, engine: Engine, interval: float, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._engine, self._interval, self._pause = engine, interval, pause
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._pause(self._interval)
            try:
                await loop.run_in_executor(self._reader, self._engine.refresh)
            except Exception as error:
                # What reads must not end: a record that is not read grows old, and says so.
                tell(logging.ERROR, "refresh_failed", error=type(error).__name__, detail=str(error))

    async def drain(self, seconds: float) -> None:
        """Read no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._reader.shutdown(wait=False)
