"""Check, CheckBatch and CheckStream answer as the engine does."""

from __future__ import annotations

import asyncio
import datetime

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdp
from pdp.model import Reason
from pdp_sidecar.generated import check_pb2, decision_service_pb2
from pdp_sidecar.generated.check_pb2 import CheckRequest
from pdp_sidecar.generated.decision_service_pb2 import CheckBatchRequest, CheckStreamRequest
from pdp_sidecar.rpc import Options
from pdp_sidecar.service import Service
from pdp_sidecar.wire import Unsendable, decision_of, request_message, request_of
from pdp_sidecar.wire.answers import lease_of
from tests.sidecar.rpc.serving import reading, run, serving, status_of
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, SECRET, WITH_MFA, engine
from tests.sidecar.wire.strategies import TEXTS, VALUES

EDIT = pdp.Request(ADA, "edit", PLAN, None, WITH_MFA)
NO, YES = check_pb2.DECISION_DENY, check_pb2.DECISION_ALLOW


@pytest.mark.parametrize(
    "request_",
    [
        reading(),
        reading(page=PLAN),
        reading(page=SECRET),
        reading(user=pdp.ref("User", "nobody")),
        reading(action="fly"),
        EDIT,
        EDIT._replace(session=None),
        EDIT._replace(session=WITH_MFA | {"mfa": 1}),
        EDIT._replace(context={"score": 1.0}),
        pdp.Request(pdp.Entity("User", "eve"), "read", HOME),
    ],
)
def test_an_answer_is_that_of_the_engine(tmp_path, request_):
    async def test():
        async with serving(tmp_path) as client:
            full = await client.decisions.Check(request_message(request_, view=check_pb2.VIEW_FULL))
            basic = decision_of(await client.check(request_))
            return client.engine.answer(request_), decision_of(full), basic

    expected, full, basic = run(test())

    assert full == expected
    assert (basic.outcome, basic.reason, basic.determining_rules) == (
        expected.outcome,
        expected.reason,
        expected.determining_rules,
    )


def test_an_allow_with_an_obligation_is_one_to_whoever_handles_it(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            return await client.allows(EDIT), await client.allows(EDIT, ("log",)), await client.allows(EDIT, ("x",))

    assert run(test()) == (False, True, False)


def test_an_answer_names_the_epoch_before_which_it_was_made(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            before = await client.check(reading())
            client.engine.revoke(principal=ADA)
            after = await client.check(reading())
            return client.service.epoch, before, after

    epoch, before, after = run(test())

    assert (before.decision, after.decision) == (YES, NO)
    assert before.epoch != after.epoch == epoch


def test_what_cannot_be_read_is_an_error_and_what_lacks_a_part_a_deny(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            raw = client.channel.unary_unary("/pdp.v1.DecisionService/Check")
            return await status_of(raw(b"\xff")), decision_of(await client.decisions.Check(CheckRequest(action="read")))

    status, decision = run(test())

    assert status == (grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be read")
    assert (decision.reason, decision.detail) == (Reason.INVALID_REQUEST, "the request names no principal")


# -------------------------------------------------------------------------------------------------------------- leases

NOW = datetime.datetime(2026, 11, 23, 9, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize("view", [check_pb2.VIEW_BASIC, check_pb2.VIEW_FULL])
def test_a_lease_is_what_is_left_when_the_answer_is_made(tmp_path, view):
    at = [NOW]
    session = WITH_MFA | {"expires_at": NOW + datetime.timedelta(seconds=90)}
    asked = request_message(reading()._replace(session=session), view=view)

    async def test():
        async with serving(tmp_path, Service(engine(clock=lambda: at[0]))) as client:
            found = []
            for seconds in (0, 30, 89.5):
                at[0] = NOW + datetime.timedelta(seconds=seconds)
                many = await client.decisions.CheckBatch(CheckBatchRequest(items=[asked] * 2, defaults={"view": view}))
                found += [await client.decisions.Check(asked), *many.responses]
            return found

    found = run(test())

    assert [lease_of(each) for each in found] == [each * 500_000 for each in [180] * 3 + [120] * 3 + [1] * 3]
    assert {decision_of(each).valid_until for each in found} == {session["expires_at"]}


def test_what_a_provider_says_is_kept_for_as_long_as_it_is_lent(tmp_path):
    class Provider:
        def entity(self, ref):
            return None

    async def test():
        lent = datetime.timedelta(seconds=7)
        async with serving(tmp_path, Service(engine(providers=[Provider()], lent=lent))) as client:
            many = await client.decisions.CheckBatch(batch(reading()))
            return await client.check(reading()), many.responses[0]

    for answer in run(test()):
        assert lease_of(answer) == 7_000_000 and not answer.HasField("valid_until")
        assert decision_of(answer)


# ------------------------------------------------------------------------------------------------------------- batches


def batch(*requests: pdp.Request, **more: object) -> CheckBatchRequest:
    return CheckBatchRequest(items=list(map(request_message, requests)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("semantic", "answers"),
    [
        (decision_service_pb2.SEMANTIC_UNSPECIFIED, [YES, NO, YES]),
        (decision_service_pb2.SEMANTIC_EXECUTE_ALL, [YES, NO, YES]),
        (decision_service_pb2.SEMANTIC_DENY_ON_FIRST_DENY, [YES, NO]),
        (decision_service_pb2.SEMANTIC_PERMIT_ON_FIRST_PERMIT, [YES]),
    ],
)
@pytest.mark.parametrize("view", [check_pb2.VIEW_BASIC, check_pb2.VIEW_FULL])
def test_a_batch_is_answered_as_far_as_its_semantic_asks(tmp_path, semantic, answers, view):
    questions = batch(reading(), reading(page=PLAN), reading(), semantic=semantic, defaults=CheckRequest(view=view))

    async def test():
        async with serving(tmp_path) as client:
            return await client.decisions.CheckBatch(questions)

    assert [each.decision for each in run(test()).responses] == answers


def test_items_have_what_they_lack_from_the_defaults_and_what_is_wrong_with_one_is_its_own(tmp_path):
    defaults = CheckRequest(principal={"type": "User", "id": "ada"}, action="read", handles=["log"])
    items = [
        CheckRequest(resource={"type": "Page", "id": "home"}),
        CheckRequest(),
        CheckRequest(resource={"type": "Page", "id": "home"}, principal={"type": "User", "id": "nobody"}),
        request_message(EDIT),
    ]

    async def test():
        async with serving(tmp_path) as client:
            return await client.decisions.CheckBatch(CheckBatchRequest(defaults=defaults, items=items))

    found = list(map(decision_of, run(test()).responses))

    assert list(map(bool, found)) == [True, False, False, True]
    assert (found[1].detail, found[2].reason) == ("the request names no resource", Reason.UNKNOWN_ENTITY)


@pytest.mark.parametrize(
    ("questions", "says"),
    [
        (batch(*[reading()] * 4), "a batch has at most 3 items, this one has 4"),
        (batch(reading(), semantic=9), "the semantic of a batch is one that is not known here"),
        (CheckBatchRequest(defaults={"now": {"nanos": 1}}), "`now` is no time of whole microseconds"),
    ],
)
def test_a_batch_that_is_wrong_as_a_whole_is_refused(tmp_path, questions, says):
    async def test():
        async with serving(tmp_path, options=Options(batch_items=3)) as client:
            return await status_of(client.decisions.CheckBatch(questions))

    assert run(test()) == (grpc.StatusCode.INVALID_ARGUMENT, says)


def test_defaults_that_would_be_looked_at_too_often_are_refused(tmp_path):
    questions = CheckBatchRequest(items=[CheckRequest()] * 100, defaults=CheckRequest(action="x" * 1000))

    async def test():
        async with serving(tmp_path, options=Options(message_size=4096)) as client:
            return await status_of(client.decisions.CheckBatch(questions))

    says = "the defaults of a batch are too large for so many items"
    assert run(test()) == (grpc.StatusCode.INVALID_ARGUMENT, says)


def test_a_batch_is_of_one_state(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            return await client.decisions.CheckBatch(batch(*[reading(user=BEN)] * 50)), client.service.epoch

    found, epoch = run(test())

    assert {each.epoch for each in found.responses} == {epoch}
    assert len(found.responses) == 50


# ------------------------------------------------------------------------------------------------------------- streams


def test_a_stream_answers_each_question_by_its_number_and_ends_when_the_client_has_no_more(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            call = client.decisions.CheckStream()
            for number, page in enumerate([HOME, PLAN, SECRET] * 20):
                await call.write(CheckStreamRequest(id=number, request=request_message(reading(page=page))))
            await call.done_writing()
            return [(each.id, each.response.decision) async for each in call]

    found = run(test())

    assert found == list(enumerate([YES, NO, NO] * 20))


def test_a_stream_ends_with_an_error_at_what_cannot_be_read(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            call = client.channel.stream_stream("/pdp.v1.DecisionService/CheckStream")()
            await call.write(b"\xff")
            return await status_of(call)

    assert run(test()) == (grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be read")


def test_a_stream_that_waits_for_its_client_ends_with_the_server(tmp_path):
    async def test():
        async with serving(tmp_path) as client:
            call = client.decisions.CheckStream()
            await call.write(CheckStreamRequest(id=1, request=request_message(reading())))
            answer = await call.read()
            ending = asyncio.ensure_future(client.server.drain(10))
            status = await status_of(call)
            await ending
            return answer.id, status

    assert run(test(), 5) == (1, (grpc.StatusCode.UNAVAILABLE, "the server is ending"))


# ------------------------------------------------------------------------------------------------------------- the same

ENGINE = engine(clock=lambda: NOW)
SESSIONS = st.fixed_dictionaries({}, optional=dict.fromkeys(WITH_MFA, VALUES) | {"mfa": st.booleans() | VALUES})
CONTEXTS = st.fixed_dictionaries({}, optional={"note": TEXTS | VALUES, "score": st.integers() | VALUES, "x": VALUES})
EDITS = st.builds(
    pdp.Request,
    st.sampled_from([ADA, BEN, pdp.Entity("User", "eve", {"email": "e"}, (pdp.ref("Group", "editors"),))]),
    st.sampled_from(["edit", "read"]),
    st.sampled_from([HOME, PLAN, SECRET]),
    st.none() | CONTEXTS,
    st.none() | SESSIONS | st.just(WITH_MFA),
)


@given(EDITS)
def test_a_question_that_went_over_the_wire_gets_the_answer_that_it_gets_in_the_same_process(request_):
    try:
        message = request_message(request_)
    except Unsendable:
        return

    there = request_of(CheckRequest.FromString(message.SerializeToString()))

    assert ENGINE.answer(there) == ENGINE.answer(request_)
