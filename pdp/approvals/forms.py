"""Values as plain data that says of each what it is, so that it is read back as the same value of the same kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from pdp.values import (
    INT_MAX,
    INT_MIN,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    Record,
    Value,
    ValueSet,
)

MAX_DEPTH: Final = 32
"""Values are not nested deeper."""


def canonical(data: Any) -> str:
    """Return the one text that stands for plain data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def write_value(value: Value) -> Any:
    """Return a value as plain data.

    >>> write_value(ValueSet([True, 1]))
    ['set', [['bool', True], ['int', 1]]]
    """
    match value:
        case bool():
            return ["bool", value]
        case int():
            return ["int", value]
        case str():
            return ["string", value]
        case Decimal():
            return ["decimal", value.units]
        case Datetime() | Duration():
            return [type(value).__name__.lower(), value.micros]
        case Ip():
            return ["ip", str(value)]
        case EnumMember():
            return ["enum", value.enum, value.name]
        case EntityRef():
            return ["entity", value.type, value.id]
        case Record():
            return ["record", {name: write_value(each) for name, each in value.items()}]
        case ValueSet():
            return ["set", sorted((write_value(each) for each in value), key=canonical)]


def read_value(data: Any, depth: int = 0) -> Value:
    """Return the value that plain data stands for; raise ValueError for what stands for none."""
    if not isinstance(data, list) or not data or depth > MAX_DEPTH:
        raise ValueError("this is no value")
    kind, *parts = data
    found = _READ.get(kind) if type(kind) is str else None
    if found is None or len(parts) != len(found[0]) or any(type(each) is not of for each, of in zip(parts, found[0])):  # noqa: B905
        raise ValueError("this is no value")
    return found[1](*parts, depth + 1)


def write_ref(ref: EntityRef) -> list[str]:
    """Return a name as plain data."""
    return [ref.type, ref.id]


def read_ref(data: Any) -> EntityRef:
    """Return the name that plain data stands for; raise ValueError for what stands for none."""
    if not isinstance(data, list) or len(data) != 2 or not all(type(each) is str and each for each in data):
        raise ValueError("this is no name")
    return EntityRef(*data)


def _int(value: int, _: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise ValueError("the number is out of range")
    return value


def _record(fields: Mapping[str, Any], depth: int) -> Record:
    return Record({name: read_value(each, depth) for name, each in fields.items()})


_READ: Final[Mapping[str, tuple[tuple[type, ...], Callable[..., Value]]]] = {
    "bool": ((bool,), lambda value, _: value),
    "int": ((int,), _int),
    "string": ((str,), lambda value, _: value),
    "decimal": ((int,), lambda units, depth: Decimal(_int(units, depth))),
    "datetime": ((int,), lambda micros, _: Datetime.checked(micros)),
    "duration": ((int,), lambda micros, depth: Duration(_int(micros, depth))),
    "ip": ((str,), lambda text, _: Ip.parse(text)),
    "enum": ((str, str), lambda enum, name, _: EnumMember(enum, name)),
    "entity": ((str, str), lambda type_, id_, _: EntityRef(type_, id_)),
    "record": ((dict,), _record),
    "set": ((list,), lambda items, depth: ValueSet(read_value(each, depth) for each in items)),
}
