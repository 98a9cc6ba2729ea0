"""A policy that is another one after every few answers: each answer is the one of the revision that it names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grpc import aio

import pdp
from benchmarks.sidecar.processes import free_port
from pdp_sidecar.generated import check_pb2, decision_service_pb2
from tests.sidecar.torture import http, questions, serving, world
from tests.sidecar.torture.serving import Sidecar, Spec

CLIENTS = 4
"""How many ask by each protocol."""

BATCH = 24
CHECK_BATCH = "/pdp.v1.DecisionService/CheckBatch"


@dataclass(slots=True)
class Seen:
    """What came back: how many answers of how many revisions, and what is wrong with them."""

    answers: int = 0
    revisions: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    over: bool = False

    def take(self, by: str, number: int, allowed: bool, revision: str) -> None:
        """Hold an answer to what is right by the revision that it names."""
        self.answers += 1
        self.revisions.add(revision)
        may = world.allowed_by_revision().get(revision)
        if may is None:
            self.wrong.append(f"{by}: an answer names revision `{revision}`, which there never was")
        elif allowed != (may == world.USERS[number % len(world.USERS)]):
            self.wrong.append(f"{by}: question {number % len(world.USERS)} is answered {allowed} by `{revision}`")


def wrongs(
    folder: Path, count: int, *, server: str = "", parts: Sequence[str] = ("grpc", "frames", "http")
) -> list[str]:
    """Reload so many times under clients that ask by each protocol, and tell what went wrong."""
    spec = Spec(folder=str(folder), breach=server, parts=parts, http=free_port())
    with serving.serving(spec) as sidecar:
        seen = asyncio.run(_asked(sidecar, count))
    if len(seen.revisions) < world.POLICIES:
        seen.wrong.append(f"answers name {len(seen.revisions)} revisions of {world.POLICIES}")
    print(f"{count} reloads, {seen.answers} answers: {len(seen.wrong)} wrong", flush=True)
    return seen.wrong


async def _asked(sidecar: Sidecar, count: int) -> Seen:
    seen = Seen()
    asking: dict[str, Callable[[Sidecar, Seen], Awaitable[None]]] = {"grpc": _grpc, "frames": _frames, "http": _http}
    tasks = [asyncio.create_task(asking[part](sidecar, seen)) for part in sidecar.spec.parts]
    told = asyncio.create_task(asyncio.to_thread(sidecar.tell, f"reload {count}"))
    try:
        done, _ = await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
        seen.over = True
        if told not in done:
            seen.wrong.append("clients have ended before the reloads")
            # The reloads wait for somebody who asks.
            sidecar.process.kill()
    finally:
        seen.over = True
        found = await asyncio.gather(*tasks, told, return_exceptions=True)
    seen.wrong += [f"{type(each).__name__}: {each}" for each in found if isinstance(each, BaseException)]
    return seen


async def _several(seen: Seen, ask: Callable[[int], Awaitable[None]]) -> None:
    async def client(place: int) -> None:
        number = place
        while not seen.over and len(seen.wrong) < 5:
            await ask(number)
            number += 1

    await asyncio.gather(*map(client, range(CLIENTS)))


async def _grpc(sidecar: Sidecar, seen: Seen) -> None:
    async with aio.insecure_channel(sidecar.spec.grpc) as channel:
        check, batch = channel.unary_unary(questions.CHECK), channel.unary_unary(CHECK_BATCH)
        items = [check_pb2.CheckRequest.FromString(question) for question, _ in questions.QUESTIONS] * (BATCH // 3)
        many = decision_service_pb2.CheckBatchRequest(items=items).SerializeToString()

        async def ask(number: int) -> None:
            if number % 8:
                question, _ = questions.QUESTIONS[number % len(questions.QUESTIONS)]
                _taken(seen, "gRPC", number, check_pb2.CheckResponse.FromString(await check(question, timeout=10)))
                return
            found = decision_service_pb2.CheckBatchResponse.FromString(await batch(many, timeout=10)).responses
            for place, each in enumerate(found):
                _taken(seen, "a batch of gRPC", place, each)
            if len({(each.revision, each.epoch) for each in found}) != 1 or len(found) != len(items):
                seen.wrong.append("the answers of a batch are not all of one state")

        await _several(seen, ask)


def _taken(seen: Seen, by: str, number: int, reply: Any) -> None:
    seen.take(by, number, reply.decision == check_pb2.DECISION_ALLOW, reply.revision)


async def _http(sidecar: Sidecar, seen: Seen) -> None:
    connections = [http.Connection(sidecar.spec.http) for _ in range(CLIENTS)]

    async def client(connection: http.Connection, number: int) -> None:
        while not seen.over and len(seen.wrong) < 5:
            status, body = await connection.ask(http.question(number))
            if status != 200:
                seen.wrong.append(f"HTTP: status {status}: {body}")
                return
            seen.take("HTTP", number, body["decision"], body["context"]["pdp"]["revision"])
            number += 1

    try:
        await asyncio.gather(*(client(each, place) for place, each in enumerate(connections)))
    finally:
        for connection in connections:
            connection.close()


async def _frames(sidecar: Sidecar, seen: Seen) -> None:
    lock = threading.Lock()

    def client(place: int) -> None:
        with pdp.connect(sidecar.spec.frames, timeout=10.0) as remote:
            number = place
            while not seen.over and len(seen.wrong) < 5:
                user = world.USERS[number % len(world.USERS)]
                if number % 8:
                    found = [remote.decide(user, "read", world.PAGE)]
                else:
                    request = pdp.Request(user, "read", world.PAGE)
                    found = remote.decide_many([request] * BATCH)
                with lock:
                    for each in found:
                        seen.take("frames", number, bool(each), each.revision)
                    if len({each.revision for each in found}) != 1:
                        seen.wrong.append("the answers of a batch of frames are not all of one revision")
                number += 1

    await asyncio.gather(*(asyncio.to_thread(client, place) for place in range(2)))
