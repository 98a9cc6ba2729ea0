"""Values from plain data of which nobody declared the type: what it says of itself is all there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pdp.cedar.escapes import (
    ENTITY,
    EXPRESSION,
    EXTENSION,
    EXTENSION_FORM,
    call,
    elements,
    is_call,
    long,
    mapping,
    own,
    reference,
    string,
    under,
)
from pdp.cedar.spelling import no_value
from pdp.conform.mismatch import Mismatch
from pdp.conform.reading import MAX_DEPTH, too_deep
from pdp.values import Record, Value, ValueSet

MAX_VALUES: Final = 1_000_000
"""So many values are read of one piece of data: lists that share what they hold look larger than they are."""


def read(value: object) -> Value:
    """Read data of which nobody declared the type."""
    return _read(value, MAX_DEPTH, [MAX_VALUES])


def read_fields(fields: Mapping[object, object]) -> dict[str, Value]:
    """Read a record by its fields, which are those of no escape."""
    return _fields(fields, MAX_DEPTH, [MAX_VALUES])


def measure(value: object) -> None:
    """Raise Mismatch for data that holds too many values, each counted as often as it stands there."""
    count, rest = 0, [value]
    while rest:
        here = rest.pop()
        fields = mapping(here)
        inner = elements(here) if fields is None else list(fields.values())
        if inner is not None:
            count += len(inner)
            rest += inner
        if count > MAX_VALUES:
            raise _too_large()


def _too_large() -> Mismatch:
    return Mismatch("data_too_large", f"data holds at most {MAX_VALUES} values")


def _read(value: object, depth: int, room: list[int]) -> Value:
    kind = type(value)
    if kind is str:
        return string(value)
    if kind is bool:
        return value is True
    if kind is int:
        return long(value)
    if depth <= 1:
        raise too_deep()
    if (fields := mapping(value)) is not None:
        return _record(fields, depth, room)
    if (items := elements(value)) is not None:
        return _set(items, depth, room)
    if (known := own(value)) is not None:
        return known
    if issubclass(kind, int):
        return long(value)
    if issubclass(kind, str):
        return string(value)
    raise no_value(value)


def _take(count: int, room: list[int]) -> None:
    room[0] -= count
    if room[0] < 0:
        raise _too_large()


def _set(items: Sequence[object], depth: int, room: list[int]) -> ValueSet:
    _take(len(items), room)
    found = []
    for index, item in enumerate(items):
        try:
            found.append(_read(item, depth - 1, room))
        except Mismatch as odd:
            raise odd.under(index) from None
    return ValueSet(found)


def _record(fields: dict[object, object], depth: int, room: list[int]) -> Value:
    # With anything beside it, the name of an escape is the name of an attribute, as it is for Cedar.
    if len(fields) == 1:
        if ENTITY in fields:
            return reference(fields)
        if EXTENSION in fields:
            return under(lambda inner: _extension(inner, depth, room), fields[EXTENSION], EXTENSION)
        if EXPRESSION in fields:
            raise Mismatch("unreadable_value", "Cedar reads no expressions from data any more", EXTENSION_FORM)
    return Record(_fields(fields, depth, room))


def _extension(inner: object, depth: int, room: list[int]) -> Value:
    fields = mapping(inner)
    if fields is None or not is_call(fields):
        raise Mismatch("unreadable_value", "this names no function and its argument", EXTENSION_FORM)
    return call(fields, lambda value, kind: _read(value, depth - 1, room))


def _fields(fields: Mapping[object, object], depth: int, room: list[int]) -> dict[str, Value]:
    _take(len(fields), room)
    found: dict[str, Value] = {}
    for name, value in fields.items():
        key = name if type(name) is str and name.isascii() else string(name)
        try:
            found[key] = _read(value, depth - 1, room)
        except Mismatch as odd:
            raise odd.under(key) from None
    if len(found) != len(fields):
        raise Mismatch("duplicate_key", "two names of a record are one text")
    return found
