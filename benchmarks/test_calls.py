"""How long is one decision? Every engine gets the same requests, in laps: each takes its turn in each lap.

This is run by `make bench`, which says in the environment which groups are wanted. What comes out agrees with what the
workload expects before anything is timed.
"""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import pytest

from benchmarks import contenders, workloads
from benchmarks.contenders import Casbin, Cedar, Ours, Run, Sink
from benchmarks.measures import GROUPS_WANTED, call_groups

LAPS = 5
ROUNDS = 4
SECONDS_OF_A_ROUND = 0.02
SLOW = 0.5
"""A run of so many seconds is timed once in a lap, and in two laps only."""

RECORDED = {"tinytodo_50", "github_50", "gdrive_50", "conditions_8"}
CEDAR_TEXTS = ("tinytodo", "github", "gdrive")
SCALES = {"scale_roles": ("roles_10", "roles_100000"), "scale_conditions": ("conditions_8", "conditions_800")}


@functools.lru_cache(maxsize=2)
def engine(name: str) -> Ours:
    """Load a workload into pdp. The last two are kept: the comparison of few rules and many comes right after many."""
    return Ours(workloads.build(name))


@functools.lru_cache(maxsize=1)
def runs(group: str) -> dict[str, tuple[Run, int]]:
    """Return what is timed in a group, and the number of requests in one run of it."""
    if group in SCALES:
        return scale(*SCALES[group])
    ours = engine(group)
    workload = ours.workload
    asks = workload.few or workload.asks
    expected = [ask.allowed for ask in asks]
    assert ours.answers(asks) == expected
    found: dict[str, Run] = {
        "nothing": contenders.nothing(ours.calls(asks)),
        "nothing_of_three": contenders.nothing([call[:3] for call in ours.calls(asks)]),
        "bare": contenders.loop(contenders.bare, [call[:3] for call in ours.calls(asks)]),
        "allows": ours.run(ours.engine.allows, asks),
        "decide": ours.run(ours.engine.decide, asks),
    }
    if group in RECORDED:
        sink = Sink()
        recorded = Ours(workload, sink)
        assert recorded.answers(asks) == expected
        assert sink.seen == 2 * len(asks)
        found["recorded"] = recorded.run(recorded.engine.decide, asks)
    if workload.cedar_schema:
        converted = Ours(workload, cedar=True)
        assert converted.answers(asks) == expected
        found["cedar_allows"] = converted.run(converted.engine.allows, asks)
        found["cedar_decide"] = converted.run(converted.engine.decide, asks)
    cedar = Cedar(workload)
    assert cedar.answers(asks) == expected
    found["cedarpy"] = cedar.run(asks)
    if workload.casbin_rows:
        casbin = Casbin(workload)
        assert casbin.answers(asks) == expected
        found["casbin"] = casbin.run(asks)
    counted = {name: (run, len(asks)) for name, run in found.items()}
    if workload.missing:
        assert not any(ours.answers(workload.missing))
        counted["missing"] = ours.run(ours.engine.decide, workload.missing), len(workload.missing)
    return counted


def scale(few: str, many: str) -> dict[str, tuple[Run, int]]:
    """Return what compares few rules with many."""
    found: dict[str, tuple[Run, int]] = {}
    for label, ours in (("many", engine(many)), ("few", engine(few))):
        asks = ours.workload.asks
        assert ours.answers(asks) == [ask.allowed for ask in asks]
        found[f"nothing_{label}"] = contenders.nothing(ours.calls(asks)), len(asks)
        for name in ("allows", "decide"):
            found[f"{name}_{label}"] = ours.run(getattr(ours.engine, name), asks), len(asks)
    return found


@functools.lru_cache(maxsize=32)
def seconds(group: str, contender: str) -> float:
    """Return about how long one run takes. The run before it is the one that compiles."""
    run = runs(group)[contender][0]
    first = timed(run)
    return first if first > SLOW else timed(run)


def timed(run: Run) -> float:
    """Return how long a run takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each group, lap and contender, in this order: the contenders of a group alternate."""
    wanted = os.environ.get(GROUPS_WANTED, "").split()
    metafunc.parametrize(
        ("group", "lap", "contender"),
        [
            (group, lap, contender)
            for group in wanted
            for lap in range(LAPS)
            for contender in contenders_of(group)
        ],
    )  # fmt: skip


def contenders_of(group: str) -> list[str]:
    """Return who takes part in a group. A test holds this to what `runs` gives."""
    assert group in call_groups()
    if group in SCALES:
        return [f"{name}_{label}" for label in ("many", "few") for name in ("nothing", "allows", "decide")]
    found = ["nothing", "nothing_of_three", "bare", "allows", "decide"]
    found += ["recorded"] if group in RECORDED else []
    found += ["cedar_allows", "cedar_decide"] if group.startswith(CEDAR_TEXTS) else []
    found += ["cedarpy"]
    found += ["casbin"] if group.startswith("roles") else []
    found += ["missing"] if group.startswith("conditions") else []
    return found


def test_a_decision(benchmark: Any, group: str, lap: int, contender: str) -> None:
    run, requests = runs(group)[contender]
    estimate = seconds(group, contender)
    slow = estimate > SLOW
    if slow and lap >= 2:
        pytest.skip("two laps of a slow one are enough")
    benchmark.extra_info.update(group=group, contender=contender, requests=requests)

    benchmark.pedantic(
        run,
        rounds=1 if slow else ROUNDS,
        iterations=max(1, round(SECONDS_OF_A_ROUND / estimate)),
        warmup_rounds=0 if slow else 1,
    )
