"""A client that asks by frames: what it answers, keeps, and hears."""

from __future__ import annotations

import asyncio
import datetime
import threading
import time

import pytest

import pdp
from pdp_sidecar.callers import May, caller
from tests.sidecar.client.running import SOON, running, until
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, SECRET, WITH_MFA, engine

READS = pdp.Request(ADA, "read", HOME)
EDITS = pdp.Request(ADA, "edit", PLAN, {"note": "x"}, WITH_MFA)


def test_answers_are_those_of_the_engine(tmp_path):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, facts=True) as remote:
        for request in (READS, EDITS, pdp.Request(BEN, "edit", PLAN), pdp.Request(ADA, "read", SECRET)):
            assert remote.answer(request) == sidecar.engine.answer(request)
            assert remote.allows(*request) is sidecar.engine.allows(*request)


def test_obligations_are_handled_by_whoever_asks(tmp_path):
    with (
        running(engine(), tmp_path / "s") as sidecar,
        pdp.connect(sidecar.target) as one,
        pdp.connect(sidecar.target, handles=["log"], facts=True) as other,
    ):
        refused, granted = one.answer(EDITS), other.answer(EDITS)

    assert (refused.outcome, bool(refused), refused.unhandled) == ("allow", False, ("log",))
    assert granted == engine(handles=["log"]).answer(EDITS)
    assert granted


def test_a_batch_is_answered_in_its_order(tmp_path):
    requests = [READS, EDITS, pdp.Request(BEN, "edit", PLAN), READS] * 700

    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, facts=True) as remote:
        assert remote.decide_many(requests) == sidecar.engine.decide_many(requests)


def test_what_is_kept_is_not_asked_again(tmp_path):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target) as remote:
        remote.allows(*READS)
        until(lambda: remote._leases.is_trusted)
        first = remote.decide(*READS)

        assert remote.decide(*READS) is first


def test_a_revocation_by_one_client_is_seen_by_another_at_once(tmp_path):
    took = []
    with (
        running(engine(), tmp_path / "s") as sidecar,
        pdp.connect(sidecar.target) as one,
        pdp.connect(sidecar.target) as other,
    ):
        for number in range(5):
            user = pdp.ref("User", f"u{number}")
            sidecar.engine.upsert_entity(pdp.Entity("User", user.id))
            other.allows(user, "read", HOME)
            until(lambda: other._leases.is_trusted)
            assert other.allows(user, "read", HOME)
            heard = threading.Event()
            watch = other.watch(pdp.Request(user, "read", HOME), lambda _, heard=heard: heard.set())
            assert watch

            one.revoke(principal=user)
            assert one.allows(user, "read", HOME) is False
            began = time.monotonic()
            assert heard.wait(SOON)
            until(lambda user=user: not other.allows(user, "read", HOME))
            took.append(time.monotonic() - began)

            assert str(watch.state) == "ended"

    # How soon each is, the torture measures; here, the machine may be busy with something else once or twice.
    assert sorted(took)[2] < 0.05


def test_what_no_sidecar_answers_is_denied(tmp_path):
    with pdp.connect(f"unix:{tmp_path / 'nobody'}", timeout=0.05) as remote:
        decision = remote.decide(*READS)

        assert (decision.outcome, decision.reason) == ("deny", "source_failed")
        assert remote.allows(*READS) is False
        assert not any(remote.decide_many([READS, EDITS]))
        with pytest.raises(pdp.RemoteError, match="no sidecar can be reached") as raised:
            remote.revoke(principal=ADA)
        assert raised.value.code == "unreachable"


def test_a_connection_that_was_lost_is_made_anew(tmp_path):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, leases=False) as remote:
        assert remote.allows(*READS)

        for _ in range(5):
            sidecar.cut()
            assert remote.allows(*READS)


def test_what_a_caller_may_not_do_is_an_error_with_a_code(tmp_path):
    who = caller("shop", [May.CHECK], ["User"])

    with running(engine(), tmp_path / "s", who) as sidecar, pdp.connect(sidecar.target) as remote:
        assert remote.allows(*READS)
        with pytest.raises(pdp.RemoteError, match="`shop` may not revoke") as raised:
            remote.revoke(principal=ADA)
        assert raised.value.code == "not_permitted"
        with pytest.raises(pdp.RemoteError, match="`shop` may not explain"):
            remote.explain(READS)
        assert not remote.watch(READS)


def test_a_trace_is_that_of_the_engine(tmp_path):
    at = READS._replace(now=datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC))

    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target) as remote:
        assert remote.explain(at) == sidecar.engine.explain(at).to_json()


def test_an_event_loop_asks_as_well(tmp_path):
    async def ask(target: str) -> None:
        async with pdp.connect_async(target, facts=True, handles=["log"]) as remote:
            found = await asyncio.gather(*(remote.answer(each) for each in [READS, EDITS] * 50))
            watch = await remote.watch(READS)
            assert watch
            changes = [each async for each in _after(watch, lambda: remote.revoke(principal=ADA))]

            assert found == [expected.answer(READS), expected.answer(EDITS)] * 50
            assert [str(each.state) for each in changes] == ["allowed", "ended"]
            assert not await remote.allows(*READS)
            assert not any(await remote.decide_many([READS]))

    with running(engine(), tmp_path / "s") as sidecar:
        expected = engine(handles=["log"])
        asyncio.run(ask(sidecar.target))


async def _after(watch, change):
    first = True
    async for each in watch:
        yield each
        if first:
            first = False
            await change()
