"""Explain, searches, Revoke and Status answer as the engine does, and say why where they do not."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

import pdp
from pdp.errors import RecordError
from pdp_sidecar.callers import Callers, May, caller
from pdp_sidecar.generated import admin_service_pb2 as admin
from pdp_sidecar.generated import check_pb2
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.generated.value_pb2 import Entity, EntityRef
from pdp_sidecar.rpc import Options
from pdp_sidecar.rpc.explanations import explain
from pdp_sidecar.service import Service
from pdp_sidecar.wire import decision_of, request_message
from tests.sidecar.rpc.serving import OURS, reading, run, serving, status_of
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, WITH_MFA, engine

EDIT = pdp.Request(ADA, "edit", PLAN, None, WITH_MFA | {"mfa": False})


def test_an_explanation_has_the_rules_the_text_and_the_data_of_a_trace(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            asked = pb.ExplainRequest(request=request_message(EDIT), all=True)
            return await client.decisions.Explain(asked), client.engine.explain(EDIT)

    found, trace = run(test())

    assert decision_of(found.response) == trace.decision
    assert [rule.rule for rule in found.rules] == [rule.id for rule in trace.rules]
    assert found.rules[0].effect in (pb.EFFECT_PERMIT, pb.EFFECT_FORBID)
    truths = {each.text: each.truth for rule in found.rules for each in rule.clauses}
    assert truths["resource.level < 3"] == pb.TRUTH_TRUE
    assert next(truth for text, truth in truths.items() if "session.mfa" in text) == pb.TRUTH_FALSE
    assert "sign in with a second factor" in found.text
    assert json.loads(found.json)["rules"] == trace.to_json()["rules"]


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        (pb.ExplainRequest(), grpc.StatusCode.INVALID_ARGUMENT, "the request names no principal"),
        (
            pb.ExplainRequest(request=request_message(reading(user=BEN))),
            grpc.StatusCode.PERMISSION_DENIED,
            "`app` may not ask for this principal",
        ),
    ],
)
def test_what_cannot_be_explained_is_told(tmp_path, asked, status, says):
    async def test():
        callers = Callers(by_uid={os.getuid(): caller("app", principals=["User:ada"])})
        async with serving(tmp_path, callers=callers) as client:
            return await status_of(client.decisions.Explain(asked))

    assert run(test()) == (status, says)


def test_only_some_slow_calls_go_on_at_once_and_questions_are_answered_meanwhile(tmp_path):
    held, begun = threading.Event(), threading.Event()

    class Slow(Service):
        def explain(self, *args):
            begun.set()
            held.wait(10)
            return super().explain(*args)

    async def test():
        async with serving(tmp_path, Slow(engine()), Options(slow_calls=1)) as client:
            asked = pb.ExplainRequest(request=request_message(EDIT))
            first = asyncio.ensure_future(client.decisions.Explain(asked))
            try:
                await asyncio.to_thread(begun.wait, 10)
                second, quick = await status_of(client.decisions.Explain(asked)), await client.allows(reading())
            finally:
                held.set()
            return (await first).text, second, quick

    text, second, quick = run(test())

    assert text and quick
    assert second == (grpc.StatusCode.RESOURCE_EXHAUSTED, "at most 1 calls of this kind are answered at once")


def test_a_slow_call_that_is_given_up_keeps_its_place_while_it_goes_on(tmp_path):
    held, begun, over = threading.Event(), threading.Event(), threading.Event()

    class Slow(Service):
        def explain(self, *args):
            begun.set()
            held.wait(10)
            found = super().explain(*args)
            over.set()
            return found

    async def test():
        async with serving(tmp_path, Slow(engine()), Options(slow_calls=1)) as client:
            asked = pb.ExplainRequest(request=request_message(EDIT))
            first = asyncio.ensure_future(client.decisions.Explain(asked))
            try:
                await asyncio.to_thread(begun.wait, 10)
                first.cancel()
                await asyncio.wait([first])
                # The server has heard of it when it answers what was sent later.
                await client.allows(reading())
                during = await status_of(client.decisions.Explain(asked))
            finally:
                held.set()
            await asyncio.to_thread(over.wait, 10)
            # The place is given back on the loop, which a question goes through as well.
            await client.allows(reading())
            return during, (await client.decisions.Explain(asked)).text

    (during, _), after = run(test())

    assert during == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert after


# ------------------------------------------------------------------------------------------------------------ searches

PAGE = Entity(type="Page", id="home")


def test_a_search_goes_through_its_pages(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            asked = pb.WhoCanRequest(principal_type="User", action="read", resource=PAGE, page_size=1)
            first = await client.decisions.WhoCan(asked)
            asked.page_token = first.next_page_token
            second = await client.decisions.WhoCan(asked)
            asked.action = "edit"
            return first, second, await status_of(client.decisions.WhoCan(asked))

    first, second, (status, _) = run(test())

    assert [each.id for page in (first, second) for each in page.principals] == ["ada", "ben"]
    assert status == grpc.StatusCode.INVALID_ARGUMENT


def test_what_can_be_done_is_listed_by_actions_or_by_resources(tmp_path):
    ada = Entity(type="User", id="ada")

    async def test():
        async with serving(tmp_path) as client:
            what = client.decisions.WhatCan
            actions = await what(pb.WhatCanRequest(principal=ada, resource=PAGE))
            pages = await what(pb.WhatCanRequest(principal=ada, action="read", resource_type="Page"))
            return actions.permitted, pages.permitted

    actions, pages = run(test())

    assert [(each.action, each.resource.id) for each in actions] == [("read", "home")]
    assert [(each.action, each.resource.id) for each in pages] == [("read", "home")]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (pb.WhoCanRequest(principal_type="User", action="read"), "the search names no resource"),
        (pb.WhatCanRequest(), "the search names no principal"),
        (pb.WhatCanRequest(principal=PAGE), "the search names neither an action nor a resource"),
        (
            pb.WhatCanRequest(principal=PAGE, action="read", resource=PAGE),
            "a search of a resource lists actions: it has neither an action nor a type of resource",
        ),
    ],
)
def test_a_search_that_cannot_be_told_apart_is_refused(tmp_path, asked, says):
    async def test():
        async with serving(tmp_path) as client:
            method = client.decisions.WhoCan if isinstance(asked, pb.WhoCanRequest) else client.decisions.WhatCan
            return await status_of(method(asked))

    assert run(test()) == (grpc.StatusCode.INVALID_ARGUMENT, says)


# ------------------------------------------------------------------------------------------------------ administration


def test_what_is_revoked_is_denied_once_that_is_acknowledged(tmp_path):
    async def test():
        async with serving(tmp_path, Service(engine(), revoke_elsewhere=lambda _: (2, 1))) as client:
            before = await client.allows(reading())
            told = await client.admin.Revoke(
                admin.RevokeRequest(principal=EntityRef(type="User", id="ada"), why="left")
            )
            after = await client.check(reading())
            return before, told, after

    before, told, after = run(test())

    assert before
    assert (after.decision, after.reason) == (check_pb2.DECISION_DENY, check_pb2.REASON_PRINCIPAL_REVOKED)
    assert (told.workers, told.ended, told.HasField("sequence")) == (3, 1, False)
    assert told.epoch == after.epoch


def test_what_is_revoked_waits_for_nothing_that_others_search(tmp_path):
    async def test():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        end = threading.Event()
        async with serving(tmp_path) as client:
            search = asyncio.ensure_future(asyncio.to_thread(end.wait, 10))
            try:
                return await status_of(client.admin.Revoke(admin.RevokeRequest(session="s"), timeout=5))
            finally:
                end.set()
                await search

    assert run(test())[0] is grpc.StatusCode.OK


@pytest.mark.parametrize(
    "asked",
    [
        admin.RevokeRequest(),
        admin.RevokeRequest(why="no target"),
        admin.RevokeRequest(principal=EntityRef()),
        admin.RevokeRequest(session=""),
        admin.RevokeRequest(session="s", not_before={"nanos": 1}),
    ],
)
def test_a_revocation_of_nothing_is_refused(tmp_path, asked):
    async def test():
        async with serving(tmp_path) as client:
            return await status_of(client.admin.Revoke(asked))

    assert run(test())[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_a_revocation_that_no_record_took_is_no_success_and_says_nothing_of_the_disk(tmp_path):
    def fail(_):
        raise RecordError("/var/lib/pdp/revocations: no space left")

    async def test():
        async with serving(tmp_path, Service(engine(), revoke_elsewhere=fail)) as client:
            return await status_of(client.admin.Revoke(admin.RevokeRequest(session="s")))

    assert run(test()) == (grpc.StatusCode.UNAVAILABLE, "the record cannot be read or written")


def test_the_status_tells_by_what_the_server_answers(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            return await client.admin.Status(admin.StatusRequest()), client.engine, client.service

    told, asked, service = run(test())

    assert told.ready and told.version == pdp.__version__
    assert (told.revision, told.epoch, told.workers) == (asked.policy.revision, service.epoch, 1)
    assert {each.name: each.state for each in told.sources}["entities"] == admin.SOURCE_STATE_LOADED


# ---------------------------------------------------------------------------------------------------------- permissions


@pytest.mark.parametrize("missing", May)
def test_each_permission_is_asked_for(tmp_path, missing):
    async def test():
        callers = Callers(by_uid={os.getuid(): caller("app", set(May) - {missing})})
        async with serving(tmp_path, callers=callers) as client:
            return {
                "check": await status_of(client.decisions.Check(request_message(reading()))),
                "explain": await status_of(client.decisions.Explain(pb.ExplainRequest(request=request_message(EDIT)))),
                "search": await status_of(
                    client.decisions.WhoCan(pb.WhoCanRequest(principal_type="User", action="read", resource=PAGE))
                ),
                "revoke": await status_of(client.admin.Revoke(admin.RevokeRequest(session="s"))),
                "status": await status_of(client.admin.Status(admin.StatusRequest())),
            }

    found = {name: status for name, (status, _) in run(test()).items()}

    assert found == {
        name: grpc.StatusCode.PERMISSION_DENIED if name == missing else grpc.StatusCode.OK for name in found
    }


def test_nobody_gets_no_answer(tmp_path):
    async def test():
        async with serving(tmp_path, callers=Callers()) as client:
            calls = [
                client.decisions.Check(request_message(reading())),
                client.decisions.CheckBatch(pb.CheckBatchRequest()),
                client.decisions.CheckStream(),
                client.decisions.Watch(),
                client.decisions.Explain(pb.ExplainRequest()),
                client.decisions.WhoCan(pb.WhoCanRequest()),
                client.decisions.WhatCan(pb.WhatCanRequest()),
                client.admin.Revoke(admin.RevokeRequest(session="s")),
                client.admin.Status(admin.StatusRequest()),
            ]
            return {(await status_of(call))[0] for call in calls}

    assert run(test()) == {grpc.StatusCode.UNAUTHENTICATED}


def test_a_trace_is_told_of_the_rules_that_are_out_of_scope_only_where_all_are_asked_for():
    at = datetime.datetime(2026, 11, 23, 9, 5, tzinfo=datetime.UTC)
    service, who = Service(engine(clock=lambda: at)), OURS.by_uid[os.getuid()]

    some, every = (
        explain(service, who, pb.ExplainRequest(request=request_message(reading(page=HOME)), all=each))
        for each in (False, True)
    )

    assert len(some.rules) <= len(every.rules) and len(some.text) <= len(every.text)
