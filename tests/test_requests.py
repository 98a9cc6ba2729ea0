"""A request is one object, which nobody changes; a sink is handed one that it may keep."""

import copy
import pickle
from datetime import UTC, datetime

import pytest

import pdp
from pdp.model import Asked, Request

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ADA, HOME = pdp.ref("User", "ada"), pdp.ref("Page", "home")
FIELDS = (ADA, "read", HOME, {"n": 1}, {"mfa": True}, NOW, ())

POLICY = """
context { n: Int }
type User
type Page
action read on Page by User
rule everybody_reads:
  permit User to read on Page
"""


class Keeping:
    """A sink that keeps the requests that it sees."""

    def __init__(self):
        self.seen = []

    def record(self, request, decision):
        self.seen.append(request)


@pytest.fixture
def recorded(compiled_rules):
    """A request as `decide` hands it to a sink, once rules are compiled."""
    sink = Keeping()
    engine = pdp.Engine.from_text(POLICY, sink=sink)
    session = engine.session({"mfa": True})
    for _ in range(2):
        engine.decide(ADA, "read", HOME, {"n": 1}, session, NOW)
    assert type(sink.seen[1]) is Asked
    return sink.seen[1]


def test_a_sink_is_handed_the_request_that_was_asked(recorded):
    assert isinstance(recorded, Request)
    assert recorded == Request(*FIELDS)
    assert repr(recorded) == repr(Request(*FIELDS)).replace("{'mfa': True}", repr(recorded.session))


@pytest.mark.parametrize("name", Request.__match_args__)
def test_no_field_of_a_request_can_be_changed(recorded, name):
    for request in (recorded, Request(*FIELDS)):
        with pytest.raises(AttributeError):
            setattr(request, name, None)
        with pytest.raises(AttributeError):
            delattr(request, name)


def test_a_request_has_no_room_for_more(recorded):
    for request in (recorded, Request(*FIELDS)):
        with pytest.raises(AttributeError):
            request.more = 1


def test_a_request_can_be_taken_apart_in_the_order_of_its_fields(recorded):
    assert tuple(Request(*FIELDS)) == FIELDS
    assert tuple(recorded) == FIELDS
    assert tuple(Request(ADA, "read", HOME)) == (ADA, "read", HOME, None, None, None, ())


def test_requests_are_equal_where_all_their_fields_are():
    request = Request(*FIELDS)

    assert request == Request(*FIELDS)
    assert request != FIELDS
    for name in Request.__match_args__:
        assert request != request._replace(**{name: "another"})


def test_a_request_without_dicts_can_be_hashed():
    assert len({Request(ADA, "read", HOME), Request(ADA, "read", HOME), Request(HOME, "read", ADA)}) == 2


def test_another_request_is_made_of_one_by_replacing_a_field(recorded):
    other = recorded._replace(action="write")

    assert (other.action, other.now, recorded.action) == ("write", NOW, "read")
    with pytest.raises(TypeError):
        recorded._replace(verb="write")


def test_a_request_can_be_copied_and_pickled():
    request = Request(*FIELDS)

    for each in (copy.copy(request), copy.deepcopy(request), pickle.loads(pickle.dumps(request))):
        assert each == request
    assert copy.deepcopy(request).context is not request.context


def test_a_request_matches_by_place():
    match Request(ADA, "read", HOME):
        case Request(principal, "read", resource):
            assert (principal, resource) == (ADA, HOME)
        case _:
            pytest.fail("it did not match")


@pytest.mark.parametrize("asked", [Request(ADA, "x" * 9000, HOME), Request(pdp.ref("X" * 9000, "ada"), "read", HOME)])
def test_a_name_that_nobody_declared_is_not_told_at_length(asked):
    decision = pdp.Engine.from_text(POLICY).answer(asked)

    assert decision.reason is pdp.Reason.INVALID_REQUEST
    assert len(decision.detail) < 100
