"""The schema of policies that nobody wrote one for: what they name, and nothing of it known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pdp.cedar import tree
from pdp.cedar.schemas.resolver import assemble, session_of
from pdp.ids import is_action
from pdp.schema import Action, EntityType, Schema
from pdp.types import EntityTypes, RecordType
from pdp.values import EntityRef

_NOTHING: Final = RecordType({})


def implicit_schema(
    policies: Sequence[tree.Policy], entity_types: Iterable[str], actions: Iterable[EntityRef]
) -> Schema:
    """Return the open schema of all types and actions that policies, or the arguments, name.

    The types have no attributes and no parents, and every action is by and on every type. An entity whose type is
    called `Action` is an action, wherever a policy names it.
    """
    types = dict.fromkeys(entity_types)
    refs = dict.fromkeys(actions)
    for policy in policies:
        for each in _named_by(policy):
            if isinstance(each, str):
                types[each] = None
            elif is_action(each.type):
                refs[each] = None
            else:
                types[each.type] = None
    every = frozenset(name for name in types if not is_action(name))
    session = session_of(EntityTypes(every))
    return assemble(
        {name: EntityType(name=name, parents=frozenset(), attributes=_NOTHING) for name in types if name in every},
        [
            Action(name=ref.id, principals=every, resources=every, context=_NOTHING, session=session, ref=ref)
            for ref in refs
        ],
        open=True,
    )


def _named_by(policy: tree.Policy) -> Iterator[str | EntityRef]:
    """Yield the types and the entities that a policy names."""
    for scope in (policy.principal, policy.resource):
        if scope.type is not None:
            yield scope.type
        if isinstance(scope.target, tree.Entity):
            yield scope.target.ref
    for entity in policy.action.entities:
        yield entity.ref
    # A condition may be as deep as it likes: nothing here is on the stack.
    waiting = [condition.body for condition in policy.conditions]
    while waiting:
        here = waiting.pop()
        if isinstance(here, tree.Entity):
            yield here.ref
        elif isinstance(here, tree.Is):
            yield here.type
        waiting += tree.children(here)
