"""The values that conditions compute with.

Each kind of value is a class of its own, so that `1`, `True` and `1.0` are never taken for one another. Booleans,
integers and strings are Python's own; a float is not a value. All times are whole microseconds: of the Unix epoch for a
`Datetime`, of length for a `Duration`.
"""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from pdp import patterns as re
from pdp.classes import dataclass

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

MAX_SET: Final = 100_000
"""No set that anybody brings has more elements."""

MAX_STRING: Final = 2**20
"""No text that anybody brings has more characters."""
SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND

_EPOCH: Final = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.UTC)
_MICROSECOND: Final = _datetime.timedelta(microseconds=1)
DATETIME_MIN: Final = (_datetime.datetime.min.replace(tzinfo=_datetime.UTC) - _EPOCH) // _MICROSECOND
DATETIME_MAX: Final = (_datetime.datetime.max.replace(tzinfo=_datetime.UTC) - _EPOCH) // _MICROSECOND


class Unknown:
    """The truth value, or the value, of what cannot be evaluated. There is one: `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "unknown"

    def __bool__(self) -> bool:
        # INVARIANT: nothing branches on an unknown by accident.
        raise TypeError("unknown is neither true nor false")


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True, order=True)
class Decimal:
    """A decimal number with four places, kept as a signed 64-bit count of ten-thousandths.

    >>> str(Decimal.parse("10.5"))
    '10.5'
    """

    units: int

    @classmethod
    def parse(cls, text: str) -> Decimal:
        """Read `-?digits.digits` with one to four places; raise ValueError for anything else or out of range."""
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise ValueError("a decimal is digits, a point, and one to four digits")
        sign, whole, places = match.groups()
        if len(whole) > 18:
            raise ValueError("the decimal is out of range")
        units = int(whole) * 10_000 + int(places.ljust(4, "0"))
        units = -units if sign else units
        if not INT_MIN <= units <= INT_MAX:
            raise ValueError("the decimal is out of range")
        return cls(units)

    def __str__(self) -> str:
        whole, places = divmod(abs(self.units), 10_000)
        digits = f"{places:04d}".rstrip("0") or "0"
        return f"{'-' if self.units < 0 else ''}{whole}.{digits}"


@dataclass(frozen=True, slots=True, order=True)
class Datetime:
    """An instant, in microseconds since 1970-01-01T00:00:00Z; from year 1 to year 9999, but where Cedar computes it.

    Cedar counts 64 bits of milliseconds, and has a year 0: what no calendar of Python holds, `str` writes as Cedar
    could compute it.

    >>> str(Datetime.parse("2026-11-23T09:00:00+01:00"))
    '2026-11-23T08:00:00Z'
    """

    micros: int

    @classmethod
    def parse(cls, text: str) -> Datetime:
        """Read a date, or a date and time with `Z` or an offset (RFC 3339); raise ValueError for anything else."""
        match = _DATETIME.fullmatch(text)
        if match is None:
            raise ValueError("a datetime is written 2026-11-23 or 2026-11-23T09:00:00Z")
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        moment = _datetime.datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "").ljust(6, "0")),
            tzinfo=_datetime.UTC,
        )
        micros = (moment - _EPOCH) // _MICROSECOND - _offset(zone)
        return cls.checked(micros)

    @classmethod
    def checked(cls, micros: int) -> Datetime:
        """Return the instant; raise ValueError outside the years 1 to 9999."""
        if not DATETIME_MIN <= micros <= DATETIME_MAX:
            raise ValueError("the datetime is out of range")
        return cls(micros)

    @classmethod
    def of(cls, moment: _datetime.datetime) -> Datetime:
        """Convert an aware `datetime`; raise ValueError for one without a zone, whose instant nobody can know."""
        if moment.utcoffset() is None:
            raise ValueError("a datetime needs a time zone")
        return cls((moment - _EPOCH) // _MICROSECOND)

    def to_datetime(self) -> _datetime.datetime:
        """Convert to an aware `datetime` in UTC."""
        return _EPOCH + self.micros * _MICROSECOND

    def __str__(self) -> str:
        if not DATETIME_MIN <= self.micros <= DATETIME_MAX:
            return f'datetime("1970-01-01").offset(duration("{self.micros // 1000}ms"))'
        moment = self.to_datetime()
        text = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}T{moment:%H:%M:%S}"
        if moment.microsecond:
            text += f".{moment.microsecond:06d}".rstrip("0")
        return text + "Z"


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("the offset from UTC is out of range")
    micros = (hours * 60 + minutes) * 60 * SECOND
    return -micros if zone[0] == "-" else micros


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in microseconds, signed 64 bits. A day is 24 hours.

    >>> str(Duration.parse("1h30m"))
    '1h30m'
    """

    micros: int

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read digits with a unit, one or more times (`w d h m s ms`, each once, large to small); else ValueError."""
        match = _DURATION.fullmatch(text)
        if match is None or not text:
            raise ValueError("a duration is written like 15m, 1h30m or 90d")
        micros = 0
        for digits, (_, unit) in zip(match.groups(), _UNITS, strict=True):
            if digits:
                if len(digits) > 19:
                    raise ValueError("the duration is out of range")
                micros += int(digits) * unit
        if micros > INT_MAX:
            raise ValueError("the duration is out of range")
        return cls(micros)

    @classmethod
    def of(cls, length: _datetime.timedelta) -> Duration:
        """Convert a `timedelta`; raise ValueError where 64 bits do not hold it."""
        micros = length // _MICROSECOND
        if not INT_MIN <= micros <= INT_MAX:
            raise ValueError("the duration is out of range")
        return cls(micros)

    def __str__(self) -> str:
        rest = abs(self.micros)
        parts = []
        for name, unit in _UNITS[1:]:
            count, rest = divmod(rest, unit)
            if count:
                parts.append(f"{count}{name}")
        if rest:
            parts.append(f"{rest}us")
        return ("-" if self.micros < 0 else "") + ("".join(parts) or "0s")


_UNITS: Final = (("w", 7 * DAY), ("d", DAY), ("h", 3600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("ms", 1000))
_DECIMAL: Final = re.compile(r"(-)?([0-9]+)\.([0-9]{1,4})")
_DURATION: Final = re.compile("".join(rf"(?:([0-9]+){name})?" for name, _ in _UNITS))
_DATETIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)


@dataclass(frozen=True, slots=True)
class Ip:
    """An IP address, or a range of them: the version (4 or 6), and its first and last address as integers.

    An address equals the range that holds it alone. An IPv4-mapped IPv6 address is the IPv4 address (RFC 4291,
    2.5.5.2). `written` is the address that a range was written with, where that is not its first: only Cedar has such
    ranges, and for Cedar they are others than the one that is written with its first.

    >>> Ip.parse("10.1.2.3") in Ip.parse("10.0.0.0/8")
    True
    >>> str(Ip.parse("::ffff:10.0.0.1"))
    '10.0.0.1'
    """

    version: int
    first: int
    last: int
    written: int | None = None

    @classmethod
    def parse(cls, text: str) -> Ip:
        """Read an address or `address/prefix`; raise ValueError, also for host bits set in a range."""
        address, slash, prefix = text.partition("/")
        version, bits = _address(address)
        width = 32 if version == 4 else 128
        size = width
        if slash:
            if not _PREFIX.fullmatch(prefix) or int(prefix) > width:
                raise ValueError(f"a prefix is a number from 0 to {width}")
            size = int(prefix)
        last = bits | ((1 << (width - size)) - 1)
        if bits & ((1 << (width - size)) - 1):
            raise ValueError("the range has host bits set")
        if version == 6 and bits >> 32 == 0xFFFF and size >= 96:
            return cls(4, bits & 0xFFFFFFFF, last & 0xFFFFFFFF)
        return cls(version, bits, last)

    def __contains__(self, other: object) -> bool:
        return (
            isinstance(other, Ip)
            and self.version == other.version
            and self.first <= other.first
            and other.last <= self.last
        )

    def __str__(self) -> str:
        width = 32 if self.version == 4 else 128
        size = width - (self.last - self.first).bit_length()
        address = self.first if self.written is None else self.written
        text = _format_v4(address) if self.version == 4 else _format_v6(address)
        return text if size == width else f"{text}/{size}"


_PREFIX: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_V4: Final = re.compile(r"(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})")
_GROUP: Final = re.compile(r"[0-9A-Fa-f]{1,4}")


def _address(text: str) -> tuple[int, int]:
    # `ipaddress` takes netmasks, zone ids and digits of other scripts: too much for a policy.
    if ":" not in text:
        return 4, _read_v4(text)
    if len(text) > 45:
        raise ValueError("this is not an IP address")
    head, gap, tail = text.partition("::")
    left, right = _groups(head), _groups(tail)
    missing = 8 - len(left) - len(right)
    if ("::" in tail) or (missing < 1 if gap else missing != 0):
        raise ValueError("this is not an IPv6 address")
    bits = 0
    for group in (*left, *([0] * missing), *right):
        bits = bits << 16 | group
    return 6, bits


def _groups(text: str) -> list[int]:
    if not text:
        return []
    parts = text.split(":")
    tail: list[int] = []
    if "." in parts[-1]:
        bits = _read_v4(parts.pop())
        tail = [bits >> 16, bits & 0xFFFF]
    if not all(_GROUP.fullmatch(part) for part in parts):
        raise ValueError("this is not an IPv6 address")
    return [int(part, 16) for part in parts] + tail


def _read_v4(text: str) -> int:
    match = _V4.fullmatch(text)
    if match is None or any(int(part) > 255 for part in match.groups()):
        raise ValueError("this is not an IPv4 address")
    a, b, c, d = (int(part) for part in match.groups())
    return a << 24 | b << 16 | c << 8 | d


def _format_v4(bits: int) -> str:
    return ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0))


def _format_v6(bits: int) -> str:
    # RFC 5952: the longest run of two or more zero groups is written `::`.
    groups = [bits >> shift & 0xFFFF for shift in range(112, -16, -16)]
    start, length = 0, 0
    for index in range(8):
        run = 0
        while index + run < 8 and groups[index + run] == 0:
            run += 1
        if run > length:
            start, length = index, run
    if length < 2:
        return ":".join(f"{group:x}" for group in groups)
    left = ":".join(f"{group:x}" for group in groups[:start])
    right = ":".join(f"{group:x}" for group in groups[start + length :])
    return f"{left}::{right}"


@dataclass(frozen=True, slots=True)
class EnumMember:
    """A member of a declared enum. It equals no string."""

    enum: str
    name: str

    def __str__(self) -> str:
        return f"{self.enum}.{self.name}"


class _Name(NamedTuple):
    type: str
    id: str


class EntityRef(_Name):
    """The name of an entity: its type and its id. Ids are compared as they are: no case folding, no normalisation.

    It is a tuple, since that is what Python hashes and compares fastest; a plain tuple is never taken for one.

    >>> print(EntityRef("Service", "api"))
    Service "api"
    """

    __slots__ = ()

    def __new__(cls, type: str, id: str) -> EntityRef:
        """Put a name together. What is made of anything but texts is of a class of its own, and refused when asked."""
        # INVARIANT: whatever is an EntityRef, and of no other class, is two texts: the hot path looks no further.
        plain = _class_of(type) is str is _class_of(id)
        return _new(cls if plain else _OddRef, (type, id))

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> EntityRef:  # type: ignore[override]  # `_replace` goes this way, too
        return cls(*iterable)

    def __str__(self) -> str:
        return f"{self.type} {quote(self.id)}"


class _OddRef(EntityRef):
    """What was made as a name of something else than texts."""

    __slots__ = ()


_new: Final = tuple.__new__
_class_of: Final = type


def ref(type: str, id: str) -> EntityRef:
    """Return the name of an entity, for a principal or resource that the engine's facts know.

    >>> print(ref("Service", "api"))
    Service "api"
    """
    return EntityRef(type, id)


def label(ref: EntityRef) -> str:
    """Return a name as one text; no two names have the same. Python compares texts, and finds them again, faster.

    >>> label(EntityRef("User", "ada"))
    '4:Userada'
    """
    return f"{len(ref.type)}:{ref.type}{ref.id}"


def labelled(text: str) -> EntityRef:
    """Return the name of which this is the label."""
    size, _, rest = text.partition(":")
    return EntityRef(rest[: int(size)], rest[int(size) :])


class Record(Mapping[str, "Value"]):
    """An immutable record of named values. Equality is by name and value, and keeps the kinds of values apart."""

    __slots__ = ("_fields", "_key")

    def __init__(self, fields: Mapping[str, Value]) -> None:
        self._fields = dict(fields)
        self._key = frozenset((name, _key(value)) for name, value in self._fields.items())

    def __getitem__(self, name: str) -> Value:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Record({self._fields!r})"


class ValueSet:
    """An immutable set of values. Order and repetition do not count; `1` and `true` are two elements.

    >>> ValueSet([1, True, 1]) == ValueSet([True, 1])
    True
    >>> len(ValueSet([1, True]))
    2
    """

    __slots__ = ("_elements",)

    def __init__(self, elements: Iterable[Value]) -> None:
        self._elements = {_key(element): element for element in elements}

    def __contains__(self, value: Value) -> bool:
        return _key(value) in self._elements

    def __iter__(self) -> Iterator[Value]:
        return iter(self._elements.values())

    def __len__(self) -> int:
        return len(self._elements)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValueSet) and self._elements.keys() == other._elements.keys()

    def __hash__(self) -> int:
        return hash(frozenset(self._elements))

    def __repr__(self) -> str:
        return f"ValueSet({list(self)!r})"


Value: TypeAlias = bool | int | str | Decimal | Datetime | Duration | Ip | EnumMember | EntityRef | Record | ValueSet


def _key(value: Value) -> object:
    # Python takes True for 1: a bool is keyed with its class, everything else differs by class already.
    return (bool, value) if value.__class__ is bool else value


def equal(left: Value, right: Value) -> bool:
    """Tell whether two values are the same value of the same kind."""
    return (left.__class__ is bool) is (right.__class__ is bool) and left == right


def quote(text: str) -> str:
    """Write a string as the policy language does, with everything that does not print as an escape.

    >>> print(quote('say "hi"'))
    "say \\"hi\\""
    """
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        else:
            out.append(f"\\u{{{ord(char):x}}}")
    return '"' + "".join(out) + '"'


_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def show(value: Value | Unknown) -> str:
    """Write a value as the policy language does; sets and records in a fixed order.

    >>> show(ValueSet(["b", "a"]))
    '["a", "b"]'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Record):
        return "{ " + ", ".join(f"{name}: {show(value[name])}" for name in sorted(value)) + " }" if value else "{}"
    if isinstance(value, ValueSet):
        return "[" + ", ".join(sorted(show(element) for element in value)) + "]"
    return repr(value) if isinstance(value, Unknown) else str(value)
