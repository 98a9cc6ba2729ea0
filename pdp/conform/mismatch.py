"""What is wrong with data, in words for whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pdp.errors import PdpError, suggest
from pdp.model import Entity
from pdp.types import Primitive, Type
from pdp.values import (
    INT_MAX,
    INT_MIN,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    ValueSet,
    quote,
)

HELP: Final[Mapping[Type, str]] = {
    Primitive.BOOL: "a Bool is `true` or `false`, without quotes",
    Primitive.INT: "an Int is a whole number such as `42`, without quotes",
    Primitive.STRING: "a String is text in quotes",
    Primitive.DECIMAL: 'a Decimal is text with one to four places, such as `"10.50"`',
    Primitive.DATETIME: 'a Datetime is text such as `"2026-11-23T09:00:00Z"`',
    Primitive.DURATION: 'a Duration is text such as `"15m"` or `"1h30m"`',
    Primitive.IP: 'an Ip is text such as `"10.1.2.3"` or `"10.0.0.0/8"`',
}
_NUMBERS: Final = "numbers are whole; a Decimal is text"
_SHOWN: Final = 60


class Mismatch(PdpError):
    """Data that is not what its declared type asks for; `path` leads from the data given to the part that is wrong."""

    def __init__(self, code: str, message: str, help: str | None = None, path: tuple[str | int, ...] = ()) -> None:
        self.code = code
        self.message = message
        self.help = help
        self.path = path
        super().__init__(code, message, help, path)

    def under(self, *steps: str | int) -> Mismatch:
        """Return the same mismatch as seen from further out."""
        return Mismatch(self.code, self.message, self.help, (*steps, *self.path))

    def __str__(self) -> str:
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{clip(str(step))}" for step in self.path)
        place = f"`{steps.lstrip('.')}`: " if steps else ""
        return place + self.message + (f" (help: {self.help})" if self.help else "")


def mismatch(kind: Type, value: Any, help: str | None = None) -> Mismatch:
    """Say that a value is none of a type; null and floats, which are values of no type, have codes of their own."""
    odd = _no_value(value, HELP[kind] if kind in (Primitive.INT, Primitive.DECIMAL) else _NUMBERS)
    if odd is not None:
        return odd
    if help is None and isinstance(kind, Primitive):
        help = HELP[kind]
    return Mismatch("wrong_type", f"expected `{clip(str(kind))}`, found {found(value)}", help)


def misplaced(expected: str, value: Any, help: str | None = None) -> Mismatch:
    """Say that data has another shape than the layout asks for."""
    if value is None:
        return Mismatch("null_value", f"expected {expected}, found null", help)
    odd = _no_value(value, help)
    return odd or Mismatch("wrong_type", f"expected {expected}, found {found(value)}", help)


def _no_value(value: Any, help: str | None) -> Mismatch | None:
    if value is None:
        return Mismatch("null_value", "null is not a value", "leave it out instead")
    if isinstance(value, float):
        if not math.isfinite(value):
            return Mismatch("not_finite", "NaN and Infinity are not values", "leave it out instead")
        return Mismatch("float_value", "a number with a fraction or an exponent is not a value", help)
    return None


def found(value: Any) -> str:
    """Say what stands where something else was expected, in the words of the language."""
    match value:
        case bool():
            return "`true`" if value else "`false`"
        case int():
            return f"the number `{value}`" if INT_MIN <= value <= INT_MAX else "a number out of range"
        case str():
            return f"the string `{quote(value[:_SHOWN])}`" + ("…" if len(value) > _SHOWN else "")
        case EntityRef():
            return named(value)
        case EnumMember():
            return f"`{clip(str(value))}`"
        case Decimal() | Datetime() | Duration() | Ip():
            return f"the {type(value).__name__} `{value}`"
        case Mapping() | Entity():
            return "a record"
        case list() | tuple() | set() | frozenset() | ValueSet():
            return "a list"
        case _:
            return "something that is not data"


def clip(text: str) -> str:
    """Write user text for a message: what does not print as an escape, and cut where it is long."""
    shown = "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text[:_SHOWN])
    return shown + ("…" if len(text) > _SHOWN else "")


def named(ref: EntityRef) -> str:
    """Write the name of an entity for a message."""
    return f'`{clip(ref.type)} "{clip(ref.id)}"`'


def listed(names: Iterable[str]) -> str:
    """Tell for a message what is declared: the first of its names."""
    known = sorted(names)
    shown = ", ".join(f"`{clip(name)}`" for name in known[:8])
    return f"declared are {shown}" + (", …" if len(known) > 8 else "") if known else "none is declared"


def near(word: object, known: Iterable[str]) -> str | None:
    """Suggest a known word, as `suggest` does; None also for what is too long to be a slip of the pen."""
    return suggest(word, known) if isinstance(word, str) and len(word) <= _SHOWN else None


def meant(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that `near` suggests."""
    suggestion = near(word, known)
    return None if suggestion is None else suggestion.split("`")[1]
