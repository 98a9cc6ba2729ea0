"""The memberships that would put an entity into another one."""

from __future__ import annotations

from collections.abc import Iterator

from pdp.evaluation import Scene
from pdp.flips.known import Known
from pdp.model import Node
from pdp.schema import Schema
from pdp.values import EntityRef


def ways(ref: EntityRef, target: EntityRef, scene: Scene, schema: Schema, known: Known) -> Iterator[EntityRef]:
    """Yield what an entity would have to be in directly, to be in another one."""
    declared = schema.entities.get(ref.type)
    if declared is None or ref == target or not declared.parents:
        return
    found = [target] if target.type in declared.parents else []
    below = known.below(target)
    if not found:
        # Where nothing in between is there yet, something in between may be put there first.
        between = {name for name in declared.parents if schema.can_be_in(name, target.type)}
        below = [*below, *known.of_types(between)]
    for parent in dict.fromkeys((*found, *below)):
        if parent.type in declared.parents and parent != ref and not leads(parent, ref, scene):
            yield parent


def leads(start: EntityRef, end: EntityRef, scene: Scene) -> bool:
    """Tell whether one entity is, was or will be in another: nobody is in themselves, at whatever time."""
    seen, work = {start}, [start]
    while work:
        node = scene.facts.node(work.pop())
        for step in node.parents if isinstance(node, Node) else ():
            if step.parent == end:
                return True
            if step.parent not in seen:
                seen.add(step.parent)
                work.append(step.parent)
    return False
