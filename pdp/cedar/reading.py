"""Values from plain data in Cedar's JSON, by declared type where there is one.

A type is made into a function once, which then reads data without looking at the type again. Whatever is wrong with
data is a `Mismatch`, which says where: nothing of it is used then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, assert_never, cast

from pdp.cedar import untyped
from pdp.cedar.escapes import (
    ENTITY,
    EXPRESSION,
    EXTENSION,
    EXTENSION_FORM,
    boolean,
    call,
    elements,
    is_call,
    long,
    mapping,
    own,
    parsed,
    plain_pair,
    reference,
    string,
    under,
)
from pdp.cedar.spelling import named, spelled, wrong
from pdp.conform.mismatch import Mismatch, clip, listed, near
from pdp.errors import article
from pdp.schema import Schema
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type, Wrong
from pdp.values import Datetime, Decimal, Duration, EntityRef, Ip, Record, Value, ValueSet

Reader: TypeAlias = Callable[[object], Value]
ContextReader: TypeAlias = Callable[[Mapping[str, object] | None], dict[str, Value]]

_CLASSES: Final[Mapping[Primitive, type]] = {
    Primitive.DECIMAL: Decimal,
    Primitive.DATETIME: Datetime,
    Primitive.DURATION: Duration,
    Primitive.IP: Ip,
}


def read_value(given: object, kind: Type | None, schema: Schema) -> Value:
    """Return the value that data states; raise Mismatch where it states none of the type.

    >>> world = Schema(entities={}, enums={}, actions={}, groups={}, roles={}, obligations={})
    >>> read_value("10.1.0.0/16", Primitive.IP, world) == read_value(
    ...     {"__extn": {"fn": "ip", "arg": "10.1.0.0/16"}}, None, world
    ... )
    True
    >>> read_value([1, "a"], SetType(Primitive.INT), world)
    Traceback (most recent call last):
    pdp.conform.mismatch.Mismatch: `[1]`: expected `Long`, found the string `"a"` \
(help: a Long is a whole number such as `42`, without quotes)
    """
    return reader(kind, schema)(given)


def read_context(given: Mapping[str, object] | None, kind: RecordType | None, schema: Schema) -> dict[str, Value]:
    """Return the values of a context by their names; raise Mismatch where anything in it is wrong."""
    return context_reader(kind, schema)(given)


def reader(kind: Type | None, schema: Schema) -> Reader:
    """Return what reads values of a type; for None, of any."""
    read = untyped.read if kind is None else _Readers(schema).of(kind)
    crowded = kind is not None and _crowded(kind)

    def guarded(given: object) -> Value:
        try:
            if crowded:
                untyped.measure(given)
            return read(given)
        except Mismatch:
            raise
        except Exception:
            raise _unreadable() from None

    return guarded


def context_reader(kind: RecordType | None, schema: Schema) -> ContextReader:
    """Return what reads contexts of a type; for None, any. None in place of a context is one without attributes."""
    read = _any_context if kind is None else _Readers(schema).fields(kind)
    crowded = kind is not None and _crowded(kind)

    def guarded(given: Mapping[str, object] | None) -> dict[str, Value]:
        try:
            if crowded:
                untyped.measure(given)
            return read({} if given is None else given)
        except Mismatch:
            raise
        except Exception:
            # Whatever the caller's mapping raises: it is data that cannot be read.
            raise _unreadable() from None

    return guarded


def _unreadable() -> Mismatch:
    return Mismatch("wrong_type", "this is not data that can be read")


def _any_context(given: object) -> dict[str, Value]:
    fields = mapping(given)
    if fields is None or (len(fields) == 1 and not fields.keys().isdisjoint((ENTITY, EXTENSION, EXPRESSION))):
        raise wrong(RecordType({}), given, "a context is a record of attributes")
    return untyped.read_fields(fields)


def _crowded(kind: Type) -> bool:
    """Tell whether lists of lists are of a type: those that share what they hold are larger than they look."""
    inside, kinds, seen = 0, [(kind, 0)], set()
    while kinds:
        here, sets = kinds.pop()
        inside = max(inside, sets)
        if (id(here), sets) in seen or sets > 1:
            continue
        seen.add((id(here), sets))
        if isinstance(here, SetType) and here.element is not None:
            kinds.append((here.element, sets + 1))
        elif isinstance(here, RecordType):
            kinds += [(field.type, sets) for field in here.fields.values()]
    return inside > 1


class _Readers:
    """Makes readers, one for each type, which may stand in many places."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._known: dict[int, tuple[Type, Reader]] = {}

    def of(self, kind: Type) -> Reader:
        """Return what reads values of a type."""
        known = self._known.get(id(kind))
        if known is None:
            # The type is kept with it, so that no other gets its identity.
            known = self._known[id(kind)] = (kind, self._made(kind))
        return known[1]

    def _made(self, kind: Type) -> Reader:
        match kind:
            case Primitive.BOOL:
                return boolean
            case Primitive.INT:
                return long
            case Primitive.STRING:
                return string
            case Primitive():
                return _extension(kind)
            case EntityTypes():
                return _entity(kind, self._schema)
            case SetType():
                return self._set(kind)
            case RecordType():
                read = self.fields(kind)
                return lambda given: Record(read(given))
            case EnumType() | Wrong():
                return _none
            case _:
                assert_never(kind)

    def _set(self, kind: SetType) -> Reader:
        read = _none if kind.element is None else self.of(kind.element)

        def read_set(given: object) -> Value:
            items = elements(given)
            if items is None:
                raise wrong(kind, given, "a set is written as a list")
            found = []
            for index, item in enumerate(items):
                try:
                    found.append(read(item))
                except Mismatch as odd:
                    raise odd.under(index) from None
            return ValueSet(found)

        return read_set

    def fields(self, kind: RecordType) -> Callable[[object], dict[str, Value]]:
        """Return what reads the attributes of records."""
        readers = {name: self.of(field.type) for name, field in kind.fields.items()}
        required = tuple(name for name, field in kind.fields.items() if not field.optional)

        def read_fields(given: object) -> dict[str, Value]:
            # A dict that somebody else changes meanwhile is copied first; so is one of a class of its own.
            fields = cast(dict[object, object], given).copy() if type(given) is dict else mapping(given)
            if fields is None:
                raise wrong(kind, given, "a record holds its attributes by name")
            found: dict[str, Value] = {}
            for name, value in fields.items():
                key = name if type(name) is str else string(name)
                read = readers.get(key)
                if read is None:
                    raise undeclared(key, kind)
                try:
                    found[key] = read(value)
                except Mismatch as odd:
                    raise odd.under(key) from None
            for name in required:
                if name not in found:
                    raise lacking(name, kind)
            return found

        return read_fields


def attribute_readers(kind: RecordType, schema: Schema) -> dict[str, Reader]:
    """Return what reads each attribute of a record."""
    readers = _Readers(schema)
    return {name: readers.of(field.type) for name, field in kind.fields.items()}


def undeclared(name: str, kind: RecordType, owner: str = "here") -> Mismatch:
    """Say that an attribute is not declared; its path is its name, and its name is what is wrong."""
    help_ = near(name, kind.fields) or listed(kind.fields)
    return Mismatch("undeclared_attribute", f"there is no attribute `{clip(name)}` {owner}", help_, (name,))


def lacking(name: str, kind: RecordType) -> Mismatch:
    """Say that an attribute is lacking that its type does not let be absent."""
    help_ = f"it is {article(clip(spelled(kind.fields[name].type)))}; `{clip(name)}?` in the schema makes it optional"
    return Mismatch("missing_attribute", f"the attribute `{clip(name)}` is missing", help_)


def _none(given: object) -> Value:
    raise Mismatch("wrong_type", "no data is of the type that this has to have")


def _extension(kind: Primitive) -> Reader:
    cls = _CLASSES[kind]

    def read(given: object) -> Value:
        if issubclass(type(given), str):
            return parsed(kind, string(given))
        if (known := own(given)) is None:
            fields = mapping(given)
            if fields is None:
                raise wrong(kind, given)
            known = _called(fields, kind, given)
        if type(known) is not cls:
            raise wrong(kind, known)
        return known

    return read


def _called(fields: dict[object, object], kind: Primitive, given: object) -> Value:
    if EXTENSION in fields and len(fields) == 1:
        return under(lambda inner: _call(inner, kind), fields[EXTENSION], EXTENSION)
    if not is_call(fields):
        raise wrong(kind, given)
    return _call(fields, kind)


def _call(inner: object, kind: Primitive) -> Value:
    fields = mapping(inner)
    if fields is None or not is_call(fields):
        raise Mismatch("unreadable_value", "this names no function and its argument", EXTENSION_FORM)
    return call(fields, lambda value, parameter: _extension(parameter)(value))


def _entity(kind: EntityTypes, schema: Schema) -> Reader:
    names = kind.names
    ids = {name: allowed for name in names if (allowed := known_ids(name, schema)) is not None}
    plain = names - ids.keys()

    def read(given: object) -> Value:
        pair = plain_pair(given)
        if pair is not None and pair[0] in plain:
            return EntityRef(*pair)
        if not (type(given) is EntityRef or isinstance(given, Mapping | Record)):
            raise wrong(kind, given)
        ref = reference(given)
        if ref.type not in names:
            raise wrong(kind, ref)
        if ref.type in ids and ref.id not in ids[ref.type]:
            raise undeclared_id(ref, ids[ref.type])
        return ref

    return read


def known_ids(name: str, schema: Schema) -> frozenset[str] | None:
    """Return the ids that entities of a type can have; None where they can have any."""
    if name == "Action" or name.endswith("::Action"):
        refs = [ref for action in schema.actions.values() for ref in (action.ref, *action.parents) if ref is not None]
        return frozenset(ref.id for ref in refs if ref.type == name)
    declared = schema.entities.get(name)
    return None if declared is None else declared.ids


def undeclared_id(ref: EntityRef, known: frozenset[str]) -> Mismatch:
    """Say that a type does not have an entity of an id."""
    help_ = near(ref.id, known) or listed(known)
    return Mismatch("undeclared_member", f"{named(ref)} is not declared", help_)
