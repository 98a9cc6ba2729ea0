"""The declared world: which types, actions, roles and obligations there are, under their full names.

A name is short (`Service`) until two namespaces declare it; then each is known by its full name (`checkout.Service`).
The full name is always understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from pdp.classes import dataclass, field
from pdp.source import Span
from pdp.symbols import Semantics
from pdp.types import EnumType, FieldType, RecordType, Type
from pdp.values import EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityType:
    """A declared entity type: the types that its entities can be in directly, and its attributes.

    Cedar's may have tags, all of one type, and may have the entities of some `ids` only.
    """

    name: str
    parents: frozenset[str]
    attributes: RecordType
    tags: Type | None = None
    ids: frozenset[str] | None = None
    docs: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def bare(self) -> bool:
        """Whether there is nothing to know of such an entity but its name, so that no source need hold it."""
        return not self.parents and not self.attributes.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A declared action: on what, by whom, and with which context, that of its namespace included.

    Cedar's are entities: `ref` is its name as one, and `parents` are the groups of actions that it is in directly.
    """

    name: str
    principals: frozenset[str]
    resources: frozenset[str]
    context: RecordType
    session: RecordType
    ref: EntityRef | None = None
    parents: tuple[EntityRef, ...] = ()
    docs: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A declared role: the types it is on, and its actions, those of its roles included."""

    name: str
    types: frozenset[str]
    actions: frozenset[str]
    docs: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationType:
    """A declared obligation and its arguments."""

    name: str
    fields: RecordType
    docs: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of action, principal type and resource type that can be asked."""

    action: str
    principal: str
    resource: str

    def __str__(self) -> str:
        return f"{self.principal} to {self.action} on {self.resource}"


@dataclass(frozen=True, kw_only=True)
class Schema:
    """All that is declared, by name. `aliases` leads from the other name of a thing to the one used everywhere.

    `open` says that what is not declared can be asked about: nobody wrote a schema, and this is what policies name.
    Then the action `other` stands for all that are not declared.
    """

    entities: Mapping[str, EntityType]
    enums: Mapping[str, EnumType]
    actions: Mapping[str, Action]
    groups: Mapping[str, frozenset[str]]
    roles: Mapping[str, Role]
    obligations: Mapping[str, ObligationType]
    aliases: Mapping[str, str] = field(default_factory=dict)
    action_aliases: Mapping[str, str] = field(default_factory=dict)
    semantics: Semantics = Semantics.PDP
    open: bool = False
    other: str = ""

    @property
    def is_cedar(self) -> bool:
        """Whether the policies mean what Cedar says."""
        return self.semantics is Semantics.CEDAR

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, in the order of names."""
        for action in sorted(self.actions.values(), key=lambda action: action.name):
            for principal in sorted(action.principals):
                for resource in sorted(action.resources):
                    yield Cell(action=action.name, principal=principal, resource=resource)

    @cached_property
    def members(self) -> Mapping[str, frozenset[str]]:
        """For each entity type, the types whose entities can be in one of it, itself included."""
        return _Members(tuple(self.entities), self._inside)

    @cached_property
    def _inside(self) -> Mapping[str, int]:
        """For each entity type, its members as bits, in the order of the types."""
        children: dict[str, list[str]] = {name: [] for name in self.entities}
        for name, declared in self.entities.items():
            for parent in declared.parents:
                children.setdefault(parent, []).append(name)
        return _descendants(children)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.entities)}

    @cached_property
    def containers(self) -> frozenset[str]:
        """The entity types that others can be in."""
        return frozenset().union(*(declared.parents for declared in self.entities.values()))

    @cached_property
    def alike(self) -> Mapping[str, str]:
        """For each action, the first by name that is by and on the same types, with the same context and session."""
        first: dict[tuple[object, ...], str] = {}
        return {
            name: first.setdefault((action.principals, action.resources, action.context, action.session), name)
            for name, action in sorted(self.actions.items())
        }

    @cached_property
    def roots_with(self) -> Mapping[str, list[str]]:
        """For each attribute, the roots of which one may have it, in the order in which requests name them."""
        found: dict[str, dict[str, None]] = {}
        principals = frozenset().union(*(action.principals for action in self.actions.values()))
        resources = frozenset().union(*(action.resources for action in self.actions.values()))
        contexts = {action.context for action in self.actions.values()}
        sessions = {action.session for action in self.actions.values()}
        for root, records in (
            ("principal", [self.entities[name].attributes for name in principals if name in self.entities]),
            ("resource", [self.entities[name].attributes for name in resources if name in self.entities]),
            ("context", contexts),
            ("session", sessions),
        ):
            for record in records:
                for name in record.fields:
                    found.setdefault(name, {})[root] = None
        return {name: list(roots) for name, roots in found.items()}

    def can_be_in(self, member: str, parent: str) -> bool:
        """Tell whether an entity of the first type can be one of, or in one of, the second."""
        return member in self._numbers and self._inside.get(parent, 0) >> self._numbers[member] & 1 == 1

    def attribute(self, entity: str, name: str) -> FieldType | None:
        """Return the declared type of an attribute, or None where it is not declared."""
        declared = self.entities.get(entity)
        return None if declared is None else declared.attributes.fields.get(name)

    def resolve(self, name: str) -> str:
        """Return the name under which a type that a caller names is known here."""
        return self.aliases.get(name, name)

    def resolve_action(self, name: str) -> str:
        """Return the name under which an action that a caller names is known here."""
        return self.action_aliases.get(name, name)


class _Members(dict[str, frozenset[str]]):
    """Sets spelled out when they are asked for: together, those of a chain are as long as its length squared."""

    def __init__(self, types: Sequence[str], inside: Mapping[str, int]) -> None:
        super().__init__()
        self._types = types
        self._inside = inside

    def __missing__(self, name: str) -> frozenset[str]:
        bits = reversed(f"{self._inside[name]:b}")
        found = self[name] = frozenset(each for each, bit in zip(self._types, bits, strict=False) if bit == "1")
        return found


def _descendants(children: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return for each name the bits of itself and of all that its children lead to.

    Names that lead to each other are found together (Tarjan's algorithm, without recursion), so that each edge is
    looked at once.
    """
    numbers = {name: number for number, name in enumerate(children)}
    found: dict[str, int] = {}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: list[str] = []
    for root in children:
        work = [] if root in index else [(root, iter(children[root]))]
        while work:
            here, rest = work[-1]
            if here not in index:
                index[here] = low[here] = len(index)
                open_.append(here)
            child = next(rest, None)
            if child is None:
                work.pop()
                if low[here] == index[here]:
                    _close(here, open_, found, children, numbers)
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[here])
            elif child not in index:
                work.append((child, iter(children[child])))
            elif child not in found:
                low[here] = min(low[here], index[child])
    return found


def _close(
    first: str,
    open_: list[str],
    found: dict[str, int],
    children: Mapping[str, Sequence[str]],
    numbers: Mapping[str, int],
) -> None:
    """Settle the names that lead to each other: those that are open from the first of them on."""
    together = [open_.pop()]
    while together[-1] != first:
        together.append(open_.pop())
    bits = 0
    for name in together:
        bits |= 1 << numbers[name]
        for child in children[name]:
            bits |= found.get(child, 0)
    for name in together:
        found[name] = bits
