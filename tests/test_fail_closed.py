"""Whatever goes wrong on the way to a decision, it is a deny, and the host goes on."""

from __future__ import annotations

import asyncio
import datetime
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import pdp
from pdp import answers, conform, evaluation, interpreter, operators
from pdp.facts import Snapshot
from pdp.values import Datetime

NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
POLICY = """
context { ip?: Ip, note?: String }
type Group
type User in Group { level: Int }
type Page { owner: User }
action read on Page by User
rule everybody:
  permit User to read on Page
rule outsiders:
  forbid User to read on Page
  when context.ip in 192.0.2.0/24
  because "not from there"
"""
ADA = pdp.Entity("User", "ada", {"level": 3}, [pdp.ref("Group", "staff")])
HOME = pdp.Entity("Page", "home", {"owner": pdp.ref("User", "ada")})
INSIDE = {"ip": "10.0.0.1"}


def load(**options: Any) -> pdp.Engine:
    return pdp.Engine.from_text(POLICY, clock=lambda: NOW, **options)


def test_the_request_of_these_tests_is_allowed_when_nothing_goes_wrong() -> None:
    assert load().allows(ADA, "read", HOME, INSIDE)


SITES = [
    (answers, "judge"),
    (answers, "Snapshot"),
    (answers, "Question"),
    (conform, "conform_attributes"),
    (interpreter, "before_rules"),
    (interpreter, "look_at"),
    (interpreter, "evaluate"),
    (interpreter, "holds"),
    (interpreter, "whole"),
    (interpreter, "conjunction"),
    (evaluation, "membership"),
    (Snapshot, "node"),
    (Snapshot, "revoked"),
]


@pytest.mark.parametrize("error", [RuntimeError, KeyError, MemoryError, RecursionError, AssertionError])
@pytest.mark.parametrize(("place", "name"), SITES, ids=[name for _, name in SITES])
def test_an_exception_anywhere_inside_is_a_deny(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, error: type[Exception]
) -> None:
    loaded = load()

    def fail(*_: Any, **__: Any) -> Any:
        raise error("broken")

    monkeypatch.setattr(place, name, fail)

    decision = loaded.decide(pdp.Entity("User", "ada", {"level": 3}, [pdp.ref("Group", "staff")]), "read", HOME, INSIDE)

    if name == "membership":
        # No scope of this policy asks for a membership: then nothing is broken.
        assert decision
    else:
        assert not decision
        assert decision.reason is pdp.Reason.INTERNAL_ERROR
        assert error.__name__ in decision.detail


# ------------------------------------------------------------------------------------------------- every call site

DUTIES = """
context { ip?: Ip, change: String }
type Group
type User in Group { level: Int }
type Folder
type Page in Folder { tags: [String] }
action read, write on Page by User
obligation log { what: String }
role reader on Page: read
grant reader on Folder "public" to Group "staff" until 2027-01-01
define fresh = now - session.authenticated_at < 15m
rule staff_writes:
  permit User in Group "staff" to write on Page
  when principal.level + 1 > 2 and (any tag in resource.tags: tag like "x*")
  needs session.mfa and fresh else "sign in again"
  needs approval of context.change from Group "staff" for 4h
  oblige log { what: context.change }
rule not_from_there:
  forbid User to any on Page
  when context.ip in 192.0.2.0/24
  unless session.mfa and principal in Group "admins" else "ask an admin"
  because "not from there"
"""
BO, STAFF, BOOK = pdp.ref("User", "bo"), pdp.ref("Group", "staff"), pdp.ref("Page", "book")
HELD = [
    pdp.Entity("Group", "staff"),
    pdp.Entity("Folder", "public"),
    pdp.Entity("User", "ada", {"level": 3}, [STAFF]),
    pdp.Entity("User", "bo", {"level": 3}, [STAFF]),
    pdp.Entity("Page", "book", {"tags": ["a", "xy"]}, [pdp.ref("Folder", "public")]),
]
FRESH = {"mfa": True, "authenticated_at": "2026-11-23T08:55:00Z"}
# What is asked, in what context, and with which session; then whether it is allowed.
QUESTIONS: dict[str, tuple[str, dict[str, str], dict[str, Any] | None, bool]] = {
    "allowed by a rule": ("write", {"ip": "10.0.0.1", "change": "c1"}, FRESH, True),
    "allowed by a grant": ("read", {"ip": "10.0.0.1", "change": "c1"}, None, True),
    "forbidden": ("read", {"ip": "192.0.2.1", "change": "c1"}, FRESH, False),
    "forbidden, as nobody can tell": ("write", {"change": "c1"}, FRESH, False),
    "without a permit": ("write", {"ip": "10.0.0.1", "change": "c2"}, FRESH, False),
    "without a session": ("write", {"ip": "10.0.0.1", "change": "c1"}, None, False),
}
PACKAGE = str(Path(pdp.__file__).parent)


class Injected:
    """Raises an error in the call of a function of the product that is so many calls away."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self.left = at
        self.error = error

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        # Compiled rules bear the name of their policy.
        if event == "call" and frame.f_code.co_filename.startswith((PACKAGE, "<", "policy.pdp")):
            self.left -= 1
            if self.left == 0:
                raise self.error("broken")

    def run(self, call: Callable[[], object]) -> object:
        outer = sys.gettrace()
        sys.settrace(self)
        try:
            return call()
        except self.error:
            # The host is told, which is no allow.
            return False
        finally:
            sys.settrace(outer)


# What a generator that is dropped says of the error goes to nobody.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "interpreted"])
@pytest.mark.parametrize(
    "error", [RuntimeError, MemoryError, RecursionError, KeyboardInterrupt, asyncio.CancelledError]
)
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_error_in_any_call_inside_allows_nothing_and_changes_no_later_answer(
    question: str, error: type[BaseException], compiled: bool
) -> None:
    action, context, session, allowed = QUESTIONS[question]
    approval = pdp.Approval(BO, ADA.ref, "write", BOOK, Datetime.of(NOW), "c1")
    options: dict[str, Any] = {"entities": HELD, "approvals": [approval], "handles": ["log"], "compiled": compiled}

    def asks() -> tuple[Callable[[], object], ...]:
        loaded = pdp.Engine.from_text(DUTIES, clock=lambda: NOW, **options)
        asked = (ADA.ref, action, BOOK, context, session)
        return lambda: loaded.decide(*asked), lambda: loaded.allows(*asked)

    decide, allows = asks()
    assert [bool(decide()), allows()] == [allowed, allowed]
    for ask in (decide, allows):
        at, injected = 0, Injected(0, error)
        while injected.left <= 0:
            at += 1
            injected = Injected(at, error)

            answer = injected.run(ask)

            assert allowed or not answer, at
            assert bool(ask()) is allowed, at
        assert at > 1
    # The rules are compiled in the first call, which is many calls deep: some of them fail.
    for at in range(1, 4000, 397):
        decide, _ = asks()

        answer = Injected(at, error).run(decide)

        assert allowed or not answer, at
        assert bool(decide()) is allowed, at


def test_a_keyboard_interrupt_goes_through() -> None:
    class Interrupted:
        def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(providers=[Interrupted()]).decide(pdp.ref("User", "ada"), "read", HOME, INSIDE)


def test_a_decision_that_cannot_be_recorded_is_a_deny() -> None:
    class Full:
        def record(self, request: pdp.Request, decision: pdp.Decision) -> None:
            raise OSError(28, "no space left")

    decision = load(sink=Full()).decide(ADA, "read", HOME, INSIDE)

    assert not decision
    assert decision.detail == "the decision could not be recorded: OSError"


def test_every_decision_is_seen_denies_and_refusals_too() -> None:
    seen: list[str] = []

    class Sink:
        def record(self, request: pdp.Request, decision: pdp.Decision) -> None:
            seen.append(str(decision.reason))

    loaded = load(sink=Sink())
    loaded.decide(ADA, "read", HOME, INSIDE)
    loaded.decide(ADA, "read", HOME, {"ip": "192.0.2.1"})
    loaded.decide(ADA, "fly", HOME)
    loaded.decide(None, "read", HOME)  # type: ignore[arg-type]

    assert seen == ["permitted", "forbidden", "invalid_request", "invalid_request"]


def test_a_clock_that_fails_or_has_no_zone_is_a_deny() -> None:
    def broken() -> datetime.datetime:
        raise OSError

    failing = pdp.Engine.from_text(POLICY, clock=broken).decide(ADA, "read", HOME, INSIDE)
    naive = load().decide(ADA, "read", HOME, INSIDE, now=datetime.datetime(2026, 11, 23, 9))

    assert (failing.reason, bool(failing)) == (pdp.Reason.INTERNAL_ERROR, False)
    assert (naive.reason, bool(naive)) == (pdp.Reason.INVALID_REQUEST, False)


class Lying(Mapping[str, Any]):
    """A mapping that breaks when it is read."""

    def __getitem__(self, name: str) -> Any:
        raise ValueError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(["ip"])

    def __len__(self) -> int:
        return 1


JUNK = [None, 1, 1.5, True, "User", b"User", [], {}, object(), float("nan"), Lying()]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: type(junk).__name__)
def test_junk_in_any_place_of_a_request_is_a_deny(junk: Any) -> None:
    loaded = load()

    decisions = [
        loaded.decide(junk, "read", HOME, INSIDE),
        loaded.decide(ADA, junk, HOME, INSIDE),
        loaded.decide(ADA, "read", junk, INSIDE),
        loaded.decide(ADA, "read", HOME, {"ip": junk}),
        loaded.decide(pdp.EntityRef("User", junk), "read", HOME, INSIDE),
        loaded.decide(pdp.EntityRef(junk, "ada"), "read", HOME, INSIDE),
    ]

    assert [bool(decision) for decision in decisions] == [False] * len(decisions)
    assert not any(decision.outcome is pdp.Outcome.ALLOW for decision in decisions)


def test_a_context_that_is_no_mapping_or_breaks_is_a_deny() -> None:
    loaded = load()

    for junk in (1, "ip", [("ip", "10.0.0.1")], Lying()):
        assert not loaded.decide(ADA, "read", HOME, junk)  # type: ignore[arg-type]


def test_a_session_that_is_no_mapping_or_names_a_malformed_actor_is_a_deny() -> None:
    loaded = load()

    assert loaded.decide(ADA, "read", HOME, INSIDE, 5).reason is pdp.Reason.INVALID_SESSION  # type: ignore[arg-type]
    for actor in (None, 1, "", "nobody", {"type": "User"}, 1.5):
        decision = loaded.decide(ADA, "read", HOME, INSIDE, {"actor": actor})
        assert not decision, actor


def test_a_deep_stack_of_the_host_gives_an_answer_and_no_crash() -> None:
    loaded = load()

    def deep(levels: int) -> pdp.Decision:
        return loaded.decide(ADA, "read", HOME, INSIDE) if levels == 0 else deep(levels - 1)

    answers = []
    for levels in range(700, 1000, 5):
        try:
            answers.append(deep(levels))
        except RecursionError:
            # The host itself ran out before pdp was asked.
            break

    assert answers
    # Where the stack ends inside, a value may be unknown or the whole may fail: both deny.
    assert all(
        decision.determining_rules == ("everybody",) if decision else decision.outcome is pdp.Outcome.DENY
        for decision in answers
    )


def test_changing_what_was_passed_changes_no_answer_given() -> None:
    loaded = load()
    context = {"ip": "10.0.0.1"}
    request = pdp.Request(ADA, "read", HOME, context, None, NOW)

    before = loaded.answer(request)
    context["ip"] = "192.0.2.1"
    after = loaded.answer(request)

    assert (bool(before), bool(after)) == (True, False)


def test_an_error_says_no_secret() -> None:
    class Leaky:
        def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
            raise RuntimeError("password=hunter2")

    class LeakySink:
        def record(self, request: pdp.Request, decision: pdp.Decision) -> None:
            raise RuntimeError("password=hunter2")

    decision = load(providers=[Leaky()], sink=LeakySink()).decide(pdp.ref("User", "ada"), "read", HOME, INSIDE)

    assert "hunter2" not in str(decision.to_json())


@pytest.mark.parametrize(
    ("approved", "allowed"),
    [(1, True), (1.0, False), (True, False), ("1", False), ([1], False), (None, False)],
    ids=repr,
)
def test_an_approval_is_of_a_value_of_its_kind(approved: Any, allowed: bool) -> None:
    policy = "type User\ntype Page\naction read on Page by User with { n: Int }\n" + (
        "rule r:\n  permit User to read on Page\n  needs approval of context.n from User for 4h\n"
    )
    ada, bo, home = pdp.ref("User", "ada"), pdp.ref("User", "bo"), pdp.ref("Page", "home")
    approval = pdp.Approval(bo, ada, "read", home, Datetime.of(NOW), approved)

    loaded = pdp.Engine.from_text(policy, approvals=[approval])

    assert loaded.allows(ada, "read", home, {"n": 1}, now=NOW) is allowed


def test_a_pair_of_texts_approves_no_entity() -> None:
    policy = "type User\ntype Page\naction read on Page by User\n" + (
        "rule r:\n  permit User to read on Page\n  needs approval of principal from User for 4h\n"
    )
    ada, bo, home = pdp.ref("User", "ada"), pdp.ref("User", "bo"), pdp.ref("Page", "home")
    pair: Any = ("User", "ada")

    answers = [
        pdp.Engine.from_text(policy, approvals=[pdp.Approval(bo, ada, "read", home, Datetime.of(NOW), of)]).allows(
            ada, "read", home, now=NOW
        )
        for of in (ada, pair)
    ]

    assert answers == [True, False]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 100_000, ("", *["a"] * 50_000, "b")),
        ("ab" * 50_000, ("", *["ba"] * 20_000, "c", "")),
        ("a" * 100_000 + "b", ("", *["a"] * 10_000, "")),
        ("a" * 100_000, tuple([""] * 10_001)),
    ],
    ids=["many_a_then_b", "pairs", "matching", "only_stars"],
)
def test_a_pattern_with_many_stars_is_matched_in_linear_time(text: str, parts: tuple[str, ...]) -> None:
    start = time.perf_counter()

    operators.like(text, parts)

    # The machine may be busy: the bound is far above the milliseconds that it takes, and far below a quadratic match.
    assert time.perf_counter() - start < 1.0


def test_like_matches_the_whole_text_newlines_and_all() -> None:
    assert operators.like("a\nb", ("a", "b")) is True
    assert operators.like("admin\n", ("admin",)) is False
    assert operators.like("aXbXc", ("a", "X", "c")) is True
    assert operators.like("ab", ("ab", "b")) is False
