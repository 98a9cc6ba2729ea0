"""Cedar's functions on values: every answer in a table here is one that Cedar's own engine gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.extensions import (
    FUNCTIONS,
    RESULTS,
    apply,
    parse_datetime,
    parse_decimal,
    parse_duration,
    parse_ip,
)
from pdp.symbols import Function
from pdp.types import Primitive
from pdp.values import (
    DATETIME_MAX,
    DATETIME_MIN,
    INT_MAX,
    INT_MIN,
    UNKNOWN,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    Ip,
    Record,
    Value,
    ValueSet,
    show,
)

DAY = 86_400_000
LONGS = st.integers(INT_MIN, INT_MAX) | st.sampled_from([INT_MIN, INT_MIN + 1, -1, 0, 1, INT_MAX - 1, INT_MAX])
TIMES = LONGS.map(lambda milliseconds: Datetime(milliseconds * 1000))
LENGTHS = LONGS.map(lambda milliseconds: Duration(milliseconds * 1000))
DECIMALS = LONGS.map(Decimal)
VALUES = st.one_of(
    st.booleans(),
    LONGS,
    st.text(max_size=3),
    TIMES,
    LENGTHS,
    DECIMALS,
    st.sampled_from([parse_ip("10.0.0.0/8"), parse_ip("::1"), EntityRef("User", "a"), Record({}), ValueSet([])]),
)
CLASS_OF = {
    Primitive.BOOL: bool,
    Primitive.INT: int,
    Primitive.DECIMAL: Decimal,
    Primitive.DATETIME: Datetime,
    Primitive.DURATION: Duration,
    Primitive.IP: Ip,
}
SLIPS = ["\n", " ", "\t", "_", "+", "\u0661", "\uff11", "\u00b2", "\x00", ",", "--"]


def milliseconds(text: str) -> int:
    return parse_duration(text).micros // 1000


# --------------------------------------------------------------------------------------------------------- from text


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1.0", 10_000),
        ("-0.5", -5_000),
        ("0.0001", 1),
        ("-0.0", 0),
        ("00012.3400", 123_400),
        ("0" * 5_000 + "1.0", 10_000),
        ("922337203685477.5807", INT_MAX),
        ("-922337203685477.5808", INT_MIN),
    ],
)
def test_a_decimal_is_read(text: str, units: int) -> None:
    assert parse_decimal(text) == Decimal(units)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.", ".5", "+1.0", "1.00000", "--1.0", "1.0.0", "1,0", "1_0.0", " 1.0", "1.0 ", "1.0\n"),
        *("1e1.0", "\u0661.0", "1.\u0660", "\uff11.0", "\u00b2.0", "0x1.0", "NaN", "1.-1"),
        *("922337203685477.5808", "-922337203685477.5809", "9" * 5_000 + ".0", "-18446744073709551616.0"),
    ],
)
def test_what_is_no_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1d2h3m4s5ms", DAY + 2 * 3_600_000 + 3 * 60_000 + 4_005),
        ("-1h30m", -5_400_000),
        ("5ms", 5),
        ("5m", 300_000),
        ("1m5ms", 60_005),
        ("-0s", 0),
        ("00000000000000000000000001s", 1_000),
        ("90m", 5_400_000),
        ("9223372036854775807ms", INT_MAX),
        ("-9223372036854775808ms", INT_MIN),
        ("106751991167d7h12m55s807ms", INT_MAX),
        ("-106751991167d7h12m55s808ms", INT_MIN),
    ],
)
def test_a_duration_is_read(text: str, length: int) -> None:
    assert parse_duration(text) == Duration(length * 1000)


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "1", "1w", "1us", "d", "1h1d", "1s1s", "1ms1s", "1ms1m", "+1s", "--1s", "1h-1m", "1 h"),
        *(" 1h", "1h\n", "1_0s", "\u0661s", "\uff11s", "\u00b2s", "1.5s", "1H", "1D", "9223372036854775808ms"),
        *("-9223372036854775809ms", "106751991167d7h12m55s808ms", "106751991168d", "-17831347393526291263ms"),
        *("-103905601515869679880106751991167ms", "9" * 5_000 + "s"),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01", 0),
        ("1970-01-02", DAY),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("2024-10-15T11:38:02.101-1134", 1_729_033_922_101),
        ("1970-01-01T00:00:00+2359", -(24 * 60 - 1) * 60_000),
        ("1970-01-01T00:00:00.000-0000", 0),
        ("0000-01-01", -62_167_219_200_000),
        ("0000-02-29", -62_162_121_600_000),
        ("0001-01-01T00:00:00+2359", -62_135_683_140_000),
        ("9999-12-31T23:59:59.999-2359", 253_402_387_139_999),
    ],
)
def test_a_datetime_is_read(text: str, instant: int) -> None:
    assert parse_datetime(text) == Datetime(instant * 1000)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1970", "1970-1-1", "19700101", "1970-01-01Z", "1970-01-01T00:00", "1970-01-01T00:00:00"),
        *("1970-01-01T00:00Z", "1970-01-01 00:00:00Z", "1970-01-01t00:00:00Z", "1970-01-01T00:00:00z"),
        *("1970-01-01T00:00:00.0Z", "1970-01-01T00:00:00.0000Z", "1970-01-01T00:00:00.Z"),
        *("1970-01-01T00:00:00,000Z", "1970-01-01T00:00:00+01:00", "1970-01-01T00:00:00+01"),
        *("1970-01-01T00:00:00+2400", "1970-01-01T00:00:00+0060", "1970-01-01T24:00:00Z"),
        *("1970-01-01T00:60:00Z", "1970-01-01T00:00:60Z", "2016-12-31T23:59:60Z", "2023-02-29", "1900-02-29"),
        *("1970-13-01", "1970-00-01", "1970-01-32", "1970-01-00", "-970-01-01", "+1970-01-01", "1970-01-01\n"),
        *(" 1970-01-01", "197\u0660-01-01", "\uff11970-01-01", "10000-01-01"),
    ],
)
def test_what_is_no_datetime_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"datetime is written|no such"):
        parse_datetime(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.2.3", Ip(4, 0x0A010203, 0x0A010203)),
        ("10.1.2.3/32", Ip(4, 0x0A010203, 0x0A010203)),
        ("10.0.0.0/8", Ip(4, 0x0A000000, 0x0AFFFFFF)),
        ("10.1.0.0/8", Ip(4, 0x0A000000, 0x0AFFFFFF, 0x0A010000)),
        ("1.2.3.4/0", Ip(4, 0, 2**32 - 1, 0x01020304)),
        ("::", Ip(6, 0, 0)),
        ("::1/128", Ip(6, 1, 1)),
        ("1:2:3:4:5:6:7::", Ip(6, 0x00010002000300040005000600070000, 0x00010002000300040005000600070000)),
        ("::2:3:4:5:6:7:8", Ip(6, 0x00000002000300040005000600070008, 0x00000002000300040005000600070008)),
        ("::ffff:a00:1", Ip(6, 0xFFFF0A000001, 0xFFFF0A000001)),
        ("FF00::/8", Ip(6, 0xFF << 120, (1 << 128) - 1)),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", Ip(6, (1 << 128) - 1, (1 << 128) - 1)),
    ],
)
def test_an_ip_is_read(text: str, address: Ip) -> None:
    assert parse_ip(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4/", "1.2.3.4/33"),
        *("1.2.3.4/255.0.0.0", "1.2.3.4/ 8", "1.2.3.4/8/8", "1.2.3.\u0664", "1.2.3.4\n", " 1.2.3.4"),
        *("0x1.2.3.4", "1.2..4", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9"),
        *("1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "::ffff:10.0.0.1", "fe80::1%eth0", "::/129"),
        *("::/00", "::/001", "::g", "::\uff11", "1:", ":1"),
        *("0000:0000:0000:0000:0000:0000:0000:0001/0128", "::1:"),
    ],
)
def test_what_is_no_ip_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"IP|prefix|too long"):
        parse_ip(text)


@given(st.sampled_from(["1.5", "1d2h3m4s5ms", "2026-11-23T09:00:00.000+0100", "10.0.0.0/8", "fe80::1/64"]), st.data())
def test_no_slip_of_a_character_gets_through(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    slipped = text[:at] + data.draw(st.sampled_from(SLIPS)) + text[at:]

    readers = (Function.DECIMAL, Function.DURATION, Function.DATETIME, Function.IP)
    found = [apply(function, [slipped]) for function in readers]

    assert found == [UNKNOWN] * 4


@given(st.text())
def test_any_text_is_a_value_or_unknown(text: str) -> None:
    for function in (Function.DECIMAL, Function.DURATION, Function.DATETIME, Function.IP):
        found = apply(function, [text])
        assert found is UNKNOWN or isinstance(found, CLASS_OF[RESULTS[function]])


@given(LONGS)
def test_decimals_and_durations_are_read_as_they_are_written(number: int) -> None:
    assert parse_decimal(str(Decimal(number))) == Decimal(number)
    assert parse_duration(str(Duration(number * 1000))) == Duration(number * 1000)


@given(st.integers(DATETIME_MIN // 1000 + 1, DATETIME_MAX // 1000))
def test_datetimes_are_read_as_python_writes_them(instant: int) -> None:
    moment = Datetime(instant * 1000).to_datetime()
    written = f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"

    assert parse_datetime(written) == Datetime(instant * 1000)


@given(st.sampled_from([(4, 32), (6, 128)]), st.data())
def test_ips_are_read_as_they_are_written(family: tuple[int, int], data: st.DataObject) -> None:
    version, width = family
    bits = data.draw(st.integers(0, (1 << width) - 1))
    hosts = (1 << data.draw(st.integers(0, width))) - 1
    address = Ip(version, bits & ~hosts, bits | hosts, bits if bits & hosts else None)

    assert parse_ip(str(address)) == address


@given(TIMES)
def test_a_datetime_of_any_year_can_be_shown(moment: Datetime) -> None:
    assert show(moment)


def test_a_datetime_that_no_calendar_holds_is_shown_as_cedar_could_compute_it() -> None:
    assert str(parse_datetime("0000-01-01")) == 'datetime("1970-01-01").offset(duration("-62167219200000ms"))'
    assert str(parse_datetime("0001-01-01")) == "0001-01-01T00:00:00Z"


# --------------------------------------------------------------------------------------------------------- functions


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        ("isIpv4", ["10.0.0.0/8"], True),
        ("isIpv4", ["::1"], False),
        ("isIpv6", ["::ffff:a00:1"], True),
        ("isLoopback", ["127.3.4.5"], True),
        ("isLoopback", ["127.0.0.0/8"], True),
        ("isLoopback", ["127.0.0.0/7"], False),
        ("isLoopback", ["::1"], True),
        ("isLoopback", ["::1/127"], False),
        ("isLoopback", ["::ffff:7f00:1"], False),
        ("isMulticast", ["224.0.0.0/4"], True),
        ("isMulticast", ["239.255.255.255"], True),
        ("isMulticast", ["224.0.0.0/3"], False),
        ("isMulticast", ["ff02::1"], True),
        ("isMulticast", ["fe00::"], False),
        ("isInRange", ["10.1.2.3", "10.0.0.0/8"], True),
        ("isInRange", ["10.0.0.0/8", "10.0.0.0/9"], False),
        ("isInRange", ["10.1.0.0/8", "10.2.0.0/8"], True),
        ("isInRange", ["1.2.3.4", "::/0"], False),
    ],
)
def test_addresses_are_asked(function: str, arguments: list[str], result: bool) -> None:
    assert apply(Function(function), [parse_ip(each) for each in arguments]) is result


def test_ranges_that_are_written_differently_are_different() -> None:
    assert parse_ip("10.0.0.1") == parse_ip("10.0.0.1/32")
    assert parse_ip("10.0.0.0/8") != parse_ip("10.1.0.0/8")
    assert parse_ip("::ffff:a00:1") != parse_ip("10.0.0.1")


@pytest.mark.parametrize(
    ("function", "length", "result"),
    [
        ("toMilliseconds", "-1500ms", -1500),
        ("toSeconds", "-1500ms", -1),
        ("toSeconds", "1999ms", 1),
        ("toMinutes", "-59s", 0),
        ("toHours", "90m", 1),
        ("toDays", "-47h", -1),
        ("toMilliseconds", "-9223372036854775808ms", INT_MIN),
    ],
)
def test_lengths_are_counted_toward_zero(function: str, length: str, result: int) -> None:
    assert apply(Function(function), [parse_duration(length)]) == result


@pytest.mark.parametrize(
    ("moment", "date", "time"),
    [
        ("1969-12-31T23:59:59.999Z", "1969-12-31", "23h59m59s999ms"),
        ("2024-10-15T11:38:02Z", "2024-10-15", "11h38m2s"),
        ("1970-01-01", "1970-01-01", "0ms"),
    ],
)
def test_a_datetime_falls_apart_into_a_date_and_a_time(moment: str, date: str, time: str) -> None:
    assert apply(Function.TO_DATE, [parse_datetime(moment)]) == parse_datetime(date)
    assert apply(Function.TO_TIME, [parse_datetime(moment)]) == parse_duration(time)


def test_the_first_day_of_all_has_no_date() -> None:
    first = Datetime(INT_MIN * 1000)

    assert apply(Function.TO_DATE, [first]) is UNKNOWN
    assert apply(Function.TO_TIME, [first]) == Duration((INT_MIN % DAY) * 1000)


@given(TIMES)
def test_a_date_and_a_time_make_the_datetime_again(moment: Datetime) -> None:
    date, time = apply(Function.TO_DATE, [moment]), apply(Function.TO_TIME, [moment])

    assert isinstance(time, Duration)
    assert 0 <= time.micros < DAY * 1000
    assert date is UNKNOWN or apply(Function.OFFSET, [date, time]) == moment


@given(TIMES, TIMES)
def test_the_time_since_is_what_leads_back(end: Datetime, start: Datetime) -> None:
    length = apply(Function.DURATION_SINCE, [end, start])

    fits = INT_MIN <= (end.micros - start.micros) // 1000 <= INT_MAX
    assert (length is not UNKNOWN) is fits
    assert not fits or apply(Function.OFFSET, [start, length]) == end


@given(LONGS, LONGS, st.sampled_from([Function.ADD, Function.SUB, Function.MUL]))
def test_arithmetic_is_exact_or_unknown(left: int, right: int, function: Function) -> None:
    exact = {Function.ADD: left + right, Function.SUB: left - right, Function.MUL: left * right}[function]

    assert apply(function, [left, right]) == (exact if INT_MIN <= exact <= INT_MAX else UNKNOWN)


def test_the_least_number_has_no_opposite() -> None:
    assert apply(Function.NEG, [INT_MIN]) is UNKNOWN
    assert apply(Function.NEG, [INT_MIN + 1]) == INT_MAX


@given(st.one_of(st.tuples(kind, kind) for kind in (LONGS, TIMES, LENGTHS)))
def test_numbers_times_and_lengths_have_one_order(pair: tuple[Any, Any]) -> None:
    below, equal, above = (pair[0] < pair[1], pair[0] == pair[1], pair[0] > pair[1])

    found = [apply(function, pair) for function in (Function.LT, Function.LE, Function.GT, Function.GE)]

    assert found == [below, below or equal, above, above or equal]


@given(DECIMALS, DECIMALS)
def test_decimals_are_ordered_by_their_own_methods_only(left: Decimal, right: Decimal) -> None:
    methods = (Function.LESS_THAN, Function.LESS_THAN_OR_EQUAL, Function.GREATER_THAN, Function.GREATER_THAN_OR_EQUAL)

    found = [apply(function, [left, right]) for function in methods]

    assert found == [left < right, left <= right, left > right, left >= right]
    assert [apply(function, [left, right]) for function in (Function.LT, Function.LE, Function.GT)] == [UNKNOWN] * 3


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("+", [True, 1]),
        ("*", [1, False]),
        ("neg", [True]),
        ("<", [True, False]),
        ("<", [1, True]),
        ("<", ["a", "b"]),
        ("<=", [Datetime(0), Duration(0)]),
        ("+", [Duration(0), Duration(0)]),
        ("offset", [Duration(0), Datetime(0)]),
        ("decimal", [1]),
        ("ip", [parse_ip("::1")]),
        ("isIpv4", ["10.0.0.1"]),
    ],
)
def test_a_value_of_another_kind_makes_it_unknown(function: str, arguments: list[Value]) -> None:
    assert apply(Function(function), arguments) is UNKNOWN


ARITY = {
    function: 2
    if function
    in (
        *(Function.LESS_THAN, Function.LESS_THAN_OR_EQUAL, Function.GREATER_THAN, Function.GREATER_THAN_OR_EQUAL),
        *(Function.LT, Function.LE, Function.GT, Function.GE, Function.ADD, Function.SUB, Function.MUL),
        *(Function.IS_IN_RANGE, Function.OFFSET, Function.DURATION_SINCE),
    )
    else 1
    for function in Function
}


@given(st.sampled_from(sorted(Function)), VALUES, VALUES)
def test_every_function_gives_a_value_of_its_type_or_unknown(function: Function, first: Value, second: Value) -> None:
    found = apply(function, [first, second][: ARITY[function]])

    assert found is UNKNOWN or found.__class__ is CLASS_OF[RESULTS[function]]


@given(st.sampled_from(sorted(Function)), VALUES)
def test_an_unknown_argument_makes_it_unknown(function: Function, value: Value) -> None:
    assert apply(function, [UNKNOWN, value][: ARITY[function]]) is UNKNOWN
    assert apply(function, [value, UNKNOWN][-ARITY[function] :]) is UNKNOWN


def test_every_function_is_there_with_its_type() -> None:
    assert FUNCTIONS.keys() == RESULTS.keys() == set(Function)
