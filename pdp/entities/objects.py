"""Entities that are given as objects, read by the schema of the policies that they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pdp.conform import Mismatch, conform_entity
from pdp.entities.store import Store
from pdp.errors import RequestError
from pdp.ids import is_action
from pdp.model import Entity, Membership, Node
from pdp.schema import Schema
from pdp.values import EntityRef, show


def node_of(entity: Entity, schema: Schema) -> Node:
    """Return an entity as the engine holds it; raise Mismatch where the schema has no room for it.

    Raises RequestError for an action that is in other groups than it was when the policies were read.
    """
    return reader_of(schema)(entity)


def reader_of(schema: Schema) -> Callable[[Entity], Node]:
    """Return what does that for many entities."""
    if not schema.is_cedar:
        return lambda entity: conform_entity(entity, schema)
    from pdp.cedar.facts import node_of as read
    from pdp.cedar.forms import Forms

    forms = Forms(schema)

    def checked(entity: Entity) -> Node:
        node = read(entity, forms)
        if is_action(node.ref.type):
            check_action(node, actions_of(schema))
        return node

    return checked


def store_of(entities: Iterable[Entity], schema: Schema, beside: Iterable[Node] = ()) -> Store:
    """Return a store of entities given as objects, and of nodes beside them.

    Raises RequestError for an entity unknown to the schema, or twice.
    """
    try:
        return with_actions(Store.of([*beside, *map(reader_of(schema), entities)]), schema)
    except (Mismatch, ValueError) as error:
        raise RequestError(str(error)) from error


def with_actions(store: Store, schema: Schema) -> Store:
    """Return a store that holds the actions of the schema, where they are entities.

    Raises RequestError where it holds one that is in others than the policies were read with.
    """
    if not schema.is_cedar:
        return store
    declared = actions_of(schema)
    for node in store:
        check_action(node, declared)
    missing = [ref for ref in declared if store.node(ref) is None]
    for ref in missing:
        store = store.with_node(Node(ref, {}, tuple(Membership(parent) for parent in declared[ref])))
    return store


def actions_of(schema: Schema) -> Mapping[EntityRef, tuple[EntityRef, ...]]:
    """Return the actions that are entities, with the groups that they are in."""
    return {action.ref: action.parents for action in schema.actions.values() if action.ref is not None}


def check_action(node: Node, declared: Mapping[EntityRef, tuple[EntityRef, ...]]) -> None:
    """Raise RequestError for an action that is in other groups than it was when the policies were read.

    Which actions a policy is about is settled then.
    """
    if is_action(node.ref.type):
        groups = {step.parent for step in node.parents}
        if groups != set(declared.get(node.ref, ())):
            raise RequestError(f"{show(node.ref)} is in other groups than when the policies were loaded")


def action_again(node: Node, schema: Schema) -> Iterable[Node]:
    """Return an action as other policies have it; nothing where they bring it themselves.

    Raises RequestError where they would lose an attribute of it, or a group: a forbid may be about that.
    """
    if not schema.open and not node.attributes and not node.tags:
        return ()
    groups = actions_of(schema).get(node.ref, ())
    lost = [step.parent for step in node.parents if step.parent not in groups]
    if not schema.open or lost:
        what = f"in {show(lost[0])}" if lost else "with attributes"
        raise RequestError(f"{show(node.ref)} does not fit the policy: there it is not {what}")
    return (Node(node.ref, node.attributes, tuple(map(Membership, groups)), node.tags),)
