"""Clients in Python: what a question takes where nothing is kept, and where a lease is.

`python -m benchmarks.sidecar.clients WORLD GRPC FRAMES` is the process that asks.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc

import pdp
from benchmarks.measures import ROOT, Figures, MeasurementError, run
from benchmarks.sidecar import ours, worlds
from benchmarks.sidecar.asking import Contender, answers
from benchmarks.sidecar.ours import Addresses
from benchmarks.workloads import Ask

LAPS = 7
SECONDS_OF_A_LAP = 0.5


def client(subject: str) -> Figures:
    """Time clients in a process beside the server, in turns."""
    world = worlds.build(subject)
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        policies = folder / "policies"
        ours.policies(world, policies)
        addresses = Addresses(grpc=f"unix:{folder}/grpc", frames=f"unix:{folder}/frames")
        target = ours.targets(addresses, batch=False)["grpc"]
        asked = Contender(name="pdp", target=target, message=ours.message, answers=ours.answers)
        served = ours.start(policies, folder / "server", addresses, 1, lambda: answers(asked, world.singles[:1]))
        try:
            command = [sys.executable, "-m", "benchmarks.sidecar.clients", subject, str(policies)]
            done = run([*command, addresses.grpc, addresses.frames], ROOT, dict(os.environ))
        finally:
            served.stop()
    if done.returncode:
        raise MeasurementError(done.stderr[-2_000:])
    return {f"client.{subject}.{name}": value for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def revoked(subject: str) -> Figures:
    """Measure how soon clients in processes of their own hear of a revocation, by the torture of the sidecar."""
    command = [sys.executable, "-m", "tests.sidecar.torture", "--only=revocations", "--json"]
    done = run(command, ROOT, dict(os.environ))
    if done.returncode:
        raise MeasurementError(done.stdout[-1_000:] + done.stderr[-1_000:])
    return {f"revoked.{subject}.{name}": value for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


KINDS: dict[str, Callable[[str], Figures]] = {"client": client, "revoked": revoked}
"""What measures each kind of figure."""

GIVES = {
    "client": frozenset({"grpcio", "frames", "leased", "allows"}),
    "revoked": frozenset({"median", "p999", "worst"}),
}
"""What each kind of measurement gives figures of."""


# ------------------------------------------------------------------------------------------- the process that asks


def main(subject: str, policies: str, grpc_address: str, frames_address: str) -> dict[str, float]:
    """Return the median time of a question, in µs, by each way to ask it."""
    world = worlds.build(subject)
    asks = world.singles
    calls = [(pdp.ref(*ask.principal), ask.action, pdp.ref(*ask.resource)) for ask in asks]
    engine = pdp.Engine.load(policies)
    with (
        grpc.insecure_channel(grpc_address) as channel,
        pdp.connect(frames_address, leases=False) as plain,
        pdp.connect(frames_address) as leasing,
    ):
        asking: dict[str, Callable[[], Sequence[bool]]] = {
            "grpcio": _by_grpcio(channel, asks),
            "frames": lambda: [plain.allows(*call) for call in calls],
            "leased": lambda: [leasing.allows(*call) for call in calls],
            "allows": lambda: [engine.allows(*call) for call in calls],
        }
        for name, ask in asking.items():
            if ask() != [each.allowed for each in asks]:
                raise MeasurementError(f"{name} answers otherwise")
        times: dict[str, list[float]] = {name: [] for name in asking}
        for _ in range(LAPS):
            for name, ask in asking.items():
                times[name] += _lap(ask, len(asks))
    return {name: statistics.median(each) for name, each in times.items()}


def _by_grpcio(channel: Any, asks: Sequence[Ask]) -> Callable[[], Sequence[bool]]:
    # The least that a client of grpcio does: messages that are ready, and the answer read.
    from pdp_sidecar.generated import check_pb2

    call = channel.unary_unary(
        ours.CHECK,
        request_serializer=check_pb2.CheckRequest.SerializeToString,
        response_deserializer=check_pb2.CheckResponse.FromString,
    )
    messages = [check_pb2.CheckRequest.FromString(ours.message([ask])) for ask in asks]
    return lambda: [call(message).decision == check_pb2.DECISION_ALLOW for message in messages]


def _lap(ask: Callable[[], object], count: int) -> list[float]:
    found = []
    until = time.perf_counter() + SECONDS_OF_A_LAP
    while time.perf_counter() < until:
        begun = time.perf_counter()
        ask()
        found.append((time.perf_counter() - begun) / count * 1e6)
    return found


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
