"""What plain data has no form of its own for, as Cedar's JSON writes it, and as Python has it."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from pdp import patterns
from pdp.cedar.spelling import no_value, unreadable, wrong
from pdp.conform.mismatch import Mismatch, clip, listed, near
from pdp.extensions import apply, parse_datetime, parse_decimal, parse_duration, parse_ip
from pdp.symbols import Function
from pdp.types import EntityTypes, Primitive
from pdp.values import (
    INT_MAX,
    INT_MIN,
    MAX_SET,
    MAX_STRING,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    Ip,
    Record,
    Unknown,
    Value,
    ValueSet,
)

ENTITY: Final = "__entity"
EXTENSION: Final = "__extn"
EXPRESSION: Final = "__expr"

_ENTITY_FORM: Final = 'write `{"__entity": {"type": "Type", "id": "id"}}`'
EXTENSION_FORM: Final = 'write `{"__extn": {"fn": "ip", "arg": "10.0.0.1"}}`'
_RESERVED: Final = frozenset({"true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar"})
_SURROGATE: Final = patterns.compile("[\ud800-\udfff]")
_TYPE: Final = patterns.compile(r"[A-Za-z_][A-Za-z0-9_]*+(?:::[A-Za-z_][A-Za-z0-9_]*+)*+")
_PARAMETERS: Final[Mapping[str, tuple[Primitive, ...]]] = {
    "decimal": (Primitive.STRING,),
    "ip": (Primitive.STRING,),
    "datetime": (Primitive.STRING,),
    "duration": (Primitive.STRING,),
    "offset": (Primitive.DATETIME, Primitive.DURATION),
    "durationSince": (Primitive.DATETIME, Primitive.DATETIME),
    "toDate": (Primitive.DATETIME,),
    "toTime": (Primitive.DATETIME,),
}
PARSERS: Final[Mapping[Primitive, Callable[[str], Value]]] = {
    Primitive.DECIMAL: parse_decimal,
    Primitive.IP: parse_ip,
    Primitive.DATETIME: parse_datetime,
    Primitive.DURATION: parse_duration,
}
_CONSTRUCTORS: Final = {
    "decimal": Primitive.DECIMAL,
    "ip": Primitive.IP,
    "datetime": Primitive.DATETIME,
    "duration": Primitive.DURATION,
}
_T = TypeVar("_T")

# INVARIANT: what is asked here is `type(value)`, which no value can lie about, and what is kept is of a builtin class.


# ----------------------------------------------------------------------------------------------------------- scalars


def boolean(value: object) -> bool:
    """Read a Bool."""
    if value is True or value is False:
        return value is True
    raise wrong(Primitive.BOOL, value)


def long(value: object) -> int:
    """Read a Long."""
    if type(value) is int and INT_MIN <= value <= INT_MAX:
        return value
    if type(value) is bool or not issubclass(type(value), int):
        raise wrong(Primitive.INT, value)
    number = int.__index__(cast(int, value))
    if not INT_MIN <= number <= INT_MAX:
        help_ = f"a Long is from {INT_MIN} to {INT_MAX}"
        raise Mismatch("number_out_of_range", "the number does not fit in 64 bits", help_)
    return number


def string(value: object) -> str:
    """Read a String, which any text is but one that is too long or has half a character."""
    if type(value) is str:
        if len(value) <= MAX_STRING and value.isascii():
            return value
        text = value
    elif issubclass(type(value), str):
        text = str.__str__(cast(str, value))
    else:
        raise wrong(Primitive.STRING, value)
    if len(text) > MAX_STRING:
        raise Mismatch("data_too_large", f"a string has at most {MAX_STRING} characters, this one has {len(text)}")
    if not text.isascii() and (odd := _SURROGATE.search(text)):
        message = f"U+{ord(odd[0]):04X} is half of a surrogate pair, not a character"
        raise Mismatch("half_character", message, "write the character itself, or both halves")
    return text


def own(value: object) -> Value | None:
    """Return a value of pdp that is no container, its parts looked at; None for anything else.

    An aware `datetime` is one too, to the millisecond that it is in.
    """
    match value:
        case EntityRef() if type(value) is EntityRef:
            return entity(value.type, value.id)
        case Decimal() if type(value) is Decimal:
            return Decimal(long(value.units))
        case Datetime() if type(value) is Datetime:
            return Datetime(_milliseconds(value.micros) * 1000)
        case Duration() if type(value) is Duration:
            return Duration(_milliseconds(value.micros) * 1000)
        case Ip() if type(value) is Ip:
            return value
        case _datetime.datetime():
            return _instant(value)
    return None


def _milliseconds(micros: object) -> int:
    if not issubclass(type(micros), int) or int.__index__(cast(int, micros)) % 1000:
        raise Mismatch("unreadable_value", "Cedar's times are whole milliseconds")
    return long(int.__index__(cast(int, micros)) // 1000)


def _instant(moment: _datetime.datetime) -> Datetime:
    try:
        return Datetime(Datetime.of(moment).micros // 1000 * 1000)
    except ValueError as error:
        raise Mismatch("unreadable_value", str(error), "give it `tzinfo`") from None


# -------------------------------------------------------------------------------------------------------- containers


def mapping(value: object) -> dict[object, object] | None:
    """Return a copy of what stands under the names of a mapping; None for what is no mapping."""
    if type(value) is dict:
        return value.copy()
    if issubclass(type(value), dict):
        # A subclass may show other things each time that it is asked; what it holds is asked for once.
        return dict(dict.items(cast(dict[object, object], value)))
    if isinstance(value, Record | Mapping):
        return dict(value.items())
    return None


def elements(value: object) -> Sequence[object] | None:
    """Return a copy of the elements of a set or a list; None for what is neither."""
    kind = type(value)
    # The name of an entity is a tuple of Python's, but no set of texts.
    if issubclass(kind, EntityRef) or not issubclass(kind, list | tuple | set | frozenset | ValueSet):
        return None
    found = list(cast(Iterable[object], value))
    if len(found) > MAX_SET:
        raise Mismatch("data_too_large", f"a set has at most {MAX_SET} elements, this one has {len(found)}")
    return found


# ---------------------------------------------------------------------------------------------------------- entities


def entity(kind: object, id: object) -> EntityRef:
    """Return the name of an entity; the id is any text."""
    try:
        name = string(kind)
    except Mismatch as odd:
        raise odd.under("type") from None
    if name not in _known:
        _check_type(name)
    try:
        return EntityRef(name, string(id))
    except Mismatch as odd:
        raise odd.under("id") from None


_known: Final[set[str]] = set()
_KNOWN: Final = 10_000
"""So many types that hold up are remembered."""


def _check_type(name: str) -> None:
    if len(name) > _LONGEST or not _TYPE.fullmatch(name) or not _RESERVED.isdisjoint(name.split("::")):
        message = f"`{clip(name)}` is no entity type"
        raise Mismatch("invalid_reference", message, "write its whole path, such as `Shop::User`", ("type",))
    if len(_known) < _KNOWN:
        _known.add(name)


_LONGEST: Final = 1000


def plain_pair(value: object) -> tuple[str, str] | None:
    """Return type and id where the name of an entity is written as nearly all are; None asks for a closer look."""
    if type(value) is not dict:
        return None
    inner = value.get(ENTITY) if len(value) == 1 else value
    if type(inner) is not dict or len(inner) != 2:
        return None
    name, id_ = inner.get("type"), inner.get("id")
    if type(name) is type(id_) is str and id_.isascii() and len(id_) <= MAX_STRING:
        return name, id_
    return None


def reference(value: object) -> EntityRef:
    """Read the name of an entity: `{"type": …, "id": …}`, the same under `__entity`, or one of pdp's."""
    plain = plain_pair(value)
    if plain is not None and plain[0] in _known:
        return EntityRef(*plain)
    if type(value) is EntityRef:
        return entity(value.type, value.id)
    fields = mapping(value)
    if fields is None:
        raise wrong_reference(value)
    if ENTITY in fields:
        _only(fields, (ENTITY,))
        fields = mapping(inner := fields[ENTITY])
        if fields is None:
            raise wrong_reference(inner).under(ENTITY)
        return under(lambda known: entity(*_pair(known)), fields, ENTITY)
    return entity(*_pair(fields))


def wrong_reference(value: object) -> Mismatch:
    """Say that something is no name of an entity."""
    if value is None or isinstance(value, float):
        return no_value(value)
    odd = wrong(EntityTypes(frozenset()), value)
    return Mismatch(odd.code, odd.message.replace("`` ", "an entity ").replace("``", "an entity"), _ENTITY_FORM)


def _pair(fields: dict[object, object]) -> tuple[object, object]:
    for key in ("type", "id"):
        if key not in fields:
            raise Mismatch("missing_key", f"the name of an entity needs `{key}`", _ENTITY_FORM)
    _only(fields, ("type", "id"))
    return fields["type"], fields["id"]


def _only(fields: Mapping[object, object], known: tuple[str, ...]) -> None:
    """Raise Mismatch for a key that means nothing where it stands: nobody can tell what it was for."""
    for key in fields:
        if key not in known:
            name = string(key)
            raise Mismatch("unknown_key", f"`{clip(name)}` means nothing here", near(name, known), (name,))


def under(read: Callable[[Any], _T], value: object, *steps: str | int) -> _T:
    """Read what stands somewhere further in, and say so where it is wrong."""
    try:
        return read(value)
    except Mismatch as odd:
        raise odd.under(*steps) from None


# -------------------------------------------------------------------------------------------------------- extensions


def call(fields: Mapping[object, object], read: Callable[[object, Primitive], Value]) -> Value:
    """Compute `{"fn": …, "arg": …}`, or with several `args`; `read` reads an argument of the type that is asked for."""
    name = under(string, fields.get("fn"), "fn")
    parameters = _PARAMETERS.get(name)
    if parameters is None:
        message = f"there is no function `{clip(name)}` for values in data"
        raise Mismatch("unreadable_value", message, near(name, _PARAMETERS) or listed(_CONSTRUCTORS), ("fn",))
    _only(fields, ("fn", "arg") if "arg" in fields else ("fn", "args"))
    given = [fields["arg"]] if "arg" in fields else elements(fields["args"])
    if given is None or len(given) != len(parameters):
        message = f"the function `{name}` takes {len(parameters)} argument{'s' * (len(parameters) > 1)}"
        raise Mismatch("unreadable_value", message, EXTENSION_FORM)
    if name in _CONSTRUCTORS:
        step = ("arg",) if "arg" in fields else ("args", 0)
        return under(lambda text: parsed(_CONSTRUCTORS[name], string(text)), given[0], *step)
    arguments = []
    for index, (value, kind) in enumerate(zip(given, parameters, strict=True)):
        try:
            arguments.append(read(value, kind))
        except Mismatch as odd:
            raise odd.under("args", index) from None
    return _computed(name, arguments)


def _computed(name: str, arguments: Sequence[Value]) -> Value:
    found = apply(Function(name), arguments)
    if isinstance(found, Unknown):
        raise Mismatch("unreadable_value", f"`{name}` cannot be computed of these arguments")
    return found


def parsed(kind: Primitive, text: str) -> Value:
    """Read the text of a value that is made of text."""
    try:
        return PARSERS[kind](text)
    except ValueError as error:
        raise unreadable(kind, text, error) from None


def is_call(fields: Mapping[object, object]) -> bool:
    """Tell whether fields are those of a call."""
    return "fn" in fields and ("arg" in fields or "args" in fields)
