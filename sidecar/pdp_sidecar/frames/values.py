"""Values of Python as msgpack, so that the engine of another process takes them for what its own takes them for.

`1`, `True`, `1.0` and `"1"` stay four values; what no engine takes for any value becomes `ODD`, which none takes for
one either.
"""

from __future__ import annotations

import datetime as _datetime
import decimal as _decimal
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgpack

from pdp.model import Entity, Membership
from pdp.session import Session
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
    ValueSet,
)

MAX_DEPTH: Final = 70
"""Of data that is nested deeper, an engine takes nothing for a value."""

MAX_NESTED: Final = 8
"""Values of our own, such as entities, stand within one another no deeper."""

MAX_LIST: Final = 100_001
"""No list on the wire is longer: an engine takes one of fewer elements for no set."""

MAX_DIGITS: Final = 4096

# The kinds of values that msgpack does not have. INVARIANT: a number never gets another meaning.
_ODD, _DATETIME, _INSTANT, _DURATION, _DECIMAL, _UNITS, _IP, _MEMBER, _REF, _ENTITY, _MEMBERSHIP, _MIXED, _PACKED = (
    range(1, 14)
)
_EPOCH: Final = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.UTC)
_MICROSECOND: Final = _datetime.timedelta(microseconds=1)
_INT64: Final = struct.Struct(">q")


class Unreadable(ValueError):
    """Bytes that are no message, or data that has no form on the wire."""


class Odd:
    """What is no value of a policy, whatever it was. It equals nothing else, and has no text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<no value>"


ODD: Final = Odd()


class PackedSession(Session):
    """A session that a client packs once, for all questions that it asks."""

    __slots__ = ("packed",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Take a copy of a mapping; raise for what is none."""
        super().__init__(given)
        self.packed = pack(dict(self._given))


# ------------------------------------------------------------------------------------------------------------ to bytes


def packer() -> msgpack.Packer:
    """Return what packs values. It is for one thread at a time."""
    return msgpack.Packer(strict_types=True, default=_form)


def pack(value: Any) -> bytes:
    """Return a value as bytes; equal bytes are the same value, of the same types. Raise Unreadable for what has none.

    >>> len({pack(1), pack(True), pack(1.0), pack("1")})
    4
    >>> unpack(pack({"owner": EntityRef("User", "ada"), "cost": {1, 2}, "odd": object()}))
    {'owner': EntityRef(type='User', id='ada'), 'cost': [1, 2], 'odd': <no value>}
    """
    try:
        packed: bytes = packer().pack(value)
        return packed
    except Exception:
        # Too deep, half of a surrogate pair, or an object that fails when it is looked at.
        return careful(value)


def careful(value: Any) -> bytes:
    """Return a value as bytes, where what is odd about a part of it leaves the others as they are."""
    try:
        return _exactly(_plain(value, MAX_DEPTH))
    except Exception as error:
        raise Unreadable(f"this has no form on the wire: {type(error).__name__}") from error


def _plain(value: Any, depth: int) -> Any:
    """Return a value whose every part has a form."""
    if depth == 0:
        return ODD
    kind = type(value)
    try:
        if issubclass(kind, Mapping):
            given = value._given if issubclass(kind, Session) else value
            found = {name: _plain(inner, depth - 1) for name, inner in _items(given)}
            texts = {str.__str__(name): inner for name, inner in found.items() if issubclass(type(name), str)}
            return texts if len(texts) == len(found) else msgpack.ExtType(_MIXED, _exactly(texts))
        if issubclass(kind, list | tuple | set | frozenset | ValueSet) and not issubclass(kind, EntityRef):
            return [_plain(inner, depth - 1) for inner in value]
        if issubclass(kind, Entity):
            return _entity(value, lambda inner: _exactly(_plain(inner, depth - 1)))
        if issubclass(kind, EntityRef | Membership):
            return _form(value)
        if issubclass(kind, int | str | float) or value is None:
            return value if kind in _OWN else _form(value)
        return _form(value)
    except Exception:
        return ODD


def _items(given: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    for name in given:
        try:
            yield name, given[name]
        except Exception:
            # An attribute that cannot be read is unknown, never absent.
            yield name, ODD


def _form(value: Any) -> Any:
    """Return what msgpack packs in place of what it does not know."""
    kind = type(value)
    form = _FORMS.get(kind)
    if form is None:
        form = next((each for parent, each in _PARENTS if issubclass(kind, parent)), _odd)
    try:
        return form(value)
    except UnicodeEncodeError:
        # Half of a surrogate pair: it is packed with more care.
        raise
    except (ValueError, OverflowError, struct.error, AttributeError):
        return _odd(value)


def _odd(_: Any) -> Any:
    return msgpack.ExtType(_ODD, b"")


def _text(value: str) -> str:
    return str.__str__(value)


def _integer(value: int) -> Any:
    number = int.__index__(value)
    if -(2**63) <= number < 2**64:
        return number
    # No engine has such an Int.
    return _odd(value)


def _moment(value: _datetime.datetime) -> Any:
    if value.utcoffset() is None:
        return _odd(value)
    return msgpack.ExtType(_DATETIME, _INT64.pack((value - _EPOCH) // _MICROSECOND))


def _decimal_text(value: _decimal.Decimal) -> Any:
    text = str(value)
    return msgpack.ExtType(_DECIMAL, text.encode("ascii")) if len(text) <= MAX_DIGITS else _odd(value)


def _ip(value: Ip) -> Any:
    sides = (value.first, value.last, value.first if value.written is None else value.written)
    flags = bytes((value.version, value.written is not None))
    return msgpack.ExtType(_IP, flags + b"".join(side.to_bytes(16, "big") for side in sides))


def _ref(value: EntityRef) -> Any:
    texts = [_texts_only(part) for part in value]
    return msgpack.ExtType(_REF, _packb(texts))


def _member(value: EnumMember) -> Any:
    return msgpack.ExtType(_MEMBER, _packb([_texts_only(value.enum), _texts_only(value.name)]))


def _texts_only(part: Any) -> str:
    if not issubclass(type(part), str):
        raise ValueError("this is no text")
    return str.__str__(part)


def _entity(value: Entity, packed: Callable[[Any], bytes] | None = None) -> Any:
    make = _packb if packed is None else packed
    parents: Any = value.parents
    if not isinstance(parents, str | Mapping) and isinstance(parents, Iterable):
        parents = list(parents)
    return msgpack.ExtType(_ENTITY, make([value.type, value.id, value.attributes, parents, value.tags]))


def _membership(value: Membership) -> Any:
    return msgpack.ExtType(_MEMBERSHIP, _packb([value.parent, value.until]))


def _mapping(value: Mapping[Any, Any]) -> Any:
    if type(value) is PackedSession:
        return msgpack.ExtType(_PACKED, value.packed)
    return dict(value._given if isinstance(value, Session) else value)


def _packb(value: Any) -> bytes:
    # The packer that came here is in use. To make one takes longer than to pack.
    try:
        own = _PACKERS.pop()
    except IndexError:
        own = packer()
    try:
        packed: bytes = own.pack(value)
    except UnicodeEncodeError:
        packed = _exactly(value)
    else:
        _PACKERS.append(own)
    return packed


def _exactly(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, strict_types=True, default=_form, unicode_errors="surrogatepass")
    return packed


_PACKERS: Final[list[msgpack.Packer]] = []


_OWN: Final = frozenset((str, int, float, bool, type(None), bytes))
_FORMS: Final[dict[type, Callable[[Any], Any]]] = {
    EntityRef: _ref,
    Entity: _entity,
    PackedSession: _mapping,
    Session: _mapping,
    Record: _mapping,
    tuple: list,
    set: list,
    frozenset: list,
    ValueSet: list,
    int: _integer,
    _datetime.datetime: _moment,
    Datetime: lambda value: msgpack.ExtType(_INSTANT, _INT64.pack(value.micros)),
    _datetime.timedelta: lambda value: msgpack.ExtType(_DURATION, _INT64.pack(value // _MICROSECOND)),
    Duration: lambda value: msgpack.ExtType(_DURATION, _INT64.pack(value.micros)),
    _decimal.Decimal: _decimal_text,
    Decimal: lambda value: msgpack.ExtType(_UNITS, _INT64.pack(value.units)),
    Ip: _ip,
    EnumMember: _member,
    Membership: _membership,
    Odd: _odd,
}
# Of a class of the caller's, what it is by its own word is not asked.
_PARENTS: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, _text),
    (int, _integer),
    (float, float.__float__),
    (EntityRef, _ref),
    (_datetime.datetime, _moment),
    (_datetime.timedelta, _FORMS[_datetime.timedelta]),
    (_decimal.Decimal, _decimal_text),
    (Entity, _entity),
    (Mapping, _mapping),
    (list, list),
    (tuple, list),
    (set, list),
    (frozenset, list),
)


# ---------------------------------------------------------------------------------------------------------- from bytes


def unpack(data: bytes | memoryview) -> Any:
    """Return the value of bytes; raise Unreadable for any that are none."""
    return _unpack(data, MAX_NESTED)


def _unpack(data: bytes | memoryview, nested: int) -> Any:
    try:
        return msgpack.unpackb(
            data,
            strict_map_key=True,
            unicode_errors="surrogatepass",
            ext_hook=_HOOKS[nested],
            max_array_len=MAX_LIST,
            max_map_len=MAX_LIST,
        )
    except Exception as error:
        raise Unreadable(f"this is no message: {type(error).__name__}") from error


def _hook(nested: int) -> Callable[[int, bytes], Any]:
    def value_of(code: int, data: bytes) -> Any:
        if nested == 0:
            raise Unreadable("values are nested too deep")
        read = _READERS.get(code)
        if read is None:
            raise Unreadable("there is no such kind of value")
        return read(data, nested - 1)

    return value_of


_HOOKS: Final = [_hook(nested) for nested in range(MAX_NESTED + 1)]


def _read_int(data: bytes) -> int:
    number: int = _INT64.unpack(data)[0]
    return number


def _read_moment(data: bytes, _: int) -> Any:
    micros = _read_int(data)
    if DATETIME_MIN <= micros <= DATETIME_MAX:
        return _EPOCH + micros * _MICROSECOND
    # An engine refuses it, as it does what the calendar of Python holds and that of pdp does not.
    return Datetime(micros)


def _read_ip(data: bytes, _: int) -> Ip:
    version, is_written = data[0], data[1]
    first, last, written = (int.from_bytes(data[at : at + 16], "big") for at in (2, 18, 34))
    top = 1 << (32 if version == 4 else 128)
    span = last - first + 1
    if len(data) != 50 or version not in (4, 6) or not first <= last < top or span & (span - 1) or first % span:
        raise Unreadable("this is no range of addresses")
    return Ip(version, first, last, written if is_written else None)


def _texts(data: bytes, nested: int, count: int) -> list[str]:
    found = _unpack(data, nested)
    if type(found) is not list or len(found) != count or not all(type(each) is str for each in found):
        raise Unreadable("these are no names")
    return found


def _read_entity(data: bytes, nested: int) -> Entity:
    found = _unpack(data, nested)
    if type(found) is not list or len(found) != 5:
        raise Unreadable("this is no entity")
    return Entity(*found)


def _read_membership(data: bytes, nested: int) -> Membership:
    found = _unpack(data, nested)
    if type(found) is not list or len(found) != 2:
        raise Unreadable("this is no membership")
    return Membership(*found)


def _read_mixed(data: bytes, nested: int) -> Any:
    found = _unpack(data, nested)
    if type(found) is not dict:
        raise Unreadable("this is no record")
    return {**found, ODD: ODD}


def _read_packed(data: bytes, nested: int) -> Any:
    found = _unpack(data, nested)
    if type(found) is not dict:
        raise Unreadable("this is no session")
    return found


_READERS: Final[dict[int, Callable[[bytes, int], Any]]] = {
    _ODD: lambda data, _: ODD,
    _DATETIME: _read_moment,
    _INSTANT: lambda data, _: Datetime(_read_int(data)),
    _DURATION: lambda data, _: Duration(_read_int(data)),
    _DECIMAL: lambda data, _: _decimal.Decimal(data.decode("ascii")),
    _UNITS: lambda data, _: Decimal(_read_int(data)),
    _IP: _read_ip,
    _MEMBER: lambda data, nested: EnumMember(*_texts(data, nested, 2)),
    _REF: lambda data, nested: EntityRef(*_texts(data, nested, 2)),
    _ENTITY: _read_entity,
    _MEMBERSHIP: _read_membership,
    _MIXED: _read_mixed,
    _PACKED: _read_packed,
}
