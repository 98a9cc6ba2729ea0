"""Answers that a client keeps: for how long, of what, and what is never kept."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdp
from pdp.model import Reason
from pdp.values import EntityRef
from pdp_sidecar.client.asking import Keys, Options
from pdp_sidecar.client.client import Client
from pdp_sidecar.client.failures import Lost
from pdp_sidecar.client.leases import MISSED_BEATS, Leases
from pdp_sidecar.client.listening import again
from pdp_sidecar.client.watching import Watching
from pdp_sidecar.client.wire import Revoked, Turned
from pdp_sidecar.frames.codec import Reply, asked
from pdp_sidecar.frames.values import unpack
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, WITH_MFA, engine

ALLOW = pdp.Decision(outcome=pdp.Outcome.ALLOW, reason=Reason.PERMITTED)
DENY = pdp.Decision(outcome=pdp.Outcome.DENY, reason=Reason.DEFAULT)
FAILED = pdp.Decision(outcome=pdp.Outcome.DENY, reason=Reason.INTERNAL_ERROR)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """Answers by an engine, in this process, and counts what it is asked."""

    def __init__(self, engine: pdp.Engine) -> None:
        self.engine, self.epoch, self.lease = engine, "one.1", None
        self.asked: list[pdp.Request] = []
        self.is_dead = False

    def check(self, question: bytes, deadline: float) -> Reply:
        if self.is_dead:
            raise Lost("nobody is there")
        self.asked.append(asked(unpack(question)))
        return Reply(self.engine.answer(self.asked[-1]), self.lease, self.epoch)

    def revoke(self, target: Any, deadline: float) -> Revoked:
        self.engine.revoke(**target)
        return Revoked(None, self.epoch)

    def feed(self, deadline: float) -> None:
        return None

    def forked(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> Leases:
    found = Leases(100, 5.0, clock)
    found.told("one.1", 1.0)
    return found


def reply(decision: pdp.Decision = ALLOW, lease: int | None = None, epoch: str = "one.1") -> Reply:
    return Reply(decision, lease, epoch)


def test_an_answer_is_found_until_its_lease_is_over(leases, clock):
    leases.keep("q", reply(lease=1_000_000), clock.now)

    clock.now += 0.999
    assert leases.find("q") is not None
    clock.now += 0.001
    assert leases.find("q") is None


def test_a_lease_is_counted_from_before_the_question_was_sent(leases, clock):
    sent = clock.now
    clock.now += 0.9

    leases.keep("q", reply(lease=1_000_000), sent)

    clock.now += 0.2
    assert leases.find("q") is None


def test_nothing_is_found_once_the_last_beat_is_too_old(leases, clock):
    leases.keep("q", reply(), clock.now)

    clock.now += MISSED_BEATS - 0.001
    assert leases.find("q") is not None
    clock.now += 0.002
    assert leases.find("q") is None


def test_no_beat_is_relied_on_for_longer_than_the_client_says(clock):
    leases = Leases(100, 5.0, clock)
    leases.told("one.1", 60.0)
    leases.keep("q", reply(), clock.now)

    clock.now += 5.0

    assert leases.find("q") is None


def test_another_epoch_drops_all(leases, clock):
    leases.keep("q", reply(), clock.now)

    leases.told("one.2", 1.0)

    assert leases.find("q") is None


def test_an_answer_of_another_epoch_is_not_kept(leases, clock):
    leases.keep("later", reply(epoch="one.2"), clock.now)
    leases.keep("earlier", reply(epoch="one.0"), clock.now)
    leases.keep("nobody's", reply(epoch=""), clock.now)

    assert [leases.find(name) for name in ("later", "earlier", "nobody's")] == [None, None, None]


def test_nothing_is_kept_before_the_first_beat(clock):
    leases = Leases(100, 5.0, clock)

    leases.keep("q", reply(), clock.now)
    leases.told("one.1", 1.0)

    assert leases.find("q") is None


def test_a_deny_is_kept_and_a_failure_is_not(leases, clock):
    leases.keep("deny", reply(DENY), clock.now)
    leases.keep("failed", reply(FAILED), clock.now)

    assert leases.find("deny") is not None
    assert leases.find("failed") is None


def test_what_is_asked_for_stays_and_the_rest_is_bounded(leases, clock):
    leases.keep("often", reply(), clock.now)
    for number in range(1000):
        leases.keep(number, reply(), clock.now)
        assert leases.find("often") is not None

    assert len(leases.held.young) + len(leases.held.old) <= 100


@pytest.mark.parametrize("told", ["one.1", "one.2", "two.7"])
def test_after_a_change_of_its_own_nothing_counts_that_was_asked_before(leases, clock, told):
    leases.keep("q", reply(), clock.now)
    sent = clock.now
    clock.now += 0.5

    leases.drop()
    leases.told(told, 1.0)
    leases.keep("late", reply(epoch=told), sent)
    leases.keep("at once", reply(epoch=told), clock.now)
    assert [leases.find(name) for name in ("q", "late", "at once")] == [None, None, None]

    clock.now += 0.001
    leases.keep("q", reply(epoch=told), clock.now)
    assert leases.find("q") is not None


def test_a_change_before_anything_was_heard_counts_as_well(clock):
    leases = Leases(100, 5.0, clock)

    leases.drop()
    leases.told("another worker.1", 1.0)
    leases.keep("q", reply(epoch="another worker.1"), clock.now)

    assert leases.find("q") is None


def test_a_later_beat_does_not_bring_back_what_was_found_before_it(leases, clock):
    leases.keep("q", reply(), clock.now)
    held = leases.held
    clock.now += 10

    leases.told("one.2", 1.0)

    # Whoever has come so far and no further sees that what it found is over.
    assert not clock.now < held.trusted


# ---------------------------------------------------------------------------------------------------------- the client


def client_of(wire: Wire, clock: Clock, **options: Any) -> Client:
    found = Client(wire, Options(clock=clock, timeout=0.05, **options))  # type: ignore[arg-type]
    found._leases.told("one.1", 1.0)
    return found


APART: list[tuple[Any, Any]] = [
    (1, True),
    (1, 1.0),
    (0, False),
    (0.0, -0.0),
    (1, "1"),
    ("1", 1.0),
    (None, "None"),
    (b"a", "a"),
    ([1, 2], [2, 1]),
    (["a", "bc"], ["ab", "c"]),
    (EntityRef("User", "ada"), ["User", "ada"]),
    (EntityRef("User", "ada"), {"type": "User", "id": "ada"}),
    (datetime.timedelta(1), 86_400_000_000),
    ({}, None),
]


@pytest.mark.parametrize(("one", "other"), APART, ids=repr)
def test_two_values_that_only_look_alike_are_two_questions(clock, one, other):
    wire = Wire(engine())
    client = client_of(wire, clock)

    client.decide(ADA, "edit", PLAN, {"score": one}, WITH_MFA)
    client.decide(ADA, "edit", PLAN, {"score": other}, WITH_MFA)

    assert len(wire.asked) == 2


WAYS: dict[str, tuple[Any, ...]] = {
    "who": (BEN, "read", HOME),
    "what for": (ADA, "edit", HOME),
    "on what": (ADA, "read", PLAN),
    "the same id of another type": (ADA, "read", EntityRef("User", "home")),
    "a longer type": (EntityRef("Usera", "da"), "read", HOME),
    "a context": (ADA, "read", HOME, {}),
    "a missing value": (ADA, "read", HOME, {"note": None}),
    "a session": (ADA, "read", HOME, None, {}),
    "another session": (ADA, "read", HOME, None, WITH_MFA),
    "attributes": (pdp.Entity("User", "ada"), "read", HOME),
    "other attributes": (pdp.Entity("User", "ada", {"email": "x"}), "read", HOME),
    "parents": (pdp.Entity("User", "ada", parents=[EntityRef("Group", "editors")]), "read", HOME),
    "entities": (ADA, "read", HOME, None, None, None, (pdp.Entity("Page", "x"),)),
}


def test_questions_that_differ_in_one_thing_are_kept_apart(clock):
    wire = Wire(engine())
    client = client_of(wire, clock)
    questions = [(ADA, "read", HOME), *WAYS.values()]

    for question in questions * 2:
        client.decide(*question)

    assert len(wire.asked) == len(questions)


class Text(str):
    __slots__ = ()


def test_a_class_of_the_callers_is_what_it_holds(clock):
    wire = Wire(engine())
    client = client_of(wire, clock)

    for name in ("read", Text("read")):
        assert client.decide(ADA, name, HOME).reason == "permitted"
    assert (
        client.decide(ADA, "edit", PLAN, {"note": Text("x")}).reason
        == client.decide(ADA, "edit", PLAN, {"note": "x"}).reason
    )
    assert all(type(each.action) is str for each in wire.asked)


def test_who_changes_what_was_asked_with_changes_nothing_that_is_kept(clock):
    wire = Wire(engine(handles=["log"]))
    client = client_of(wire, clock)
    context: dict[str, Any] = {"score": 1, "note": "x"}
    session = dict(WITH_MFA)
    assert client.allows(ADA, "edit", PLAN, context, session)

    session["mfa"] = False
    assert not client.allows(ADA, "edit", PLAN, context, session)
    session["mfa"] = True
    context["score"] = "odd"
    assert client.allows(ADA, "edit", PLAN, context, session) is wire.engine.allows(ADA, "edit", PLAN, context, session)
    decision = client.decide(ADA, "edit", PLAN, {"score": 1, "note": "x"}, dict(WITH_MFA))
    decision.obligations[0].arguments["where"] = "nowhere"

    assert client.decide(ADA, "edit", PLAN, {"score": 1, "note": "x"}, dict(WITH_MFA)).obligations[0].arguments == {
        "where": "audit"
    }


def test_a_question_of_another_time_is_asked_each_time(clock):
    wire = Wire(engine())
    client = client_of(wire, clock)
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    for _ in range(3):
        client.decide(ADA, "read", HOME, None, None, now)
        client.allows(ADA, "read", HOME, None, None, now)

    assert len(wire.asked) == 6


def test_when_the_sidecar_is_gone_what_is_kept_counts_until_it_is_too_old(clock):
    wire = Wire(engine())
    client = client_of(wire, clock)
    assert client.allows(ADA, "read", HOME)
    wire.is_dead = True

    assert client.allows(ADA, "read", HOME)
    assert not client.allows(BEN, "read", HOME)
    clock.now += MISSED_BEATS
    assert not client.allows(ADA, "read", HOME)
    assert client.decide(ADA, "read", HOME).reason == "source_failed"


def test_what_it_revokes_it_does_not_answer_from_what_it_keeps(clock):
    wire = Wire(engine())
    client = client_of(wire, clock)
    assert client.allows(ADA, "read", HOME)
    wire.epoch = "one.2"

    client.revoke(principal=ADA)

    assert not client.allows(ADA, "read", HOME)


def test_a_revocation_that_failed_counts_as_one_that_may_hold(clock):
    wire = Wire(engine())
    client = client_of(wire, clock)
    assert client.allows(ADA, "read", HOME)
    wire.revoke = lambda target, deadline: wire.check(b"", 0.0)  # type: ignore[method-assign,assignment,return-value]
    wire.is_dead = True

    with pytest.raises(pdp.RemoteError):
        client.revoke(principal=ADA)

    assert not client.allows(ADA, "read", HOME)


@pytest.mark.parametrize("state", ["suspended", "stale", "failed", "", "granted"])
def test_a_watch_is_allowed_only_where_the_state_and_the_decision_say_so(leases, state):
    watching = Watching(leases, Keys(), lambda call, what: None, lambda number: None)
    watched = watching.open(pdp.Request(ADA, "read", HOME), None)
    watching.turned(Turned(watched.number, "allowed", reply(DENY)))
    assert not watched.watch

    watching.turned(Turned(watched.number, state, reply(ALLOW)))

    assert not watched.watch
    watching.turned(Turned(watched.number, "allowed", reply(ALLOW)))
    assert watched.watch


def test_a_sidecar_that_hangs_up_is_not_called_without_a_pause(leases, clock):
    assert again(leases) >= 0.005
    clock.now += 100
    assert again(leases) >= 0.1


KEYS = Keys()
PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "0", "1", "a", "None"])
DATA = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner)
)


@settings(max_examples=100, deadline=None)
@given(DATA, DATA)
def test_equal_keys_are_of_equal_values_of_equal_types(one: Any, other: Any) -> None:
    def key(value: Any) -> bytes:
        return KEYS.packed((ADA, "read", HOME, {"x": value}, None, None, ()))

    assert (key(one) == key(other)) is _same(one, other)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(itertools.starmap(_same, zip(one, other, strict=True)))
    if isinstance(one, dict):
        # In another order, they are asked once more at worst.
        return [*one] == [*other] and all(_same(one[name], other[name]) for name in one)
    return repr(one) == repr(other)
