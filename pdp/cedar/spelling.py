"""Types and mistakes in Cedar's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from pdp.conform.mismatch import Mismatch, clip, found, mismatch
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type, Wrong
from pdp.values import EntityRef

_NAMES: Final[Mapping[Primitive, str]] = {
    Primitive.BOOL: "Bool",
    Primitive.INT: "Long",
    Primitive.STRING: "String",
    Primitive.DECIMAL: "decimal",
    Primitive.DATETIME: "datetime",
    Primitive.DURATION: "duration",
    Primitive.IP: "ipaddr",
}
_HELP: Final[Mapping[Primitive, str]] = {
    Primitive.BOOL: "a Bool is `true` or `false`, without quotes",
    Primitive.INT: "a Long is a whole number such as `42`, without quotes",
    Primitive.STRING: "a String is text in quotes",
    Primitive.DECIMAL: 'a decimal is text with one to four places, such as `"10.50"`',
    Primitive.DATETIME: 'a datetime is text such as `"2026-11-23T09:00:00Z"`',
    Primitive.DURATION: 'a duration is text such as `"15m"` or `"1h30m"`',
    Primitive.IP: 'an ipaddr is text such as `"10.1.2.3"` or `"10.0.0.0/8"`',
}


def spelled(kind: Type) -> str:
    """Write a type as a schema of Cedar does.

    >>> spelled(SetType(Primitive.INT))
    'Set<Long>'
    """
    match kind:
        case Primitive():
            return _NAMES[kind]
        case SetType():
            return f"Set<{'' if kind.element is None else spelled(kind.element)}>"
        case RecordType():
            fields = (f"{name}{'?' * each.optional}: {spelled(each.type)}" for name, each in kind.fields.items())
            return "{" + ", ".join(fields) + "}"
        case EntityTypes() | EnumType() | Wrong():
            return str(kind)
        case _:
            assert_never(kind)


def named(ref: EntityRef) -> str:
    """Write the name of an entity for a message."""
    return f'`{clip(ref.type)}::"{clip(ref.id)}"`'


def wrong(kind: Type, value: object, help: str | None = None) -> Mismatch:
    """Say that a value is none of a type; null and floats, which are values of no type, have codes of their own."""
    if value is None or isinstance(value, float):
        odd = mismatch(kind, value)
        return Mismatch(odd.code, odd.message, "leave it out instead" if value is None else _NUMBERS)
    if help is None and isinstance(kind, Primitive):
        help = _HELP[kind]
    return Mismatch("wrong_type", f"expected `{clip(spelled(kind))}`, found {_found(value)}", help)


def unreadable(kind: Primitive, text: str, error: ValueError) -> Mismatch:
    """Say that a text is no value of a type."""
    article = "an" if kind is Primitive.IP else "a"
    return Mismatch("unreadable_value", f"`{clip(text)}` is not {article} {_NAMES[kind]}: {error}", _HELP[kind])


def no_value(value: object) -> Mismatch:
    """Say that data is a value of no type at all."""
    if value is None or isinstance(value, float):
        return wrong(Primitive.INT, value)
    return Mismatch("wrong_type", f"{found(value)} is not a value")


def _found(value: object) -> str:
    return named(value) if type(value) is EntityRef else found(value)


_NUMBERS: Final = "numbers are whole; a decimal is text"
