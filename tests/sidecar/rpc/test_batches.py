"""A batch of questions that only name things is answered from its bytes, as it is when it is read as a message."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.generated import check_pb2, value_pb2
from pdp_sidecar.generated.check_pb2 import CheckRequest
from pdp_sidecar.generated.decision_service_pb2 import CheckBatchRequest, CheckBatchResponse
from pdp_sidecar.rpc.checks import Checks
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.rpc.streams import Streams
from pdp_sidecar.service import Service
from pdp_sidecar.wire.batches import batch_of
from pdp_sidecar.wire.requests import Questions
from tests.sidecar.scene import engine
from tests.sidecar.wire.strategies import TEXTS

ENTITIES = st.builds(
    value_pb2.Entity,
    type=st.sampled_from(["User", "Page", "Nobody", ""]),
    id=st.sampled_from(["ada", "ben", "home", "plan", ""]) | TEXTS,
    attributes=st.none() | st.just(value_pb2.Record()),
)
ACTIONS = st.sampled_from(["read", "edit", "fly", ""])
QUESTIONS = st.builds(
    CheckRequest,
    principal=st.none() | ENTITIES,
    action=ACTIONS,
    resource=st.none() | ENTITIES,
    context=st.none() | st.just(value_pb2.Record()),
    session=st.none() | st.just(value_pb2.Record()),
    handles=st.lists(st.sampled_from(["log", "x", ""]), max_size=2),
    view=st.sampled_from([check_pb2.VIEW_UNSPECIFIED, check_pb2.VIEW_BASIC, check_pb2.VIEW_FULL]),
    token=st.none() | st.sampled_from(["", "a.b.c"]),
)
PLAIN = st.builds(
    CheckRequest,
    principal=st.builds(value_pb2.Entity, type=st.just("User"), id=st.sampled_from(["ada", "ben"])),
    action=ACTIONS,
    resource=st.builds(value_pb2.Entity, type=st.just("Page"), id=st.sampled_from(["home", "plan"]) | TEXTS),
    handles=st.lists(st.sampled_from(["log", "x"]), max_size=2),
)
BATCHES = st.builds(
    CheckBatchRequest,
    defaults=st.none() | QUESTIONS | PLAIN,
    items=st.lists(PLAIN, max_size=5) | st.lists(PLAIN | QUESTIONS, max_size=5),
    semantic=st.sampled_from([0, 0, 0, 1, 2, 3]),
)


class Ended(Exception):
    """The call was ended by the server."""


class Calling:
    """A call as gRPC shows it to a handler."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def peer(self) -> str:
        return "unix:"

    async def abort(self, code: grpc.StatusCode, details: str = "", *rest: Any) -> None:
        raise Ended(code, details)


@pytest.fixture(scope="module")
def checks() -> Checks:
    service, options = Service(engine()), Options(batch_items=4)
    who = Callers(by_uid={os.getuid(): caller("tests")})
    return Checks(service, Identities(service, who), Streams(options.streams), options)


def told(checks: Checks, data: bytes, *, plain: bool = True) -> object:
    """Return what a batch is answered, by its bytes where it is `plain`, or as a message in any case."""
    with pytest.MonkeyPatch.context() as patch:
        if not plain:
            patch.setattr("pdp_sidecar.rpc.checks.batch_of", lambda *_: None)
        try:
            found = CheckBatchResponse.FromString(asyncio.run(checks.batch(data, Calling())))
        except Ended as ended:
            return ended.args
    for each in found.responses:
        # A token that is refused is refused for a moment, which is another each time.
        each.ClearField("valid_until")
        each.ClearField("lease")
    return found


@given(batch=BATCHES)
def test_every_batch_is_answered_as_it_is_when_it_is_read_as_a_message(checks, batch):
    data = batch.SerializeToString()
    checks._questions = Questions(most=3)

    # The second time, questions are known.
    first, second = told(checks, data), told(checks, data)

    assert first == second == told(checks, data, plain=False)


CUT = BATCHES.map(lambda each: each.SerializeToString()[:-1])


@given(data=st.binary(max_size=40) | CUT, more=st.binary(max_size=3))
def test_what_is_no_batch_is_refused_as_it_is_when_it_is_read_as_a_message(checks, data, more):
    assert told(checks, data + more) == told(checks, data + more, plain=False)


def question(page: str = "home", **more: Any) -> CheckRequest:
    who, what = value_pb2.Entity(type="User", id="ada"), value_pb2.Entity(type="Page", id=page)
    return CheckRequest(principal=who, action="read", resource=what, **more)


def read(*items: CheckRequest, most: int = 10, questions: Questions | None = None, **more: Any) -> object:
    data = CheckBatchRequest(items=items, **more).SerializeToString()
    return batch_of(data, most, (questions or Questions()).naming)


def test_questions_that_only_name_things_are_read_from_their_bytes():
    assert read(question(), question("p" * 200, handles=["log"]), defaults=question()) is not None


@pytest.mark.parametrize(
    "more",
    [
        {"session": value_pb2.Record()},
        {"context": value_pb2.Record()},
        {"entities": [value_pb2.Entity()]},
        {"token": ""},
        {"shown": check_pb2.Shown()},
    ],
)
def test_a_question_that_says_more_is_read_as_a_message_and_not_remembered(more):
    questions = Questions()

    assert read(question(), question(**more), questions=questions) is None
    assert [*questions._named] == [question().SerializeToString()]


def test_what_is_remembered_has_a_bound():
    questions = Questions(most=8)

    for number in range(100):
        read(question(str(number)), question("p" * 5000), questions=questions)

    assert len(questions._named) <= 8
    assert max(map(len, questions._named)) < 100


def test_more_questions_than_a_batch_has_are_refused_by_whoever_reads_it_whole():
    assert read(question(), question(), most=1) is None
