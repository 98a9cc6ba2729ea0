"""Requests in Cedar's words: entities and actions by name, and what a request brings, in Cedar's JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pdp import patterns
from pdp.cedar.escapes import entity as entity_ref
from pdp.cedar.escapes import reference
from pdp.cedar.facts import entity_node
from pdp.cedar.reading import read_context
from pdp.cedar.text import is_type, read_ref, show_ref
from pdp.conform.mismatch import Mismatch, clip, listed, misplaced, near
from pdp.entities.store import Store
from pdp.ids import is_action
from pdp.model import Entity, Membership, Request
from pdp.schema import Schema
from pdp.values import EntityRef, quote

_TYPE: Final = r"[A-Za-z_][A-Za-z0-9_]*+(?:::[A-Za-z_][A-Za-z0-9_]*+)*+"
_SHELL: Final = patterns.compile(rf"({_TYPE}):(?!:)(.*)", re.DOTALL)
_NATIVE: Final = patterns.compile(rf'({_TYPE})[ \t]*+("[^"]*+")')
_KEYS: Final = ("uid", "attrs", "parents", "tags")
_LAYOUT: Final = 'write `[{"uid": {"type": …, "id": …}, "attrs": {…}, "parents": […]}, …]`'


def name_of(text: str, schema: Schema) -> EntityRef:
    """Read `Type::"id"`, or `Type:id`, which needs no quotes in a shell; raise Mismatch for anything else.

    With a schema that somebody wrote, the type has to be declared there.
    """
    return _declared(_spelled(text), schema)


def _spelled(text: str) -> EntityRef:
    shell = _SHELL.fullmatch(text)
    if shell is not None:
        return entity_ref(shell[1], shell[2])
    if '::"' in text:
        try:
            return read_ref(text)
        except ValueError as error:
            message, _, help_ = str(error).partition(": ")
            raise Mismatch("invalid_reference", f"`{clip(text)}` names no entity: {message}", help_ or None) from None
    raise Mismatch("invalid_reference", f"`{clip(text)}` names no entity", _meant(text))


def _meant(text: str) -> str:
    found = _NATIVE.fullmatch(text)
    if found is not None:
        return f"write `{clip(found[1])}::{clip(found[2])}`"
    name, _, id_ = text.rpartition("::")
    if is_type(name) and id_ and '"' not in id_:
        return f'write `{clip(name)}::"{clip(id_)}"` or `{clip(name)}:{clip(id_)}`'
    return 'write `Type::"id"` or `Type:id`'


def _declared(ref: EntityRef, schema: Schema) -> EntityRef:
    if schema.open or ref.type in schema.entities:
        return ref
    return EntityRef(type_of(ref.type, schema), ref.id)


def type_of(name: str, schema: Schema) -> str:
    """Return a type that is declared; raise Mismatch for another, and say which one may be meant."""
    if name in schema.entities:
        return name
    last = name.rpartition("::")[2]
    same = [each for each in sorted(schema.entities) if each.rpartition("::")[2] == last]
    help_ = f"did you mean `{clip(same[0])}`?" if len(same) == 1 else None
    if len(same) > 1:
        help_ = f"it is one of {_any_of(same)}"
    help_ = help_ or near(name, schema.entities) or listed(schema.entities)
    raise Mismatch("undeclared_type", f"there is no entity type `{clip(name)}`", help_)


def _full(ref: EntityRef) -> str:
    """Return the full name of an action, as schemas know it; to import what reads schemas would take long."""
    return f"{ref.type}::{quote(ref.id)}"


def _any_of(names: Sequence[str]) -> str:
    return ", ".join(f"`{clip(name)}`" for name in names[:8])


def action_of(text: str, schema: Schema) -> str:
    """Return the name of an action as an engine takes it: by its id, or in full, be it as `Type:id`."""
    if text in schema.actions or text in schema.action_aliases:
        return text
    found = _SHELL.fullmatch(text)
    if found is not None and is_action(found[1]):
        return _full(EntityRef(found[1], found[2]))
    if '::"' in text:
        try:
            return _full(read_ref(text))
        except ValueError as error:
            message, _, help_ = str(error).partition(": ")
            raise Mismatch("invalid_reference", f"`{clip(text)}` names no action: {message}", help_ or None) from None
    return text


def read_action(data: Any, schema: Schema) -> str:
    """Read an action: as text, or as an object with its type and id."""
    if isinstance(data, str):
        return action_of(data, schema)
    return action_of(_full(reference(data)), schema)


def read_name(data: Any, schema: Schema) -> Entity | EntityRef:
    """Read the name of an entity, as text or as an object; one with a `uid` is an entity that is brought."""
    if isinstance(data, str):
        return name_of(data, schema)
    if isinstance(data, dict) and "uid" in data:
        return read_entity(data, schema)
    return _declared(reference(data), schema)


def read_entities(data: Any, schema: Schema) -> tuple[Entity, ...]:
    """Read a list of entities in Cedar's JSON; raise Mismatch for anything else."""
    if not isinstance(data, list):
        raise misplaced("a list of entities", data, _LAYOUT)
    found = []
    for index, item in enumerate(data):
        try:
            found.append(read_entity(item, schema))
        except Mismatch as wrong:
            raise wrong.under(index) from None
    return tuple(found)


def read_entity(data: Any, schema: Schema) -> Entity:
    """Read one entity in Cedar's JSON. It conforms to the schema: for Cedar, what does not is no request."""
    if not isinstance(data, dict):
        raise misplaced("an entity", data, _LAYOUT)
    for key in data:
        if key not in _KEYS:
            raise Mismatch("unknown_key", f"an entity has no `{clip(key)}`", near(key, _KEYS) or _LAYOUT, (key,))
    if "uid" not in data:
        raise Mismatch("missing_key", "an entity needs `uid`", _LAYOUT)
    if data.get("tags"):
        help_ = "put the entity into `entities.json` in the policy folder"
        raise Mismatch("undeclared_tags", "an entity that a request brings has no tags", help_, ("tags",))
    attributes, parents = data.get("attrs", {}), data.get("parents", [])
    if not isinstance(attributes, Mapping):
        raise misplaced("the attributes by name", attributes).under("attrs")
    if not isinstance(parents, list):
        raise misplaced("a list of parents", parents, 'write `[{"type": …, "id": …}]`').under("parents")
    try:
        ref = _declared(reference(data["uid"]), schema)
    except Mismatch as wrong:
        raise wrong.under("uid") from None
    found = Entity(ref.type, ref.id, attributes, [_parent(each, index) for index, each in enumerate(parents)])
    try:
        entity_node(found, schema)
    except Mismatch as wrong:
        if wrong.path[:1] == ("attributes",):
            raise Mismatch(wrong.code, wrong.message, wrong.help, ("attrs", *wrong.path[1:])) from None
        raise
    return found


def _parent(data: Any, index: int) -> Membership:
    try:
        return Membership(reference(data))
    except Mismatch as wrong:
        raise wrong.under("parents", index) from None


def check_context(data: Any, action: str, schema: Schema) -> dict[str, Any]:
    """Return a context that can be read by what the action declares; raise Mismatch for another."""
    if not isinstance(data, dict):
        raise misplaced("an object", data, 'write `{"name": value}`')
    declared = schema.actions.get(schema.resolve_action(action))
    if declared is not None:
        read_context(data, None if schema.open else declared.context, schema)
    return data


def check_session(data: Any) -> dict[str, Any] | None:
    """Return a session; raise Mismatch for one that nobody but pdp's own rules could heed."""
    if data is not None and not isinstance(data, dict):
        raise misplaced("an object", data, 'write `{"name": value}`')
    if data is not None and "actor" in data:
        help_ = "leave it out, or hand what is known of the actor in as a part of the context"
        raise Mismatch("unknown_key", "policies of Cedar know of nobody who acts for the principal", help_, ("actor",))
    return data


def notes(request: Request, schema: Schema, store: Store) -> Iterator[str]:
    """Yield what is odd about a request, and yet no error to Cedar."""
    action = schema.actions.get(schema.resolve_action(request.action))
    if action is None:
        yield from _unnamed_action(request.action, schema)
    elif not schema.open and (lacks := [*_lacking(request, action.name, schema)]):
        yield from lacks
    brought = [each for each in (request.principal, request.resource, *request.entities) if isinstance(each, Entity)]
    known = {each.ref for each in brought}
    for entity in brought:
        if store.node(entity.ref) is not None:
            yield f"{show_ref(entity.ref)} is held by the policy folder: what the request says of it is not used"
    for ref in (request.principal, request.resource):
        if isinstance(ref, EntityRef) and ref not in known and store.node(ref) is None:
            yield from _not_held(ref, schema, store)


def _unnamed_action(name: str, schema: Schema) -> Iterator[str]:
    full = [text for text, each in schema.actions.items() if each.ref is not None and each.ref.id == name]
    if full:
        yield f"several actions are called `{clip(name)}`: it is one of {_any_of(full)}"
    elif schema.open:
        yield f"no policy names the action `{clip(name)}`"
    elif help_ := near(name, [*schema.actions, *schema.action_aliases]):
        yield help_


def _lacking(request: Request, action: str, schema: Schema) -> Iterator[str]:
    declared = schema.actions[action].context
    missing = [name for name, kind in declared.fields.items() if not kind.optional]
    if not request.context and missing:
        yield f"`--context` is needed: the action has {', '.join(f'`{clip(name)}`' for name in missing)}"


def _not_held(ref: EntityRef, schema: Schema, store: Store) -> Iterator[str]:
    declared = schema.entities.get(ref.type)
    if declared is None or (declared.bare and not schema.open) or declared.ids is not None:
        return
    ids = [node.ref.id for node in store if node.ref.type == ref.type]
    help_ = near(ref.id, ids[:1000])
    yield f"no entity file holds `{clip(show_ref(ref))}`, so it has no attributes and is in nothing" + (
        f": {help_}" if help_ else ""
    )
