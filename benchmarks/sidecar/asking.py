"""One question at a time, to see that a server answers, and answers right, before anything is measured."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

from benchmarks.measures import MeasurementError
from benchmarks.sidecar.h2load import Target
from benchmarks.workloads import Ask

Asks = Sequence[Ask]

FRAME = 5
"""Bytes before a message of gRPC: whether it is compressed, and its length."""


class DisagreementError(MeasurementError):
    """A server answers otherwise than the workload has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server as the load meets it: where, what is sent for some questions, and what its answer says to each."""

    name: str
    target: Target
    message: Callable[[Asks], bytes]
    answers: Callable[[bytes, Asks], list[bool]]

    def body(self, asks: Asks) -> bytes:
        """Return what h2load sends."""
        message = self.message(asks)
        return b"\0" + len(message).to_bytes(4, "big") + message if self.target.is_grpc else message

    def ask(self, asks: Asks) -> bytes:
        """Ask once, and return the answer; raise OSError where there is none."""
        return ask(self.target, self.message(asks))

    def check(self, asks: Asks) -> int:
        """See that questions are answered as the workload has it, and return how long the answer is as it is sent."""
        reply = self.ask(asks)
        said, expected = self.answers(reply, asks), [each.allowed for each in asks]
        if said != expected:
            wrong = next(each for each, is_allowed in zip(asks, said, strict=True) if each.allowed != is_allowed)
            raise DisagreementError(f"{self.name} answers otherwise: {wrong}")
        return len(reply) + (FRAME if self.target.is_grpc else 0)


def ask(target: Target, message: bytes) -> bytes:
    """Send a message, and return what comes back; raise OSError."""
    return _grpc(target, message) if target.is_grpc else _http(target, message)


def _grpc(target: Target, message: bytes) -> bytes:
    # Kept by nothing: a channel that has failed once waits before it tries again.
    with grpc.insecure_channel(target.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            reply: bytes = channel.unary_unary(target.path)(message, timeout=10, wait_for_ready=False)
        except grpc.RpcError as error:
            raise OSError(str(error)) from error
    return reply


def _http(target: Target, message: bytes) -> bytes:
    host, _, port = target.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("POST", target.path, message, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        found = reply.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    if reply.status != 200:
        raise OSError(f"{target.address}: status {reply.status}: {found[:200]!r}")
    return found


def answers(contender: Contender, asks: Asks) -> bool:
    """Tell whether a server answers at all."""
    try:
        contender.ask(asks)
    except OSError:
        return False
    return True
