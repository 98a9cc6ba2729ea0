"""The declared world: which types, actions, roles and obligations there are, under their full names.

A name is short (`Service`) until two namespaces declare it; then each is known by its full name (`checkout.Service`).
The full name is always understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from pdp.classes import dataclass, field
from pdp.source import Span
from pdp.types import EnumType, FieldType, RecordType


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityType:
    """A declared entity type: the types that its entities can be in directly, and its attributes."""

    name: str
    parents: frozenset[str]
    attributes: RecordType
    docs: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def bare(self) -> bool:
        """Whether there is nothing to know of such an entity but its name, so that no source need hold it."""
        return not self.parents and not self.attributes.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A declared action: on what, by whom, and with which context, that of its namespace included."""

    name: str
    principals: frozenset[str]
    resources: frozenset[str]
    context: RecordType
    session: RecordType
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
    """All that is declared, by name. `aliases` leads from the other name of a thing to the one used everywhere."""

    entities: Mapping[str, EntityType]
    enums: Mapping[str, EnumType]
    actions: Mapping[str, Action]
    groups: Mapping[str, frozenset[str]]
    roles: Mapping[str, Role]
    obligations: Mapping[str, ObligationType]
    aliases: Mapping[str, str] = field(default_factory=dict)
    action_aliases: Mapping[str, str] = field(default_factory=dict)

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, in the order of names."""
        for action in sorted(self.actions.values(), key=lambda action: action.name):
            for principal in sorted(action.principals):
                for resource in sorted(action.resources):
                    yield Cell(action=action.name, principal=principal, resource=resource)

    @cached_property
    def members(self) -> Mapping[str, frozenset[str]]:
        """For each entity type, the types whose entities can be in one of it, itself included."""
        children: dict[str, list[str]] = {}
        for name, declared in self.entities.items():
            for parent in declared.parents:
                children.setdefault(parent, []).append(name)
        found: dict[str, frozenset[str]] = {}
        for name in self.entities:
            inside, work = {name}, [name]
            while work:
                new = [child for child in children.get(work.pop(), ()) if child not in inside]
                inside.update(new)
                work += new
            found[name] = frozenset(inside)
        return found

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
        return member in self.members.get(parent, frozenset())

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
