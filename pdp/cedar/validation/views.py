"""What a policy can see of the environments: those that look alike to it are looked at once.

Most policies only read a few attributes of the principal and the resource, and ask for their types. To such a policy,
two entity types that have the same to show are one. Where it does anything else with a variable, each type is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pdp.cedar import tree
from pdp.cedar.tree import children
from pdp.cedar.validation import scopes
from pdp.cedar.validation.kinds import RecordKind
from pdp.cedar.validation.shapes import ROOTS, walk
from pdp.cedar.validation.world import Deed, Environment, World

_NAMES = tree.VariableName


class Use(NamedTuple):
    """What is done with a variable: which names it is asked for, whether for tags, and how its type is tested."""

    names: frozenset[str] = frozenset()
    tags: bool = False
    tests: frozenset[tuple[str, str]] = frozenset()
    otherwise: bool = False

    def __or__(self, other: tuple[object, ...]) -> Use:
        assert isinstance(other, Use)
        return Use(
            self.names | other.names,
            self.tags or other.tags,
            self.tests | other.tests,
            self.otherwise or other.otherwise,
        )


def uses_of(policy: tree.Policy) -> dict[tree.VariableName, Use]:
    """Return what a policy does with each variable that its conditions read."""
    found: dict[tree.VariableName, Use] = {}
    for name, constraint in ((_NAMES.PRINCIPAL, policy.principal), (_NAMES.RESOURCE, policy.resource)):
        if isinstance(constraint.target, tree.Entity):
            found[name] = Use(tests=frozenset({("in", constraint.target.ref.type)}))
    for condition in policy.conditions:
        # A condition that is a variable is used as a condition.
        for parent in (tree.Not(operand=condition.body), *walk(condition.body)):
            for child in children(parent):
                if isinstance(child, tree.Variable):
                    found[child.name] = found.get(child.name, Use()) | _use(parent, child)
    return found


def _use(parent: tree.Expression, variable: tree.Variable) -> Use:
    match parent:
        case tree.Access():
            return Use(names=frozenset({parent.name}))
        case tree.Has():
            return Use(names=frozenset(parent.path[:1]))
        case tree.Call(name="hasTag" | "getTag") if parent.arguments[0] is variable and len(parent.arguments) == 2:
            return Use(tags=True, otherwise=parent.arguments[1] == variable)
        case tree.Is(operand=tree.Variable()) if not isinstance(parent.within, tree.Variable):
            inside = _types(parent.within) if parent.within is not None else ()
            tests = {("is", parent.type), *(("in", name) for name in inside)}
            return Use(tests=frozenset(tests), otherwise=parent.within is not None and not inside)
        case tree.Binary(op=tree.BinaryOp.IN | tree.BinaryOp.EQ | tree.BinaryOp.NE) if parent.left is variable:
            inside = _types(parent.right)
            word = "in" if parent.op is tree.BinaryOp.IN else "is"
            return Use(tests=frozenset((word, name) for name in inside), otherwise=not inside)
        case _:
            return Use(otherwise=True)


def _types(expression: tree.Expression) -> tuple[str, ...]:
    """Return the types of the entities that an expression names, if that is all it does."""
    items = expression.items if isinstance(expression, tree.SetOf) else (expression,)
    found = tuple(item.ref.type for item in items if isinstance(item, tree.Entity))
    return found if len(found) == len(items) else ()


class Views:
    """How the environments look to one policy."""

    def __init__(self, policy: tree.Policy, world: World) -> None:
        self._policy = policy
        self._world = world
        self._uses = uses_of(policy)
        self._classes: dict[tuple[object, ...], int] = {}
        self._seen: dict[tuple[tree.VariableName, object], int] = {}
        self._sides: dict[tuple[tree.VariableName, frozenset[str]], list[str]] = {}
        self.looked = 0

    def part(self, environment: Environment, roots: int) -> tuple[int, int, int, int]:
        """Return what an expression can see of an environment that reads these variables."""
        return (
            self._entity(_NAMES.PRINCIPAL, environment.principal) if roots & ROOTS[_NAMES.PRINCIPAL] else -1,
            self._action(environment.deed) if roots & ROOTS[_NAMES.ACTION] else -1,
            self._entity(_NAMES.RESOURCE, environment.resource) if roots & ROOTS[_NAMES.RESOURCE] else -1,
            self._context(environment.deed) if roots & ROOTS[_NAMES.CONTEXT] else -1,
        )

    def _class(self, *what: object) -> int:
        return self._classes.setdefault(what, len(self._classes))

    def _entity(self, variable: tree.VariableName, name: str) -> int:
        found = self._seen.get((variable, name))
        if found is None:
            use = self._uses.get(variable, Use())
            found = self._class(name) if use.otherwise else self._look(use, name)
            self._seen[variable, name] = found
        return found

    def _look(self, use: Use, name: str) -> int:
        world = self._world
        tests = tuple(
            (name == other, word == "in" and world.can_be_in(name, other)) for word, other in sorted(use.tests)
        )
        return self._class(_shown(world.record(name), use.names), world.tags(name) if use.tags else None, tests)

    def _action(self, deed: Deed) -> int:
        return self._class(deed.ref)

    def _context(self, deed: Deed) -> int:
        found = self._seen.get((_NAMES.CONTEXT, deed.number))
        if found is None:
            use = self._uses.get(_NAMES.CONTEXT, Use(otherwise=True))
            found = (
                self._class("context", deed.number) if use.otherwise else self._class(_shown(deed.context, use.names))
            )
            self._seen[_NAMES.CONTEXT, deed.number] = found
        return found

    # --------------------------------------------------------------------------------------------------- environments

    def environments(self, roots: int, room: int) -> Iterator[Environment]:
        """Yield the environments that the scope of the policy admits, one of those that look alike.

        No more than `room` are looked at; `looked` is how many were, and is greater than that where there are more.
        """
        seen: set[tuple[int, ...]] = set()
        policy, world = self._policy, self._world
        for deed in scopes.named(policy.action, world, each=roots & ROOTS[_NAMES.ACTION] != 0):
            self.looked += 1
            principals = self._side(_NAMES.PRINCIPAL, policy.principal, deed.declared.principals, roots)
            resources = self._side(_NAMES.RESOURCE, policy.resource, deed.declared.resources, roots)
            for principal in principals:
                for resource in resources:
                    self.looked += 1
                    if self.looked > room:
                        return
                    environment = Environment(deed, principal, resource)
                    part = self.part(environment, roots)
                    if part not in seen:
                        seen.add(part)
                        yield environment

    def _side(
        self, variable: tree.VariableName, constraint: tree.Constraint, names: frozenset[str], roots: int
    ) -> list[str]:
        found = self._sides.get((variable, names))
        if found is None:
            inside: Iterable[str] = (name for name in sorted(names) if scopes.admits(constraint, name, self._world))
            unlike: dict[int, str] = {}
            for name in inside:
                unlike.setdefault(self._entity(variable, name) if roots & ROOTS[variable] else -1, name)
            found = self._sides[variable, names] = list(unlike.values())
        return found


def _shown(record: RecordKind, names: frozenset[str]) -> tuple[object, ...]:
    return tuple(record.attributes.get(name) for name in sorted(names))
