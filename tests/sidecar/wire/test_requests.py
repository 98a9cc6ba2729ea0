"""A question, and its answer, are the same at both ends."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdp
from pdp.model import Decision, Membership, Outcome, Reason
from pdp.values import Datetime
from pdp_sidecar.generated import check_pb2, value_pb2
from pdp_sidecar.generated.check_pb2 import CheckRequest, CheckResponse
from pdp_sidecar.service import NO_HANDLES, granted
from pdp_sidecar.wire import Replies, Unsendable, decision_of, request_message, request_of, response_message
from pdp_sidecar.wire.answers import lease_of
from pdp_sidecar.wire.requests import Defaults, Questions
from tests.sidecar.scene import PLAN, WITH_MFA, engine
from tests.sidecar.wire.strategies import ALLOWS, DECISIONS, REQUESTS, typed

ADA, HOME = pdp.ref("User", "ada"), pdp.ref("Page", "home")


def told(entity: Any) -> Any:
    if isinstance(entity, pdp.Entity):
        return entity.type, entity.id, typed(entity.attributes), entity.parents
    return entity


def all_of(request: pdp.Request) -> Any:
    principal, action, resource, context, session, now, entities = request
    # One that is read once is a mapping of a class of its own.
    session = None if session is None else dict(session)
    return told(principal), action, told(resource), typed(context), typed(session), now, list(map(told, entities))


@given(REQUESTS)
def test_a_request_comes_back_as_it_was(request):
    message = CheckRequest.FromString(request_message(request).SerializeToString())

    assert all_of(request_of(message)) == all_of(request)


@given(DECISIONS)
def test_a_decision_comes_back_as_it_was(decision):
    message = CheckResponse.FromString(response_message(decision, full=True).SerializeToString())

    assert decision_of(message) == decision
    assert bool(decision_of(message)) is bool(decision)


@given(st.lists(DECISIONS, max_size=4), st.integers(0, 2**50))
def test_answers_written_in_parts_are_those_written_at_once(decisions, now):
    def kept(decision: Decision, epoch: str) -> tuple[str, int | None]:
        return epoch, None if decision._until is None else decision._until - now

    def whole(decision: Decision) -> CheckResponse:
        return response_message(decision, epoch="e", lease=kept(decision, "e")[1])

    replies = Replies(kept)

    alone = [CheckResponse.FromString(replies.alone(each, NO_HANDLES, "e")) for each in decisions]

    assert alone == list(map(whole, decisions))


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("request_", "handles"),
    [
        (pdp.Request(pdp.ref("User", LONG), "read", HOME), ()),
        (pdp.Request(pdp.ref(LONG, "ada"), "read", HOME), ()),
        (pdp.Request(ADA, "read", pdp.ref("Page", LONG)), ()),
        (pdp.Request(ADA, LONG, HOME), ()),
        (pdp.Request(ADA, "read", HOME), (LONG,)),
    ],
    ids=["principal", "type", "resource", "action", "handles"],
)
def test_what_a_caller_makes_long_is_not_held(request_, handles):
    questions, replies = Questions(), Replies(lambda _, epoch: (epoch, None))
    answer, sizes = engine(), []

    tracemalloc.start()
    for number in range(40):
        given = [f"{number}{each}" for each in handles]
        message = request_message(request_, given)
        message.action += f"{number}" if message.action == LONG else ""
        message.principal.id += f"{number}" if len(message.principal.id) > 9 or message.principal.type == LONG else ""
        message.resource.id += f"{number}" if len(message.resource.id) > 9 else ""
        replies.alone(answer.answer(questions.of(message)), frozenset(message.handles), "e")
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()

    assert sizes[-1] - sizes[4] < 5 * len(LONG)


def test_what_is_kept_of_answers_goes_with_its_epoch():
    replies, decision = Replies(lambda _, epoch: (epoch, None)), Decision(outcome=Outcome.DENY, reason=Reason.DEFAULT)

    written = [CheckResponse.FromString(replies.alone(decision, NO_HANDLES, epoch)) for epoch in ("1", "2", "2", "1")]

    assert [each.epoch for each in written] == ["1", "2", "2", "1"]


@given(ALLOWS, st.frozensets(st.sampled_from(["a", "b"])))
def test_an_allow_is_one_only_to_whoever_handles_all(decision, handles):
    decision = Decision.made(pdp_leaf(decision, ("a", "b")), "", None)

    read = decision_of(response_message(decision, handles))

    assert bool(read) is (handles == {"a", "b"}) is granted(decision, handles)
    assert read.unhandled == tuple(name for name in ("a", "b") if name not in handles)


def pdp_leaf(decision: Decision, unhandled: tuple[str, ...]) -> Any:
    made = Decision(outcome=decision.outcome, reason=decision.reason, unhandled=unhandled)
    return made._leaf


@pytest.mark.parametrize(
    "message",
    [
        CheckResponse(),
        CheckResponse(decision=check_pb2.DECISION_ALLOW),
        CheckResponse(decision=check_pb2.DECISION_ALLOW, reason=check_pb2.REASON_DEFAULT),
        CheckResponse(decision=check_pb2.DECISION_ALLOW, reason=99),
        CheckResponse(decision=3, reason=check_pb2.REASON_PERMITTED),
        CheckResponse(decision=check_pb2.DECISION_DENY, reason=check_pb2.REASON_PERMITTED),
        CheckResponse(
            decision=check_pb2.DECISION_ALLOW, reason=check_pb2.REASON_PERMITTED, unhandled_obligations=["log"]
        ),
        CheckResponse(decision=check_pb2.DECISION_ALLOW, reason=check_pb2.REASON_PERMITTED, valid_until={"nanos": 1}),
    ],
)
def test_an_answer_that_is_not_known_denies(message):
    assert not decision_of(message)


@given(st.binary(max_size=60))
def test_damaged_bytes_never_allow_without_saying_so(data):
    try:
        message = CheckResponse.FromString(data)
    except Exception:
        return

    assert not decision_of(message) or message.decision == check_pb2.DECISION_ALLOW


def test_a_lease_that_cannot_be_read_is_over():
    assert lease_of(CheckResponse(valid_until={"seconds": 1}, lease={"nanos": 1})) == 0
    assert lease_of(CheckResponse(valid_until={"seconds": 1})) == 0
    assert lease_of(CheckResponse(lease={"seconds": 2})) == 2_000_000
    assert lease_of(CheckResponse()) is None


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (CheckRequest(resource={"type": "Page"}), "the request names no principal"),
        (CheckRequest(principal={"type": "User"}), "the request names no resource"),
        (
            CheckRequest(principal={"type": "User"}, resource={"type": "Page"}, now={"nanos": 1}),
            "`now` is no time of whole microseconds",
        ),
        (
            CheckRequest(principal={"type": "User"}, resource={"type": "Page"}, entities=[{"type": "User"}]),
            "`entities` holds a reference",
        ),
        (
            CheckRequest(principal={"type": "User", "parents": [{}]}, resource={"type": "Page"}),
            "a membership names no parent",
        ),
        (
            CheckRequest(
                principal={"type": "User", "parents": [{"parent": {"type": "G"}, "until": {"nanos": 1}}]},
                resource={"type": "Page"},
            ),
            "the end of a membership is no time",
        ),
    ],
)
def test_a_damaged_request_says_what_is_wrong(message, says):
    with pytest.raises(pdp.RequestError, match=says):
        request_of(message)


@pytest.mark.parametrize(
    "request_",
    [
        pdp.Request("ada", "read", HOME),  # type: ignore[arg-type]
        pdp.Request(ADA, 1, HOME),  # type: ignore[arg-type]
        pdp.Request(ADA, "read", HOME, [1]),  # type: ignore[arg-type]
        pdp.Request(ADA, "read", HOME, {"x": object()}),
        pdp.Request(ADA, "read", HOME, now="2026"),  # type: ignore[arg-type]
        pdp.Request(pdp.Entity("User", "ada", parents=["x"]), "read", HOME),  # type: ignore[list-item]
        pdp.Request(pdp.Entity("User", "ada", tags={"a": 1}), "read", HOME),
    ],
)
def test_a_request_that_has_no_form_is_told_and_not_sent(request_):
    with pytest.raises(Unsendable):
        request_message(request_)


def test_an_item_has_what_it_does_not_have_itself_from_the_defaults_as_a_whole():
    given = pdp.Request(ADA, "read", HOME, {"a": 1, "b": 2}, {"mfa": True}, None, (pdp.Entity("User", "x"),))
    own = CheckRequest(context={}, resource={"type": "Page", "id": "plan"})
    own.context.fields["c"].int_value = 3
    own.entities.add(type="User", id="y").attributes.SetInParent()

    found = request_of(own, Defaults.of(request_message(given)))

    assert found.principal == ADA and found.action == "read" and found.resource == pdp.ref("Page", "plan")
    assert found.context == {"c": 3} and found.session == {"mfa": True}
    assert [each.id for each in found.entities] == ["x", "y"]


def test_what_a_membership_ends_at_is_kept():
    parent = Membership(pdp.ref("Group", "g"), Datetime(1))
    message = value_pb2.Entity.FromString(
        request_message(
            pdp.Request(pdp.Entity("User", "ada", parents=[parent]), "read", HOME)
        ).principal.SerializeToString()
    )

    found = request_of(CheckRequest(principal=message, resource={"type": "Page"}))

    assert found.principal.parents == (parent,)  # type: ignore[union-attr]


def test_reasons_of_the_wire_are_those_of_decisions():
    names = {name.removeprefix("REASON_").lower() for name in check_pb2.Reason.DESCRIPTOR.values_by_name} - {
        "unspecified"
    }

    assert names == {str(reason) for reason in Reason}


def test_zero_is_never_an_allow():
    for enum in (check_pb2.Decision, check_pb2.Reason):
        assert enum.Name(0).endswith("UNSPECIFIED")
    assert Outcome.ALLOW not in {decision_of(CheckResponse()).outcome}


# ------------------------------------------------------------------------------------- sessions that were here before


def asked(session: dict[str, object]) -> check_pb2.CheckRequest:
    return request_message(pdp.Request(ADA, "edit", PLAN, {}, session))


def test_a_session_that_was_here_before_is_the_one_that_was_read():
    questions = Questions()

    first, second = questions.of(asked(WITH_MFA)), questions.of(asked(dict(WITH_MFA)))
    other = questions.of(asked({**WITH_MFA, "mfa": 1}))

    assert first.session is second.session
    assert dict(first.session) == WITH_MFA
    assert other.session is not first.session


def test_a_session_that_is_kept_is_denied_once_it_is_revoked():
    questions, engine_ = Questions(), engine(handles=["log"])
    session = {**WITH_MFA, "session_id": "s-1", "token_id": "t-1"}
    before = [engine_.answer(questions.of(asked(session))) for _ in range(2)]

    engine_.revoke(session="t-1")
    after = engine_.answer(questions.of(asked(session)))

    assert all(before)
    assert after.reason is pdp.Reason.SESSION_REVOKED


def test_few_sessions_are_kept_and_no_long_one():
    questions = Questions(sessions=2)
    long = {**WITH_MFA, "methods": ["x" * 5000]}

    for number in range(5):
        questions.of(asked({**WITH_MFA, "token_id": str(number)}))

    assert len(questions._sessions) <= 2
    assert questions.of(asked(long)).session is not questions.of(asked(long)).session


def test_a_batch_reads_the_session_of_its_defaults_once():
    questions = Questions()

    first, second = questions.defaults(asked(WITH_MFA)), questions.defaults(asked(WITH_MFA))

    assert first.session is second.session


@pytest.mark.parametrize("handles", [[], ["x" * 5000]], ids=["short", "long"])
def test_names_that_were_here_before_are_looked_up_unless_they_are_long(handles):
    questions = Questions()
    message = request_message(pdp.Request(ADA, "read", HOME), handles)

    found = [questions.of(message) for _ in range(2)]

    assert found == [pdp.Request(ADA, "read", HOME)] * 2
    assert len(questions._named) == (not handles)


@given(REQUESTS, REQUESTS)
def test_what_is_looked_up_is_what_would_be_read(first, second):
    questions, messages = Questions(), [request_message(each) for each in (first, second)]
    defaults = questions.defaults(messages[0])
    bare = CheckRequest(action="read")

    for message in [*messages, bare] * 2:
        assert all_of(questions.of(message, defaults)) == all_of(request_of(message, Defaults.of(messages[0])))
    for message in messages * 2:
        assert all_of(questions.of(message)) == all_of(request_of(message))
