"""Entities, and their names, in the JSON that comes with a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pdp import patterns
from pdp.conform import Mismatch, read_ref
from pdp.conform.mismatch import clip, misplaced, near
from pdp.conform.references import reference
from pdp.conform.scalars import datetime
from pdp.model import Entity, Membership
from pdp.schema import Schema
from pdp.values import EntityRef

_KEYS: Final = ("type", "id", "in", "attributes")
_UNTIL: Final = patterns.compile(r'(.*")[ \t]+until[ \t]+(\S*)', re.DOTALL)
_LAYOUT: Final = 'write `[{"type": …, "id": …, "in": […], "attributes": {…}}, …]`'


def read_entities(data: Any, schema: Schema) -> tuple[Entity, ...]:
    """Read a list of entities, or an object that holds one as entity files do; raise Mismatch for anything else."""
    if isinstance(data, dict) and data.keys() == {"entities"}:
        try:
            return read_entities(data["entities"], schema)
        except Mismatch as wrong:
            raise wrong.under("entities") from None
    if not isinstance(data, list):
        raise misplaced("a list of entities", data, _LAYOUT)
    found = []
    for index, item in enumerate(data):
        try:
            found.append(read_entity(item, schema))
        except Mismatch as wrong:
            raise wrong.under(index) from None
    return tuple(found)


def read_name(data: Any, schema: Schema) -> Entity | EntityRef:
    """Read the name of an entity, as text or as an object; with attributes or parents, it is one that is brought."""
    if isinstance(data, dict) and not data.keys() <= {"type", "id"}:
        return read_entity(data, schema)
    return read_reference(data, schema)


def read_reference(data: Any, schema: Schema) -> EntityRef:
    """Read `Type "id"`, `Type:id`, or an object with both; raise Mismatch for anything else."""
    if isinstance(data, str):
        try:
            return read_ref(data, schema)
        except ValueError as error:
            raise Mismatch("invalid_reference", *split_help(str(error))) from None
    return reference(data, schema)


def split_help(text: str) -> tuple[str, str | None]:
    """Take apart what is wrong with a name, and what would help."""
    message, found, help_ = text.rpartition(" (help: ")
    return (message, help_.removesuffix(")")) if found else (text, None)


def read_entity(data: Any, schema: Schema) -> Entity:
    """Read an entity; its attributes are read when a decision needs them."""
    if not isinstance(data, dict):
        raise misplaced("an entity", data, _LAYOUT)
    for key in data:
        if key not in _KEYS:
            help_ = near(key, _KEYS) or "it has `type`, `id`, `in` and `attributes`"
            raise Mismatch("unknown_key", f"an entity has no `{clip(key)}`", help_, (key,))
    ref = reference({key: data[key] for key in ("type", "id") if key in data}, schema)
    attributes, parents = data.get("attributes", {}), data.get("in", [])
    if not isinstance(attributes, Mapping):
        raise misplaced("the attributes by name", attributes).under("attributes")
    if not isinstance(parents, list):
        raise misplaced("a list of parents", parents, 'write `["Group \\"sre\\""]`').under("in")
    return Entity(ref.type, ref.id, attributes, [_parent(each, index, schema) for index, each in enumerate(parents)])


def _parent(data: Any, index: int, schema: Schema) -> Membership:
    until: Any = None
    if isinstance(data, str) and (match := _UNTIL.fullmatch(data)):
        data, until = match.groups()
    elif isinstance(data, dict) and "until" in data:
        until = data["until"]
        data = {key: value for key, value in data.items() if key != "until"}
    try:
        return Membership(read_reference(data, schema), None if until is None else datetime(until))
    except Mismatch as wrong:
        raise wrong.under("in", index) from None
