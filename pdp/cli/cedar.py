"""Requests in Cedar's words: entities and actions by name, and what a request brings, in Cedar's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pdp.cedar.asked import action_of, any_of, declared, full_name, name_of
from pdp.cedar.escapes import reference
from pdp.cedar.facts import entity_node
from pdp.cedar.reading import read_context
from pdp.cedar.text import show_ref
from pdp.conform.mismatch import Mismatch, clip, misplaced, near
from pdp.entities.store import Store
from pdp.model import Entity, Membership, Request
from pdp.schema import Schema
from pdp.values import EntityRef

_KEYS: Final = ("uid", "attrs", "parents", "tags")
_LAYOUT: Final = 'write `[{"uid": {"type": …, "id": …}, "attrs": {…}, "parents": […]}, …]`'


def read_action(data: Any, schema: Schema) -> str:
    """Read an action: as text, or as an object with its type and id."""
    if isinstance(data, str):
        return action_of(data, schema)
    return action_of(full_name(reference(data)), schema)


def read_name(data: Any, schema: Schema) -> Entity | EntityRef:
    """Read the name of an entity, as text or as an object; one with a `uid` is an entity that is brought."""
    if isinstance(data, str):
        return name_of(data, schema)
    if isinstance(data, dict) and "uid" in data:
        return read_entity(data, schema)
    return declared(reference(data), schema)


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
        ref = declared(reference(data["uid"]), schema)
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
        yield f"several actions are called `{clip(name)}`: it is one of {any_of(full)}"
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
