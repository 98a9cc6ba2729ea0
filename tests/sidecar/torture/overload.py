"""More calls at once than a sidecar takes: what is too much is refused, what is taken is answered right and soon."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from benchmarks.sidecar.processes import free_port
from pdp_sidecar.generated import check_pb2
from tests.sidecar.torture import http, questions, several, world
from tests.sidecar.torture.serving import Spec, serving

LIMIT = 16
P99_MS = 200.0
BACK_WITHIN = 2.0
LIMITS = f"""
[listen.http]
address = "127.0.0.1:{{port}}"
plaintext = true

[grpc]
in_flight = {LIMIT}
streams = 8

[operations]
in_flight = {LIMIT}
"""
"""The same of `pdp serve`."""

ARRIVING = 0.01
"""Seconds that a question of HTTP takes to arrive."""

REFUSALS = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED)
"""How a call is refused: by the server, or by gRPC before the server has seen it, which sends no message."""


class Outcome(Enum):
    """What became of a call."""

    ANSWERED = "answered"
    REFUSED = "refused"
    WRONG = "wrong"


Call = Callable[[int], Awaitable[tuple[Outcome, str]]]
"""Asks the question of a number, and tells what became of that."""


@dataclass(slots=True)
class Tally:
    """What became of calls, and how long those took that were answered, in ms."""

    answered: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """How long 99 of 100 took at most."""
        return sorted(self.answered)[len(self.answered) * 99 // 100] if self.answered else 0.0

    async def ask(self, call: Call, number: int) -> Outcome:
        """Call once."""
        begun = time.perf_counter()
        outcome, said = await call(number)
        taken = (time.perf_counter() - begun) * 1e3
        match outcome:
            case Outcome.ANSWERED:
                self.answered.append(taken)
            case Outcome.REFUSED:
                self.refused += 1
            case Outcome.WRONG:
                self.wrong.append(said)
        return outcome


async def load(call: Call, clients: int, seconds: float) -> Tally:
    """Have so many clients call, each the next time when it has heard of the last."""
    tally, until = Tally(), time.perf_counter() + seconds

    async def client(place: int) -> None:
        number = place
        while time.perf_counter() < until and len(tally.wrong) < 5:
            # Whoever is refused at once would ask in a loop that lets nobody else run.
            if await tally.ask(call, number) is Outcome.REFUSED:
                await asyncio.sleep(0.001)
            number += 1

    await asyncio.gather(*map(client, range(clients)))
    return tally


async def seconds_until_normal(call: Call) -> float:
    """Return how long it takes until a hundred calls, one after the other, are all answered."""
    begun, tally = time.perf_counter(), Tally()
    while time.perf_counter() - begun < 4 * BACK_WITHIN:
        done = [await tally.ask(call, number) for number in range(100)]
        if all(outcome is Outcome.ANSWERED for outcome in done):
            break
        await asyncio.sleep(0.01)
    return time.perf_counter() - begun


def wrongs(
    folder: Path, seconds: float, *, server: str = "", factors: Sequence[int] = (2, 10), as_served: bool = False
) -> list[str]:
    """Overload a sidecar so many times, and tell what went wrong.

    It is `pdp serve` where that is asked for, and its servers with nothing around them otherwise.
    """
    found: list[str] = []
    with contextlib.ExitStack() as started:
        port = free_port()
        if as_served:
            address = started.enter_context(several.running(folder, 1, server, LIMITS.format(port=port)))
        else:
            spec = Spec(folder=str(folder), in_flight=LIMIT, breach=server, parts=("grpc", "http"), http=port)
            started.enter_context(serving(spec))
            address = spec.grpc
        for factor in factors:
            found += asyncio.run(_over_grpc(address.removeprefix("grpc://"), factor, seconds))
            found += asyncio.run(_over_http(port, factor, seconds))
    return found


async def _over_http(port: int, factor: int, seconds: float) -> list[str]:
    # A question that is there is answered before the next is looked at: nothing would be under way beside it. So each
    # takes a while to arrive.
    idle: list[http.Connection] = []

    async def call(number: int) -> tuple[Outcome, str]:
        connection = idle.pop() if idle else http.Connection(port)
        try:
            status, body = await connection.ask(http.question(number), pause=ARRIVING)
        except (OSError, EOFError, ValueError) as error:
            return Outcome.WRONG, f"{type(error).__name__}: {error}"
        idle.append(connection)
        if status == 503:
            return Outcome.REFUSED, ""
        if status != 200 or body["decision"] is not (number % len(world.USERS) == 0):
            return Outcome.WRONG, f"question {number % len(world.USERS)} is answered {status}, {body}"
        return Outcome.ANSWERED, ""

    try:
        return await _judged("HTTP", call, factor, seconds)
    finally:
        for connection in idle:
            connection.close()


async def _over_grpc(address: str, factor: int, seconds: float) -> list[str]:
    channels = [aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(4)]
    try:
        calls = [channel.unary_unary(questions.CHECK) for channel in channels]
        return await _judged("gRPC", lambda number: _check(calls[number % len(calls)], number), factor, seconds)
    finally:
        for channel in channels:
            await channel.close()


async def _judged(protocol: str, call: Call, factor: int, seconds: float) -> list[str]:
    tally = await load(call, factor * LIMIT, seconds)
    normal = await seconds_until_normal(call)
    name = f"{protocol}, {factor} × the limit"
    print(
        f"{name}: {len(tally.answered)} answered, {tally.refused} refused, {len(tally.wrong)} wrong, "
        f"p99 {tally.p99:.0f} ms, normal after {normal:.2f} s",
        flush=True,
    )
    found = [f"{name}: {wrong}" for wrong in tally.wrong[:5]]
    if not tally.answered:
        found.append(f"{name}: nothing was answered")
    if not tally.refused:
        found.append(f"{name}: nothing was refused")
    if tally.p99 >= P99_MS:
        found.append(f"{name}: what is answered takes {tally.p99:.0f} ms")
    if normal > BACK_WITHIN:
        found.append(f"{name}: it takes {normal:.1f} s until all is answered again")
    return found


async def _check(call: Any, number: int) -> tuple[Outcome, str]:
    question, allowed = questions.QUESTIONS[number % len(questions.QUESTIONS)]
    try:
        reply = check_pb2.CheckResponse.FromString(await call(question, timeout=10))
    except aio.AioRpcError as error:
        if error.code() in REFUSALS:
            return Outcome.REFUSED, ""
        return Outcome.WRONG, f"{error.code().name}: {error.details()}"
    expected = check_pb2.DECISION_ALLOW if allowed else check_pb2.DECISION_DENY
    if reply.decision != expected:
        return (
            Outcome.WRONG,
            f"question {number % len(questions.QUESTIONS)} is answered {reply.decision}, reason {reply.reason}",
        )
    return Outcome.ANSWERED, ""
