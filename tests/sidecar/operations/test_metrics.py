"""What is counted, and that it costs next to nothing."""

from __future__ import annotations

import asyncio
import time
import timeit
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

import pdp
from pdp.model import Decision, Outcome, Reason
from pdp_sidecar.callers import caller
from pdp_sidecar.operations import metrics as counting
from pdp_sidecar.operations.exposition import Sums
from pdp_sidecar.operations.metrics import GRANTS, OTHER, Metrics, Numbers
from pdp_sidecar.reloading import Reloaded
from pdp_sidecar.service import Service
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, SECRET, engine

ME = caller("tests")
READ_HOME, READ_SECRET = pdp.Request(ADA, "read", HOME), pdp.Request(ADA, "read", SECRET)


def exposed(*numbers: Numbers, sums: Sums | None = None) -> dict[str, float]:
    text = (sums or Sums()).exposition(numbers, True, len(numbers)).decode()
    return {
        f"{each.name}{sorted(each.labels.values())}": each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def counted(*requests: pdp.Request, protocol: str = "grpc") -> Metrics:
    found = Metrics(engine())
    service = Service(found._engine).through(found.tally(protocol))
    for each in requests:
        service.check(ME, each)
    return found


def test_decisions_are_counted_by_how_they_came_out_and_by_their_rules() -> None:
    found = exposed(counted(READ_HOME, READ_HOME, READ_SECRET, pdp.Request(BEN, "edit", PLAN)).numbers())

    assert found["pdp_decisions_total['allow', 'grpc', 'permitted']"] == 2
    assert found["pdp_decisions_total['deny', 'forbidden', 'grpc']"] == 1
    assert found["pdp_decisions_total['default', 'deny', 'grpc']"] == 1
    assert found["pdp_rule_decisions_total['allow', 'public_pages_are_read']"] == 2
    assert found["pdp_rule_decisions_total['deny', 'nobody_reads_secrets']"] == 1


def test_numbers_go_on_over_what_is_told_again_and_over_a_restart() -> None:
    sums, first, second = Sums(), counted(READ_HOME), counted(READ_HOME, READ_HOME)
    name = "pdp_decisions_total['allow', 'grpc', 'permitted']"

    once = exposed(first.numbers(), second.numbers(), sums=sums)[name]
    again = exposed(first.numbers(), second.numbers(), sums=sums)[name]
    Service(first._engine).through(first.tally("grpc")).check(ME, READ_HOME)
    more = exposed(first.numbers(), second.numbers(), sums=sums)[name]
    restarted = exposed(first.numbers(), counted(READ_HOME).numbers(), sums=sums)[name]

    assert (once, again, more, restarted) == (3, 3, 4, 5)


def test_rules_are_bounded_and_grants_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_RULES", 2)
    found = Metrics(engine())
    tally = found.tally("grpc")
    for rule in ("a", "b", "c", "d", 'grant reader on Page "home" to User "ada"', "made\nup"):
        decision = Decision(outcome=Outcome.ALLOW, reason=Reason.PERMITTED, determining_rules=(rule,))
        tally(ME, READ_HOME, decision)

    rules = {name: number for name, _, number in found.numbers().rules}

    assert sum(rules.values()) == 6 and rules.keys() <= {"a", "b", GRANTS, OTHER}
    assert rules[OTHER] >= 2


def test_no_name_of_anybody_stands_in_metrics() -> None:
    text = Sums().exposition([counted(READ_HOME, READ_SECRET).numbers()], True, 1).decode()

    assert not any(word in text for word in ("ada", "User", "tests", "Page"))


def test_leaves_that_are_counted_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_MOST_LEAVES", 8)
    found = Metrics(engine())
    tally = found.tally("grpc")

    for _ in range(100):
        tally(ME, READ_HOME, Decision(outcome=Outcome.DENY, reason=Reason.INTERNAL_ERROR))
        assert len(tally._leaves) <= 8

    assert found.numbers().decisions == [("grpc", "deny", "internal_error", 100)]


def test_calls_are_measured_and_those_in_flight_and_refused_are_told() -> None:
    found = counted()
    check, batch = found.meter("grpc", "Check"), found.meter("grpc", "CheckBatch")
    check.end(check.begin())
    batch.begin()
    batch.refused += 3

    told = exposed(found.numbers())

    assert told["pdp_call_seconds_count['Check', 'grpc']"] == 1
    assert told["pdp_call_seconds_bucket['+Inf', 'Check', 'grpc']"] == 1
    assert told["pdp_call_seconds_sum['Check', 'grpc']"] > 0
    assert (told["pdp_calls_in_flight['grpc']"], told["pdp_refused_calls_total['grpc']"]) == (1, 3)


@pytest.mark.parametrize("seconds, bucket", [(50e-6, "5e-05"), (51e-6, "0.0001"), (3.0, "+Inf")])
def test_a_call_is_in_the_bucket_of_its_length(seconds: float, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = counted()
    meter = found.meter("grpc", "Check")
    monkeypatch.setattr(counting.time, "perf_counter", lambda: seconds)
    meter.end(0.0)

    told = exposed(found.numbers())
    at = [float(name.split("'")[1]) for name, number in told.items() if "_bucket" in name and number == 1]

    assert min(at) == float(bucket)


@pytest.mark.parametrize("raised", [ValueError(), asyncio.CancelledError()])
def test_a_call_that_ends_badly_is_in_flight_no_more(raised: BaseException) -> None:
    found = counted()
    meter = found.meter("grpc", "Check")

    async def fail(request: Any, context: Any) -> None:
        assert meter.in_flight == 1
        raise raised

    with pytest.raises(type(raised)):
        asyncio.run(meter.around(fail)(None, None))  # type: ignore[arg-type]

    assert meter.in_flight == 0


def test_sources_reloads_and_revisions_are_told() -> None:
    found = counted()
    at = Service(found._engine).started
    found.reloaded(Reloaded(at=at, taken=False, revision="r"), 0.1)
    found.gauge("watches", lambda: 7)
    found._engine.revoke(principal=BEN)
    policy, facts = found._engine.policy.revision, found._engine.facts_revision

    told = exposed(asyncio.run(found.told()))

    assert told["pdp_reloads_total['false']"] == 1 and told["pdp_reloads_total['true']"] == 0
    assert told[f"pdp_revision_info{sorted([policy, facts])}"] == 1
    assert told["pdp_source_state['loaded', 'policy']"] == 1 and told["pdp_source_state['failed', 'policy']"] == 0
    assert told["pdp_source_age_seconds['policy']"] >= 0
    assert (told["pdp_watches[]"], told["pdp_revocations[]"], told["pdp_ready[]"]) == (7, 1, 1)


def test_numbers_go_through_a_channel() -> None:
    numbers = counted(READ_HOME).numbers()

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(numbers), type=Numbers) == numbers


def test_to_count_a_decision_takes_less_than_to_make_one() -> None:
    found = counted(READ_HOME)
    tally, meter, service = found.tally("grpc"), found.meter("grpc", "Check"), Service(found._engine)
    decision = found._engine.answer(READ_HOME)

    def count() -> None:
        began = meter.begin()
        tally(ME, READ_HOME, decision)
        meter.end(began)

    def least(work: Callable[[], object]) -> float:
        # The least of many, of the time of this thread alone: others use the machine as well.
        return min(timeit.repeat(work, number=500, repeat=30, timer=time.thread_time))

    assert least(count) < least(lambda: service.check(ME, READ_HOME))
