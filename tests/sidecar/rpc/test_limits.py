"""What a client may do to a server without harm to the others."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import pdp
from pdp_sidecar.generated import check_pb2
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.rpc import Options
from pdp_sidecar.service import Service
from pdp_sidecar.wire import request_message
from tests.sidecar.rpc import raw
from tests.sidecar.rpc.serving import Client, reading, run, serving, status_of
from tests.sidecar.scene import ADA, HOME, engine

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
LARGE = pdp.Request(ADA, "read", HOME, {"note": "x" * 5000})


def misbehaving(folder: Any, options: Options, work: Callable[[raw.Connection], Any], *, greets: bool = True) -> Any:
    """Return what comes of it when a client misbehaves, and whether others are answered meanwhile and after."""

    def act(client: Client) -> Any:
        with raw.Connection(client.address, greets=greets) as connection:
            return work(connection)

    async def test() -> Any:
        async with serving(folder, options=options) as client:
            acting = asyncio.ensure_future(asyncio.to_thread(act, client))
            meanwhile = await client.allows(reading())
            return await acting, meanwhile, await client.allows(reading())

    found, meanwhile, after = run(test())
    assert meanwhile and after
    return found


# ------------------------------------------------------------------------------------------------------------ messages


def test_a_message_that_is_too_large_is_refused(tmp_path):
    async def test():
        async with serving(tmp_path, options=Options(message_size=2000)) as client:
            return (await status_of(client.check(LARGE)))[0], await client.allows(reading())

    assert run(test()) == (EXHAUSTED, True)


def test_an_answer_that_is_too_large_is_an_error(tmp_path):
    async def test():
        async with serving(tmp_path, options=Options(message_size=2000)) as client:
            batch = pb.CheckBatchRequest(items=[request_message(reading())] * 40)
            return batch.ByteSize(), (await status_of(client.decisions.CheckBatch(batch)))[0]

    size, status = run(test())

    assert size < 2000 and status == EXHAUSTED


def test_a_compressed_message_is_not_unfolded(tmp_path):
    bomb = check_pb2.CheckRequest(action="x" * 2**24).SerializeToString()

    async def test():
        async with serving(tmp_path) as client:
            check = client.channel.unary_unary("/pdp.v1.DecisionService/Check")
            return (await status_of(check(bomb, compression=grpc.Compression.Gzip)))[0], await client.allows(reading())

    assert len(gzip.compress(bomb)) < 2**15
    assert run(test()) == (grpc.StatusCode.UNIMPLEMENTED, True)


def test_metadata_that_is_too_large_is_refused(tmp_path):
    async def test():
        async with serving(tmp_path, options=Options(metadata_size=4096)) as client:
            return (await status_of(client.check(reading(), metadata=(("x", "y" * 5000),))))[0]

    assert run(test()) == EXHAUSTED


# --------------------------------------------------------------------------------------------------------- connections


def test_a_connection_that_is_not_set_up_is_closed(tmp_path):
    def act(connection):
        connection.send(raw.PREFACE[:10])
        return connection.until_end()

    found = misbehaving(tmp_path, Options(handshake=0.1), act, greets=False)

    assert [payload for kind, _, payload in found if kind == raw.GOAWAY and b"handshake timeout" in payload]


def test_a_connection_that_speaks_something_else_is_closed(tmp_path):
    def act(connection):
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        return connection.until_end()

    assert raw.HEADERS not in {kind for kind, *_ in misbehaving(tmp_path, Options(), act, greets=False)}


def test_a_connection_without_a_call_is_closed(tmp_path):
    def act(connection):
        return [kind for kind, *_ in connection.until_end()]

    assert raw.GOAWAY in misbehaving(tmp_path, Options(connection_idle=0.1), act)


def test_a_connection_whose_headers_do_not_end_is_closed_when_it_is_old(tmp_path):
    def act(connection):
        connection.send(raw.call(1, raw.request(), flags=0))
        connection.send(raw.frame(raw.CONTINUATION, 0, 1, raw.field("x", "y")))
        return connection.until_end()

    found = misbehaving(tmp_path, Options(connection_age=0.1, connection_grace=0.1), act)

    kinds = {kind for kind, *_ in found}
    assert raw.GOAWAY in kinds and raw.DATA not in kinds


def test_a_connection_that_asks_too_often_whether_anybody_is_there_is_closed(tmp_path):
    def act(connection):
        connection.send(raw.frame(raw.PING, 0, 0, bytes(8)) * 1000)
        return [payload for kind, _, payload in connection.until_end() if kind == raw.GOAWAY]

    found = misbehaving(tmp_path, Options(), act)

    assert any(b"too_many_pings" in each for each in found)


def test_so_many_connections_are_open_at_once(tmp_path):
    async def test():
        async with serving(tmp_path, options=Options(connections=2)) as client:
            first = await client.allows(reading())
            with raw.Connection(client.address):
                async with aio.insecure_channel(client.address, (("grpc.use_local_subchannel_pool", 1),)) as third:
                    check = third.unary_unary("/pdp.v1.DecisionService/Check")
                    return first, (await status_of(check(b"", timeout=0.5)))[0], await client.allows(reading())

    first, third, after = run(test())

    assert first and after
    assert third in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


# -------------------------------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize(
    "field",
    [("x-bin", b"\xff\x00!!!"), ("grpc-timeout", "0n"), ("grpc-timeout", "x"), ("grpc-encoding", "x"), (":path", "/")],
    ids=lambda field: field[0],
)
def test_headers_that_are_odd_harm_nobody(tmp_path, field):
    def act(connection):
        connection.send(raw.call(1, raw.request(raw.CHECK, field), raw.END_HEADERS | raw.END_STREAM))
        connection.send(raw.frame(raw.GOAWAY, 0, 0, bytes(8)))
        return True

    assert misbehaving(tmp_path, Options(), act)


@pytest.mark.parametrize("ends", [False, True], ids=["open", "reset"])
@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_however_many_streams_one_connection_begins_a_bounded_number_is_open(tmp_path, ends, count):
    fields = raw.request(raw.STREAM)
    most = 0

    async def test():
        nonlocal most
        async with serving(tmp_path, options=Options(streams_per_connection=50, streams=60, in_flight=40)) as client:
            await client.allows(reading())
            over = threading.Event()

            def act():
                with raw.Connection(client.address) as connection:
                    listening = threading.Thread(target=connection.until_end)
                    listening.start()
                    for first in range(1, 2 * count, 2000):
                        calls = b"".join(
                            raw.call(number, fields) + (raw.frame(raw.RESET, 0, number, bytes(4)) if ends else b"")
                            for number in range(first, first + 2000, 2)
                        )
                        if not connection.send(calls):
                            break
                    connection.end()
                    listening.join()
                    over.set()

            acting = asyncio.ensure_future(asyncio.to_thread(act))
            answers = []
            while not over.is_set():
                answers.append(await status_of(client.check(reading())))
                most = max(most, len(asyncio.all_tasks()))
            await acting
            return answers, await client.allows(reading())

    answers, after = run(test(), 60)

    assert after
    # What gRPC itself refuses, it refuses without a word, which is a cancellation to the client.
    assert {status for status, _ in answers} <= {grpc.StatusCode.OK, EXHAUSTED, grpc.StatusCode.CANCELLED}
    # Each stream that the server takes is a task or two.
    assert most < 500


def test_more_calls_than_may_be_in_flight_are_refused_at_once_and_none_is_allowed_for_that(tmp_path):
    held, begun = threading.Event(), threading.Event()

    class Slow(Service):
        def explain(self, *args):
            begun.set()
            held.wait(10)
            return super().explain(*args)

    async def test():
        async with serving(tmp_path, Slow(engine()), Options(in_flight=1, streams=1, slow_calls=9)) as client:
            asked = pb.ExplainRequest(request=request_message(reading()))
            slow = [asyncio.ensure_future(client.decisions.Explain(asked)) for _ in range(2)]
            try:
                await asyncio.to_thread(begun.wait, 10)
                while (refused := await status_of(client.check(reading())))[0] is grpc.StatusCode.OK:
                    pass
            finally:
                held.set()
            await asyncio.gather(*slow)
            return refused[0], await client.allows(reading())

    assert run(test()) == (EXHAUSTED, True)


def test_calls_whose_message_does_not_come_give_their_places_back(tmp_path):
    options = Options(in_flight=1, streams=1, arrival=0.2)

    async def test():
        async with serving(tmp_path, options=options) as client:
            begin = client.channel.stream_unary("/pdp.v1.DecisionService/Check")
            begun = [begin() for _ in range(options.calls)]
            ends = {(await status_of(each))[0] for each in begun}
            return ends, await client.allows(reading())

    ends, after = run(test(), 10)

    assert grpc.StatusCode.DEADLINE_EXCEEDED in ends
    # Those of which gRPC has too many waiting at once, it refuses.
    assert ends <= {grpc.StatusCode.DEADLINE_EXCEEDED, EXHAUSTED, grpc.StatusCode.CANCELLED}
    assert after


def test_a_call_without_a_message_is_refused(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            call = client.channel.stream_unary("/pdp.v1.DecisionService/Check")()
            await call.done_writing()
            return await status_of(call), await client.allows(reading())

    assert run(test()) == ((grpc.StatusCode.INVALID_ARGUMENT, "the call has no message"), True)


def test_so_many_streams_are_open_at_once(tmp_path):
    async def test():
        async with serving(tmp_path, options=Options(streams=1, beat=60.0)) as client:
            first = client.decisions.Watch()
            await first.read()
            second, third = client.decisions.Watch(), client.decisions.CheckStream()
            return {await status_of(each) for each in (second, third)}

    assert run(test()) == {(EXHAUSTED, "at most 1 streams are open at once")}


def test_watches_of_health_which_anybody_may_have_take_the_places_of_no_other_stream(tmp_path):
    async def test():
        async with serving(tmp_path, options=Options(streams=1, in_flight=31, beat=60.0)) as client:
            health = health_pb2_grpc.HealthStub(client.channel)
            watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
            for each in watches:
                await each.read()
            more = await status_of(health.Watch(health_pb2.HealthCheckRequest()))
            watch = client.decisions.Watch()
            told = await watch.read()
            return more, told.beat.epoch == client.service.epoch, await client.allows(reading())

    assert run(test()) == ((EXHAUSTED, "at most 2 watches of health are open at once"), True, True)


# ------------------------------------------------------------------------------------------- health and what there is


def test_health_tells_whether_the_server_is_ready_now(tmp_path):
    told: list[Any] = [True]

    def ready() -> bool:
        if isinstance(told[0], Exception):
            raise told[0]
        return told[0]

    async def test():
        async with serving(tmp_path, options=Options(beat=0.01), ready=ready) as client:
            health = health_pb2_grpc.HealthStub(client.channel)

            async def ask(name: str = "") -> int:
                return (await health.Check(health_pb2.HealthCheckRequest(service=name))).status

            watch = health.Watch(health_pb2.HealthCheckRequest(service="pdp.v1.DecisionService"))
            found = [await ask(), await ask("pdp.v1.AdminService"), (await watch.read()).status]
            told[0] = False
            found += [await ask(), (await watch.read()).status]
            told[0] = RuntimeError()
            found += [await ask()]
            told[0] = 1
            found += [await ask()]
            unknown = await status_of(health.Check(health_pb2.HealthCheckRequest(service="x")))
            return found, unknown[0]

    assert run(test()) == ([1, 1, 1, 2, 2, 2, 2], grpc.StatusCode.NOT_FOUND)


@pytest.mark.parametrize(("wanted", "status"), [(False, grpc.StatusCode.UNIMPLEMENTED), (True, grpc.StatusCode.OK)])
def test_services_are_listed_only_where_that_is_wanted(tmp_path, wanted, status):
    async def test():
        async with serving(tmp_path, options=Options(reflection=wanted)) as client:
            call = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo()
            try:
                await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
                await call.done_writing()
            except (grpc.RpcError, asyncio.InvalidStateError):
                pass
            return (await status_of(call))[0]

    assert run(test()) == status


def test_what_is_taken_is_bounded_by_default():
    channel = dict(Options().channel())

    assert channel["grpc.so_reuseport"] == 0 and channel["grpc.compression_enabled_algorithms_bitset"] == 1
    assert all(
        0 < value < 2**31 for name, value in channel.items() if name.endswith(("_ms", "size", "length", "streams"))
    )
