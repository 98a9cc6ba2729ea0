"""Measurements that need a process of their own.

`python -m benchmarks.probes NAME ARGUMENT…` prints one line of JSON.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import leases, traces
from benchmarks.machine import resident

CALLS = 100_000
REPEATS = 5
SECONDS = 10.0
"""How long a probe keeps on where what it measures is slow: it then takes what it has."""


def single(subject: str) -> dict[str, float]:
    """Time `decide` call by call, in µs, the median of a few repeats; what reading the clock costs is taken off."""
    from benchmarks import workloads
    from benchmarks.contenders import Ours

    ours = Ours(workloads.build(subject))
    calls = [call if len(call) == 6 else (*call, None, None, None) for call in ours.calls(ours.workload.asks)]
    medians: list[float] = []
    tails: list[float] = []
    until = time.perf_counter() + SECONDS
    one_by_one(ours.engine.decide, calls, 2_000, until)
    while len(medians) < REPEATS and (time.perf_counter() < until or not medians):
        times = one_by_one(ours.engine.decide, calls, CALLS, until)
        clock = statistics.median(one_by_one(None, calls, CALLS, until + SECONDS))
        medians.append((statistics.median(times) - clock) / 1e3)
        tails.append((times[int(len(times) * 0.99)] - clock) / 1e3)
    return {"median": statistics.median(medians), "p99": statistics.median(tails)}


def one_by_one(ask: Callable[..., object] | None, calls: list[Any], count: int, until: float) -> list[int]:
    """Return how many ns each of `count` calls took, sorted, or no call at all; fewer where the time is up."""
    clock = time.perf_counter_ns
    found: list[int] = []
    take = found.append
    while len(found) < count and (time.perf_counter() < until or not found):
        if ask is None:
            for _principal, _action, _resource, _context, _session, _now in calls:
                begun = clock()
                take(clock() - begun)
        else:
            for principal, action, resource, context, session, now in calls:
                begun = clock()
                ask(principal, action, resource, context, session, now)
                take(clock() - begun)
    found.sort()
    return found


def first(subject: str) -> dict[str, float]:
    """Time the first decision of each cell after a load; return the worst cell, in ms, the median of a few loads."""
    from benchmarks import workloads
    from benchmarks.contenders import Ours

    workload = workloads.build(subject)
    worst: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(worst) < REPEATS and (time.perf_counter() < until or not worst):
        ours = Ours(workload)
        times: dict[tuple[str, str, str], float] = {}
        for ask, call in zip(workload.asks, ours.calls(workload.asks), strict=True):
            cell = ask.action, ask.principal[0], ask.resource[0]
            if cell not in times:
                begun = time.perf_counter()
                ours.engine.decide(*call)  # type: ignore[arg-type]
                times[cell] = (time.perf_counter() - begun) * 1e3
        worst.append(max(times.values()))
    return {"worst": statistics.median(worst)}


BATCH = 2_000
FULL_COLLECTIONS = 3
PAUSE_SECONDS = 20.0


def pause(subject: str, mode: str) -> dict[str, float]:
    """Decide without a break, log as a host would, and return the worst pause in ms.

    The log, written out in batches, keeps the collector at work: a decision alone may leave it nothing to do. It is
    short, so that a pause is due to what is loaded. A full collection comes once in about a million decisions, hence
    the loop runs until there were some; the worst pause up to each is taken, and the median of these is the figure.
    """
    from benchmarks import workloads
    from benchmarks.contenders import Ours

    ours = Ours(workloads.build(subject))
    calls = ours.calls(ours.workload.asks)
    for call in calls:
        ours.engine.decide(*call)
    gc.collect()
    if mode == "frozen":
        gc.freeze()
    until = time.perf_counter() + PAUSE_SECONDS
    found = until_full_collections(ours.engine.decide, calls, FULL_COLLECTIONS, until)
    return {"worst": statistics.median(found), "collections": len(found)}


def until_full_collections(ask: Callable[..., object], calls: Any, count: int, until: float) -> list[float]:
    """Return the longest time between two decisions up to each full collection, in ms; one more when the time is up."""
    clock = time.perf_counter_ns
    log: list[dict[str, object]] = []
    seen = gc.get_stats()[2]["collections"]
    found: list[float] = []
    longest = 0
    while len(found) < count:
        before = clock()
        for principal, action, resource in calls:
            log.append({"action": action, "decision": ask(principal, action, resource)})
            after = clock()
            if after - before > longest:
                longest = after - before
            before = after
        if len(log) >= BATCH:
            log.clear()
        full = gc.get_stats()[2]["collections"]
        late = time.perf_counter() > until
        if full > seen or late:
            found.append(longest / 1e6)
            seen, longest = full, 0
        if late:
            break
    return found


def load_pdp(folder: str, count: str) -> dict[str, float]:
    """Time a load of a policy folder, in ms. `PDP_CACHE` says where the cache is, and whether there is one."""
    import pdp

    # A process pays for its modules once; what cedarpy imports is not on the clock, either.
    load = pdp.Engine.load
    begun = time.perf_counter()
    engine = load(folder)
    taken = time.perf_counter() - begun
    if len(engine.policy.rules) != int(count):
        raise AssertionError(f"{len(engine.policy.rules)} rules instead of {count}")
    return {"ms": taken * 1e3}


def load_cedarpy(path: str, count: str) -> dict[str, float]:
    """Time cedarpy's parse, in ms."""
    import cedarpy  # type: ignore[import-not-found, unused-ignore]

    text = Path(path).read_text(encoding="utf-8")
    begun = time.perf_counter()
    policies = cedarpy.PolicySet.from_str(text)
    taken = time.perf_counter() - begun
    if len(policies) != int(count):
        raise AssertionError(f"{len(policies)} policies instead of {count}")
    return {"ms": taken * 1e3}


def memory_pdp(subject: str, folder: str) -> dict[str, float]:
    """Measure what an engine adds to the resident memory of a process that imported pdp and answered with it."""
    import pdp

    tiny = "type User\ntype Page\naction read on Page by User\nrule all_read: permit User to read on Page\n"
    pdp.Engine.from_text(tiny).decide(pdp.ref("User", "a"), "read", pdp.ref("Page", "b"))
    before = resident()
    engine = pdp.Engine.load(folder)
    allowed = [engine.allows(pdp.ref("User", "user0"), action, _some_service(folder)) for action in ("read", "deploy")]
    gc.collect()
    return {"MiB": resident() - before, "allowed": sum(allowed)}


def _some_service(folder: str) -> Any:
    import pdp

    entities = json.loads(Path(folder, "entities.json").read_text(encoding="utf-8"))["entities"]
    return pdp.ref("Service", next(each["id"] for each in entities if each["type"] == "Service"))


def memory_cedarpy(subject: str, folder: str) -> dict[str, float]:
    """Measure the same for cedarpy: the texts are read in the process, and let go before it is measured."""
    import cedarpy  # type: ignore[import-not-found, unused-ignore]

    cedarpy.is_authorized({"principal": 'A::"a"', "action": 'Action::"b"', "resource": 'C::"c"'}, "", "[]")
    before = resident()
    policies = cedarpy.PolicySet.from_str(Path(folder, "policies.cedar").read_text(encoding="utf-8"))
    entities = cedarpy.Entities.from_json_str(Path(folder, "entities.json").read_text(encoding="utf-8"))
    request: Any = {"principal": {"type": "User", "id": "user0"}, "action": {"type": "Action", "id": "read"}}
    cedarpy.is_authorized({**request, "resource": {"type": "Service", "id": "none"}}, policies, entities)
    gc.collect()
    return {"MiB": resident() - before}


CHANGES = 50


def entity(count: str) -> dict[str, float]:
    """Time a change of one user's groups among many users, with the first decision that sees it; the median, in ms."""
    import pdp
    from benchmarks.workloads import roles

    text = roles.TYPES + roles.grant(("owners", "deployer", "shop"))
    users = [pdp.Entity("User", f"user{i}", {}, [pdp.ref("Group", f"group{i % 100}")]) for i in range(int(count) - 1)]
    shop = pdp.Entity("Service", "shop", {}, [pdp.ref("Project", "shop")])
    engine = pdp.Engine.from_text(text, entities=[*users, shop])
    question = pdp.ref("User", "user7"), "deploy", pdp.ref("Service", "shop")
    for user in users:
        # A service that has run for a while knows them all.
        engine.allows(pdp.ref("User", user.id), *question[1:])
    times = []
    until = time.perf_counter() + SECONDS
    for i in range(CHANGES):
        owns = i % 2 == 0
        changed = pdp.Entity("User", "user7", {}, [pdp.ref("Group", "owners" if owns else "group7")])
        begun = time.perf_counter()
        engine.upsert_entity(changed)
        allowed = engine.allows(*question)
        times.append((time.perf_counter() - begun) * 1e3)
        if allowed is not owns:
            raise AssertionError("the change was not seen")
        if time.perf_counter() > until:
            break
    return {"changed": statistics.median(times)}


PROBES: dict[str, Callable[..., dict[str, float]]] = {
    "single": single,
    "first": first,
    "pause": pause,
    "load_pdp": load_pdp,
    "load_cedarpy": load_cedarpy,
    "memory_pdp": memory_pdp,
    "memory_cedarpy": memory_cedarpy,
    "entity": entity,
    "leases": leases.leases,
    "held": leases.held,
    "traces": traces.traces,
}


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](*sys.argv[2:])))
