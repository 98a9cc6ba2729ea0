"""Whatever a server answers and tokens ask for, a store is what a model of a few lines says."""

from __future__ import annotations

import math
from concurrent.futures import Future

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pdp.identity.issuer import UnknownKeyError
from pdp.identity.keys.store import Pace
from tests.identity.keys.fakes import Bench, keys

NAMES = ("k1", "k2", "k3", "k4")
# A quarter of a second has no rounding: both sides add the same.
PACE = Pace(refresh=64.0, cooldown=8.0, max_stale=256.0)
PUBLISHED = {name: keys(name).keys for name in NAMES}


class Stores(RuleBasedStateMachine):
    """The model: what was read last and when. All that the store adds is when it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.published: frozenset[str] = frozenset()
        self.fails = False
        self.read: frozenset[str] = frozenset()
        self.read_at = -math.inf
        self.begun: list[tuple[float, bool]] = []
        self.coming: list[Future[None]] = []

    @initialize(jitter=st.sampled_from([0.0, 0.5, 1.0]), names=st.sets(st.sampled_from(NAMES)))
    def begin(self, jitter: float, names: set[str]) -> None:
        self.bench = Bench(pace=PACE)
        self.bench.store._jitter = lambda least, most: least + jitter * (most - least)
        self.bench.source.meanwhile = self.seen
        self.publish(names)

    def counts(self) -> bool:
        return self.bench.clock.now < self.read_at + PACE.max_stale

    def seen(self) -> None:
        """Take note of a read as it is made."""
        self.begun.append((self.bench.clock.now, self.counts()))
        if not self.fails:
            self.read, self.read_at = self.published, self.bench.clock.now

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def publish(self, names: set[str]) -> None:
        self.published = frozenset(names)
        self.fails = False
        self.bench.source.says = keys(*sorted(names))

    @rule()
    def fail(self) -> None:
        self.fails = True
        self.bench.source.fail()

    @rule(fresh=st.none() | st.sampled_from([0.0, 4.0, 16.0, 1e9]))
    def hint(self, fresh: float | None) -> None:
        self.bench.source.fresh = fresh

    @rule(quarters=st.integers(1, 40) | st.sampled_from([4 * 64, 4 * 256, 4 * 300]))
    def pass_time(self, quarters: int) -> None:
        self.bench.run(quarters / 4)

    @rule(quarters=st.integers(1, 40) | st.just(4 * 300))
    def be_late(self, quarters: int) -> None:
        """Let time go on while the thread does not run: it is held up, or the machine sleeps."""
        self.bench.clock.now += quarters / 4

    @rule()
    def start(self) -> None:
        self.coming.append(self.bench.store.start())

    @precondition(lambda self: self.coming)
    @rule()
    def wait(self) -> None:
        self.bench.run()

        assert all(each.done() for each in self.coming)
        self.coming.clear()

    @rule(name=st.sampled_from([*NAMES, "never"]), times=st.integers(1, 3))
    def find(self, name: str, times: int) -> None:
        before = len(self.begun)
        for _ in range(times):
            try:
                found = self.bench.store.find(name, "ES256")
            except UnknownKeyError as error:
                assert not (self.counts() and name in self.read)
                assert error.code == ("unknown_key" if self.counts() else "keys_unavailable")
                assert error.passing == (error.coming is not None or not self.counts())
                self.coming += [error.coming] if error.coming is not None else []
            else:
                assert self.counts()
                assert name in self.read
                assert (found,) == PUBLISHED[name]
        # INVARIANT: nobody who asks reads.
        assert len(self.begun) == before

    @rule(name=st.sampled_from(NAMES))
    def suspect(self, name: str) -> None:
        coming = self.bench.store.suspect(PUBLISHED[name][0])

        self.coming += [coming] if coming is not None else []

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def rotate(self, names: set[str]) -> None:
        """A new key is taken after one read by whoever waits for it, where no cool-down is on."""
        self.publish(names)
        self.bench.run(2 * PACE.cooldown)
        before = len(self.begun)

        for name in sorted(names):
            try:
                self.bench.store.find(name, "ES256")
            except UnknownKeyError as error:
                if error.coming is None:
                    continue
                self.bench.run()
                assert self.bench.store.find(name, "ES256").kid == name

        assert len(self.begun) <= before + 1

    @invariant()
    def reads_keep_their_distance(self) -> None:
        # INVARIANT: where keys count, reads that tokens bring are a cool-down apart, and so are those that are due. So
        # of any three in a row the last is a cool-down after the first.
        for (earlier, _), (later, counted) in zip(self.begun, self.begun[1:], strict=False):
            assert counted or later - earlier >= 1.0
        for (first, _), _, (last, counted) in zip(self.begun, self.begun[1:], self.begun[2:], strict=False):
            assert not counted or last - first >= PACE.cooldown
        self.begun = self.begun[-2:]

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.run()
            assert all(each.done() for each in self.coming)


Stores.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
test_a_store_is_what_its_model_is = Stores.TestCase
