"""All that a worker has to be run by: what counts, logs and traces its decisions, and what stands before its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import IO, Any

from pdp.engine import Engine
from pdp.model import Decision, Request
from pdp_sidecar.callers import Caller
from pdp_sidecar.operations.gate import App, Gate
from pdp_sidecar.operations.metrics import Metrics
from pdp_sidecar.operations.options import OperationsOptions
from pdp_sidecar.operations.tracing import begin as begin_tracing
from pdp_sidecar.operations.writing import DecisionLog
from pdp_sidecar.operations.writing import begin as begin_log

Record = Callable[[Caller, Request, Decision], object]


class Operations:
    """Made once in a process, before anything is served. Raises ImportError where tracing is not installed."""

    def __init__(self, options: OperationsOptions, engine: Engine, stream: IO[str] | None = None) -> None:
        """`stream` is where the log goes, None for standard error."""
        self._options = options
        self.metrics = Metrics(engine)
        self.tracing = None if options.tracing is None else begin_tracing(options.tracing)
        self.log = begin_log(options.log, stream)
        self.metrics.count("log_lines_dropped", lambda: self.log.dropped)

    def record(self, protocol: str) -> Record:
        """Return what sees the decisions that are asked for by a protocol: `Service.through` takes it."""
        found: list[Record] = [self.metrics.tally(protocol)]
        if self._options.log.decisions != "none":
            found.append(DecisionLog(self.log, self._options.log, protocol))
        if self.tracing is not None:
            found.append(self.tracing.record)
        return found[0] if len(found) == 1 else _each(found)

    def application(self, app: App, protocol: str, methods: Mapping[str, str], exempt: Collection[str] = ()) -> App:
        """Return an ASGI application that is measured, traced, and asked no more at once than it may be.

        `methods` are its paths, each with the name that it is told by; `exempt` those that always answer.
        """
        traced = app if self.tracing is None else self.tracing.application(app, protocol, methods)
        return Gate(traced, self._options.in_flight, self.metrics, protocol=protocol, methods=methods, exempt=exempt)

    def around(self, protocol: str, method: str, answer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Return a handler of gRPC for a unary call that is measured and traced."""
        traced = answer if self.tracing is None else self.tracing.around(protocol, method, answer)
        return self.metrics.meter(protocol, method).around(traced)

    async def close(self) -> None:
        """Write and send what waits, when nothing is served any more."""
        if self.tracing is not None:
            await asyncio.to_thread(self.tracing.close)
        await asyncio.to_thread(self.log.close)


def _each(records: Collection[Record]) -> Record:
    def record(caller: Caller, request: Request, decision: Decision) -> None:
        for each in records:
            each(caller, request, decision)

    return record
