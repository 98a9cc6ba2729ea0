"""Entities of Cedar as an entity file of pdp."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pdp.cedar.conversion.names import Names
from pdp.cedar.conversion.notes import Difference
from pdp.cedar.text import show_ref
from pdp.conform import plain
from pdp.entities.store import Store
from pdp.errors import Diagnostic
from pdp.ids import is_action, wrong_id
from pdp.model import Node
from pdp.types import EntityTypes, RecordType
from pdp.values import DATETIME_MAX, DATETIME_MIN, Datetime, EntityRef, Ip, Record, Unknown, Value, ValueSet


class _Unwritable(Exception):
    """That a value has no form in an entity file of pdp."""


def written(store: Store, names: Names) -> tuple[str, list[Difference], list[Diagnostic]]:
    """Return an entity file, what is different about it, and what cannot be written."""
    differences: list[Difference] = []
    problems: list[Diagnostic] = []
    found = []
    for node in sorted(store, key=lambda node: node.ref):
        if is_action(node.ref.type) or node.ref.type in names.enums:
            continue
        try:
            found.append(_entity(node, store, names, differences, problems))
        except _Unwritable as error:
            message = f"the entity `{show_ref(node.ref)}` is left out: {error}"
            problems.append(Diagnostic(code="not_converted", message=message))
    return json.dumps({"entities": found}, indent=2) + "\n" if found else "", differences, problems


def _entity(
    node: Node, store: Store, names: Names, differences: list[Difference], problems: list[Diagnostic]
) -> dict[str, Any]:
    found: dict[str, Any] = _reference(node.ref, names)
    parents = list(_parents(node, store, names, problems))
    if parents:
        found["in"] = parents
    declared = names.schema.entities[node.ref.type].attributes
    kept = {name: value for name, value in node.attributes.items() if _has_form(name, declared, names)}
    attributes = {name: data_of(value, names) for name, value in kept.items()}
    if attributes:
        found["attributes"] = attributes
    if node.tags:
        differences.append(Difference(show_ref(node.ref), "tags", "entities have no tags; they are left out"))
    return found


def _parents(node: Node, store: Store, names: Names, problems: list[Diagnostic]) -> Iterator[dict[str, Any]]:
    for step in node.parents:
        if is_action(step.parent.type):
            continue
        bare = names.schema.entities[step.parent.type].bare
        if bare or store.node(step.parent) is not None:
            yield _reference(step.parent, names)
        else:
            # A forbid of those who are in it would let them through.
            message = f"`{show_ref(node.ref)}` is in `{show_ref(step.parent)}`, which no entity data holds"
            help_ = "put it into the data: in pdp, nobody is in what nothing holds"
            problems.append(Diagnostic(code="not_converted", message=message, help=help_))


def _has_form(name: str, declared: RecordType, names: Names) -> bool:
    kind = declared.fields[name].type
    return not isinstance(kind, EntityTypes) or kind.names <= names.types.keys()


def _reference(ref: EntityRef, names: Names) -> dict[str, Any]:
    wrong = wrong_id(ref.id)
    if wrong is not None:
        raise _Unwritable(wrong.message)
    return {"type": names.types[ref.type], "id": ref.id}


def data_of(value: Value | Unknown, names: Names) -> Any:
    """Return a value as the plain data that stands for it in pdp."""
    match value:
        case EntityRef():
            return value.id if value.type in names.enums else _reference(value, names)
        case ValueSet():
            return [data_of(each, names) for each in sorted(value, key=str)]
        case Record():
            return {name: data_of(each, names) for name, each in value.items()}
        case Datetime() if not DATETIME_MIN <= value.micros <= DATETIME_MAX:
            raise _Unwritable("in pdp, an instant is of the years 1 to 9999")
        case Ip() if value.written is not None:
            raise _Unwritable("in pdp, a range of addresses has no host bits")
        case Unknown():
            raise _Unwritable("an attribute cannot be read")
        case _:
            return plain(value)
