"""Values of the named types, from data."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pdp import patterns
from pdp.conform.mismatch import HELP, Mismatch, clip, mismatch
from pdp.types import Primitive
from pdp.values import INT_MAX, INT_MIN, MAX_STRING, Datetime, Decimal, Duration, Ip, Value

_LONGEST: Final = 64
_MICROS: Final = patterns.compile(r"(?<![0-9])([0-9]{1,3})us")
_NO_ZONE: Final = patterns.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_SURROGATE: Final = patterns.compile("[\ud800-\udfff]")
_T = TypeVar("_T")


def boolean(value: Any) -> bool:
    """Read a Bool."""
    # Not `isinstance`: that asks a value for its class, and it may say anything.
    if value is not True and value is not False:
        raise mismatch(Primitive.BOOL, value)
    return bool(value)


def integer(value: Any) -> int:
    """Read an Int."""
    if value is True or value is False or not issubclass(type(value), int):
        raise mismatch(Primitive.INT, value)
    # An instance of a subclass becomes the number that it is, before anybody compares it.
    number = value if type(value) is int else int.__index__(value)
    if not INT_MIN <= number <= INT_MAX:
        help_ = f"an Int is from {INT_MIN} to {INT_MAX}"
        raise Mismatch("number_out_of_range", "the number does not fit in 64 bits", help_)
    return number


def string(value: Any) -> str:
    """Read a String."""
    if not isinstance(value, str):
        raise mismatch(Primitive.STRING, value)
    text = str.__str__(value)
    if len(text) > MAX_STRING:
        raise Mismatch("data_too_large", f"a string has at most {MAX_STRING} characters, this one has {len(text)}")
    if not text.isascii() and (odd := _SURROGATE.search(text)):
        message = f"U+{ord(odd[0]):04X} is half of a surrogate pair, not a character"
        raise Mismatch("half_character", message, "write the character itself, or both halves")
    return text


def decimal(value: Any) -> Decimal:
    """Read a Decimal: text, a finite `decimal.Decimal` of at most four places, or one of pdp's."""
    if isinstance(value, str):
        return _parsed(value, Primitive.DECIMAL, Decimal.parse)
    if not isinstance(value, Decimal):
        # The import costs too much for a process that may never see such a number.
        import decimal as _decimal

        if not isinstance(value, _decimal.Decimal):
            raise mismatch(Primitive.DECIMAL, value)
        value = Decimal(_units(value))
    return Decimal(_in_range(value.units, Primitive.DECIMAL))


def _units(number: Any) -> int:
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise Mismatch("not_finite", "NaN and Infinity are not values", "leave it out instead")
    whole = "".join(map(str, digits)).lstrip("0")
    shift = exponent + 4
    if shift < 0 and (places := whole[shift:]):
        if places.strip("0"):
            raise Mismatch("unreadable_value", "a Decimal has at most four places", HELP[Primitive.DECIMAL])
        whole = whole[:shift]
    elif whole and len(whole) + shift > 20:
        return INT_MAX + 1
    units = int(whole[:21] or "0") * 10 ** max(shift, 0) if whole else 0
    return -units if sign else units


def datetime(value: Any) -> Datetime:
    """Read a Datetime: RFC 3339 text, an aware `datetime`, or one of pdp's."""
    if isinstance(value, str):
        return _parsed(value, Primitive.DATETIME, Datetime.parse)
    if isinstance(value, _datetime.datetime):
        try:
            value = Datetime.of(value)
        except ValueError as error:
            raise Mismatch("unreadable_value", str(error), HELP[Primitive.DATETIME]) from None
    if not isinstance(value, Datetime):
        raise mismatch(Primitive.DATETIME, value)
    try:
        return Datetime.checked(value.micros)
    except ValueError as error:
        raise Mismatch("unreadable_value", str(error)) from None


def duration(value: Any) -> Duration:
    """Read a Duration: text as policies write it, or as one prints (`-1m5us`), a `timedelta`, or one of pdp's."""
    if isinstance(value, str):
        return _parsed(value, Primitive.DURATION, _duration)
    if isinstance(value, _datetime.timedelta):
        # Not by Duration.of: `timedelta` reaches further than 64 bits do.
        value = Duration(value // _datetime.timedelta(microseconds=1))
    if not isinstance(value, Duration):
        raise mismatch(Primitive.DURATION, value)
    return Duration(_in_range(value.micros, Primitive.DURATION))


def _duration(text: str) -> Duration:
    body = text.removeprefix("-")
    tail = _MICROS.search(body)
    if tail is not None and tail.end() == len(body):
        head = body[: tail.start()]
        micros = (Duration.parse(head).micros if head else 0) + int(tail[1])
    else:
        micros = Duration.parse(body).micros
    return Duration(_in_range(-micros if body is not text else micros, Primitive.DURATION))


def ip(value: Any) -> Ip:
    """Read an Ip: text, an address or a network of `ipaddress`, or one of pdp's."""
    if type(value) is Ip:
        return value
    if not isinstance(value, str):
        # The import costs too much for a process that may never see such an address.
        import ipaddress

        known = (ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network)
        if not isinstance(value, known) or isinstance(value, ipaddress.IPv4Interface | ipaddress.IPv6Interface):
            raise mismatch(Primitive.IP, value)
        value = str(value)
    return _parsed(value, Primitive.IP, Ip.parse)


def _parsed(text: str, kind: Primitive, parse: Callable[[str], _T]) -> _T:
    why, help_ = "the text is too long", HELP[kind]
    if len(text) <= _LONGEST:
        try:
            return parse(str.__str__(text))
        except ValueError as error:
            why, help_ = _why(text, kind, str(error))
    article = "an" if kind is Primitive.IP else "a"
    message = f"`{clip(text)}` is not {article} {kind}" + (f": {why}" if why else "")
    raise Mismatch("unreadable_value", message, help_)


def _why(text: str, kind: Primitive, error: str) -> tuple[str, str]:
    """Return what is wrong in particular, if anything, and what would help."""
    if kind is Primitive.DATETIME and _NO_ZONE.fullmatch(text):
        return "it has no time zone", f"write `{text}Z` where the time is UTC"
    if kind is Primitive.IP and "%" in text:
        return "it has a zone, which means something on one machine only", "leave out `%` and what follows"
    if "host bits" in error:
        # The import costs too much for a process that may never see such an address.
        import ipaddress

        network = ipaddress.ip_network(text, strict=False)
        return error, f"write the range `{network}`, or the address `{text.partition('/')[0]}`"
    shape = any(phrase in error for phrase in ("is written", "a decimal is", "this is not"))
    return ("" if shape else error), HELP[kind]


def _in_range(number: int, kind: Primitive) -> int:
    if not INT_MIN <= number <= INT_MAX:
        raise Mismatch("number_out_of_range", f"the {str(kind).lower()} is out of range")
    return number


READERS: Final[Mapping[Primitive, Callable[[Any], Value]]] = {
    Primitive.BOOL: boolean,
    Primitive.INT: integer,
    Primitive.STRING: string,
    Primitive.DECIMAL: decimal,
    Primitive.DATETIME: datetime,
    Primitive.DURATION: duration,
    Primitive.IP: ip,
}
