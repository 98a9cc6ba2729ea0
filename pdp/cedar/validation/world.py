"""What a schema says, in the form in which the validator asks for it; and the environments that it declares."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from pdp.cedar.text import show_ref
from pdp.cedar.validation.kinds import EMPTY, EntityKind, Kind, RecordKind, kind_of, record_of
from pdp.ids import is_action
from pdp.schema import Action, Cell, EntityType, Schema
from pdp.values import EntityRef


class Deed(NamedTuple):
    """A declared action, with its name as an entity and its context; `number` is the same for equal contexts."""

    declared: Action
    ref: EntityRef
    context: RecordKind
    number: int


class Environment(NamedTuple):
    """A request, as far as types go."""

    deed: Deed
    principal: str
    resource: str

    def __str__(self) -> str:
        return str(Cell(action=self.deed.declared.name, principal=self.principal, resource=self.resource))


class World:
    """A schema of Cedar."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._records: dict[str, RecordKind] = {}
        self._tags: dict[str, Kind | None] = {}
        self._above: dict[EntityRef, frozenset[EntityRef]] = {}
        numbers: dict[RecordKind, int] = {}
        self.deeds: dict[EntityRef, Deed] = {}
        for action in sorted(schema.actions.values(), key=lambda action: action.name):
            if action.ref is not None:
                context = record_of(action.context)
                number = numbers.setdefault(context, len(numbers))
                self.deeds[action.ref] = Deed(action, action.ref, context, number)
        self._deed_types = self._pairs_of_types()

    def _pairs_of_types(self) -> frozenset[tuple[str, str]]:
        return frozenset((ref.type, above.type) for ref in self.deeds for above in self.above(ref))

    @cached_property
    def unlike(self) -> list[Deed]:
        """The actions, one of those that are by and on the same types, with the same context."""
        found: dict[tuple[object, ...], Deed] = {}
        for deed in self.deeds.values():
            found.setdefault((deed.declared.principals, deed.declared.resources, deed.number), deed)
        return list(found.values())

    @cached_property
    def types(self) -> list[str]:
        """The declared entity types, in the order of names."""
        return sorted(self.schema.entities)

    @cached_property
    def actions(self) -> list[str]:
        """The declared actions as policies write them, in the order of names."""
        return sorted(show_ref(ref) for ref in self.deeds)

    # ------------------------------------------------------------------------------------------------------- entities

    def entity(self, name: str) -> EntityType | None:
        """Return a declared entity type."""
        return self.schema.entities.get(name)

    def knows(self, name: str) -> bool:
        """Tell whether there is such an entity type; those of actions are known, whatever their namespace."""
        return name in self.schema.entities or is_action(name)

    def kind_of(self, ref: EntityRef) -> EntityKind | None:
        """Return the type of an entity that a policy names, or None where it is not declared."""
        declared = ref in self.deeds if is_action(ref.type) else ref.type in self.schema.entities
        return EntityKind(ref.type) if declared else None

    def record(self, name: str) -> RecordKind:
        """Return the attributes of an entity type. Actions have none."""
        found = self._records.get(name)
        if found is None:
            declared = self.entity(name)
            found = self._records[name] = EMPTY if declared is None else record_of(declared.attributes)
        return found

    def tags(self, name: str) -> Kind | None:
        """Return the type of the tags of an entity type, or None where it has none."""
        if name not in self._tags:
            declared = self.entity(name)
            tags = None if declared is None else declared.tags
            self._tags[name] = None if tags is None else kind_of(tags)
        return self._tags[name]

    def can_be_in(self, member: str, parent: str) -> bool:
        """Tell whether an entity of the first type can be one of, or in one of, the second."""
        return member == parent or self.schema.can_be_in(member, parent) or (member, parent) in self._deed_types

    # -------------------------------------------------------------------------------------------------------- actions

    def above(self, ref: EntityRef) -> frozenset[EntityRef]:
        """Return what an action is in, itself included."""
        found = self._above.get(ref)
        if found is None:
            seen = {ref: None}
            waiting = [ref]
            while waiting:
                deed = self.deeds.get(waiting.pop())
                for parent in () if deed is None else deed.declared.parents:
                    if parent not in seen:
                        seen[parent] = None
                        waiting.append(parent)
            found = self._above[ref] = frozenset(seen)
        return found

    def is_in(self, ref: EntityRef, groups: Iterable[EntityRef]) -> bool:
        """Tell whether an action is one of these, or in one of them."""
        above = self.above(ref)
        return any(group in above for group in groups)
