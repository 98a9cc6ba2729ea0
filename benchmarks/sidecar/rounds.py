"""The servers side by side: each world is served by all of them, and they are loaded in turns."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures import Figures
from benchmarks.sidecar import cerbos, echo, h2load, ours
from benchmarks.sidecar.asking import Asks, Contender, answers
from benchmarks.sidecar.h2load import Load, Target
from benchmarks.sidecar.ours import Addresses
from benchmarks.sidecar.processes import Served, free_port, serve
from benchmarks.sidecar.worlds import BATCH, World

ROUNDS = int(os.environ.get("ROUNDS") or 6)
SECONDS = float(os.environ.get("SECONDS_OF_A_ROUND") or 0.7)
LONGEST = 4.0
"""Seconds that a server is loaded at most which takes long for a batch."""

WARM = 0.2


@dataclass(frozen=True, slots=True)
class Shape:
    """How it is asked: by how many clients, and so many questions at once."""

    name: str
    clients: int
    is_batch: bool = False

    @property
    def questions(self) -> int:
        """How many decisions an answer has."""
        return BATCH if self.is_batch else 1


SHAPES = {shape.name: shape for shape in (Shape("c1", 1), Shape("c8", 8), Shape("c32", 32), Shape("batch", 8, True))}


class Arena:
    """The servers of one world, all of which run as long as it is open."""

    def __init__(self, world: World, binary: Path, folder: Path, started: ExitStack) -> None:
        self.world, self._binary, self._folder, self._started = world, binary, folder, started
        self.policies = folder / "policies"
        ours.policies(world, self.policies)
        self.unix = Addresses(grpc=f"unix:{folder}/pdp.grpc", frames=f"unix:{folder}/pdp.frames")
        self.tcp = {count: Addresses(grpc=_loopback(), http=_loopback()) for count in (1, 2)}
        self._ours(Addresses(self.tcp[1].grpc, self.tcp[1].http, ""), 1)
        self._ours(self.unix, 1)
        self._ours(self.tcp[2], 2)
        self.cerbos = {
            "cerbos": self._cerbos(cerbos.SCOPES, _loopback()),
            "cerbos_unix": self._cerbos(cerbos.SCOPES, f"unix:{folder}/cerbos.grpc"),
        }
        if world.name.startswith("roles"):
            self.cerbos["cerbos_rules"] = self._cerbos(cerbos.RULES, _loopback())
        self._echo = f"unix:{folder}/echo"
        self._keep(self._echo_server())

    def _keep(self, served: Served) -> None:
        self._started.callback(served.stop)

    def _ours(self, addresses: Addresses, workers: int) -> None:
        asked = _ours("pdp", ours.targets(addresses, batch=False)["grpc"], is_grpc=True)
        asks = self.world.singles[:1]
        folder = self._folder / f"pdp{len(list(self._folder.iterdir()))}"
        seen: set[str] = set()

        def ready() -> bool:
            try:
                seen.add(ours.worker_of(asked.ask(asks)))
            except OSError:
                return False
            return len(seen) == workers

        self._keep(ours.start(self.policies, folder, addresses, workers, ready))

    def _cerbos(self, form: str, grpc: str) -> tuple[str, tuple[Target, Target]]:
        http = free_port()
        folder = self._folder / f"cerbos{http}"
        self._keep(cerbos.start(self._binary, self.world, form, folder, grpc=grpc, http=http))
        return form, cerbos.targets(grpc, http)

    def _echo_server(self) -> Served:
        asks = self.world.singles[:1]
        size = len(_ours("pdp", ours.targets(self.unix, batch=False)["grpc"], is_grpc=True).ask(asks))
        command = [sys.executable, "-m", "benchmarks.sidecar.echo", self._echo, str(size)]
        return serve("echo", command, self._folder / "echoing", ready=lambda: answers(self._echoing(), asks))

    def _echoing(self) -> Contender:
        target = Target(address=self._echo, path=echo.PATH, is_grpc=True)
        return Contender(
            name="echo", target=target, message=ours.message, answers=lambda _, asks: [ask.allowed for ask in asks]
        )

    def contenders(self, shape: Shape) -> dict[str, list[Contender]]:
        """Return who takes part, by protocol: each is one server, or two workers, and is asked in one way."""
        batch = shape.is_batch
        found: dict[str, list[Contender]] = {"grpc": [], "http": []}
        for name, addresses in {"pdp_unix": self.unix, "pdp": self.tcp[1], "pdp_2": self.tcp[2]}.items():
            targets = ours.targets(addresses, batch=batch)
            found["grpc"].append(_ours(name, targets["grpc"], is_grpc=True))
            if addresses.http:
                found["http"].append(_ours(name, targets["http"], is_grpc=False))
        for name, (form, targets_of) in self.cerbos.items():
            found["grpc"].append(_theirs(name, self.world, form, targets_of[0]))
            if name == "cerbos":
                found["http"].append(_theirs(name, self.world, form, targets_of[1]))
        if shape.clients == 1:
            found["grpc"].append(self._echoing())
        return found


def _loopback() -> str:
    return f"127.0.0.1:{free_port()}"


def _ours(name: str, target: Target, *, is_grpc: bool) -> Contender:
    if is_grpc:
        return Contender(name=name, target=target, message=ours.message, answers=ours.answers)
    return Contender(
        name=name,
        target=target,
        message=lambda asks: json.dumps(ours.evaluation(asks)).encode(),
        answers=ours.answers_json,
    )


def _theirs(name: str, world: World, form: str, target: Target) -> Contender:
    def message(asks: Asks) -> bytes:
        asked = cerbos.request(world, asks, form)
        return cerbos.message(asked) if target.is_grpc else json.dumps(asked).encode()

    read = cerbos.answers if target.is_grpc else cerbos.answers_json
    return Contender(name=name, target=target, message=message, answers=read)


# ---------------------------------------------------------------------------------------------------------- rounds


def measure(world: World, protocol: str, group: Sequence[Contender], shape: Shape) -> Figures:
    """Load each of a group in turns, all with the same question in one round.

    Before that, see that each answers all questions as the workload has it; else raise DisagreementError.
    """
    questions: Sequence[Asks] = world.batches if shape.is_batch else [[ask] for ask in world.singles]
    seconds = {each.name: _seconds(each, questions, shape) for each in group}
    loads: dict[str, list[Load]] = {each.name: [] for each in group}
    for number in range(ROUNDS):
        asks = questions[number % len(questions)]
        # Whoever begins a round begins none of the next ones: what came before costs each the same.
        turn = number % len(group)
        for each in (*group[turn:], *group[:turn]):
            load = h2load.run(
                each.target,
                each.body(asks),
                clients=shape.clients,
                seconds=seconds[each.name],
                warm=WARM,
                answer=each.check(asks) * 9 // 10,
            )
            loads[each.name].append(load)
    return figures(f"{protocol}_{world.name}_{shape.name}", loads, shape.questions)


def _seconds(contender: Contender, questions: Sequence[Asks], shape: Shape) -> float:
    """Put all questions to a server, and return for how long it is loaded: each client is answered a few times."""
    taken = []
    for asks in questions:
        begun = time.perf_counter()
        contender.check(asks)
        taken.append(time.perf_counter() - begun)
    return max(SECONDS, min(LONGEST, 4 * shape.clients * statistics.median(taken))) if shape.is_batch else SECONDS


def figures(subject: str, loads: Mapping[str, Sequence[Load]], questions: int) -> Figures:
    """Return median, 99th percentile and rate of each, the rate in decisions a second."""
    found: Figures = {}
    for name, each in loads.items():
        load = h2load.together(each)
        found[f"p50.{subject}.{name}"] = load.median
        found[f"p99.{subject}.{name}"] = load.p99
        found[f"rate.{subject}.{name}"] = load.rate * questions
    return found
