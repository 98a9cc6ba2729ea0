"""Watch tells of each epoch and of what is subscribed to, and holds nothing for whoever does not listen."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import grpc

import pdp
from pdp_sidecar.callers import Callers, May, caller
from pdp_sidecar.generated import check_pb2
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.rpc import Options
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.streams import Streams
from pdp_sidecar.rpc.watching import Told, Watching
from pdp_sidecar.service import Service
from pdp_sidecar.wire import request_message
from tests.sidecar.rpc.serving import reading, run, serving, status_of
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, WITH_MFA, engine

RARELY = Options(beat=3600.0)
EDIT = pdp.Request(ADA, "edit", PLAN, None, WITH_MFA)
ALLOWED, SUSPENDED, ENDED = pb.WATCH_STATE_ALLOWED, pb.WATCH_STATE_SUSPENDED, pb.WATCH_STATE_ENDED


def subscribe(number: int, request: pdp.Request, handles: tuple[str, ...] = (), **more: Any) -> pb.WatchRequest:
    return pb.WatchRequest(subscribe=pb.Subscribe(id=number, request=request_message(request, handles, **more)))


async def change(call: Any) -> tuple[int, int]:
    """Return number and state of the next change."""
    while True:
        told = await call.read()
        if told.HasField("change"):
            return told.change.id, told.change.state


def test_the_epoch_is_told_first_and_then_each_time_that_it_is_another(tmp_path):
    async def test():
        async with serving(tmp_path, options=RARELY) as client:
            call = client.decisions.Watch()
            first = (await call.read()).beat
            client.engine.revoke(principal=BEN)
            second = (await call.read()).beat
            return first, second, client.service.epoch

    first, second, epoch = run(test())

    assert first.epoch != second.epoch == epoch
    assert first.interval.seconds == 3600


def test_a_beat_comes_though_nothing_changes(tmp_path):
    async def test():
        async with serving(tmp_path, options=Options(beat=0.01)) as client:
            call = client.decisions.Watch()
            return [(await call.read()).beat.epoch for _ in range(3)]

    assert len(set(run(test()))) == 1


def test_a_subscription_tells_how_it_stands_and_each_change_until_it_ends(tmp_path):
    async def test():
        async with serving(tmp_path, options=RARELY) as client:
            call = client.decisions.Watch()
            await call.write(subscribe(7, reading()))
            found = [await change(call)]
            client.engine.upsert_entity(pdp.Entity("Page", "home", {"public": False, "level": 0}))
            found.append(await change(call))
            client.engine.upsert_entity(pdp.Entity("Page", "home", {"public": True, "level": 0}))
            found.append(await change(call))
            client.engine.revoke(principal=ADA)
            found.append(await change(call))
            await call.write(subscribe(7, reading(user=BEN)))
            found.append(await change(call))
            return found

    assert run(test()) == [(7, ALLOWED), (7, SUSPENDED), (7, ALLOWED), (7, ENDED), (7, ALLOWED)]


def test_a_question_is_watched_no_longer_once_the_client_says_so(tmp_path):
    async def test():
        async with serving(tmp_path, options=RARELY) as client:
            call = client.decisions.Watch()
            await call.write(subscribe(1, reading()))
            await call.write(subscribe(2, reading(user=BEN)))
            found = [await change(call), await change(call)]
            await call.write(pb.WatchRequest(unsubscribe=pb.Unsubscribe(id=1)))
            await call.write(subscribe(3, reading()))
            found.append(await change(call))
            client.engine.revoke(principal=ADA)
            return [*found, await change(call)]

    assert run(test())[2:] == [(3, ALLOWED), (3, ENDED)]


def test_an_allow_with_an_obligation_that_the_client_handles_is_told_and_so_is_its_end(tmp_path):
    async def test():
        async with serving(tmp_path, options=RARELY) as client:
            call = client.decisions.Watch()
            await call.write(subscribe(1, EDIT, ("log",), view=check_pb2.VIEW_FULL))
            await call.write(subscribe(2, EDIT))
            found = [await change(call), await change(call)]
            client.engine.upsert_entity(pdp.Entity("Page", "plan", {"public": False, "level": 9}))
            return [*found, await change(call)]

    assert run(test()) == [(1, ALLOWED), (2, SUSPENDED), (1, SUSPENDED)]


def test_a_question_that_nobody_may_ask_ends_at_once_and_the_others_go_on(tmp_path):
    async def test():
        callers = Callers(by_uid={os.getuid(): caller("app", [May.WATCH], ["User:ada"])})
        async with serving(tmp_path, options=RARELY, callers=callers) as client:
            call = client.decisions.Watch()
            await call.write(subscribe(1, reading(user=BEN)))
            await call.write(subscribe(2, reading()))
            await call.write(pb.WatchRequest(subscribe=pb.Subscribe(id=3)))
            return [await change(call) for _ in range(3)]

    assert run(test()) == [(1, ENDED), (2, ALLOWED), (3, ENDED)]


def test_subscriptions_are_bounded_on_each_stream_and_in_all(tmp_path):
    async def test():
        options = Options(beat=3600.0, watches_per_stream=2, watches=3)
        async with serving(tmp_path, options=options) as client:
            found = []
            for call in (one := client.decisions.Watch(), client.decisions.Watch()):
                for number in (1, 2, 3):
                    await call.write(subscribe(number, reading()))
                found.append([await change(call) for _ in range(3)])
            one.cancel()
            third, number, state = client.decisions.Watch(), 0, ENDED
            while state == ENDED:
                # The server hears of the end when it does.
                await third.write(subscribe(number := number + 1, reading()))
                _, state = await change(third)
            return *found, state

    one, other, third = run(test())

    assert one == [(1, ALLOWED), (2, ALLOWED), (3, ENDED)]
    assert sorted(state for _, state in other) == [ALLOWED, ENDED, ENDED]
    assert third == ALLOWED


class Calling:
    """A call of the owner of this process that takes whatever it is told."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def peer(self) -> str:
        return "unix:"

    async def write(self, message: bytes) -> None:
        self.told.set()


def test_what_tells_a_client_ends_though_there_is_something_to_tell_at_that_moment():
    async def test():
        service, call = Service(engine()), Calling()
        known = Identities(service, Callers(by_uid={os.getuid(): caller("tests")}))
        told = Told(Watching(service, known, Streams(RARELY.streams), RARELY), call)
        telling = asyncio.ensure_future(told.write())
        await call.told.wait()
        await asyncio.sleep(0)

        told._wake.set()
        telling.cancel()
        await asyncio.wait([telling], timeout=5)
        service.close()
        return telling.cancelled()

    assert run(test())


def test_a_number_that_is_taken_ends_the_stream(tmp_path):
    async def test():
        async with serving(tmp_path, options=RARELY) as client:
            call = client.decisions.Watch()
            await call.write(subscribe(1, reading()))
            await call.write(subscribe(1, reading()))
            return await status_of(call)

    says = "the number 1 is that of a question that is watched already"
    assert run(test()) == (grpc.StatusCode.INVALID_ARGUMENT, says)


def test_a_client_that_does_not_read_loses_the_stream_and_no_change(tmp_path):
    async def test():
        options = Options(beat=3600.0, watch_backlog=50)
        async with serving(tmp_path, options=options, channel=(("grpc.http2.lookahead_bytes", 1024),)) as client:
            call = client.decisions.Watch()
            for number in range(40):
                await call.write(subscribe(number, reading()))
            found = [await change(call) for _ in range(40)]

            def flip() -> None:
                for turn in range(400):
                    client.engine.upsert_entity(pdp.Entity("Page", "home", {"public": turn % 2 == 1, "level": 0}))

            await asyncio.to_thread(flip)
            return found, await status_of(call)

    found, (status, says) = run(test())

    assert len(found) == 40
    assert (status, says) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "the client does not read: 50 changes wait for it",
    )


def test_whoever_may_not_watch_is_told_so(tmp_path):
    async def test():
        callers = Callers(by_uid={os.getuid(): caller("app", [May.CHECK])})
        async with serving(tmp_path, callers=callers) as client:
            return await status_of(client.decisions.Watch())

    assert run(test()) == (grpc.StatusCode.PERMISSION_DENIED, "`app` may not watch")


def test_a_stream_goes_on_when_the_client_has_no_more_to_say_and_ends_with_the_server(tmp_path):
    async def test():
        async with serving(tmp_path, options=RARELY) as client:
            call = client.decisions.Watch()
            await call.write(subscribe(1, reading(page=HOME)))
            await call.done_writing()
            found = await change(call)
            ending = asyncio.ensure_future(client.server.drain(5))
            status = await status_of(call)
            await ending
            return found, status

    assert run(test()) == ((1, ALLOWED), (grpc.StatusCode.UNAVAILABLE, "the server is ending"))
