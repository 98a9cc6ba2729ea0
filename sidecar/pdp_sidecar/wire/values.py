"""Values on the wire and in Python. `1`, `True`, `1.0` and `"1"` are four of them in both."""

from __future__ import annotations

import datetime as _datetime
import ipaddress
from collections.abc import Callable, Mapping
from decimal import Decimal as PythonDecimal
from typing import Any, Final

from pdp.conform import Mismatch
from pdp.conform.scalars import decimal
from pdp.errors import RequestError
from pdp.model import Entity
from pdp.values import (
    INT_MAX,
    INT_MIN,
    MAX_SET,
    MAX_STRING,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    ValueSet,
)
from pdp_sidecar.generated import value_pb2
from pdp_sidecar.wire.times import duration, micros_of_duration, micros_of_timestamp, timestamp

MAX_LEVELS: Final = 29
"""So many records within one another reach the other side: protobuf reads a hundred messages deep, three for each."""


class Unsendable(RequestError):
    """What is asked with has no form on the wire: a number of more than 64 bits, half a character, an odd object."""


# ------------------------------------------------------------------------------------------------------ off the wire


def value_of(message: value_pb2.Value) -> Any:
    """Return what a value is; None, which conforms to no type, where nothing is set or what is set says nothing.

    >>> value_of(value_pb2.Value(int_value=1)), value_of(value_pb2.Value(double_value=1)), value_of(value_pb2.Value())
    (1, 1.0, None)
    """
    kind = message.WhichOneof("kind")
    return None if kind is None else _READERS[kind](getattr(message, kind))


def fields_of(message: value_pb2.Record) -> dict[str, Any]:
    """Return a record as a dict."""
    return {name: value_of(value) for name, value in message.fields.items()}


def ref_of(message: value_pb2.EntityRef) -> EntityRef:
    """Return the name of an entity."""
    return EntityRef(message.type, message.id)


def _as_it_is(value: Any) -> Any:
    return value


def _instant(message: Any) -> Datetime | None:
    micros = micros_of_timestamp(message)
    return None if micros is None else Datetime(micros)


def _length(message: Any) -> Duration | None:
    micros = micros_of_duration(message)
    return None if micros is None else Duration(micros)


def _list(message: value_pb2.ValueList) -> list[Any] | None:
    # One that is longer conforms to no type: nothing of it is read.
    return [value_of(value) for value in message.values] if len(message.values) <= MAX_SET else None


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "bool_value": _as_it_is,
    "int_value": _as_it_is,
    "string_value": _as_it_is,
    "double_value": _as_it_is,
    "datetime_value": _instant,
    "duration_value": _length,
    "entity_value": ref_of,
    "list_value": _list,
    "record_value": fields_of,
}


# ----------------------------------------------------------------------------------------------------- onto the wire


def value_message(value: Any) -> value_pb2.Value:
    """Return a value as it is sent; raise Unsendable for what has no form there.

    >>> value_message(True) == value_message(1)
    False
    """
    message = value_pb2.Value()
    _put(message, value, MAX_LEVELS)
    return message


def record_message(fields: Mapping[str, Any]) -> value_pb2.Record:
    """Return a mapping as it is sent; raise Unsendable for what has no form there."""
    message = value_pb2.Record()
    _put_fields(message, fields, MAX_LEVELS)
    return message


def ref_message(ref: EntityRef) -> value_pb2.EntityRef:
    """Return the name of an entity as it is sent; raise Unsendable for one that is not made of texts."""
    return value_pb2.EntityRef(type=text(ref.type), id=text(ref.id))


def text(value: Any) -> str:
    """Return a text that can be sent; raise Unsendable for what is none, too long, or holds half a character."""
    if not isinstance(value, str):
        raise Unsendable(f"expected a text, found a value of Python's `{type(value).__name__}`")
    found = str.__str__(value)
    if len(found) > MAX_STRING:
        raise Unsendable(f"a string has at most {MAX_STRING} characters, this one has {len(found)}")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise Unsendable("a string holds half of a surrogate pair, which is no character") from None
    return found


def _put(message: value_pb2.Value, value: Any, levels: int) -> None:
    match value:
        case None:
            pass  # It conforms to nothing here, and neither does a value with nothing set there.
        case bool():
            message.bool_value = value
        case int():
            message.int_value = _int64(value)
        case float():
            message.double_value = value
        case str():
            message.string_value = text(value)
        case EntityRef() | Entity():
            message.entity_value.CopyFrom(value_pb2.EntityRef(type=text(value.type), id=text(value.id)))
            message.entity_value.SetInParent()
        case Mapping():
            message.record_value.SetInParent()
            _put_fields(message.record_value, value, levels)
        case list() | tuple() | set() | frozenset() | ValueSet():
            _put_list(message.list_value, value, levels)
        case _:
            _put_scalar(message, value)


def _put_fields(message: value_pb2.Record, fields: Mapping[str, Any], levels: int) -> None:
    if levels == 0:
        raise Unsendable(f"data is nested at most {MAX_LEVELS} levels deep on the wire")
    for name, value in fields.items():
        # To look it up puts it there, also where nothing is set in it.
        _put(message.fields[text(name)], value, levels - 1)


def _put_list(message: value_pb2.ValueList, values: Any, levels: int) -> None:
    if levels == 0:
        raise Unsendable(f"data is nested at most {MAX_LEVELS} levels deep on the wire")
    if len(values) > MAX_SET:
        raise Unsendable(f"a set has at most {MAX_SET} elements, this one has {len(values)}")
    message.SetInParent()
    for value in values:
        _put(message.values.add(), value, levels - 1)


def _int64(value: int) -> int:
    number = int.__index__(value)
    if not INT_MIN <= number <= INT_MAX:
        raise Unsendable(f"a number does not fit in 64 bits: an Int is from {INT_MIN} to {INT_MAX}")
    return number


def _put_scalar(message: value_pb2.Value, value: Any) -> None:
    try:
        match value:
            case Datetime():
                _put_instant(message, value)
            case _datetime.datetime():
                _put_instant(message, Datetime.of(value))
            case Duration():
                _put_length(message, value)
            case _datetime.timedelta():
                _put_length(message, Duration.of(value))
            case _:
                message.string_value = _written(value)
    except (ValueError, Mismatch) as error:
        raise Unsendable(str(error)) from None


def _put_instant(message: value_pb2.Value, value: Datetime) -> None:
    message.datetime_value.CopyFrom(timestamp(value.micros))
    message.datetime_value.SetInParent()


def _put_length(message: value_pb2.Value, value: Duration) -> None:
    message.duration_value.CopyFrom(duration(value.micros))
    message.duration_value.SetInParent()


def _written(value: Any) -> str:
    """Return a value that policies write as text as they write it."""
    match value:
        case EnumMember():
            return text(value.name)
        case Ip():
            return str(value)
        case Decimal() | PythonDecimal():
            return str(decimal(value))
        case ipaddress.IPv4Interface() | ipaddress.IPv6Interface():
            pass
        case ipaddress.IPv4Address() | ipaddress.IPv6Address() | ipaddress.IPv4Network() | ipaddress.IPv6Network():
            return str(value)
    raise Unsendable(f"a value of Python's `{type(value).__name__}` has no form on the wire")
