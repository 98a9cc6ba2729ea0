"""Cedar's functions on values, by the exact kinds of the values found. What cannot be computed is unknown.

Each is what Cedar's specification says, and not what the operators of pdp say: times are whole milliseconds of 64 bits,
an IPv6 address is never taken for an IPv4 address, and only numbers, times and lengths of time have an order.
"""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Mapping, Sequence
from operator import add, ge, gt, le, lt, mul, sub
from typing import Final, TypeAlias, TypeVar

from pdp import patterns
from pdp.symbols import Function
from pdp.types import Primitive
from pdp.values import INT_MAX, INT_MIN, UNKNOWN, Datetime, Decimal, Duration, Ip, Unknown, Value

Found: TypeAlias = Value | Unknown

_MILLISECOND: Final = 1000
_DAY: Final = 86_400_000
_YEARS_400: Final = 146_097
_T = TypeVar("_T")


def apply(function: Function, arguments: Sequence[Found]) -> Found:
    """Compute a function; unknown where an argument is, or is of another kind than the function takes.

    >>> apply(Function.IS_LOOPBACK, [parse_ip("127.0.0.0/16")])
    True
    >>> apply(Function.ADD, [1, True])
    unknown
    """
    known = [each for each in arguments if not isinstance(each, Unknown)]
    if len(known) != len(arguments) or len(known) != _ARITIES.get(function, 1):
        return UNKNOWN
    return FUNCTIONS[function](*known)


# --------------------------------------------------------------------------------------------------------- from text


_DECIMAL: Final = patterns.compile(r"(-)?([0-9]++)\.([0-9]{1,4})")
_DATETIME: Final = patterns.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(?:Z|([+-])([0-9]{2})([0-9]{2})))?"
)
_DURATION: Final = patterns.compile(
    r"(-)?(?:([0-9]++)d)?(?:([0-9]++)h)?(?:([0-9]++)m(?!s))?(?:([0-9]++)s)?(?:([0-9]++)ms)?"
)
_UNITS: Final = (_DAY, 3_600_000, 60_000, 1000, 1)
_SMALL: Final = "0|[1-9][0-9]{0,2}"
_PREFIX: Final = patterns.compile(_SMALL)
_V4: Final = patterns.compile(rf"({_SMALL})\.({_SMALL})\.({_SMALL})\.({_SMALL})")
_GROUP: Final = patterns.compile(r"[0-9A-Fa-f]{1,4}")

_LONGEST_IP: Final = 43
"""Cedar reads no longer text: eight groups of four digits, and a prefix of three."""


def parse_decimal(text: str) -> Decimal:
    """Read `-?digits.digits` with one to four places; raise ValueError for anything else."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError("a decimal is digits, a point, and one to four digits")
    sign, whole, places = match.groups()
    units = _number(whole) * 10_000 + int(places.ljust(4, "0"))
    return Decimal(_checked(-units if sign else units, "decimal"))


def _number(digits: str) -> int:
    # Python refuses to read thousands of digits; what has more than 64 bits is out of range, whatever its sign.
    short = digits.lstrip("0")
    return int(short or "0") if len(short) <= 19 else 2**64


def _checked(number: int, kind: str) -> int:
    if not INT_MIN <= number <= INT_MAX:
        raise ValueError(f"the {kind} is out of range")
    return number


def parse_duration(text: str) -> Duration:
    """Read digits with the units `d h m s ms`, each at most once and in this order; raise ValueError for anything else.

    >>> str(parse_duration("-1h30m"))
    '-1h30m'
    """
    match = _DURATION.fullmatch(text)
    if match is None or match.lastindex in (None, 1):
        raise ValueError("a duration is written like 1d2h3m4s5ms, the greatest unit first")
    sign, *counts = match.groups()
    pairs = zip(counts, _UNITS, strict=True)
    length = sum(_number(digits) * unit for digits, unit in pairs if digits is not None)
    return Duration(_checked(-length if sign else length, "duration") * _MILLISECOND)


def parse_datetime(text: str) -> Datetime:
    """Read a date, or a date and time with `Z` or an offset such as `+0100`; raise ValueError for anything else.

    >>> str(parse_datetime("2026-11-23T09:00:00+0100"))
    '2026-11-23T08:00:00Z'
    """
    match = _DATETIME.fullmatch(text)
    if match is None:
        raise ValueError("a datetime is written 2026-11-23, 2026-11-23T09:00:00Z or 2026-11-23T09:00:00.000+0100")
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    length = _clock(hour or "0", minute or "0", second or "0") + int(fraction or "0")
    if sign is not None:
        zone = _clock(zone_hour, zone_minute, "0")
        length += zone if sign == "-" else -zone
    return Datetime((_days(int(year), int(month), int(day)) * _DAY + length) * _MILLISECOND)


def _days(year: int, month: int, day: int) -> int:
    # Python has no year 0, but the calendar repeats every 400 years.
    shift = 0 if year else 1
    try:
        ordinal = _datetime.date(year + 400 * shift, month, day).toordinal()
    except ValueError:
        raise ValueError("there is no such day in the calendar") from None
    return ordinal - _YEARS_400 * shift - _EPOCH


_EPOCH: Final = _datetime.date(1970, 1, 1).toordinal()


def _clock(hour: str, minute: str, second: str) -> int:
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError("there is no such time of day")
    return ((hours * 60 + minutes) * 60 + seconds) * 1000


def parse_ip(text: str) -> Ip:
    """Read an address or `address/prefix`, host bits or not; raise ValueError for anything else.

    >>> str(parse_ip("10.1.2.3/8")), str(parse_ip("::ffff:a00:1"))
    ('10.1.2.3/8', '::ffff:a00:1')
    """
    if len(text) > _LONGEST_IP:
        raise ValueError("the text is too long")
    address, slash, prefix = text.partition("/")
    version, bits = (6, _v6(address)) if ":" in address else (4, _v4(address))
    width = 32 if version == 4 else 128
    if slash and (not _PREFIX.fullmatch(prefix) or int(prefix) > width):
        raise ValueError(f"a prefix is a number from 0 to {width}")
    hosts = (1 << (width - int(prefix))) - 1 if slash else 0
    return Ip(version, bits & ~hosts, bits | hosts, bits if bits & hosts else None)


def _v4(text: str) -> int:
    match = _V4.fullmatch(text)
    a, b, c, d = (256,) * 4 if match is None else map(int, match.groups())
    if max(a, b, c, d) > 255:
        raise ValueError("this is not an IP address")
    return a << 24 | b << 16 | c << 8 | d


def _v6(text: str) -> int:
    head, gap, tail = text.partition("::")
    left, right = (part.split(":") if part else [] for part in (head, tail))
    groups = [*left, *right]
    missing = 8 - len(groups)
    if (missing < 1 if gap else missing) or not all(_GROUP.fullmatch(group) for group in groups):
        raise ValueError("this is not an IPv6 address")
    bits = 0
    for group in (*left, *["0"] * missing, *right):
        bits = bits << 16 | int(group, 16)
    return bits


def _reader(parse: Callable[[str], Value]) -> Callable[..., Found]:
    def read(text: Value) -> Found:
        if not isinstance(text, str):
            return UNKNOWN
        try:
            return parse(text)
        except ValueError:
            return UNKNOWN

    return read


# ------------------------------------------------------------------------------------------------- numbers and order


def _arithmetic(compute: Callable[[int, int], int]) -> Callable[..., Found]:
    def calculate(left: Value, right: Value) -> Found:
        # Not `isinstance`: a truth value is no number here.
        if left.__class__ is not int or right.__class__ is not int:
            return UNKNOWN
        return _fitting(compute(left, right))

    return calculate


def _negate(operand: Value) -> Found:
    return _fitting(-operand) if operand.__class__ is int else UNKNOWN


def _fitting(number: int) -> Found:
    return number if INT_MIN <= number <= INT_MAX else UNKNOWN


def _order(test: Callable[[int, int], bool]) -> Callable[..., Found]:
    def compare(left: Value, right: Value) -> Found:
        if left.__class__ is right.__class__ is int:
            return test(left, right)
        if isinstance(left, Datetime) and isinstance(right, Datetime):
            return test(left.micros, right.micros)
        if isinstance(left, Duration) and isinstance(right, Duration):
            return test(left.micros, right.micros)
        return UNKNOWN

    return compare


def _decimal_order(test: Callable[[int, int], bool]) -> Callable[..., Found]:
    def compare(left: Value, right: Value) -> Found:
        if isinstance(left, Decimal) and isinstance(right, Decimal):
            return test(left.units, right.units)
        return UNKNOWN

    return compare


# ------------------------------------------------------------------------------------------------------- IP addresses


_LOOPBACK: Final = {4: parse_ip("127.0.0.0/8"), 6: parse_ip("::1")}
_MULTICAST: Final = {4: parse_ip("224.0.0.0/4"), 6: parse_ip("ff00::/8")}


def _on_ip(compute: Callable[[Ip], bool]) -> Callable[..., Found]:
    return lambda address: compute(address) if isinstance(address, Ip) else UNKNOWN


def _in_range(address: Value, range: Value) -> Found:
    return address in range if isinstance(address, Ip) and isinstance(range, Ip) else UNKNOWN


# -------------------------------------------------------------------------------------------------------------- times


def _datetime_of(milliseconds: int) -> Found:
    return Datetime(milliseconds * _MILLISECOND) if INT_MIN <= milliseconds <= INT_MAX else UNKNOWN


def _duration_of(milliseconds: int) -> Found:
    return Duration(milliseconds * _MILLISECOND) if INT_MIN <= milliseconds <= INT_MAX else UNKNOWN


def _offset(start: Value, length: Value) -> Found:
    if isinstance(start, Datetime) and isinstance(length, Duration):
        return _datetime_of((start.micros + length.micros) // _MILLISECOND)
    return UNKNOWN


def _duration_since(end: Value, start: Value) -> Found:
    if isinstance(end, Datetime) and isinstance(start, Datetime):
        return _duration_of((end.micros - start.micros) // _MILLISECOND)
    return UNKNOWN


def _to_date(moment: Value) -> Found:
    return _datetime_of(moment.micros // _MILLISECOND // _DAY * _DAY) if isinstance(moment, Datetime) else UNKNOWN


def _to_time(moment: Value) -> Found:
    return _duration_of(moment.micros // _MILLISECOND % _DAY) if isinstance(moment, Datetime) else UNKNOWN


def _whole(unit: int) -> Callable[..., Found]:
    def count(length: Value) -> Found:
        if not isinstance(length, Duration):
            return UNKNOWN
        # Toward zero, which is not where `//` goes below it.
        whole = abs(length.micros) // (unit * _MILLISECOND)
        return -whole if length.micros < 0 else whole

    return count


FUNCTIONS: Final[Mapping[Function, Callable[..., Found]]] = {
    Function.DECIMAL: _reader(parse_decimal),
    Function.IP: _reader(parse_ip),
    Function.DATETIME: _reader(parse_datetime),
    Function.DURATION: _reader(parse_duration),
    Function.LESS_THAN: _decimal_order(lt),
    Function.LESS_THAN_OR_EQUAL: _decimal_order(le),
    Function.GREATER_THAN: _decimal_order(gt),
    Function.GREATER_THAN_OR_EQUAL: _decimal_order(ge),
    Function.IS_IPV4: _on_ip(lambda address: address.version == 4),
    Function.IS_IPV6: _on_ip(lambda address: address.version == 6),
    Function.IS_LOOPBACK: _on_ip(lambda address: address in _LOOPBACK[address.version]),
    Function.IS_MULTICAST: _on_ip(lambda address: address in _MULTICAST[address.version]),
    Function.IS_IN_RANGE: _in_range,
    Function.OFFSET: _offset,
    Function.DURATION_SINCE: _duration_since,
    Function.TO_DATE: _to_date,
    Function.TO_TIME: _to_time,
    Function.TO_MILLISECONDS: _whole(1),
    Function.TO_SECONDS: _whole(1000),
    Function.TO_MINUTES: _whole(60_000),
    Function.TO_HOURS: _whole(3_600_000),
    Function.TO_DAYS: _whole(_DAY),
    Function.LT: _order(lt),
    Function.LE: _order(le),
    Function.GT: _order(gt),
    Function.GE: _order(ge),
    Function.ADD: _arithmetic(add),
    Function.SUB: _arithmetic(sub),
    Function.MUL: _arithmetic(mul),
    Function.NEG: _negate,
}
"""What computes each function, for arguments that are known."""

_ARITIES: Final[Mapping[Function, int]] = dict.fromkeys(
    (
        Function.LESS_THAN,
        Function.LESS_THAN_OR_EQUAL,
        Function.GREATER_THAN,
        Function.GREATER_THAN_OR_EQUAL,
        Function.IS_IN_RANGE,
        Function.OFFSET,
        Function.DURATION_SINCE,
        Function.LT,
        Function.LE,
        Function.GT,
        Function.GE,
        Function.ADD,
        Function.SUB,
        Function.MUL,
    ),
    2,
)

_CONSTRUCTED: Final[Mapping[Function, Primitive]] = {
    Function.DECIMAL: Primitive.DECIMAL,
    Function.IP: Primitive.IP,
    Function.DATETIME: Primitive.DATETIME,
    Function.DURATION: Primitive.DURATION,
    Function.OFFSET: Primitive.DATETIME,
    Function.DURATION_SINCE: Primitive.DURATION,
    Function.TO_DATE: Primitive.DATETIME,
    Function.TO_TIME: Primitive.DURATION,
}
_COUNTED: Final = (
    Function.TO_MILLISECONDS,
    Function.TO_SECONDS,
    Function.TO_MINUTES,
    Function.TO_HOURS,
    Function.TO_DAYS,
    Function.ADD,
    Function.SUB,
    Function.MUL,
    Function.NEG,
)

RESULTS: Final[Mapping[Function, Primitive]] = {
    function: Primitive.INT if function in _COUNTED else _CONSTRUCTED.get(function, Primitive.BOOL)
    for function in Function
}
"""The type of what each function gives."""
