"""The declarations of a Cedar schema, as pdp writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from pdp.cedar.conversion.names import Names
from pdp.cedar.conversion.notes import Difference, comments
from pdp.cedar.schemas import action_text
from pdp.cedar.text import show_ref
from pdp.classes import dataclass
from pdp.schema import Action, EntityType
from pdp.types import EntityTypes, EnumType, FieldType, Primitive, RecordType, SetType, Type, Wrong
from pdp.values import EntityRef, quote


class _NoType(Exception):
    """That an attribute is of a type that pdp does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The text of declarations, and what is different about them."""

    text: str
    differences: tuple[Difference, ...]


def declarations(names: Names) -> Declared:
    """Return all declarations of a schema."""
    writer = _Writer(names)
    parts = [*writer.namespace(), *writer.types(), *writer.groups(), *writer.actions()]
    return Declared(text="".join(parts), differences=tuple(writer.differences))


class _Writer:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.schema = names.schema
        self.shared = {full.rpartition("::")[0] for full in self.schema.entities}
        self.differences: list[Difference] = []

    def _differ(self, subject: str, kind: str, message: str) -> str:
        self.differences.append(Difference(subject, kind, message))
        return comments([f"differs from Cedar: {message}"])

    def namespace(self) -> Iterator[str]:
        """Yield what there is to say of a namespace that all types are in."""
        if len(self.shared) == 1 and self.shared != {""}:
            yield (
                comments([f"In Cedar, the types and the actions are those of the namespace {min(self.shared)}."]) + "\n"
            )

    def types(self) -> Iterator[str]:
        for full in sorted(self.schema.entities):
            name = self.names.types[full]
            known = full if len(self.shared) > 1 else full.rpartition("::")[2]
            renamed = "" if name == known else comments([f"{full} in Cedar"])
            members = self.names.enums.get(full)
            if members is not None:
                yield f"{renamed}enum {name} {{ {', '.join(sorted(members))} }}\n"
            else:
                yield renamed + self._type(name, self.schema.entities[full])

    def _type(self, name: str, declared: EntityType) -> str:
        notes = ""
        if declared.tags is not None:
            notes += self._differ(declared.name, "tags", "entities have no tags; they are left out")
        if declared.ids is not None:
            message = "entities of this type may have any id, where Cedar's have one of those that are listed"
            notes += self._differ(declared.name, "any_id", message)
        parents = ", ".join(sorted(self.names.types[each] for each in declared.parents))
        fields, more = self._fields(declared.attributes, declared.name)
        inside = f" in {parents}" if parents else ""
        return f"{notes}{more}type {name}{inside}{f' {{ {fields} }}' if fields else ''}\n"

    def _fields(self, record: RecordType, owner: str) -> tuple[str, str]:
        """Return the fields of a record, and comments on those that are left out."""
        found, notes = [], ""
        for name, each in sorted(record.fields.items()):
            try:
                found.append(self._field(name, each))
            except _NoType:
                message = f"the attribute `{name}` of `{owner}` is left out: pdp has no references to actions"
                notes += self._differ(owner, "no_type", message)
        return ", ".join(found), notes

    def _field(self, name: str, kind: FieldType) -> str:
        return f"{key(name)}{'?' * kind.optional}: {self._spelled(kind.type)}"

    def _spelled(self, kind: Type) -> str:
        match kind:
            case Primitive():
                return str(kind)
            case SetType():
                if kind.element is None:
                    raise _NoType
                return f"[{self._spelled(kind.element)}]"
            case RecordType():
                inner = ", ".join(self._field(name, each) for name, each in sorted(kind.fields.items()))
                return f"{{ {inner} }}" if inner else "{}"
            case EntityTypes():
                if not kind.names <= self.names.types.keys():
                    raise _NoType
                return " | ".join(sorted(self.names.types[each] for each in kind.names))
            case EnumType() | Wrong():
                raise _NoType
            case _:
                assert_never(kind)

    def groups(self) -> Iterator[str]:
        for ref, name in self.names.groups.items():
            own = name if name == ref.id else f"{show_ref(ref)} in Cedar"
            members = sorted(self.names.actions[each] for each in self.names.askable(ref))
            if members:
                renamed = "" if own == name else comments([own])
                yield f"{renamed}actions {name} = {', '.join(members)}\n"

    def actions(self) -> Iterator[str]:
        alike: dict[str, list[str]] = {}
        for ref, name in sorted(self.names.actions.items(), key=lambda item: item[1]):
            declared = self.schema.actions[self._known(ref)]
            rest = self._rest(declared)
            renamed = "" if name == ref.id else comments([f"{show_ref(ref)} in Cedar"])
            if renamed or "\n" in rest:
                yield self._action(renamed, [name], rest)
            else:
                alike.setdefault(rest, []).append(name)
        for rest, those in alike.items():
            yield self._action("", those, rest)

    def _action(self, before: str, those: list[str], rest: str) -> str:
        notes, _, tail = rest.rpartition("\n")
        return f"{before}{notes}{chr(10) if notes else ''}action {', '.join(those)} {tail}\n"

    def _known(self, ref: EntityRef) -> str:
        return self.schema.resolve_action(action_text(ref))

    def _rest(self, action: Action) -> str:
        fields, notes = self._fields(action.context, action.name)
        on = ", ".join(sorted(self.names.types[each] for each in action.resources))
        by = ", ".join(sorted(self.names.types[each] for each in action.principals))
        return f"{notes}on {on} by {by}{f' with {{ {fields} }}' if fields else ''}"


def key(name: str) -> str:
    """Write the name of an attribute where it is declared or given."""
    return name if name.isascii() and name.isidentifier() else quote(name)
