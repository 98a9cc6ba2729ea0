"""What processes have counted, as Prometheus reads it: all workers together, as if they were one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pdp import __version__
from pdp_sidecar.operations.metrics import BOUNDS, Latencies, Numbers

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Sums:
    """What workers have counted, those that are gone included: a number that only grows does so over a restart too."""

    def __init__(self) -> None:
        self._last: dict[str, Numbers] = {}
        self._decisions: Counter[tuple[str, str, str]] = Counter()
        self._rules: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._reloads: Counter[bool] = Counter()
        self._tokens: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._latencies: dict[tuple[str, str], Latencies] = {}

    def exposition(
        self, told: Iterable[Numbers], ready: bool, workers: int, counts: Mapping[str, int] | None = None
    ) -> bytes:
        """Return all of it as text; `told` are those that are there and said so now.

        `counts` are what whoever keeps the workers has counted.
        """
        now = {each.instance: each for each in told}
        for each in now.values():
            self._grow(each, self._last.get(each.instance))
        # One that did not answer in time may do so the next time; of those that are gone, few are kept.
        self._last = dict(list((self._last | now).items())[-_MOST_INSTANCES:])
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Once([*self._counters(), *_gauges(list(now.values())), *_own(ready, workers, counts or {})]))
        return generate_latest(registry)

    def _grow(self, now: Numbers, before: Numbers | None) -> None:
        """Add what an instance has counted since it told before."""
        self._decisions.update({(p, o, r): n for p, o, r, n in now.decisions})
        self._rules.update({(rule, outcome): n for rule, outcome, n in now.rules})
        self._refused.update(dict(now.refused))
        self._reloads.update(dict(now.reloads))
        self._tokens.update(dict(now.tokens))
        self._counts.update(dict(now.counts))
        for each in now.latencies:
            self._add(each, 1)
        if before is not None:
            self._decisions.subtract({(p, o, r): n for p, o, r, n in before.decisions})
            self._rules.subtract({(rule, outcome): n for rule, outcome, n in before.rules})
            self._refused.subtract(dict(before.refused))
            self._reloads.subtract(dict(before.reloads))
            self._tokens.subtract(dict(before.tokens))
            self._counts.subtract(dict(before.counts))
            for each in before.latencies:
                self._add(each, -1)

    def _add(self, each: Latencies, sign: int) -> None:
        key = (each.protocol, each.method)
        held = self._latencies.setdefault(key, Latencies(*key, [0] * (len(BOUNDS) + 1), 0.0))
        held.buckets = [old + sign * new for old, new in zip(held.buckets, each.buckets, strict=True)]
        held.total += sign * each.total

    def _counters(self) -> Iterator[Metric]:
        decisions = CounterMetricFamily(
            "pdp_decisions", "Decisions by how they came out.", labels=["protocol", "outcome", "reason"]
        )
        for labels, number in sorted(self._decisions.items()):
            decisions.add_metric(labels, number)
        rules = CounterMetricFamily(
            "pdp_rule_decisions", "Decisions by the rules that determined them.", labels=["rule", "outcome"]
        )
        for names, number in sorted(self._rules.items()):
            rules.add_metric(names, number)
        refused = CounterMetricFamily(
            "pdp_refused_calls", "Calls that were refused since too many were being answered.", labels=["protocol"]
        )
        for protocol, number in sorted(self._refused.items()):
            refused.add_metric([protocol], number)
        reloads = CounterMetricFamily("pdp_reloads", "Times that policies were read anew.", labels=["taken"])
        for taken in (False, True):
            reloads.add_metric([str(taken).lower()], self._reloads[taken])
        tokens = CounterMetricFamily(
            "pdp_tokens", "Tokens that callers showed, by what became of them.", labels=["result"]
        )
        for result, number in sorted(self._tokens.items()):
            tokens.add_metric([result], number)
        yield from (decisions, rules, refused, reloads, tokens, self._histogram())
        for name, number in sorted(self._counts.items()):
            yield CounterMetricFamily(f"pdp_{name}", _HELP.get(name, name), value=number)

    def _histogram(self) -> Metric:
        found = HistogramMetricFamily(
            "pdp_call_seconds", "How long calls took, as the server sees it.", labels=["protocol", "method"]
        )
        for key, each in sorted(self._latencies.items()):
            buckets, summed = [], 0
            for bound, number in zip((*map(str, BOUNDS), "+Inf"), each.buckets, strict=True):
                summed += number
                buckets.append((bound, float(summed)))
            found.add_metric(list(key), buckets, each.total)
        return found


_MOST_INSTANCES: Final = 1_000

_HELP: Final = {
    "watches": "Questions that clients watch.",
    "revocations": "Things that count no more.",
    "worker_restarts": "Times that a worker ended and was started again.",
    "workers_ended": "Workers that were ended for not answering, or for not holding a revocation in time.",
    "log_lines_dropped": "Lines of the log that were not written since too many were waiting.",
}


class _Once(Collector):
    """Gives metrics that are there already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _own(ready: bool, workers: int, counts: Mapping[str, int]) -> Iterator[Metric]:
    for name, number in sorted(counts.items()):
        yield CounterMetricFamily(f"pdp_{name}", _HELP.get(name, name), value=number)
    yield GaugeMetricFamily("pdp_ready", "Whether the sidecar is ready to be asked.", value=float(ready))
    yield GaugeMetricFamily("pdp_workers", "Workers that are up.", value=workers)
    yield InfoMetricFamily("pdp_build", "The version of pdp.", value={"version": __version__})


def _gauges(now: list[Numbers]) -> Iterator[Metric]:
    flight = GaugeMetricFamily("pdp_calls_in_flight", "Calls that are being answered.", labels=["protocol"])
    flying: Counter[str] = Counter()
    for each in now:
        flying.update(dict(each.in_flight))
    for protocol, number in sorted(flying.items()):
        flight.add_metric([protocol], number)
    age = GaugeMetricFamily("pdp_source_age_seconds", "Since a source was last confirmed.", labels=["source"])
    state = GaugeMetricFamily(
        "pdp_source_state", "1 for the state that a source is in, in the worst worker.", labels=["source", "state"]
    )
    for source in sorted({name for each in now for name, _, _ in each.ages}):
        found = [(kind, seconds) for each in now for name, kind, seconds in each.ages if name == source]
        age.add_metric([source], max(seconds for _, seconds in found))
        worst = min((kind for kind, _ in found), key=_STATES.index)
        for kind in _STATES:
            state.add_metric([source, kind], float(kind == worst))
    yield from (flight, age, state)
    yield _revisions(now)
    for name in sorted({name for each in now for name, _ in each.gauges}):
        numbers = [number for each in now for key, number in each.gauges if key == name]
        # Each worker holds all that is revoked; what clients do is done in one of them.
        value = max(numbers) if name == "revocations" else sum(numbers)
        yield GaugeMetricFamily(f"pdp_{name}", _HELP.get(name, name), value=value)


_STATES: Final = ("failed", "stale", "loaded")


def _revisions(now: list[Numbers]) -> Metric:
    found = GaugeMetricFamily(
        "pdp_revision_info", "Workers that answer by a revision.", labels=["policy_revision", "facts_revision"]
    )
    for key, number in sorted(Counter((each.revision, each.facts_revision) for each in now).items()):
        found.add_metric(list(key), number)
    return found
