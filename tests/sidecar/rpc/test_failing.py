"""Whatever goes wrong between a question and its answer, nothing of it becomes an allow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

import pdp
from pdp.engine import Engine
from pdp_sidecar import service
from pdp_sidecar.generated import check_pb2
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.rpc import Options, checks
from pdp_sidecar.rpc.checks import FAILED
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.service import Service
from pdp_sidecar.wire import batches, decision_of, replies, request_message, requests
from tests.sidecar.rpc.serving import reading, run, serving, status_of
from tests.sidecar.scene import ADA, HOME, engine

ROOT = Path(__file__).parents[3]
BROUGHT = pdp.Request(pdp.Entity("User", "eve", {"email": "e"}), "read", HOME, {}, {})
ERRORS = [ValueError, MemoryError, RecursionError, KeyError]
# Each place that is called on the way of a question, and the question whose way leads there.
PLACES = [
    (Identities, "of", reading()),
    (requests.Questions, "of", reading()),
    (requests.Questions, "_entity", reading()),
    (requests, "request_of", reading()._replace(context={})),
    (requests, "entity_of", BROUGHT),
    (requests, "fields_of", BROUGHT),
    (requests.Questions, "naming", reading()),
    (requests.Questions, "_naming", reading()),
    (requests.Named, "request", reading()),
    (checks, "batch_of", reading()),
    (batches, "_parts", reading()),
    (Service, "check", reading()),
    (Service, "check_many", reading()),
    (Service, "_refusal", reading()),
    (service, "lasts", reading()),
    (Engine, "decide", reading()),
    (Engine, "decide_many", reading()),
    (replies.Replies, "_table", reading()),
    (replies.Replies, "_write", reading()),
    (replies, "head", reading()),
    (replies, "granted", reading()),
    (replies, "item", reading()),
]


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


async def told(call):
    """Return whether an answer is a yes, None where there is none."""
    try:
        return decision_of(await call)
    except grpc.RpcError:
        return None


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(("place", "name", "request_"), PLACES, ids=lambda each: getattr(each, "__name__", None))
def test_what_raises_denies(tmp_path, monkeypatch, place, name, request_, error):
    async def test():
        async with serving(tmp_path) as client:
            asked = request_message(request_)
            stream = client.decisions.CheckStream()
            monkeypatch.setattr(place, name, raising(error))
            one = await told(client.decisions.Check(asked))
            try:
                many = (await client.decisions.CheckBatch(pb.CheckBatchRequest(items=[asked] * 3))).responses
            except grpc.RpcError:
                many = []
            try:
                await stream.write(pb.CheckStreamRequest(id=1, request=asked))
                answer = await stream.read()
                streamed = None if answer is grpc.aio.EOF else decision_of(answer.response)
            except (grpc.RpcError, asyncio.InvalidStateError):
                streamed = None
            monkeypatch.undo()
            return one, list(map(decision_of, many)), streamed, await told(client.decisions.Check(asked))

    one, many, streamed, after = run(test())

    # A place that only a batch comes to leaves the others as they are, and the other way round.
    whole = {("Service", "check_many"), ("Engine", "decide_many"), ("replies", "item")}
    whole |= {("Questions", "naming"), ("checks", "batch_of"), ("batches", "_parts")}
    alone = {("Service", "check"), ("Engine", "decide"), ("Service", "_refusal")}
    alone |= {("Questions", "of")}
    at = (place.__name__.rpartition(".")[2], name)
    assert at in whole or not one
    assert at in alone or not any(many)
    assert at in whole - {("replies", "item")} or not streamed
    assert after


ENDS = """
import asyncio, os, sys, threading
import grpc
from pdp_sidecar.service import Service
from pdp_sidecar.generated.decision_service_pb2_grpc import DecisionServiceStub
from pdp_sidecar.wire import request_message
from tests.sidecar.rpc.serving import reading, serving
from pathlib import Path

def fail(*_):
    raise {error}

def ask(address):
    stub = DecisionServiceStub(grpc.insecure_channel(address))
    asked = request_message(reading())
    before = stub.Check(asked).decision
    Service.check = fail
    try:
        print(before, "answered", stub.Check(asked, timeout=0.5).decision)
    except grpc.RpcError as error:
        print(before, error.code().name)
    sys.stdout.flush()
    os._exit(0)

async def main():
    async with serving(Path(sys.argv[1])) as client:
        threading.Thread(target=ask, args=(client.address,)).start()
        await asyncio.Event().wait()

try:
    asyncio.run(main())
except BaseException:
    threading.Event().wait(10)
"""


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit", "asyncio.CancelledError"])
def test_what_ends_a_task_or_the_process_is_no_answer(tmp_path, error):
    # In a process of its own, which it may end.
    command = [sys.executable, "-c", ENDS.format(error=error), str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)

    before, status = done.stdout.split()
    assert before == "2" and status != "OK", done.stderr


def test_what_is_sent_where_nothing_else_can_be_is_a_deny_that_nobody_keeps():
    message = check_pb2.CheckResponse.FromString(FAILED)

    assert (message.decision, message.reason) == (check_pb2.DECISION_DENY, check_pb2.REASON_INTERNAL_ERROR)
    assert message.epoch == ""


def test_a_record_of_decisions_that_fails_denies(tmp_path):
    async def test():
        async with serving(tmp_path, Service(engine(), record=raising(OSError))) as client:
            many = await client.decisions.CheckBatch(pb.CheckBatchRequest(items=[request_message(reading())]))
            return await client.check(reading()), many.responses[0]

    one, many = run(test())

    assert one.reason == many.reason == check_pb2.REASON_INTERNAL_ERROR
    # Nobody keeps what may go well another time.
    assert one.epoch == many.epoch == ""


def test_a_deadline_that_is_over_is_an_error_and_the_server_goes_on(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            status, _ = await status_of(client.check(reading(), timeout=-1))
            return status, await client.allows(reading())

    assert run(test()) == (grpc.StatusCode.DEADLINE_EXCEEDED, True)


def test_a_call_that_is_cancelled_leaves_its_place(tmp_path):
    held, begun = threading.Event(), threading.Semaphore(0)

    class Slow(Service):
        def explain(self, *args):
            begun.release()
            held.wait(10)
            return super().explain(*args)

    async def test():
        async with serving(tmp_path, Slow(engine()), Options(slow_calls=1)) as client:
            asked = pb.ExplainRequest(request=request_message(reading()))
            call = client.decisions.Explain(asked)
            waiting = asyncio.ensure_future(status_of(call))
            await asyncio.to_thread(begun.acquire, timeout=10)
            waiting.cancel()
            held.set()
            status = None
            while status is not grpc.StatusCode.OK:
                status, _ = await status_of(client.decisions.Explain(asked))
            return await client.allows(reading())

    assert run(test())


def test_a_watch_whose_answer_cannot_be_written_ends_with_an_error(tmp_path, monkeypatch):
    async def test():
        async with serving(tmp_path) as client:
            call = client.decisions.Watch()
            await call.read()
            monkeypatch.setattr("pdp_sidecar.rpc.watching.response_message", raising(MemoryError))
            question = pb.Subscribe(id=1, request=request_message(pdp.Request(ADA, "read", HOME)))
            await call.write(pb.WatchRequest(subscribe=question))
            return await status_of(call)

    assert run(test()) == (grpc.StatusCode.INTERNAL, "the call could not be answered: MemoryError")


@pytest.mark.parametrize("name", ["watch", "kept"])
def test_a_watch_that_cannot_be_begun_ends_with_an_error(tmp_path, monkeypatch, name):
    async def test():
        async with serving(tmp_path) as client:
            call = client.decisions.Watch()
            await call.read()
            monkeypatch.setattr(Service, name, raising(RecursionError))
            question = pb.Subscribe(id=1, request=request_message(pdp.Request(ADA, "read", HOME)))
            await call.write(pb.WatchRequest(subscribe=question))
            return await status_of(call)

    assert run(test())[0] is grpc.StatusCode.INTERNAL
