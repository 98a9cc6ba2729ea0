"""Whoever answers answers as the engine does: in process, by each protocol, from threads and from event loops."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import pdp
from pdp.enforcement import Enforcer, acting
from pdp.testing import StaticDecisions
from pdp.values import Datetime, Decimal, Ip
from pdp_sidecar.client.frames import FrameWire
from tests.sidecar.client.running import SOON, Loop, running
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, SECRET, WITH_MFA, engine

NOBODY = pdp.ref("User", "nobody")
BROUGHT = pdp.Entity("Page", "new", {"public": True, "level": 2}, parents=())

QUESTIONS = {
    "allowed": pdp.Request(ADA, "read", HOME),
    "forbidden": pdp.Request(ADA, "read", SECRET),
    "denied by default": pdp.Request(BEN, "read", PLAN),
    "an obligation": pdp.Request(ADA, "edit", PLAN, {"note": "x"}, WITH_MFA),
    "a remedy": pdp.Request(ADA, "edit", PLAN, {}, {**WITH_MFA, "mfa": False}),
    "no session": pdp.Request(ADA, "edit", PLAN),
    "nobody": pdp.Request(NOBODY, "read", HOME),
    "no such action": pdp.Request(ADA, "shred", HOME),
    "no such type": pdp.Request(pdp.ref("Robot", "r2"), "read", HOME),
    "a resource that is brought": pdp.Request(ADA, "read", BROUGHT),
    "a session that has ended": pdp.Request(
        ADA, "read", HOME, None, {**WITH_MFA, "expires_at": "2020-01-01T00:00:00Z"}
    ),
}
READS, FORBIDDEN = QUESTIONS["allowed"], QUESTIONS["forbidden"]

# Of sessions, a double is told nothing.
BY_SESSION = {"a remedy", "no session", "a session that has ended"}


class Asked(NamedTuple):
    """Who is asked, and how much of a decision they tell."""

    point: Any
    tells: str


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Asked]]:
    folder = tmp_path_factory.mktemp("contract")
    how: dict[str, Any] = {"handles": ["log"]}
    full = {**how, "facts": True}
    with contextlib.ExitStack() as stack:
        sidecar = stack.enter_context(running(engine(), folder / "s", protocols="frames grpc http"))
        loops = [
            Loop(sidecar.target, **full),
            Loop(sidecar.grpc, **full),
            Loop(sidecar.http, session_field="session", **how),
        ]
        for loop in loops:
            stack.callback(loop.end)
        double = StaticDecisions()
        local = engine(handles=["log"])
        for name, question in QUESTIONS.items():
            decision = local.answer(question)
            if name in BY_SESSION:
                continue
            resource = question.resource
            named = resource.ref if isinstance(resource, pdp.Entity) else resource
            if decision:
                double.allow(question.principal, question.action, named)
            else:
                double.deny(question.principal, question.action, named)
        yield {
            "engine": Asked(local, "all"),
            "frames": Asked(stack.enter_context(pdp.connect(sidecar.target, **full)), "all"),
            "frames, nothing kept": Asked(
                stack.enter_context(pdp.connect(sidecar.target, leases=False, **full)), "all"
            ),
            "frames, asynchronous": Asked(loops[0], "all"),
            "gRPC": Asked(stack.enter_context(pdp.connect(sidecar.grpc, **full)), "all"),
            "gRPC, asynchronous": Asked(loops[1], "all"),
            "HTTP": Asked(
                stack.enter_context(pdp.connect(sidecar.http, session_field="session", **how)), "no remedies"
            ),
            "HTTP, asynchronous": Asked(loops[2], "no remedies"),
            "double": Asked(double, "truth"),
        }


WHO = (
    "engine",
    "frames",
    "frames, nothing kept",
    "frames, asynchronous",
    "gRPC",
    "gRPC, asynchronous",
    "HTTP",
    "HTTP, asynchronous",
    "double",
)


@pytest.fixture(params=WHO)
def asked(request: pytest.FixtureRequest, points: dict[str, Asked]) -> Asked:
    return points[request.param]


@pytest.fixture(params=WHO[1:-1])
def remote(request: pytest.FixtureRequest, points: dict[str, Asked]) -> Any:
    return points[request.param].point


class TestDecisionPoint:
    @pytest.mark.parametrize("name", QUESTIONS)
    def test_a_decision_is_that_of_the_engine(self, asked: Asked, name: str) -> None:
        expected = engine(handles=["log"]).answer(QUESTIONS[name])
        if asked.tells == "truth" and name in BY_SESSION:
            pytest.skip("the double tells nothing of sessions")

        for _ in range(2):
            found = asked.point.decide(*QUESTIONS[name])

            assert isinstance(found, pdp.Decision)
            assert told(found, asked.tells) == told(expected, asked.tells)
            assert asked.point.allows(*QUESTIONS[name]) is bool(expected)
            assert told(asked.point.answer(QUESTIONS[name]), asked.tells) == told(expected, asked.tells)

    def test_a_batch_is_answered_in_its_order(self, asked: Asked) -> None:
        requests = [each for name, each in QUESTIONS.items() if name not in BY_SESSION]

        found = asked.point.decide_many(requests * 3)

        expected = engine(handles=["log"]).decide_many(requests * 3)
        assert [told(each, asked.tells) for each in found] == [told(each, asked.tells) for each in expected]

    @pytest.mark.parametrize("context", [{1: 2}, {"score": 2**63}, {"score": 2**70}, {"note": "\ud800"}, 7], ids=ascii)
    def test_what_is_odd_about_a_question_is_nothing_of_the_others(self, asked: Asked, context: Any) -> None:
        found = asked.point.decide_many([READS, pdp.Request(ADA, "shred", HOME, context), READS, FORBIDDEN])

        assert [bool(each) for each in found] == [True, False, True, False]

    def test_it_is_asked_before_a_function_runs(self, asked: Asked) -> None:
        if isinstance(asked.point, Loop):
            pytest.skip("a decorator asks from a thread")

        @pdp.guard("read", resource=lambda page: page, engine=Enforcer(asked.point))
        def read(page: pdp.EntityRef) -> str:
            return page.id

        with acting(ADA):
            assert read(HOME) == "home"
        with acting(BEN), pytest.raises(pdp.Denied):
            read(PLAN)


class TestClient:
    def test_it_says_why_it_cannot_revoke(self, remote: Any) -> None:
        with pytest.raises(pdp.RemoteError) as raised:
            remote.revoke()

        assert raised.value.code in ("invalid_request", "unsupported")

    def test_a_trace_has_the_decision(self, remote: Any) -> None:
        try:
            found = remote.explain(QUESTIONS["allowed"])
        except pdp.RemoteError as error:
            assert error.code == "unsupported"
        else:
            assert found["decision"]["decision"] == "allow"

    def test_searches_are_those_of_the_engine(self, remote: Any) -> None:
        local = engine(handles=["log"])
        try:
            assert remote.who_can("User", "read", HOME) == local.who_can("User", "read", HOME)
            assert remote.what_can(ADA, "read", "Page") == local.what_can(ADA, "read", "Page")
            assert remote.actions(ADA, PLAN, session=WITH_MFA) == local.actions(ADA, PLAN, session=WITH_MFA)
        except pdp.RemoteError as error:
            assert error.code == "unsupported"

    def test_a_session_is_read_once(self, remote: Any) -> None:
        given = dict(WITH_MFA)
        session = remote.session(given)
        given["mfa"] = False

        assert remote.allows(ADA, "edit", PLAN, {}, session)

    def test_another_time_is_asked_each_time(self, remote: Any) -> None:
        late = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
        session = {**WITH_MFA, "expires_at": "2029-01-01T00:00:00Z"}
        request = pdp.Request(ADA, "read", HOME, None, session, late)

        decision = remote.answer(request)

        assert decision.reason in ("session_expired", "invalid_request")
        assert not decision

    def test_work_under_a_lease_ends_when_it_does(self, remote: Any, tmp_path) -> None:
        if isinstance(remote, Loop):
            pytest.skip("a block of a thread")
        who = pdp.ref("User", "eve")
        user = pdp.Entity("User", "eve")
        with running(engine(), tmp_path / "s", protocols="grpc") as sidecar:
            sidecar.engine.upsert_entity(user)
            target = sidecar.target if isinstance(remote._wire, FrameWire) else sidecar.grpc
            with (
                pdp.connect(target) as mine,
                pytest.raises(pdp.LeaseEnded, match="is revoked"),
                pdp.lease("read", HOME, principal=who, engine=mine, interrupts=False) as work,
            ):
                sidecar.engine.revoke(principal=who)
                assert work.wait(SOON)
                work.check()

    @pytest.mark.parametrize("name", ["leases", "timeout", "max_staleness", "max_kept", "handles", "nothing"])
    def test_an_odd_option_is_refused(self, name: str) -> None:
        with pytest.raises(pdp.RequestError, match=f"`{name}`"):
            pdp.connect("unix:/run/nobody", **{name: "odd"})


def told(decision: pdp.Decision, tells: str) -> Any:
    """Return what of a decision somebody tells."""
    if tells == "truth":
        return bool(decision)
    found = decision.to_json()
    if tells == "no remedies":
        del found["remedies"]
    return found


def test_values_keep_their_kind_by_each_protocol(points: dict[str, Asked]) -> None:
    local = engine(handles=["log"])
    values: list[Any] = [1, True, 1.0, "1", None, 2**63 - 1, -(2**63), "", "\0", [1], {"a": 1}, 0.0, -0.0]
    values += [datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), Datetime(1), Decimal(5), Ip.parse("10.0.0.0/8")]

    for value in values:
        request = pdp.Request(ADA, "edit", PLAN, {"score": value}, WITH_MFA)
        expected = local.answer(request)
        for name in WHO[1:-1]:
            found = points[name].point.answer(request)
            assert told(found, "no remedies") == told(expected, "no remedies"), (name, value)


def test_an_event_loop_that_is_over_does_not_end_a_client(tmp_path) -> None:
    with running(engine(), tmp_path / "s", protocols="grpc") as sidecar:
        for target in (sidecar.target, sidecar.grpc):
            remote = pdp.connect_async(target)

            for _ in range(3):
                assert asyncio.run(_once(remote))

            with warnings.catch_warnings():
                # What a loop leaves open when it is closed, nobody can close any more.
                warnings.simplefilter("ignore", ResourceWarning)
                asyncio.run(remote.close())
                del remote
                gc.collect()


async def _once(remote: Any) -> bool:
    found: bool = await remote.allows(ADA, "read", HOME)
    await asyncio.sleep(0.01)
    return found
