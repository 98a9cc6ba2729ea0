"""What a sidecar counts. To count a decision takes a fraction of a microsecond; the rest is done when somebody asks.

No principal, resource or attribute has a part in it: what is told is bounded by the policy, and anybody may read it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, ParamSpec, TypeVar

import msgspec

from pdp.engine import Engine
from pdp.model import Decision, Leaf, Request
from pdp_sidecar.callers import Caller
from pdp_sidecar.reloading import Reloaded

P = ParamSpec("P")
T = TypeVar("T")

BOUNDS: Final = (50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Where the buckets of a histogram of latencies end, in seconds."""

MAX_RULES: Final = 1_000
"""So many rules are counted by their names. The others are one."""

OTHER: Final = "other"
GRANTS: Final = "grants"
"""What all grants are counted as: their names have those of people in them."""

_MOST_LEAVES: Final = 4_096
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*", re.ASCII)


def named(rule: str) -> str:
    """Return the name that a rule is told by, that of all grants for one of them.

    >>> named("only_trunk_ships"), named('grant reader on Page "home" to User "ada"')
    ('only_trunk_ships', 'grants')
    """
    return rule if _NAME.fullmatch(rule) else GRANTS


class Latencies(msgspec.Struct):
    """How long calls took: how many ended in each bucket, the last of which has no end, and all of it in seconds."""

    protocol: str
    method: str
    buckets: list[int]
    total: float


class Numbers(msgspec.Struct, kw_only=True):
    """What one process has counted, as plain data. `instance` tells it from the next that does the same work.

    `decisions` are by protocol, outcome and reason, `rules` by name and outcome, `ages` by source and state, `tokens`
    by what became of them: `verified`, or the code that they were refused with.
    """

    instance: str
    started: float
    revision: str = ""
    facts_revision: str = ""
    decisions: list[tuple[str, str, str, int]] = []
    rules: list[tuple[str, str, int]] = []
    latencies: list[Latencies] = []
    refused: list[tuple[str, int]] = []
    in_flight: list[tuple[str, int]] = []
    ages: list[tuple[str, str, float]] = []
    reloads: list[tuple[bool, int]] = []
    tokens: list[tuple[str, int]] = []
    counts: list[tuple[str, int]] = []
    gauges: list[tuple[str, float]] = []


class Meter:
    """Counts the calls of one method of a protocol. `in_flight` is how many are being answered."""

    __slots__ = ("_buckets", "_total", "in_flight", "method", "protocol", "refused")

    def __init__(self, protocol: str, method: str) -> None:
        self.protocol, self.method = protocol, method
        self.in_flight = self.refused = 0
        self._buckets, self._total = [0] * (len(BOUNDS) + 1), 0.0

    def begin(self) -> float:
        """Take note that a call begins; return what `end` wants to be told."""
        self.in_flight += 1
        return time.perf_counter()

    def end(self, began: float) -> None:
        """Take note that a call has ended, however it did."""
        self.in_flight -= 1
        seconds = time.perf_counter() - began
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._total += seconds

    def around(self, answer: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """Return what answers one call, measured: a handler of gRPC, such as one for a unary call."""

        async def measured(*given: P.args, **named: P.kwargs) -> T:
            began = self.begin()
            try:
                return await answer(*given, **named)
            finally:
                self.end(began)

        return measured

    def told(self) -> Latencies:
        """Return how long calls took."""
        return Latencies(self.protocol, self.method, list(self._buckets), self._total)


class Tally:
    """Counts decisions of one protocol by their leaves, which most of them share."""

    def __init__(self, protocol: str, metrics: Metrics) -> None:
        self._protocol, self._metrics = protocol, metrics
        self._leaves: dict[int, list[Any]] = {}

    def __call__(self, caller: Caller, request: Request, decision: Decision) -> None:
        """Count a decision."""
        leaf = decision._leaf
        entry = self._leaves.get(id(leaf))
        # A leaf that is counted is held, so that no other can have its id meanwhile.
        if entry is not None:
            entry[1] += 1
            return
        if len(self._leaves) >= _MOST_LEAVES:
            self.fold()
        self._leaves[id(leaf)] = [leaf, 1]

    def fold(self) -> None:
        """Add what was counted to what is told."""
        leaves, self._leaves = self._leaves, {}
        for leaf, number in leaves.values():
            self._metrics.add(self._protocol, leaf, number)


class Metrics:
    """What one process counts. All of it is for one thread, but that a count may be lost nothing happens otherwise."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._instance, self._started = secrets.token_hex(8), time.time()
        self._decisions: Counter[tuple[str, str, str]] = Counter()
        self._rules: Counter[tuple[str, str]] = Counter()
        self._names: set[str] = set()
        self._reloads: Counter[bool] = Counter()
        self.tokens: Counter[str] = Counter()
        """What became of tokens. Codes are those of pdp, never what somebody sent."""
        self._meters: dict[tuple[str, str], Meter] = {}
        self._tallies: dict[str, Tally] = {}
        self._gauges: dict[str, Callable[[], float]] = {}
        self._counts: dict[str, Callable[[], int]] = {}

    def tally(self, protocol: str) -> Tally:
        """Return what counts the decisions of a protocol: a record for `Service.through`."""
        return self._tallies.setdefault(protocol, Tally(protocol, self))

    def meter(self, protocol: str, method: str) -> Meter:
        """Return what counts the calls of a method. Methods are those of the protocol, never what somebody sent."""
        return self._meters.setdefault((protocol, method), Meter(protocol, method))

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Tell a number that goes up and down, such as `watches`, by what reads it."""
        self._gauges[name] = read

    def count(self, name: str, read: Callable[[], int]) -> None:
        """Tell a number that only grows, such as `log_lines_dropped`, by what reads it."""
        self._counts[name] = read

    def reloaded(self, found: Reloaded, seconds: float) -> None:
        """Count that policies were read anew, as `Reloader.on_reload` tells it."""
        self._reloads[found.taken] += 1

    def add(self, protocol: str, leaf: Leaf, number: int) -> None:
        """Count so many decisions of a leaf."""
        outcome = str(leaf.outcome)
        self._decisions[protocol, outcome, str(leaf.reason)] += number
        for name in {self._name(each) for each in leaf.determining_rules}:
            self._rules[name, outcome] += number

    def _name(self, rule: str) -> str:
        rule = named(rule)
        if rule not in self._names:
            if len(self._names) >= MAX_RULES:
                return OTHER
            self._names.add(rule)
        return rule

    async def told(self) -> Numbers:
        """Return what was counted so far, and keep nobody waiting while the revision of many entities is found."""
        await asyncio.to_thread(lambda: self._engine.facts_revision)
        return self.numbers()

    def numbers(self) -> Numbers:
        """Return what was counted so far."""
        for each in self._tallies.values():
            each.fold()
        meters, engine = self._meters.values(), self._engine
        ages = [(name, str(each.state), each.age.total_seconds()) for name, each in engine.sources.items()]
        return Numbers(
            instance=self._instance,
            started=self._started,
            revision=engine.policy.revision,
            facts_revision=engine.facts_revision,
            decisions=[(*key, number) for key, number in self._decisions.items()],
            rules=[(*key, number) for key, number in self._rules.items()],
            latencies=[each.told() for each in meters],
            refused=_by_protocol((each.protocol, each.refused) for each in meters),
            in_flight=_by_protocol((each.protocol, each.in_flight) for each in meters),
            ages=ages,
            reloads=list(self._reloads.items()),
            tokens=list(self.tokens.items()),
            counts=[(name, read()) for name, read in self._counts.items()],
            gauges=[("revocations", float(engine.revoked)), *((name, read()) for name, read in self._gauges.items())],
        )


def _by_protocol(found: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    summed: Counter[str] = Counter()
    for protocol, number in found:
        summed[protocol] += number
    return list(summed.items())
