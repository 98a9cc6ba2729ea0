"""The scope of a policy: what it names has to be declared, and has to fit an action."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from pdp.cedar import tree
from pdp.cedar.text import show_ref
from pdp.cedar.validation.findings import Findings
from pdp.cedar.validation.shapes import walk
from pdp.cedar.validation.world import Deed, Environment, World
from pdp.errors import listed
from pdp.ids import is_action
from pdp.values import quote

# -------------------------------------------------------------------------------------------------------------- names


def check_names(policy: tree.Policy, world: World, findings: Findings) -> bool:
    """Report the types, the actions and the ids of enumerated types that no schema declares; tell whether all are."""
    known = True
    for name, at in _types(policy):
        if not world.knows(name):
            known = False
            help_ = findings.suggest(name, world.types) or f"there is {listed(world.types, 'no entity type at all')}"
            findings.error("unknown_type", f"entity type `{name}` is not declared", at, help_)
    for entity in _entities(policy):
        if is_action(entity.ref.type) and entity.ref not in world.deeds:
            known = False
            text = show_ref(entity.ref)
            help_ = findings.suggest(text, world.actions) or f"there is {listed(world.actions, 'no action at all')}"
            findings.error("unknown_action", f"action `{text}` is not declared", entity, help_)
        _check_id(entity, world, findings)
    return known


def _check_id(entity: tree.Entity, world: World, findings: Findings) -> None:
    ref = entity.ref
    declared = world.entity(ref.type)
    if declared is not None and declared.ids is not None and ref.id not in declared.ids:
        known = [quote(each) for each in sorted(declared.ids)]
        message = f"entity type `{ref.type}` has no entity `{quote(ref.id)}`"
        help_ = findings.suggest(quote(ref.id), known) or f"there is {listed(known, 'none')}"
        findings.error("unknown_member", message, entity, help_)


def _entities(policy: tree.Policy) -> Iterator[tree.Entity]:
    for constraint in (policy.principal, policy.resource):
        if isinstance(constraint.target, tree.Entity):
            yield constraint.target
    yield from policy.action.entities
    for condition in policy.conditions:
        yield from (each for each in walk(condition.body) if isinstance(each, tree.Entity))


def _types(policy: tree.Policy) -> Iterator[tuple[str, tree.Node]]:
    for entity in _entities(policy):
        yield entity.ref.type, entity
    for constraint in (policy.principal, policy.resource):
        if constraint.type is not None:
            yield constraint.type, constraint
    for condition in policy.conditions:
        for each in walk(condition.body):
            if isinstance(each, tree.Is):
                yield each.type, each


# ---------------------------------------------------------------------------------------------------------------- fit


def check_fit(policy: tree.Policy, world: World, findings: Findings) -> bool:
    """Report a scope that fits no action: none is by such a principal and on such a resource."""
    deeds = named(policy.action, world)
    principals = _admitted(policy.principal, world)
    resources = _admitted(policy.resource, world)
    for deed in deeds:
        if not principals.isdisjoint(deed.declared.principals) and not resources.isdisjoint(deed.declared.resources):
            return True
    is_one = policy.action.relation is tree.Relation.EQ and len(deeds) == 1
    what = f"`{show_ref(deeds[0].ref)}` never goes" if is_one else "no such action goes"
    message = f"{what} with these principals and resources"
    at = policy.action if policy.action.span is not None else policy
    findings.error("action_does_not_apply", message, at, _fit_help(policy, deeds))
    return False


def _fit_help(policy: tree.Policy, deeds: list[Deed]) -> str:
    for constraint, word in ((policy.principal, "principal"), (policy.resource, "resource")):
        target = constraint.target
        if constraint.relation is tree.Relation.EQ and isinstance(target, tree.Entity):
            types = sorted({name for deed in deeds for name in _side(deed, word)})
            if types and target.ref.type not in types:
                return f"the {word} is of type {listed(types, '')}; what is in an entity is asked for with `in`"
    cells = (
        str(Environment(deed, principal, resource))
        for deed in deeds
        for principal in sorted(deed.declared.principals)
        for resource in sorted(deed.declared.resources)
    )
    pairs = list(islice(cells, _MANY))
    return f"there is {listed(pairs, 'no request of such an action at all')}"


_MANY: Final = 200
"""No more combinations than that are counted for a help line."""


def _side(deed: Deed, word: str) -> frozenset[str]:
    return deed.declared.principals if word == "principal" else deed.declared.resources


def named(constraint: tree.ActionConstraint, world: World, *, each: bool = False) -> list[Deed]:
    """Return the actions that a scope names, and those in the groups that it names.

    Where it names none, it means all of them: these are `each`, or one of those that are alike.
    """
    refs = [entity.ref for entity in constraint.entities]
    if constraint.relation is None:
        return list(world.deeds.values()) if each else world.unlike
    if any(ref not in world.deeds for ref in refs):
        return []
    if constraint.relation is tree.Relation.EQ:
        return [world.deeds[ref] for ref in refs]
    return [deed for ref, deed in world.deeds.items() if world.is_in(ref, refs)]


def _admitted(constraint: tree.Constraint, world: World) -> frozenset[str]:
    """Return the entity types that a scope admits, as far as names go."""
    known = world.schema.entities.keys()
    target = constraint.target
    if constraint.type is not None and constraint.type not in known:
        return frozenset()
    if isinstance(target, tree.Entity):
        if constraint.relation is tree.Relation.EQ:
            return frozenset({target.ref.type})
        names = frozenset(name for name in (*known, target.ref.type) if world.can_be_in(name, target.ref.type))
        return names if constraint.type is None else names & {constraint.type}
    return frozenset(known) if constraint.type is None else frozenset({constraint.type})


# ------------------------------------------------------------------------------------------------------- environments


def admits(constraint: tree.Constraint, name: str, world: World) -> bool:
    """Tell whether a principal, or a resource, of a type can be in a scope. A slot is filled with what fits."""
    if constraint.type is not None and constraint.type != name:
        return False
    target = constraint.target
    if not isinstance(target, tree.Entity) or world.kind_of(target.ref) is None:
        return True
    if constraint.relation is tree.Relation.EQ:
        return target.ref.type == name
    return world.can_be_in(name, target.ref.type)


def check_groups(policy: tree.Policy, world: World, findings: Findings) -> None:
    """Report a list of actions that strict validation has no type for; it looks at lists of policies that can apply."""
    constraint = policy.action
    types = {entity.ref.type for entity in constraint.entities}
    if constraint.relation is not tree.Relation.IN or len(types) == 1 or not _has_principals(policy, world):
        return
    if not types:
        findings.error("empty_set", "no action is in an empty list", constraint, "name an action, or leave `in []` out")
        return
    first, *others = constraint.entities
    entity = next(each for each in others if each.ref.type != first.ref.type)
    if all(each.ref in world.deeds for each in constraint.entities):
        message = f"a set of `{first.ref.type}` holds a `{entity.ref.type}`"
        findings.error("mixed_set", message, entity, "write one policy for the actions of each namespace")


def _has_principals(policy: tree.Policy, world: World) -> bool:
    return any(
        deed.declared.resources and any(admits(policy.principal, name, world) for name in deed.declared.principals)
        for deed in world.unlike
    )
