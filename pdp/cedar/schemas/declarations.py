"""What a schema of Cedar declares, whichever form it is written in; names are as written, and lead nowhere yet."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from pdp.classes import dataclass, field
from pdp.source import Span
from pdp.types import Primitive


@dataclass(frozen=True, slots=True)
class Name:
    """A name where it is declared."""

    text: str
    span: Span = field(compare=False, repr=False)


class Wanted(StrEnum):
    """What a name in the place of a type may stand for."""

    ANY = "type"
    ENTITY = "entity type"
    COMMON = "common type"


@dataclass(frozen=True, slots=True)
class Named:
    """A type by its name, with or without its namespace."""

    path: str
    wanted: Wanted
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Builtin:
    """A type of Cedar's own that nothing can stand before, as the JSON form writes it."""

    type: Primitive
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SetOf:
    """`Set<element>`."""

    element: TypeExpr
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a record. Of two with one name, Cedar takes the last."""

    name: str
    type: TypeExpr
    optional: bool


@dataclass(frozen=True, slots=True)
class RecordOf:
    """`{ name: type, … }`."""

    attributes: tuple[Attribute, ...]
    span: Span = field(compare=False, repr=False)


TypeExpr: TypeAlias = Named | Builtin | SetOf | RecordOf


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityDecl:
    """An entity type. One that has `ids` has nothing else."""

    name: Name
    parents: tuple[Named, ...] = ()
    shape: TypeExpr | None = None
    tags: TypeExpr | None = None
    ids: frozenset[str] | None = None
    docs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeDecl:
    """A common type: another name for a type."""

    name: Name
    type: TypeExpr


@dataclass(frozen=True, slots=True)
class ActionName:
    """A group that an action is in; without a type, it is an action of the same namespace or of none."""

    type: str | None
    id: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AppliesTo:
    """The requests that an action stands in."""

    principals: tuple[Named, ...]
    resources: tuple[Named, ...]
    context: TypeExpr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDecl:
    """An action, or a group of them: Cedar does not tell the two apart."""

    name: Name
    parents: tuple[ActionName, ...] = ()
    applies_to: AppliesTo | None = None
    docs: str = ""


Declaration: TypeAlias = EntityDecl | TypeDecl | ActionDecl


@dataclass(frozen=True, slots=True)
class Namespace:
    """Declarations with the path that stands before their names, which may be empty."""

    path: str
    declarations: tuple[Declaration, ...]


def qualify(namespace: str, name: str) -> str:
    """Return a name with its namespace.

    >>> qualify("Photos", "User"), qualify("", "User")
    ('Photos::User', 'User')
    """
    return f"{namespace}::{name}" if namespace else name
