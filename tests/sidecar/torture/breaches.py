"""Ways to break a promise of the sidecar, in its process or in that of a client. Each has to be noticed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import grpc

from pdp.model import Decision, Outcome, Reason, Request
from pdp_sidecar import service
from pdp_sidecar.callers import Caller
from pdp_sidecar.client import client as remote
from pdp_sidecar.client.leases import Leases
from pdp_sidecar.generated import check_pb2
from pdp_sidecar.operations import gate
from pdp_sidecar.operations.gate import Gate
from pdp_sidecar.rpc.checks import Checks
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.service import Service
from tests.sidecar.torture import world

Breach = Callable[[], contextlib.AbstractContextManager[Any]]

LATE = 0.3
"""Seconds that are too many for anything."""


# ------------------------------------------------------------------------------------------------------ revocations


def _acknowledged_at_once() -> Any:
    revoke = Service.revoke

    def later(self: Service, caller: Caller, **target: Any) -> tuple[int, int, int]:
        threading.Timer(LATE, lambda: revoke(self, caller, **target)).start()
        return 1, 1, 0

    return mock.patch.object(Service, "revoke", later)


def _nobody_is_told() -> Any:
    return mock.patch.object(Service, "listen", lambda self, listener: lambda: None)


def _epochs_stay() -> Any:
    return mock.patch.object(service._Epochs, "_changed", lambda self: None)


def _beats_are_ignored() -> Any:
    told = Leases.told

    def ignoring(self: Leases, epoch: str, interval: float) -> None:
        told(self, self.held.epoch or epoch, interval)

    return mock.patch.object(Leases, "told", ignoring)


def _silence_is_ignored() -> Any:
    told = Leases.told

    def relying(self: Leases, epoch: str, interval: float) -> None:
        told(self, epoch, interval)
        self.held.trusted = math.inf

    return mock.patch.object(Leases, "told", relying)


def _leases_do_not_end() -> Any:
    put = Leases._put

    def lasting(self: Leases, held: Any, key: Any, kept: Any) -> None:
        put(self, held, key, (math.inf, *kept[1:]))

    return mock.patch.object(Leases, "_put", lasting)


def _no_answer_is_an_allow() -> Any:
    return mock.patch.object(
        remote, "denied", lambda failure: Decision(outcome=Outcome.ALLOW, reason=Reason.PERMITTED, revision="")
    )


def _other_workers_hear_later() -> Any:
    def alone(self: Service, caller: Caller, **target: Any) -> tuple[int | None, int, int]:
        return self.engine.revoke(**target), 2, 0

    return mock.patch.object(Service, "revoke", alone)


WORKERS: dict[str, Breach] = {
    "a revocation is acknowledged before other workers hold it": _other_workers_hear_later,
}
REVOKING_SERVER: dict[str, Breach] = {
    "a revocation is acknowledged before it holds": _acknowledged_at_once,
    "nobody is told that something has changed": _nobody_is_told,
    "the epoch stays what it was": _epochs_stay,
}
REVOKING_CLIENT: dict[str, Breach] = {"a client ignores what beats tell": _beats_are_ignored}
CUT_OFF: dict[str, Breach] = {
    "a client does not mind that it hears nothing": _silence_is_ignored,
    "a client that gets no answer allows": _no_answer_is_an_allow,
}
LEASED: dict[str, Breach] = {"a lease does not end": _leases_do_not_end}


# --------------------------------------------------------------------------------------------------------- overload


def _nothing_is_shed() -> Any:
    patched = contextlib.ExitStack()
    channel = Options.channel
    patched.enter_context(mock.patch.object(Options, "calls", property(lambda self: 100_000)))
    patched.enter_context(
        mock.patch.object(
            Options, "channel", lambda self: tuple(each for each in channel(self) if "pending" not in each[0])
        )
    )
    return patched


def _shed_is_allowed() -> Any:
    patched = _nothing_is_shed()
    asked, count = Checks.check, itertools.count()

    async def check(self: Checks, data: bytes, context: Any) -> bytes:
        if next(count) % 50:
            return await asked(self, data, context)
        return check_pb2.CheckResponse(decision=check_pb2.DECISION_ALLOW).SerializeToString()

    patched.enter_context(mock.patch.object(Checks, "check", check))
    return patched


def _what_is_taken_waits() -> Any:
    asked = Checks.check

    async def check(self: Checks, data: bytes, context: Any) -> bytes:
        await asyncio.sleep(LATE)
        return await asked(self, data, context)

    return mock.patch.object(Checks, "check", check)


def _it_does_not_recover() -> Any:
    asked, begun = Checks.check, list[float]()

    async def check(self: Checks, data: bytes, context: Any) -> bytes:
        begun.append(time.monotonic())
        if begun[-1] - begun[0] > LATE:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much")
        return await asked(self, data, context)

    return mock.patch.object(Checks, "check", check)


def _http_sheds_nothing() -> Any:
    opened = Gate.__init__

    def wide(self: Gate, app: Any, limit: int, metrics: Any, **options: Any) -> None:
        opened(self, app, 100_000, metrics, **options)

    return mock.patch.object(Gate, "__init__", wide)


def _http_allows_what_is_shed() -> Any:
    yes = b'{"decision": true, "context": {}}'
    patched = contextlib.ExitStack()
    patched.enter_context(mock.patch.dict(gate._START, status=200, headers=[(b"content-length", b"%d" % len(yes))]))
    patched.enter_context(mock.patch.dict(gate._END, body=yes))
    return patched


OVERLOADED: dict[str, Breach] = {
    "nothing is shed": _nothing_is_shed,
    "a call that is shed is answered allow": _shed_is_allowed,
    "HTTP sheds nothing": _http_sheds_nothing,
    "a request of HTTP that is shed is answered allow": _http_allows_what_is_shed,
    "what is taken has to wait": _what_is_taken_waits,
    "what was overloaded once refuses for ever": _it_does_not_recover,
}


# ---------------------------------------------------------------------------------------------------------- reloads


def _another_revision_is_named() -> Any:
    decide, names = Service._decide, itertools.cycle(policy.revision for policy in world.policies())

    def renamed(self: Service, caller: Caller, request: Request) -> Decision:
        found = decide(self, caller, request)
        return Decision(outcome=found.outcome, reason=found.reason, revision=next(names))

    return mock.patch.object(Service, "_decide", renamed)


def _a_batch_is_of_two_states() -> Any:
    decide = Service._decide_many

    def in_halves(self: Service, caller: Caller, requests: Sequence[Request]) -> list[Decision]:
        half = len(requests) // 2
        first = decide(self, caller, requests[:half])
        world.TURNS.record()
        time.sleep(0.005)
        return [*first, *decide(self, caller, requests[half:])]

    return mock.patch.object(Service, "_decide_many", in_halves)


def _answers_outlive_reloads() -> Any:
    decide, kept = Service._decide, dict[Any, Decision]()

    def remembering(self: Service, caller: Caller, request: Request) -> Decision:
        return kept.setdefault(request.principal, decide(self, caller, request))

    patched = contextlib.ExitStack()
    patched.enter_context(mock.patch.object(Service, "_decide", remembering))
    patched.enter_context(
        mock.patch.object(
            Service,
            "_decide_many",
            lambda self, caller, requests: [remembering(self, caller, each) for each in requests],
        )
    )
    return patched


RELOADED: dict[str, Breach] = {
    "an answer names another revision": _another_revision_is_named,
    "a batch is answered by two states": _a_batch_is_of_two_states,
    "answers outlive a reload": _answers_outlive_reloads,
}

BREACHES = WORKERS | REVOKING_SERVER | REVOKING_CLIENT | CUT_OFF | LEASED | OVERLOADED | RELOADED

SHOWS: dict[str, str] = {
    "a revocation is acknowledged before other workers hold it": "after the acknowledgement",
    "a revocation is acknowledged before it holds": "after the acknowledgement",
    "nobody is told that something has changed": "after the acknowledgement",
    "the epoch stays what it was": "still allows",
    "a client ignores what beats tell": "still allows",
    "a client does not mind that it hears nothing": "cut off by a sidecar",
    "a client that gets no answer allows": "cut off by a sidecar",
    "a lease does not end": "whose lease has ended",
    "nothing is shed": "gRPC, 10 × the limit: nothing was refused",
    "a call that is shed is answered allow": "is answered",
    "HTTP sheds nothing": "HTTP, 10 × the limit: nothing was refused",
    "a request of HTTP that is shed is answered allow": "'decision': True",
    "what is taken has to wait": "what is answered takes",
    "what was overloaded once refuses for ever": "until all is answered again",
    "an answer names another revision": "is answered",
    "a batch is answered by two states": "not all of one",
    "answers outlive a reload": "not all of one state",
}
"""What each of them has to show as. What goes wrong for any other reason has not noticed it."""
