"""Values right beside those that a rule names: one more or less, one bit wider, another member, an element less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pdp import terms
from pdp.operators import ordered
from pdp.schema import Schema
from pdp.testing.mutation.operators import Operator
from pdp.types import WEEKDAY
from pdp.values import (
    DATETIME_MAX,
    DATETIME_MIN,
    DAY,
    INT_MAX,
    INT_MIN,
    SECOND,
    Datetime,
    Decimal,
    Duration,
    EnumMember,
    Ip,
    Value,
    ValueSet,
    show,
)
from pdp.zones import CalendarField

_UNITS: Final = (DAY, 3600 * SECOND, 60 * SECOND, SECOND, 1000, 1)
_RANGES: Final = {
    CalendarField.MONTH: (1, 12),
    CalendarField.DAY: (1, 31),
    CalendarField.WEEKDAY: (0, 6),
    CalendarField.HOUR: (0, 23),
    CalendarField.MINUTE: (0, 59),
}


def moved(value: Value) -> Iterator[Value]:
    """Yield a number or a time one unit before and after, and a range one bit wider; nothing for other values.

    The unit is the finest that the value has.

    >>> [str(each) for each in moved(Duration.parse("1h30m"))]
    ['1h29m', '1h31m']
    """
    match value:
        case bool():
            return
        case int():
            yield from (each for each in (value - 1, value + 1) if INT_MIN <= each <= INT_MAX)
        case Decimal(units=units):
            unit = next(step for step in (10_000, 1000, 100, 10, 1) if units % step == 0)
            yield from (Decimal(each) for each in (units - unit, units + unit) if INT_MIN <= each <= INT_MAX)
        case Duration(micros=micros):
            unit = finest(micros)
            yield from (Duration(each) for each in (micros - unit, micros + unit) if INT_MIN <= each <= INT_MAX)
        case Datetime(micros=micros):
            unit = finest(micros)
            found = (micros - unit, micros + unit)
            yield from (Datetime(each) for each in found if DATETIME_MIN <= each <= DATETIME_MAX)
        case Ip():
            yield from _wider(value)
        case _:
            return


def finest(micros: int) -> int:
    """Return the finest unit of a time: days where it is whole days, and so on."""
    return next(unit for unit in _UNITS if micros % unit == 0) if micros else _UNITS[3]


def _wider(network: Ip) -> Iterator[Ip]:
    """Yield a range with the network address of one bit less."""
    size = network.last - network.first + 1
    width = 32 if network.version == 4 else 128
    if size < 2**width:
        first = network.first & ~(2 * size - 1)
        yield Ip(network.version, first, first + 2 * size - 1)


def swapped(value: Value, schema: Schema) -> Iterator[Value]:
    """Yield the next member of an enum."""
    if isinstance(value, EnumMember):
        members = _members(value, schema)
        if len(members) > 1 and value.name in members:
            yield EnumMember(value.enum, members[(members.index(value.name) + 1) % len(members)])


def _members(value: EnumMember, schema: Schema) -> tuple[str, ...]:
    declared = WEEKDAY if value.enum == WEEKDAY.name else schema.enums.get(value.enum)
    return () if declared is None else declared.members


def dropped(values: ValueSet) -> Iterator[tuple[Value, ValueSet]]:
    """Yield each element of a set of two or more, and the set without it."""
    if len(values) > 1:
        for each in sorted(values, key=show):
            yield each, ValueSet(other for other in values if other is not each)


def added(values: ValueSet, schema: Schema) -> Iterator[tuple[Value, ValueSet]]:
    """Yield each member of an enum that a set of some lacks, and the set with it."""
    members = [each for each in values if isinstance(each, EnumMember)]
    for name in _members(members[0], schema) if members else ():
        each = EnumMember(members[0].enum, name)
        if each not in values:
            yield each, ValueSet((*values, each))


def matching(term: terms.CalendarTest) -> frozenset[int] | None:
    """Return the values of a calendar field for which a test holds; None for years, which have no end."""
    if term.field not in _RANGES:
        return None
    low, high = _RANGES[term.field]
    return frozenset(value for value in range(low, high + 1) if _holds(term, value))


def _holds(term: terms.CalendarTest, value: int) -> bool:
    return value in term.values if term.op is None else ordered(term.op, value, term.values[0])


def shifted(term: terms.CalendarTest) -> Iterator[tuple[Operator, tuple[int, ...], str]]:
    """Yield the values of a calendar test with the first or last of each run left out, and with one more beside it."""
    low, high = _RANGES.get(term.field, (min(term.values) - 1, max(term.values) + 1))
    size, held = high - low + 1, set(term.values)
    for value in range(low, high + 1):
        beside = {(value - low + step) % size + low for step in (-1, 1)}
        if value in held and len(held) > 1 and not beside <= held:
            rest = tuple(each for each in term.values if each != value)
            yield Operator.BOUNDARY, rest, f"{_named(term, value)} is dropped"
        elif value not in held and beside & held:
            yield Operator.BOUNDARY, (*term.values, value), f"{_named(term, value)} is added"


def _named(term: terms.CalendarTest, value: int) -> str:
    name = WEEKDAY.members[value] if term.field is CalendarField.WEEKDAY else str(value)
    return f"`{term.field} {name}`"
