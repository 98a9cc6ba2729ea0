"""The types of the language, as the checker and the reading of facts use them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from pdp.classes import dataclass, field


class Primitive(StrEnum):
    """The types that are named, but not declared."""

    BOOL = "Bool"
    INT = "Int"
    STRING = "String"
    DECIMAL = "Decimal"
    DATETIME = "Datetime"
    DURATION = "Duration"
    IP = "Ip"


@dataclass(frozen=True, slots=True)
class EnumType:
    """A declared enum; its members have no order."""

    name: str
    members: tuple[str, ...] = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class EntityTypes:
    """A reference to an entity of one of these types."""

    names: frozenset[str]

    def __str__(self) -> str:
        return " | ".join(sorted(self.names))


@dataclass(frozen=True, slots=True)
class SetType:
    """A set; `element` is None for the empty literal, which fits every set."""

    element: Type | None

    def __str__(self) -> str:
        return "[]" if self.element is None else f"[{self.element}]"


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of one attribute, and whether it may be absent."""

    type: Type
    optional: bool = False


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record of named attributes."""

    fields: Mapping[str, FieldType]

    def __hash__(self) -> int:
        # Equality takes no heed of the order of attributes, so neither does this.
        return hash(frozenset(self.fields.items()))

    def __str__(self) -> str:
        inner = ", ".join(f"{name}{'?' * kind.optional}: {kind.type}" for name, kind in self.fields.items())
        return f"{{ {inner} }}" if inner else "{}"


@dataclass(frozen=True, slots=True)
class Wrong:
    """The type of what is already reported: it fits everything, so that one mistake is one diagnostic."""

    def __str__(self) -> str:
        return "unknown"


Type: TypeAlias = Primitive | EnumType | EntityTypes | SetType | RecordType | Wrong

WRONG: Final = Wrong()
ORDERED: Final = frozenset({Primitive.INT, Primitive.DECIMAL, Primitive.DATETIME, Primitive.DURATION})
PRIMITIVES: Final[Mapping[str, Primitive]] = {str(kind): kind for kind in Primitive}
WEEKDAY: Final = EnumType("Weekday", ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))


def comparable(left: Type, right: Type) -> bool:
    """Tell whether two types can hold a value in common, so that asking for equality makes sense."""
    match left, right:
        case (Wrong(), _) | (_, Wrong()):
            return True
        case EntityTypes(), EntityTypes():
            return bool(left.names & right.names)
        case SetType(), SetType():
            return left.element is None or right.element is None or comparable(left.element, right.element)
        case RecordType(), RecordType():
            return _comparable_records(left, right)
        case _:
            return left == right


def _comparable_records(left: RecordType, right: RecordType) -> bool:
    for name in {**left.fields, **right.fields}:
        mine, theirs = left.fields.get(name), right.fields.get(name)
        if mine is None or theirs is None:
            present = mine or theirs
            if present is not None and not present.optional:
                return False
        elif not comparable(mine.type, theirs.type):
            return False
    return True


def assignable(value: Type, target: Type) -> bool:
    """Tell whether every value of the first type is one of the second."""
    match value, target:
        case (Wrong(), _) | (_, Wrong()):
            return True
        case EntityTypes(), EntityTypes():
            return value.names <= target.names
        case SetType(), SetType():
            return value.element is None or (target.element is not None and assignable(value.element, target.element))
        case RecordType(), RecordType():
            return _assignable_records(value, target)
        case _:
            return value == target


def _assignable_records(value: RecordType, target: RecordType) -> bool:
    if not value.fields.keys() <= target.fields.keys():
        return False
    for name, kind in target.fields.items():
        given = value.fields.get(name)
        if given is None:
            if not kind.optional:
                return False
        elif not assignable(given.type, kind.type) or (given.optional and not kind.optional):
            return False
    return True


def join(left: Type, right: Type) -> Type | None:
    """Return the type that holds the values of both, or None where there is none."""
    match left, right:
        case Wrong(), _:
            return right
        case _, Wrong():
            return left
        case EntityTypes(), EntityTypes():
            return EntityTypes(left.names | right.names)
        case SetType(), SetType():
            if left.element is None or right.element is None:
                return right if left.element is None else left
            element = join(left.element, right.element)
            return None if element is None else SetType(element)
        case RecordType(), RecordType():
            return left if assignable(right, left) else right if assignable(left, right) else None
        case _:
            return left if left == right else None
