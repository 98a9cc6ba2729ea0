"""The environments that a policy is about: the combinations of action and types, and which of them differ for it."""

from __future__ import annotations

from collections.abc import Iterator

from pdp.cedar import tree
from pdp.cedar.validation import scopes
from pdp.cedar.validation.shapes import Shapes
from pdp.cedar.validation.world import Environment, World


def admitted(policy: tree.Policy, world: World, roots: int) -> Iterator[Environment]:
    """Yield the environments that the scope of a policy admits, one of those that are alike for these variables."""
    seen: set[tuple[object, ...]] = set()
    principals: dict[str, bool] = {}
    resources: dict[str, bool] = {}
    for deed in world.deeds.values():
        if not scopes.admits_action(policy.action, deed.ref, world):
            continue
        for principal in sorted(deed.declared.principals):
            if not _admits(principals, policy.principal, principal, world):
                continue
            for resource in sorted(deed.declared.resources):
                if _admits(resources, policy.resource, resource, world):
                    environment = Environment(deed, principal, resource)
                    part = environment.part(roots)
                    if part not in seen:
                        seen.add(part)
                        yield environment


def _admits(known: dict[str, bool], constraint: tree.Constraint, name: str, world: World) -> bool:
    found = known.get(name)
    if found is None:
        found = known[name] = scopes.admits(constraint, name, world)
    return found


def has_any_principal(policy: tree.Policy, world: World) -> bool:
    """Tell whether the action of a scope is looked at: not where no principal of any action is in the scope."""
    return any(
        deed.declared.resources
        and any(scopes.admits(policy.principal, name, world) for name in deed.declared.principals)
        for deed in world.deeds.values()
    )


def roots_of(policy: tree.Policy, shapes: Shapes) -> int:
    """Return the variables that the conditions of a policy read."""
    roots = 0
    for condition in policy.conditions:
        roots |= shapes(condition.body).roots
    return roots
