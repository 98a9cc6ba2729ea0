"""The types of Cedar's validator: those of a schema, and the truth values whose outcome the types decide."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from pdp.classes import dataclass
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type, Wrong


class Scalar(StrEnum):
    """The types without parts. `TRUE` and `FALSE` are truth values that are the same for every request."""

    BOOL = "Bool"
    TRUE = "true"
    FALSE = "false"
    LONG = "Long"
    STRING = "String"
    DECIMAL = "decimal"
    IP = "ipaddr"
    DATETIME = "datetime"
    DURATION = "duration"


@dataclass(frozen=True, slots=True)
class EntityKind:
    """A reference to an entity of one type. In strict mode nothing is of one type or another."""

    name: str


@dataclass(frozen=True, slots=True)
class SetKind:
    """A set."""

    element: Kind


@dataclass(frozen=True, slots=True)
class Attribute:
    """The type of an attribute, and whether it may be absent."""

    kind: Kind
    optional: bool = False


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A record that has these attributes and no others."""

    attributes: Mapping[str, Attribute]

    def __hash__(self) -> int:
        # Equality takes no heed of the order of attributes, so neither does this.
        return hash(frozenset(self.attributes.items()))


Kind: TypeAlias = Scalar | EntityKind | SetKind | RecordKind

TRUTHS: Final = frozenset({Scalar.BOOL, Scalar.TRUE, Scalar.FALSE})
ORDERED: Final = frozenset({Scalar.LONG, Scalar.DATETIME, Scalar.DURATION})
EMPTY: Final = RecordKind({})

_PRIMITIVES: Final[Mapping[Primitive, Scalar]] = {
    Primitive.BOOL: Scalar.BOOL,
    Primitive.INT: Scalar.LONG,
    Primitive.STRING: Scalar.STRING,
    Primitive.DECIMAL: Scalar.DECIMAL,
    Primitive.IP: Scalar.IP,
    Primitive.DATETIME: Scalar.DATETIME,
    Primitive.DURATION: Scalar.DURATION,
}


def truth(value: bool | None) -> Scalar:
    """Return the type of a truth value, of which None says that it differs from request to request."""
    return Scalar.BOOL if value is None else Scalar.TRUE if value else Scalar.FALSE


def kind_of(declared: Type) -> Kind:
    """Return the validator's form of a type that a schema declares."""
    match declared:
        case Primitive():
            return _PRIMITIVES[declared]
        case EntityTypes():
            # INVARIANT: a Cedar schema names one entity type at a time.
            (name,) = declared.names
            return EntityKind(name)
        case SetType() if declared.element is not None:
            return SetKind(kind_of(declared.element))
        case RecordType():
            return record_of(declared)
        case SetType() | EnumType() | Wrong():
            raise ValueError(f"`{declared}` is no type of a Cedar schema")
        case _:
            assert_never(declared)


def record_of(declared: RecordType) -> RecordKind:
    """Return the validator's form of a record type."""
    return RecordKind({name: Attribute(kind_of(each.type), each.optional) for name, each in declared.fields.items()})


def join(left: Kind, right: Kind) -> Kind | None:
    """Return the type that holds the values of both, or None where strict validation has none.

    Entities are of one type, records have the same attributes, each of them optional in both or in none.
    """
    if left == right:
        return left
    match left, right:
        case Scalar(), Scalar():
            return Scalar.BOOL if left in TRUTHS and right in TRUTHS else None
        case SetKind(), SetKind():
            element = join(left.element, right.element)
            return None if element is None else SetKind(element)
        case RecordKind(), RecordKind():
            return _join_records(left.attributes, right.attributes)
        case _:
            return None


def _join_records(left: Mapping[str, Attribute], right: Mapping[str, Attribute]) -> RecordKind | None:
    if left.keys() != right.keys():
        return None
    joined: dict[str, Attribute] = {}
    for name, mine in left.items():
        theirs = right[name]
        kind = join(mine.kind, theirs.kind)
        if kind is None or mine.optional is not theirs.optional:
            return None
        joined[name] = Attribute(kind, mine.optional)
    return RecordKind(joined)


_LONGEST: Final = 120


def show(kind: Kind) -> str:
    """Write a type as Cedar's schemas do; one that is very long is cut.

    >>> show(SetKind(RecordKind({"n": Attribute(Scalar.LONG, True), "ok": Attribute(Scalar.TRUE)})))
    'Set<{n?: Long, ok: Bool}>'
    """
    written = _show(kind, _LONGEST)
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}…"


def _show(kind: Kind, room: int) -> str:
    match kind:
        case Scalar():
            return Scalar.BOOL.value if kind in TRUTHS else kind.value
        case EntityKind():
            return kind.name
        case SetKind():
            return f"Set<{_show(kind.element, room)}>"
        case RecordKind():
            parts: list[str] = []
            for name, each in kind.attributes.items():
                parts.append(f"{name}{'?' * each.optional}: {_show(each.kind, room)}")
                room -= len(parts[-1])
                if room < 0:
                    break
            return "{" + ", ".join(parts) + "}"
        case _:
            assert_never(kind)
