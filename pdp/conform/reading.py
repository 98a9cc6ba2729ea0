"""Values of any declared type, from data and to data; attributes and entities that requests and providers bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, assert_never

from pdp.conform.mismatch import Mismatch, clip, listed, meant, mismatch, misplaced, near
from pdp.conform.references import check_parent, reference, reference_of
from pdp.conform.scalars import READERS, datetime
from pdp.errors import article
from pdp.model import Entity, Membership, Node
from pdp.schema import EntityType, Schema
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type, Wrong
from pdp.values import (
    MAX_SET,
    UNKNOWN,
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
    show,
)

MAX_DEPTH: Final = 64
MAX_PARENTS: Final = 1_000_000


def conform(value: Any, kind: Type, schema: Schema) -> Value:
    """Turn plain data into the value of a type that it states; raise Mismatch where it states none.

    An Int is no Decimal: a Decimal is text with a point, a `decimal.Decimal`, or one of pdp's.

    >>> world = Schema(entities={}, enums={}, actions={}, groups={}, roles={}, obligations={})
    >>> conform("15m", Primitive.DURATION, world)
    Duration(micros=900000000)
    >>> conform(["a", 1], SetType(Primitive.STRING), world)
    Traceback (most recent call last):
    pdp.conform.mismatch.Mismatch: `[1]`: expected `String`, found the number `1` (help: a String is text in quotes)
    """
    return _conform(value, kind, schema, MAX_DEPTH)


def _conform(value: Any, kind: Type, schema: Schema, depth: int) -> Value:
    if depth == 0:
        raise too_deep()
    match kind:
        case Primitive():
            return READERS[kind](value)
        case EnumType():
            return _member(value, kind, schema)
        case EntityTypes():
            return reference_of(value, kind, schema)
        case SetType():
            return _set(value, kind, schema, depth)
        case RecordType():
            return _record(value, kind, schema, depth)
        case Wrong():
            raise Mismatch("wrong_type", "the type that this should have is not known")
        case _:
            assert_never(kind)


def too_deep() -> Mismatch:
    """Say that data is nested deeper than anything that is read."""
    return Mismatch("data_too_deep", f"data is nested at most {MAX_DEPTH} levels deep")


def _member(value: Any, kind: EnumType, schema: Schema) -> EnumMember:
    if isinstance(value, EnumMember):
        if schema.resolve(value.enum) != kind.name:
            raise mismatch(kind, value)
        name = value.name
    elif isinstance(value, str):
        name = str.__str__(value)
    else:
        raise mismatch(kind, value, listed(kind.members))
    if name not in kind.members:
        help_ = near(name, kind.members) or listed(kind.members)
        raise Mismatch("undeclared_member", f"`{clip(name)}` is no member of the enum `{kind}`", help_)
    return EnumMember(kind.name, name)


def _elements(value: Any, kind: SetType) -> list[Any]:
    # A reference is a tuple of Python's, but no set of texts.
    if isinstance(value, EntityRef) or not isinstance(value, list | tuple | set | frozenset | ValueSet):
        raise mismatch(kind, value, "a set is written as a list")
    if len(value) > MAX_SET:
        raise Mismatch("data_too_large", f"a set has at most {MAX_SET} elements, this one has {len(value)}")
    return list(value)


def _set(value: Any, kind: SetType, schema: Schema, depth: int) -> ValueSet:
    elements = _elements(value, kind)
    if kind.element is None:
        if elements:
            raise Mismatch("wrong_type", "expected an empty list")
        return ValueSet(())
    found: list[Value] = []
    for index, element in enumerate(elements):
        try:
            found.append(_conform(element, kind.element, schema, depth - 1))
        except Mismatch as wrong:
            raise wrong.under(index) from None
    return ValueSet(found)


def _record(value: Any, kind: RecordType, schema: Schema, depth: int) -> Record:
    if not isinstance(value, Mapping):
        raise mismatch(kind, value, "a record holds its attributes by name")
    found: dict[str, Value] = {}
    for name, inner in value.items():
        declared = kind.fields.get(name) if isinstance(name, str) else None
        if declared is None:
            raise undeclared(name, kind.fields)
        try:
            found[str.__str__(name)] = _conform(inner, declared.type, schema, depth - 1)
        except Mismatch as wrong:
            raise wrong.under(name) from None
    for lacking in missing(found, kind):
        raise lacking
    return Record(found)


def undeclared(name: Any, fields: Mapping[str, object], owner: str = "here") -> Mismatch:
    """Say that an attribute is not declared; its path is its name, and its name is what is wrong."""
    if not isinstance(name, str):
        return misplaced("the name of an attribute", name)
    message = f"there is no attribute `{clip(name)}` {owner}"
    help_ = near(name, fields) or listed(fields)
    return Mismatch("undeclared_attribute", message, help_, (name,))


def missing(given: Mapping[str, object], kind: RecordType) -> Iterator[Mismatch]:
    """Yield a mismatch for each attribute that is lacking and that its type does not let be absent.

    One that was most likely meant by a name that is not declared is not lacking: that name is a mismatch already.
    """
    misspelt = {meant(name, kind.fields) for name in given if name not in kind.fields}
    for name, declared in kind.fields.items():
        if not declared.optional and name not in given and name not in misspelt:
            help_ = f"it is {article(declared.type)}; `{name}?` in its declaration makes it optional"
            yield Mismatch("missing_attribute", f"the attribute `{clip(name)}` is missing", help_)


def mismatches(value: Any, kind: Type, schema: Schema) -> Iterator[Mismatch]:
    """Yield all that keeps data from conforming, where `conform` stops at the first."""
    if isinstance(kind, SetType) and kind.element and isinstance(value, list) and len(value) <= MAX_SET:
        for index, element in enumerate(value):
            yield from (wrong.under(index) for wrong in mismatches(element, kind.element, schema))
    elif isinstance(kind, RecordType) and isinstance(value, dict):
        for name, inner in value.items():
            if (declared := kind.fields.get(name)) is None:
                yield undeclared(name, kind.fields)
            else:
                yield from (wrong.under(name) for wrong in mismatches(inner, declared.type, schema))
        yield from missing(value, kind)
    else:
        try:
            conform(value, kind, schema)
        except Mismatch as wrong:
            yield wrong


def conform_attributes(attributes: Mapping[str, Any], kind: RecordType, schema: Schema) -> dict[str, Value | Unknown]:
    """Read what a request brings, attribute by attribute, into a dict of its own.

    An attribute that does not conform is unknown as a whole, so that no condition on it can hold; one that is not
    declared is left out, since no rule can ask for it. Raise Mismatch where the data is no mapping.
    """
    if not isinstance(attributes, Mapping):
        raise mismatch(kind, attributes)
    found: dict[str, Value | Unknown] = {}
    for name, declared in kind.fields.items():
        try:
            if name in attributes:
                found[name] = conform(attributes[name], declared.type, schema)
        except Exception:
            # Whatever the caller's mapping or values raise: what cannot be read is unknown, never absent.
            found[name] = UNKNOWN
    return found


def conform_entity(entity: Entity, schema: Schema) -> Node:
    """Read an entity that a request or a provider brings; raise Mismatch where it cannot be in the declared world.

    Its attributes are read as `conform_attributes` does: what does not conform is unknown.
    """
    ref = reference(entity, schema)
    declared = schema.entities[ref.type]
    if entity.tags:
        raise Mismatch("undeclared_tags", "entities have no tags", "only those of Cedar have; use attributes")
    try:
        attributes = conform_attributes(entity.attributes, declared.attributes, schema)
    except Mismatch as wrong:
        raise wrong.under("attributes") from None
    return Node(ref, attributes, tuple(_memberships(entity.parents, declared, schema)))


def _memberships(parents: Any, declared: EntityType, schema: Schema) -> Iterable[Membership]:
    if isinstance(parents, str | Mapping) or not isinstance(parents, Iterable):
        raise misplaced("a list of parents", parents).under("parents")
    listed = list(islice(parents, MAX_PARENTS + 1))
    if len(listed) > MAX_PARENTS:
        raise Mismatch("data_too_large", f"an entity has at most {MAX_PARENTS} parents").under("parents")
    found: dict[Membership, None] = {}
    for index, parent in enumerate(listed):
        try:
            found[_membership(parent, declared, schema)] = None
        except Mismatch as wrong:
            raise wrong.under("parents", index) from None
    return found


def _membership(parent: Any, declared: EntityType, schema: Schema) -> Membership:
    until: Any = None
    if isinstance(parent, Membership):
        parent, until = parent.parent, parent.until
    if not isinstance(parent, EntityRef):
        raise misplaced("an entity reference", parent)
    ref = reference(parent, schema)
    check_parent(declared, ref)
    if isinstance(until, str):
        # The end of a membership in code is an instant: text there is a mistake, which must not pass unseen.
        raise mismatch(Primitive.DATETIME, until)
    return Membership(ref, None if until is None else datetime(until))


def plain(value: Value) -> Any:
    """Turn a value into data that JSON can write, and that `conform` reads back by its type.

    >>> plain(ValueSet([EntityRef("Service", "api")]))
    [{'type': 'Service', 'id': 'api'}]
    """
    match value:
        case EnumMember():
            return value.name
        case EntityRef():
            return {"type": value.type, "id": value.id}
        case Record():
            return {name: plain(inner) for name, inner in value.items()}
        case ValueSet():
            return [plain(element) for element in sorted(value, key=show)]
        case Decimal() | Datetime() | Duration() | Ip():
            return str(value)
        case bool() | int() | str():
            return value
        case _:
            assert_never(value)
