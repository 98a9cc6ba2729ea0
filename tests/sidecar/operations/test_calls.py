"""Calls over gRPC are measured by the methods that there are."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

import pdp
from pdp_sidecar.callers import caller
from pdp_sidecar.operations.calls import Measured
from pdp_sidecar.operations.options import LogOptions, OperationsOptions
from pdp_sidecar.operations.together import Operations
from pdp_sidecar.service import Service
from tests.sidecar.scene import ADA, HOME, engine


@pytest.fixture
def operations() -> Iterator[Operations]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    found = Operations(OperationsOptions(), engine(), io.StringIO())
    yield found
    root.handlers[:] = before
    root.setLevel(level)


def test_calls_are_counted_and_what_is_not_served_has_no_name(tmp_path: Path, operations: Operations) -> None:
    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def fail(request: bytes, context: Any) -> bytes:
        raise ValueError("it went wrong")

    async def run() -> list[object]:
        server = aio.server()
        handlers = {name: grpc.unary_unary_rpc_method_handler(each) for name, each in (("Echo", echo), ("Fail", fail))}
        service = grpc.method_handlers_generic_handler("a.b", handlers)
        server.add_generic_rpc_handlers((Measured(service, operations.around),))
        server.add_insecure_port(f"unix:{tmp_path}/s")
        await server.start()
        found: list[object] = []
        async with aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
            for method in ("Echo", "Echo", "Fail", "Made", "Up"):
                try:
                    found.append(await channel.unary_unary(f"/a.b/{method}")(b"x"))
                except aio.AioRpcError as error:
                    found.append(error.code())
        await server.stop(0)
        return found

    answers = asyncio.run(run())
    counted = {each.method: sum(each.buckets) for each in operations.metrics.numbers().latencies}

    assert answers[:2] == [b"x", b"x"] and answers[3:] == [grpc.StatusCode.UNIMPLEMENTED] * 2
    assert counted == {"Echo": 2, "Fail": 1}
    assert dict(operations.metrics.numbers().in_flight) == {"grpc": 0}


def test_what_is_configured_sees_each_decision(operations: Operations) -> None:
    stream, held = io.StringIO(), engine()
    found = Operations(OperationsOptions(log=LogOptions(form="text", decisions="all")), held, stream)

    Service(held).through(found.record("http")).check(caller("tests"), pdp.Request(ADA, "read", HOME))
    asyncio.run(found.close())

    assert found.metrics.numbers().decisions == [("http", "allow", "permitted", 1)]
    assert "outcome=allow" in stream.getvalue()
