"""Values worth trying, by their type and by what they are compared with: on each side of every edge, and unlike all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, product
from typing import Final, TypeAlias

from pdp.conform import Mismatch, conform
from pdp.flips.known import Known, sample
from pdp.operators import Found
from pdp.schema import Schema
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type, Wrong
from pdp.values import (
    DATETIME_MAX,
    DATETIME_MIN,
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

Path: TypeAlias = tuple[str, ...]
"""The way to a part of a record; empty for the whole."""

MAX_COMBINED: Final = 64
"""So many records are put together out of values for their parts."""

_HOUR: Final = Duration.parse("1h")
_OTHER: Final = "other"
_PLAIN: Final[dict[Primitive, tuple[Value, ...]]] = {
    Primitive.BOOL: (True, False),
    Primitive.INT: (1, 0),
    Primitive.STRING: (_OTHER, ""),
    Primitive.DECIMAL: (Decimal(10_000), Decimal(0)),
    Primitive.DURATION: (_HOUR, Duration(0)),
    Primitive.IP: (Ip.parse("192.0.2.1"), Ip.parse("2001:db8::1")),
}


def usual(kind: Type, schema: Schema, known: Known, now: int) -> Iterator[Value]:
    """Yield values of a type that need no condition to be thought of."""
    match kind:
        case Primitive.DATETIME:
            yield Datetime(now)
        case Primitive():
            yield from _PLAIN[kind]
        case EnumType():
            yield from (EnumMember(kind.name, name) for name in kind.members)
        case EntityTypes():
            yield from known.of_types(kind.names)
            # Whoever nothing holds is unlike all who are.
            yield from (EntityRef(name, _OTHER) for name in sorted(kind.names) if _takes(name, schema))
        case SetType():
            yield ValueSet(())
            if kind.element is not None:
                yield from (ValueSet((each,)) for each in islice(usual(kind.element, schema, known, now), 4))
        case RecordType():
            yield Record(_least(kind, schema, known, now))
            yield Record(_least(kind, schema, known, now, whole=True))
        case Wrong():
            return


def _takes(name: str, schema: Schema) -> bool:
    declared = schema.entities.get(name)
    return declared is None or declared.ids is None


def _least(kind: RecordType, schema: Schema, known: Known, now: int, *, whole: bool = False) -> dict[str, Value]:
    """Return a value for each attribute that a record of a type has to have, or may have."""
    found = {}
    for name, each in kind.fields.items():
        if whole or not each.optional:
            value = next(usual(each.type, schema, known, now), None)
            if value is not None:
                found[name] = value
    return found


def fitting(value: Value, kind: Type, schema: Schema, known: Known, now: int) -> Value | None:
    """Return a value as one of a type, a record with what it lacks; None where the type has no such value."""
    if isinstance(value, Record) and isinstance(kind, RecordType):
        value = Record({**_least(kind, schema, known, now), **value})
    if isinstance(value, ValueSet) and isinstance(kind, SetType) and isinstance(kind.element, RecordType):
        element = kind.element
        found = [fitting(each, element, schema, known, now) for each in value]
        value = ValueSet([each for each in found if each is not None])
    try:
        return conform(value, kind, schema)
    except Mismatch:
        return None


def around(value: object) -> Iterator[Value]:
    """Yield a value and those right beside it."""
    match value:
        case bool():
            yield value
            yield not value
        case int():
            yield from (value, value + 1, value - 1)
        case Decimal():
            yield from (value, Decimal(value.units + 1), Decimal(value.units - 1))
        case Datetime():
            yield from (value, Datetime(value.micros + 1), Datetime(value.micros - 1))
        case Duration():
            yield from (value, Duration(value.micros + 1), Duration(value.micros - 1))
        case str():
            yield value
            yield f"{value} or other"
        case Ip():
            yield value
            yield from outside(value)
        case EnumMember() | EntityRef() | Record() | ValueSet():
            yield value


def inside(network: Ip) -> Iterator[Ip]:
    """Yield addresses at the edges of a range."""
    size = network.last - network.first
    # The first address of a network is that of the network itself: whoever can do with another gets that.
    for at in dict.fromkeys((min(1, size), 0, size)):
        yield Ip(network.version, network.first + at, network.first + at)
    yield network


def outside(network: Ip) -> Iterator[Ip]:
    """Yield the addresses right before and after a range, and one of the other version."""
    last = 2 ** (32 if network.version == 4 else 128) - 1
    for at in (network.last + 1, network.first - 1):
        if 0 <= at <= last:
            yield Ip(network.version, at, at)
    yield Ip.parse("2001:db8::1" if network.version == 4 else "192.0.2.1")


def matching(patterns: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield texts that match a pattern, or two of them at once."""
    for parts in patterns:
        yield "".join(parts)
        if len(parts) > 1:
            yield "x".join(parts)
            yield _OTHER.join(parts)
    for one, two in product(patterns, patterns):
        if one != two and len(one) > 1 and len(two) > 1:
            first, last = max(one[0], two[0], key=len), max(one[-1], two[-1], key=len)
            yield first + "".join(one[1:-1]) + "".join(two[1:-1]) + last


def sets_of(given: ValueSet, wanted: Iterable[Value]) -> Iterator[ValueSet]:
    """Yield a set without some of its elements and with some more."""
    elements, more = sample(given), list(wanted)
    yield ValueSet((*elements, *more))
    yield ValueSet([each for each in elements if each not in ValueSet(more)])
    for each in more:
        yield ValueSet((*elements, each))
        yield ValueSet((each,))
        yield ValueSet([one for one in elements if one not in ValueSet((each,))])
    yield ValueSet(())


def combined(shapes: dict[Path, list[Value | None]], bases: Iterable[Value | None]) -> Iterator[Value | None]:
    """Yield whole values, and records in which parts are as they are wished for, as many at once as there may be.

    `shapes` has the values for each part. None stands for what is absent.
    """
    whole = shapes.get((), [])
    yield from whole
    parts = {path: [*dict.fromkeys(values)] for path, values in shapes.items() if path}
    if not parts:
        return
    records = [each for each in chain(bases, whole) if isinstance(each, Record)] or [Record({})]
    for record in records:
        options = [[(path, _KEEP), *((path, value) for value in values)] for path, values in parts.items()]
        for chosen in islice(product(*options), 1, MAX_COMBINED):
            found: Value = record
            for path, value in chosen:
                if value is not _KEEP:
                    found = _with(found, path, value)  # type: ignore[arg-type]  # It is a value or None.
            yield found


_KEEP: Final = object()


def _with(value: Value | None, path: Path, part: Value | None) -> Value:
    fields = dict(value) if isinstance(value, Record) else {}
    name, rest = path[0], path[1:]
    if rest:
        fields[name] = _with(fields.get(name), rest, part)
    elif part is None:
        fields.pop(name, None)
    else:
        fields[name] = part
    return Record(fields)


def factors(wanted: Iterable[Value], other: Found) -> Iterator[Value]:
    """Yield what times another value comes to about what is wanted."""
    factor = getattr(other, "micros", other)
    if isinstance(factor, bool) or not isinstance(factor, int) or factor == 0:
        return
    for each in wanted:
        product = getattr(each, "micros", each)
        if isinstance(product, int) and not isinstance(product, bool):
            whole = product // factor
            for found in (whole, whole + 1):
                # An Int times a Duration is a Duration: which of them this is, its type tells.
                yield found
                yield Duration(found)


def instants(micros: int) -> Iterator[Value]:
    """Yield an instant or a length of time, and those right beside it: which of the two it is, its type tells."""
    for each in (micros, micros + 1, micros - 1):
        if DATETIME_MIN <= each <= DATETIME_MAX:
            yield Datetime(each)
            yield Duration(each)
