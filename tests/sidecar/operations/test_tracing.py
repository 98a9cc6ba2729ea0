"""Spans of calls, where they are configured."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import pdp
from pdp_sidecar.callers import caller
from pdp_sidecar.operations.options import TracingOptions
from pdp_sidecar.operations.tracing import Tracing, begin
from pdp_sidecar.service import Service
from tests.sidecar.scene import ADA, HOME, SECRET, engine

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
ME = caller("tests")


class Spans:
    def __init__(self, share: float = 1.0) -> None:
        self._kept = InMemorySpanExporter()
        self.tracing = Tracing(TracingOptions(endpoint="none", share=share), self._kept)
        self.service = Service(engine()).through(self.tracing.record)

    def ended(self) -> tuple[ReadableSpan, ...]:
        self.tracing.close()
        return self._kept.get_finished_spans()


class Context:
    def __init__(self, **metadata: str | bytes) -> None:
        self._metadata = tuple(metadata.items())

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._metadata


def test_a_span_has_how_decisions_came_out_and_continues_the_trace_of_the_caller() -> None:
    spans = Spans()

    async def check(request: pdp.Request, context: Any) -> bool:
        return bool(spans.service.check(ME, request).decision)

    answer = spans.tracing.around("grpc", "Check", check)
    asyncio.run(answer(pdp.Request(ADA, "read", HOME), Context(traceparent=PARENT, other=b"\0")))  # type: ignore[arg-type]
    (span,) = spans.ended()

    assert span.name == "grpc Check" and span.parent is not None
    assert f"{span.context.trace_id:032x}" == PARENT[3:35] and f"{span.parent.span_id:016x}" == PARENT[36:52]
    (event,) = span.events
    assert dict(event.attributes or {}) == {
        "pdp.outcome": "allow",
        "pdp.reason": "permitted",
        "pdp.rules": ("public_pages_are_read",),
        "pdp.revision": spans.service.engine.policy.revision,
    }


def test_a_span_has_no_entity_and_no_value() -> None:
    spans = Spans()

    with spans.tracing.call("http", "evaluation", {}):
        spans.service.check(ME, pdp.Request(ADA, "read", SECRET, {"note": "do not tell"}))
    (span,) = spans.ended()

    assert not any(word in span.to_json() for word in ("ada", 'secret"', "do not tell", "editors"))
    assert "forbidden" in span.to_json()


def test_an_application_is_traced_by_the_names_of_its_paths() -> None:
    spans = Spans()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        spans.service.check(ME, pdp.Request(ADA, "read", HOME))

    traced = spans.tracing.application(app, "http", {"/access/v1/evaluation": "evaluation"})
    for path in ("/access/v1/evaluation", "/made/up"):
        scope = {"type": "http", "path": path, "headers": [(b"traceparent", PARENT.encode())]}
        asyncio.run(traced(scope, None, None))  # type: ignore[arg-type]

    assert [each.name for each in spans.ended()] == ["http evaluation", "http other"]


@pytest.mark.parametrize("sent", ["", "00-xyz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\r\n", "é" * 10_000])
def test_a_trace_that_makes_no_sense_begins_a_new_one(sent: str) -> None:
    spans = Spans()

    with spans.tracing.call("http", "evaluation", {"traceparent": sent, "tracestate": sent}):
        pass
    (span,) = spans.ended()

    assert span.parent is None


def test_the_caller_decides_whether_its_trace_is_kept() -> None:
    spans = Spans(share=0.0)

    for sent in (PARENT, UNSAMPLED, ""):
        with spans.tracing.call("http", sent, {"traceparent": sent}):
            spans.service.check(ME, pdp.Request(ADA, "read", HOME))

    assert [each.name for each in spans.ended()] == [f"http {PARENT}"]


def test_what_goes_wrong_is_told_by_its_kind_alone() -> None:
    spans = Spans()

    with pytest.raises(ValueError), spans.tracing.call("http", "evaluation", {}):
        raise ValueError("User ada is not welcome")
    (span,) = spans.ended()

    assert (span.status.is_ok, span.status.description, span.events) == (False, "ValueError", ())


def test_without_it_nothing_of_it_is_imported() -> None:
    code = (
        "import sys, pdp_sidecar.operations.tracing, pdp_sidecar.operations.probes, pdp_sidecar.workers.child;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)

    with pytest.raises(ImportError, match=r"pip install 'pdp-engine\[tracing\]'"):
        begin(TracingOptions(endpoint="localhost:4317"))
