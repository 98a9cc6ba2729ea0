"""Spans of OpenTelemetry, one for each call, where tracing is configured; else nothing of it is imported.

A span has the outcome, the reason, the rules and the revision of what was decided in it, and no entity and no value.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from pdp.model import Decision, Request
from pdp_sidecar.callers import Caller
from pdp_sidecar.operations.gate import App, Receive, Scope, Send
from pdp_sidecar.operations.metrics import named
from pdp_sidecar.operations.options import TracingOptions

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

P = ParamSpec("P")
T = TypeVar("T")

_CARRIED: Final = ("traceparent", "tracestate")


class Tracing:
    """Makes spans of calls. `exporter` is where they go, None for the place that the options name."""

    def __init__(self, options: TracingOptions, exporter: SpanExporter | None = None) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = _provider(options, exporter)
        self._tracer = self._provider.get_tracer("pdp")
        self._kind, self._current = trace.SpanKind.SERVER, trace.get_current_span
        self._wrong = trace.StatusCode.ERROR
        self._read = TraceContextTextMapPropagator().extract

    @contextmanager
    def call(self, protocol: str, method: str, carried: Mapping[str, str]) -> Iterator[None]:
        """Make a span of what is done in this block; `carried` are the headers of W3C that came with the call."""
        context = self._read({name: carried[name] for name in _CARRIED if name in carried})
        attributes = {"rpc.system": protocol, "rpc.method": method}
        with self._tracer.start_as_current_span(
            f"{protocol} {method}",
            context,
            self._kind,
            attributes,
            # What an exception says may have anything in it.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(self._wrong, type(error).__name__)
                raise

    def record(self, caller: Caller, request: Request, decision: Decision) -> None:
        """Tell the span of the call of a decision: a record for `Service.through`."""
        span = self._current()
        if span.is_recording():
            span.add_event(
                "decision",
                {
                    "pdp.outcome": str(decision.outcome),
                    "pdp.reason": str(decision.reason),
                    "pdp.rules": sorted({named(each) for each in decision.determining_rules}),
                    "pdp.revision": decision.revision,
                },
            )

    def around(
        self, protocol: str, method: str, answer: Callable[[Any, Any], Awaitable[T]]
    ) -> Callable[[Any, Any], Awaitable[T]]:
        """Return a handler of gRPC for a unary call that makes a span of each."""

        async def traced(request: Any, context: Any) -> T:
            with self.call(protocol, method, _metadata(context.invocation_metadata())):
                return await answer(request, context)

        return traced

    def application(self, app: App, protocol: str, methods: Mapping[str, str]) -> App:
        """Return an ASGI application that makes a span of each call; `methods` names those of paths."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            with self.call(protocol, methods.get(scope["path"], "other"), headers):
                await app(scope, receive, send)

        return traced

    def close(self) -> None:
        """Send what waits to be sent. For a thread of its own."""
        self._provider.shutdown()


def _metadata(given: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    return {name: value for name, value in given or () if isinstance(value, str)}


def _provider(options: TracingOptions, exporter: SpanExporter | None) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    found = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(options.share)),
        resource=Resource.create({"service.name": options.service}),
        shutdown_on_exit=False,
    )
    found.add_span_processor(BatchSpanProcessor(_exporter(options) if exporter is None else exporter))
    return found


def _exporter(options: TracingOptions) -> SpanExporter:
    # It has no types where it is not installed.
    found = importlib.import_module("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    made: SpanExporter = found.OTLPSpanExporter(endpoint=options.endpoint, insecure=options.insecure)
    return made


def begin(options: TracingOptions) -> Tracing:
    """Make spans as options say; raise ImportError with what to install where it is not there."""
    try:
        return Tracing(options)
    except ImportError as error:
        raise ImportError("tracing is configured and not installed: `pip install 'pdp-engine[tracing]'`") from error
