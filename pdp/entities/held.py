"""Entities as compiled rules read them: with all that they are in, found once, and only where all of it is certain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pdp.entities.store import Store
from pdp.model import Node
from pdp.schema import Schema
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type
from pdp.values import (
    INT_MAX,
    INT_MIN,
    MAX_SET,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    Record,
    Unknown,
    Value,
    ValueSet,
    label,
)


class Held:
    """An entity of the store whose attributes are all of their types.

    `a` are its attributes and `t` its tags; `up` is all that it is in, itself too, or None where that ends at some
    time, or is not all known. Where rules compare names only, they take labels: its own is `me`, those of the entities
    that its attributes name are `n`, those of `up` are `over`. `gates` and `doors` lead to what is compiled for its
    type, `rows` to the rules that name what it is in.
    """

    __slots__ = ("a", "doors", "gates", "kind", "me", "n", "over", "ref", "rows", "t", "up")

    def __init__(
        self,
        ref: EntityRef,
        attributes: Mapping[str, Any],
        up: frozenset[EntityRef] | None,
        gates: Mapping[str, Any],
        doors: Mapping[str, Any],
        tags: Mapping[str, Any],
        label: Callable[[EntityRef], str] = label,
    ) -> None:
        """Put an entity together; `label` gives the labels."""
        self.ref = ref
        self.kind = ref.type
        self.a = attributes if attributes.__class__ is dict else dict(attributes)
        self.n = {name: label(value) for name, value in attributes.items() if value.__class__ is EntityRef}
        self.up = up
        self.me = label(ref)
        self.over = None if up is None else frozenset(map(label, up))
        self.gates = gates
        self.doors = doors
        self.t = tags
        self.rows: dict[Any, Any] = {}


def sound(node: Node, schema: Schema) -> bool:
    """Tell whether an entity has no attribute but those declared, each of its type. It may lack some.

    >>> from pdp.schema import EntityType
    >>> agent = EntityType(name="Agent", parents=frozenset(), attributes=RecordType({}))
    >>> world = Schema(entities={"Agent": agent}, enums={}, actions={}, groups={}, roles={}, obligations={})
    >>> sound(Node(EntityRef("Agent", "a"), {"odd": 1}), world)
    False
    """
    declared = schema.entities.get(node.ref.type)
    if declared is None or (declared.ids is not None and node.ref.id not in declared.ids):
        return False
    if schema.open:
        # Nothing is known of its attributes, and nothing taken for granted.
        return True
    fields = declared.attributes.fields
    return all(name in fields and fits(value, fields[name].type) for name, value in node.attributes.items())


def everything_above(ref: EntityRef, node: Callable[[EntityRef], Node | None]) -> frozenset[EntityRef] | None:
    """Return all that an entity is in, itself too; None where a membership ends, or where not all is held."""
    found, work = {ref}, [ref]
    while work:
        here = node(work.pop())
        if here is None:
            return None
        for step in here.parents:
            if step.until is not None:
                return None
            if step.parent not in found:
                found.add(step.parent)
                work.append(step.parent)
    return frozenset(found)


def lookup(store: Store, schema: Schema, *, alone: bool = False) -> Callable[[EntityRef], Node | None]:
    """Return what finds an entity in a store, or one of which there is nothing to know but its name.

    For Cedar these are all that the store does not hold, if it is `alone`: no provider may know more.
    """

    def node(ref: EntityRef) -> Node | None:
        held = store.node(ref)
        if held is None:
            if schema.is_cedar:
                return Node(ref, {}) if alone else None
            declared = schema.entities.get(ref.type)
            return Node(ref, {}) if declared is not None and declared.bare else None
        return held

    return node


def fits(value: Value | Unknown, kind: Type) -> bool:
    """Tell whether a value of the model is one of a type."""
    match kind:
        case Primitive():
            if value.__class__ is int:
                return kind is Primitive.INT and INT_MIN <= value <= INT_MAX
            return value.__class__ is _CLASSES[kind]
        case EnumType():
            return isinstance(value, EnumMember) and value.enum == kind.name
        case EntityTypes():
            return value.__class__ is EntityRef and value.type in kind.names
        case SetType():
            if value.__class__ is not ValueSet or len(value) > MAX_SET:
                return False
            return all(kind.element is not None and fits(each, kind.element) for each in value)
        case RecordType():
            return value.__class__ is Record and all(
                name in kind.fields and fits(each, kind.fields[name].type) for name, each in value.items()
            )
        case _:
            return False


_CLASSES: Mapping[Primitive, type] = {
    Primitive.BOOL: bool,
    Primitive.INT: int,
    Primitive.STRING: str,
    Primitive.DECIMAL: Decimal,
    Primitive.DATETIME: Datetime,
    Primitive.DURATION: Duration,
    Primitive.IP: Ip,
}
