"""What goes onto the wire comes off it as it was."""

from __future__ import annotations

import datetime as _datetime
import decimal
import ipaddress
import math
from typing import Any

import pytest
from hypothesis import given

import pdp
from pdp.values import Datetime, Decimal, Duration, EnumMember, Ip, ValueSet
from pdp_sidecar.generated import check_pb2, decision_service_pb2, value_pb2
from pdp_sidecar.wire import Unsendable, fields_of, record_message, request_message, value_message, value_of
from pdp_sidecar.wire.values import MAX_LEVELS
from tests.sidecar.wire.strategies import VALUES, typed


def over(value: Any) -> Any:
    return value_of(value_pb2.Value.FromString(value_message(value).SerializeToString()))


@given(VALUES)
def test_a_value_comes_back_as_it_was(value):
    assert typed(over(value)) == typed(value)


def test_what_python_takes_for_one_is_four_values():
    kinds = [type(over(value)) for value in (1, True, 1.0, "1")]

    assert kinds == [int, bool, float, str]


def test_what_says_nothing_conforms_to_nothing():
    assert value_of(value_pb2.Value()) is None


@pytest.mark.parametrize(
    ("given", "comes"),
    [
        (_datetime.datetime(2026, 11, 23, 9, tzinfo=_datetime.UTC), Datetime.parse("2026-11-23T09:00:00Z")),
        (_datetime.timedelta(minutes=-15), Duration(-900_000_000)),
        (Decimal.parse("1.5"), "1.5"),
        (decimal.Decimal("1.50000"), "1.5"),
        (Ip.parse("10.0.0.0/8"), "10.0.0.0/8"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        (EnumMember("Env", "prod"), "prod"),
        (pdp.Entity("User", "ada", {"level": 1}), pdp.ref("User", "ada")),
        (ValueSet(["a"]), ["a"]),
        (frozenset([1]), [1]),
        ((1, 2), [1, 2]),
    ],
)
def test_values_of_other_classes_come_as_what_policies_take_for_them(given, comes):
    assert typed(over(given)) == typed(comes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (2**63, "a number does not fit in 64 bits"),
        (-(2**63) - 1, "a number does not fit in 64 bits"),
        ("\ud800", "half of a surrogate pair"),
        ({"\ud800": 1}, "half of a surrogate pair"),
        ({1: 1}, "expected a text, found a value of Python's `int`"),
        ("x" * (2**20 + 1), "a string has at most 1048576 characters"),
        ([1] * 100_001, "a set has at most 100000 elements"),
        (b"x", "a value of Python's `bytes` has no form on the wire"),
        (decimal.Decimal("NaN"), "NaN and Infinity are not values"),
        (ipaddress.ip_interface("10.0.0.1/8"), "has no form on the wire"),
        (_datetime.datetime(2026, 1, 1), "a datetime needs a time zone"),
        (Duration(2**63 - 1), "the duration is out of range"),
    ],
)
def test_what_has_no_form_is_told_and_not_sent(given, message):
    with pytest.raises(Unsendable, match=message):
        value_message({"x": [given]})


@pytest.mark.parametrize(
    "message",
    [
        value_pb2.Value(datetime_value={"seconds": 1, "nanos": 1}),
        value_pb2.Value(datetime_value={"seconds": 1, "nanos": -1000}),
        value_pb2.Value(datetime_value={"seconds": 1, "nanos": 1_000_000_000}),
        value_pb2.Value(datetime_value={"seconds": 2**62}),
        value_pb2.Value(duration_value={"seconds": 1, "nanos": 1}),
        value_pb2.Value(duration_value={"seconds": 1, "nanos": -1000}),
        value_pb2.Value(duration_value={"seconds": -1, "nanos": 1000}),
        value_pb2.Value(duration_value={"seconds": 2**62}),
        value_pb2.Value(list_value={"values": [value_pb2.Value()] * 100_001}),
    ],
)
def test_what_is_out_of_bounds_conforms_to_nothing(message):
    assert value_of(message) is None


def test_not_a_number_stays_what_no_type_takes():
    assert math.isnan(over(math.nan))


def test_an_empty_record_is_not_an_absent_one():
    request = pdp.Request(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"), {}, None)

    message = check_pb2.CheckRequest.FromString(request_message(request).SerializeToString())

    assert (message.HasField("context"), message.HasField("session")) == (True, False)


def nested(levels: int) -> dict[str, Any]:
    return {"x": True} if levels == 1 else {"x": nested(levels - 1)}


def test_whatever_can_be_sent_is_read_wherever_it_stands():
    brought = pdp.Entity("User", "ada", nested(MAX_LEVELS))
    request = pdp.Request(brought, "read", pdp.ref("Page", "home"), nested(MAX_LEVELS), nested(MAX_LEVELS))
    batch = decision_service_pb2.CheckBatchRequest(items=[request_message(request)])

    read = decision_service_pb2.CheckBatchRequest.FromString(batch.SerializeToString())

    assert fields_of(read.items[0].principal.attributes) == nested(MAX_LEVELS)


def test_what_is_nested_deeper_is_told_and_not_sent():
    with pytest.raises(Unsendable, match=f"data is nested at most {MAX_LEVELS} levels deep on the wire"):
        record_message(nested(MAX_LEVELS + 1))
