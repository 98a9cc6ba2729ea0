"""Entities in Cedar's JSON into one store, or all that is wrong with them; entities that callers bring as objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from pdp.cedar.escapes import entity as entity_ref
from pdp.cedar.escapes import reference, under
from pdp.cedar.forms import (
    Form,
    Forms,
    action_differs,
    ancestors,
    check_groups,
    declared_actions,
    read_attributes,
    read_tags,
)
from pdp.cedar.spelling import named
from pdp.classes import dataclass, field
from pdp.conform.mismatch import Mismatch, clip, meant, misplaced, near
from pdp.conform.reading import MAX_PARENTS
from pdp.entities import jsonfile
from pdp.entities.document import MAX_FAULTS, Fault, Path, Place, Ranges, Report
from pdp.entities.graph import cycles
from pdp.entities.loading import body, check_text, collector_paused, diagnostics
from pdp.entities.reading import MAX_ENTITIES
from pdp.entities.store import Store
from pdp.errors import Diagnostic
from pdp.ids import is_action
from pdp.model import Entity, Membership, Node
from pdp.schema import Schema
from pdp.source import Source
from pdp.values import EntityRef, Record

_KEYS: Final = ("uid", "attrs", "parents", "tags")
_NEEDED: Final = ("uid", "attrs", "parents")
_LAYOUT: Final = 'entities are written `[{"uid": {"type": …, "id": …}, "attrs": {…}, "parents": […]}, …]`'
_SHOWN: Final = 6

_ADVICE: Final = jsonfile.Advice(empty="write `[]` for no entities", comment="remove it", kind="list")


def load_entities(sources: Sequence[Source], schema: Schema) -> tuple[Store | None, list[Diagnostic]]:
    """Read files of entities in Cedar's JSON; no store where anything is wrong.

    With a schema that is not open, every entity has to be what it declares, and the store holds its actions too.
    Parents that nobody holds are fine: what is in them is in nothing more.
    """
    with collector_paused():
        loaded = Loaded(Forms(schema))
        reports = [Report() for _ in sources]
        for number, (source, report) in enumerate(zip(sources, reports, strict=True)):
            if check_text(source, report):
                data = jsonfile.decode(body(source), report, _ADVICE)
                if not report.broken:
                    loaded.read(data, number, report)
        loaded.check(reports)
        if any(report.faults for report in reports):
            return None, list(diagnostics(sources, reports, _locate))
        return Store.of(loaded.nodes()), []


def _locate(source: Source, places: Collection[Place]) -> Ranges:
    return jsonfile.locate(body(source), source, places)


@dataclass(slots=True)
class Loaded:
    """What has been read so far, of all files; `places` tells for each entity its file and its number there."""

    forms: Forms
    found: dict[EntityRef, Node] = field(default_factory=dict)
    places: dict[EntityRef, tuple[int, int]] = field(default_factory=dict)
    memberships: dict[EntityRef, Membership] = field(default_factory=dict)

    def nodes(self) -> Iterable[Node]:
        """Return the entities to hold: the schema's own actions, whatever data says the same, and all others."""
        return {**self.found, **{node.ref: node for node in _action_nodes(self.forms.schema)}}.values()

    def read(self, data: object, number: int, report: Report) -> None:
        """Take the entities of a file; `number` is the file's."""
        if not isinstance(data, list):
            report.wrong(misplaced("a list of entities", data, _LAYOUT), ())
            return
        for index, item in enumerate(data):
            if len(self.found) >= MAX_ENTITIES:
                message = f"there are more than {MAX_ENTITIES} entities"
                report.add(Fault(code="data_too_large", message=message, place=Place((index,))))
            if report.full:
                return
            node = self._entity(item, (index,), report)
            if node is None:
                continue
            first = self.found.setdefault(node.ref, node)
            self.places.setdefault(node.ref, (number, index))
            if first is not node and not _same(first, node):
                self._twice(node.ref, index, report)

    def _twice(self, ref: EntityRef, index: int, report: Report) -> None:
        file, first = self.places[ref]
        message = f"{named(ref)} is there twice, and not the same"
        note = ("first here", file, Place((first, "uid")))
        place = Place((index, "uid"))
        report.add(Fault(code="entity_twice", message=message, place=place, help="keep one of them", note=note))

    def _entity(self, item: object, at: Path, report: Report) -> Node | None:
        if not isinstance(item, dict):
            report.wrong(misplaced("an entity", item, _LAYOUT), at)
            return None
        _check_keys(item, at, report)
        if "uid" not in item:
            return None
        try:
            ref = under(reference, item["uid"])
            form = self._form(ref)
        except Mismatch as odd:
            report.wrong(odd, (*at, "uid"))
            return None
        return Node(
            ref,
            read_attributes(item.get("attrs", {}), form, lambda odd: _attribute(odd, at, report)),
            self._parents(ref, item.get("parents", []), form, at, report),
            read_tags(item.get("tags", {}), form, lambda odd: report.wrong(odd, (*at, "tags"))),
        )

    def _form(self, ref: EntityRef) -> Form | None:
        if is_action(ref.type):
            # Actions are held against the schema when all of them have been read.
            return None
        form = self.forms.of(ref.type)
        if form is not None:
            form.check_id(ref)
        return form

    def _parents(
        self, child: EntityRef, given: object, form: Form | None, at: Path, report: Report
    ) -> tuple[Membership, ...]:
        if not isinstance(given, list):
            report.wrong(misplaced("a list of parents", given, "parents stand in a list"), (*at, "parents"))
            return ()
        found: dict[EntityRef, Membership] = {}
        for index, parent in enumerate(given):
            try:
                ref = reference(parent)
                self.forms.check_parent(form, ref)
                check_groups(child, (ref,))
            except Mismatch as odd:
                report.wrong(odd, (*at, "parents", index))
                continue
            found[ref] = self.memberships.setdefault(ref, Membership(ref))
        return tuple(found.values())

    # --------------------------------------------------------------------------------------------- between entities

    def check(self, reports: Sequence[Report]) -> None:
        """Report what is wrong between entities, to the files where it stands."""
        # What a mistake keeps from being read would make actions differ as well.
        if not self.forms.schema.open and not any(report.faults for report in reports):
            self._check_actions(reports)
        parents = {
            ref: [each.parent for each in node.parents]
            for ref, node in self.found.items()
            if node.parents and not (is_action(ref.type) and not self.forms.schema.open)
        }
        for cycle in islice(cycles(parents), MAX_FAULTS + 1):
            child, parent = cycle[-1], cycle[0]
            file, index = self.places[child]
            place = Place((index, "parents", parents[child].index(parent)))
            reports[file].add(Fault(code="parent_cycle", message=_shown(cycle), place=place, help=_REMOVE))

    def _check_actions(self, reports: Sequence[Report]) -> None:
        declared = declared_actions(self.forms.schema)
        given = {
            ref: tuple(each.parent for each in node.parents) for ref, node in self.found.items() if is_action(ref.type)
        }
        for ref in given:
            node = self.found[ref]
            same = not node.attributes and not node.tags and ancestors(ref, given) == ancestors(ref, declared)
            if ref not in declared or not same:
                file, index = self.places[ref]
                reports[file].wrong(action_differs(ref, ref in declared), (index, "uid"))


def _attribute(odd: Mismatch, at: Path, report: Report) -> None:
    # What is missing stands nowhere: it is said where the entity is named.
    lacks = odd.code == "missing_attribute" and not odd.path
    report.wrong(odd, (*at, "uid" if lacks else "attrs"))


def _same(first: Node, second: Node) -> bool:
    # Records keep `1` and `true` apart, which dicts of Python do not.
    return (
        set(first.parents) == set(second.parents)
        and _record(first.attributes) == _record(second.attributes)
        and _record(first.tags) == _record(second.tags)
    )


def _record(fields: Mapping[str, Any]) -> Record:
    return Record(fields)


def _check_keys(item: dict[str, Any], at: Path, report: Report) -> None:
    for key in item:
        if key not in _KEYS:
            help_ = near(key, _KEYS) or "it has `uid`, `attrs`, `parents` and `tags`"
            report.wrong(Mismatch("unknown_key", f"an entity has no `{clip(key)}`", help_, (key,)), at)
    for key in _NEEDED:
        # A key that is misspelt is one mistake, not two.
        if key not in item and key not in {meant(other, _KEYS) for other in item if other not in _KEYS}:
            article = "a" if key == "uid" else "its"
            report.wrong(Mismatch("missing_key", f"an entity needs {article} `{key}`", _LAYOUT), at)


_REMOVE: Final = "remove one of these parents"


def _shown(cycle: Sequence[EntityRef]) -> str:
    names = [named(ref) for ref in (cycle if len(cycle) <= _SHOWN else [*cycle[:3], *cycle[-3:]])]
    if len(cycle) > _SHOWN:
        names.insert(3, f"… {len(cycle) - _SHOWN} more …")
    return f"{names[0]} is in itself: it is in " + ", which is in ".join([*names[1:], names[0]])


def _action_nodes(schema: Schema) -> Iterable[Node]:
    if schema.open:
        return
    for ref, parents in declared_actions(schema).items():
        yield Node(ref, {}, tuple(Membership(parent) for parent in parents))


# ------------------------------------------------------------------------------------------------- entities as objects


def entity_node(entity: Entity, schema: Schema) -> Node:
    """Return an entity that a caller brings as an object; raise Mismatch where anything of it is wrong."""
    return node_of(entity, Forms(schema))


def node_of(entity: Entity, forms: Forms) -> Node:
    """Do what `entity_node` does, with forms that serve for many entities."""
    try:
        return _node_of(entity, forms)
    except Mismatch:
        raise
    except Exception:
        # Whatever the caller's mapping or iterable raises: it is data that cannot be read.
        raise Mismatch("wrong_type", "this is not data that can be read") from None


def _node_of(entity: Entity, forms: Forms) -> Node:
    ref = entity_ref(entity.type, entity.id)
    if is_action(ref.type) and not forms.schema.open:
        return _action_of(ref, entity, forms)
    form = forms.of(ref.type)
    if form is not None:
        form.check_id(ref)
    attributes = under(lambda given: read_attributes(given, form, _raise), entity.attributes, "attributes")
    parents = _memberships(entity.parents, form, forms)
    under(lambda each: check_groups(ref, each), [membership.parent for membership in parents], "parents")
    tags = under(lambda given: read_tags(given, form, _raise), entity.tags, "tags")
    return Node(ref, attributes, parents, tags)


def _raise(odd: Mismatch) -> None:
    raise odd


def _action_of(ref: EntityRef, entity: Entity, forms: Forms) -> Node:
    declared = declared_actions(forms.schema)
    parents = _memberships(entity.parents, None, forms)
    given = {each.parent for each in parents}
    if ref not in declared or entity.attributes or given not in (set(declared[ref]), ancestors(ref, declared)):
        raise action_differs(ref, ref in declared)
    return Node(ref, {}, tuple(Membership(parent) for parent in declared[ref]))


def _memberships(parents: object, form: Form | None, forms: Forms) -> tuple[Membership, ...]:
    if isinstance(parents, str | Mapping | EntityRef) or not isinstance(parents, Iterable):
        raise misplaced("a list of parents", parents).under("parents")
    given = list(islice(parents, MAX_PARENTS + 1))
    if len(given) > MAX_PARENTS:
        raise Mismatch("data_too_large", f"an entity has at most {MAX_PARENTS} parents").under("parents")
    found: dict[EntityRef, Membership] = {}
    for index, parent in enumerate(given):
        try:
            ref = reference(_parent(parent))
            forms.check_parent(form, ref)
        except Mismatch as odd:
            raise odd.under("parents", index) from None
        found[ref] = Membership(ref)
    return tuple(found.values())


def _parent(parent: object) -> object:
    if not isinstance(parent, Membership):
        return parent
    if parent.until is not None:
        raise Mismatch("invalid_until", "for Cedar, nothing is in another until an instant")
    return parent.parent
