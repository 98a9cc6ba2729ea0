"""What entities of each type have to be, made of a schema once and asked for each entity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeGuard

from pdp.cedar import untyped
from pdp.cedar.escapes import mapping, string
from pdp.cedar.reading import Reader, attribute_readers, known_ids, lacking, reader, undeclared, undeclared_id
from pdp.cedar.spelling import named
from pdp.classes import dataclass
from pdp.conform.mismatch import Mismatch, clip, listed, meant, misplaced, near
from pdp.ids import is_action
from pdp.schema import Schema
from pdp.types import RecordType
from pdp.values import MAX_STRING, EntityRef, Value

Complain = Callable[[Mismatch], None]
"""Takes what is wrong, and may raise it."""

_NO_TAGS: Final = "`tags` in the declaration of its type gives an entity tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form of one entity type: who reads its attributes and tags, and the types that its entities can be in.

    Cedar looks at all that an entity is in, so that `above` holds the types that those it can be in can be in, too.
    """

    name: str
    kind: RecordType
    readers: Mapping[str, Reader]
    required: frozenset[str]
    above: frozenset[str]
    direct: frozenset[str]
    tags: Reader | None = None
    ids: frozenset[str] | None = None

    def check_id(self, ref: EntityRef) -> None:
        """Raise Mismatch for an entity that its type does not have."""
        if self.ids is not None and ref.id not in self.ids:
            raise undeclared_id(ref, self.ids)

    def check_parent(self, parent: EntityRef) -> None:
        """Raise Mismatch where no entity of this type can be in the parent."""
        if parent.type not in self.above:
            allowed = ", ".join(f"`{clip(name)}`" for name in sorted(self.direct))
            help_ = f"they can be in {allowed}" if allowed else f"`{clip(self.name)}` is declared without `in`"
            message = f"entities of type `{clip(self.name)}` cannot be in `{clip(parent.type)}`"
            raise Mismatch("parent_of_other_type", message, help_)


class Forms:
    """The forms of a schema, each made when it is first asked for."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._forms: dict[str, Form] = {}

    def of(self, name: str) -> Form | None:
        """Return the form of a type, or None where anything goes; raise Mismatch for a type that is not declared."""
        if self.schema.open:
            return None
        found = self._forms.get(name)
        if found is None:
            found = self._forms[name] = self._made(name)
        return found

    def _made(self, name: str) -> Form:
        declared = self.schema.entities.get(name)
        if declared is None:
            help_ = near(name, self.schema.entities) or listed(self.schema.entities)
            raise Mismatch("undeclared_type", f"there is no entity type `{clip(name)}`", help_)
        fields = declared.attributes.fields
        return Form(
            name=name,
            kind=declared.attributes,
            readers=attribute_readers(declared.attributes, self.schema),
            required=frozenset(each for each, field in fields.items() if not field.optional),
            above=self._above(declared.parents),
            direct=declared.parents,
            tags=None if declared.tags is None else reader(declared.tags, self.schema),
            ids=declared.ids,
        )

    def _above(self, names: frozenset[str]) -> frozenset[str]:
        found: set[str] = set()
        rest = list(names)
        while rest:
            name = rest.pop()
            if name not in found:
                found.add(name)
                declared = self.schema.entities.get(name)
                rest += () if declared is None else declared.parents
        return frozenset(found)

    def check_parent(self, form: Form | None, parent: EntityRef) -> None:
        """Raise Mismatch where an entity of a form cannot be in the parent, or there can be no such parent."""
        if form is not None:
            form.check_parent(parent)
            ids = known_ids(parent.type, self.schema)
            if ids is not None and parent.id not in ids:
                raise undeclared_id(parent, ids)


def read_attributes(given: object, form: Form | None, complain: Complain) -> dict[str, Value]:
    """Read the attributes of an entity, as far as they can be read; complain of all that is wrong."""
    fields = _fields(given, "the attributes by name", complain)
    found: dict[str, Value] = {}
    for name, value in fields.items():
        read = untyped.read if form is None else form.readers.get(name)
        if read is None:
            assert form is not None
            complain(undeclared(name, form.kind, f"on `{clip(form.name)}`"))
            continue
        try:
            found[name] = read(value)
        except Mismatch as odd:
            complain(odd.under(name))
    if form is not None and not form.required <= fields.keys():
        # A name that is misspelt is one mistake, not two.
        misspelt = {meant(name, form.readers) for name in fields if name not in form.readers}
        for name in sorted(form.required - fields.keys() - misspelt):
            complain(lacking(name, form.kind))
    return found


def read_tags(given: object, form: Form | None, complain: Complain) -> dict[str, Value]:
    """Read the tags of an entity, as far as they can be read; complain of all that is wrong."""
    fields = _fields(given, "the tags by name", complain)
    found: dict[str, Value] = {}
    if form is not None and form.tags is None:
        if fields:
            message = f"entities of type `{clip(form.name)}` have no tags"
            complain(Mismatch("undeclared_tags", message, _NO_TAGS, (next(iter(fields)),)))
        return found
    read = untyped.read if form is None or form.tags is None else form.tags
    for name, value in fields.items():
        try:
            found[name] = read(value)
        except Mismatch as odd:
            complain(odd.under(name))
    return found


def _fields(given: object, expected: str, complain: Complain) -> dict[str, object]:
    fields = mapping(given)
    if fields is None:
        complain(misplaced(expected, given))
        return {}
    if _plain(fields):
        return fields
    found: dict[str, object] = {}
    for name, value in fields.items():
        try:
            found[string(name)] = value
        except Mismatch as odd:
            complain(odd)
    return found


def _plain(fields: dict[object, object]) -> TypeGuard[dict[str, object]]:
    """Tell whether all names are texts that need no closer look."""
    return all(type(name) is str and len(name) <= MAX_STRING and name.isascii() for name in fields)


# ----------------------------------------------------------------------------------------------------------- actions


def declared_actions(schema: Schema) -> dict[EntityRef, tuple[EntityRef, ...]]:
    """Return the actions that a schema declares, each with what it is in directly."""
    return {action.ref: action.parents for action in schema.actions.values() if action.ref is not None}


def ancestors(ref: EntityRef, parents: Mapping[EntityRef, tuple[EntityRef, ...]]) -> frozenset[EntityRef]:
    """Return all that an entity is in, as far as it is known."""
    found: set[EntityRef] = set()
    rest = list(parents.get(ref, ()))
    while rest:
        here = rest.pop()
        if here not in found:
            found.add(here)
            rest += parents.get(here, ())
    return frozenset(found)


def check_groups(ref: EntityRef, parents: Iterable[EntityRef]) -> None:
    """Raise Mismatch where an action is in something that is none."""
    for parent in parents:
        if is_action(ref.type) and not is_action(parent.type):
            message = f"the action {named(ref)} cannot be in {named(parent)}, which is no action"
            raise Mismatch("parent_of_other_type", message, "an action can be in other actions")


def action_differs(ref: EntityRef, declared: bool) -> Mismatch:
    """Say that an action in data is not the one that the schema declares."""
    message = f"{named(ref)} is not what the schema declares" if declared else f"the schema declares no {named(ref)}"
    return Mismatch("action_differs", message, "leave actions out: the schema's are there without being in data")
