"""Entities from the plain data of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from pdp import patterns
from pdp.classes import dataclass, field
from pdp.conform.mismatch import Mismatch, clip, listed, meant, misplaced, named, near
from pdp.conform.reading import conform, mismatches, missing, undeclared
from pdp.conform.references import REFERENCE, check_id, check_parent, reference, resolve_type
from pdp.conform.scalars import datetime
from pdp.entities.document import MAX_FAULTS, REPORTED, Fault, Path, Place, Report
from pdp.ids import ANY_ID
from pdp.model import Membership, Node
from pdp.schema import EntityType, Schema
from pdp.values import Datetime, EntityRef, Unknown, Value

MAX_ENTITIES: Final = 2_000_000

_KEYS: Final = ("type", "id", "in", "attributes")
_UNTIL: Final = patterns.compile(r"[ \t]+until[ \t]+(.*)", re.DOTALL)
_LAYOUT: Final = 'a file holds `{"entities": [{"type": …, "id": …, "in": […], "attributes": {…}}, …]}`'


@dataclass(slots=True)
class Loaded:
    """What has been read so far, of all files; `places` tells for each entity its file and its number there.

    Where entities are `partial`, any attribute may be missing.
    """

    schema: Schema
    partial: bool = False
    nodes: list[Node] = field(default_factory=list)
    places: dict[EntityRef, tuple[int, int]] = field(default_factory=dict)
    memberships: dict[object, Membership] = field(default_factory=dict)
    required: dict[str, frozenset[str]] = field(default_factory=dict)

    def read(self, data: Any, number: int, report: Report) -> None:
        """Take the entities of a file; `number` is the file's."""
        for index, item in enumerate(_listed(data, report)):
            if len(self.nodes) >= MAX_ENTITIES:
                message = f"there are more than {MAX_ENTITIES} entities"
                report.add(Fault(code="data_too_large", message=message, place=Place(("entities", index))))
                report.broken = True
                return
            node = None if item is REPORTED else self._entity(item, ("entities", index), report)
            if node is None:
                report.broken = True
            elif self.places.setdefault(node.ref, (number, index)) == (number, index):
                self.nodes.append(node)
            else:
                self._twice(node.ref, index, report)
            if report.full:
                return

    def _twice(self, ref: EntityRef, index: int, report: Report) -> None:
        file, first = self.places[ref]
        report.add(
            Fault(
                code="entity_twice",
                message=f"{named(ref)} is there twice",
                place=Place(("entities", index, "id")),
                help="keep one of them",
                note=("first here", file, Place(("entities", first, "id"))),
            )
        )

    def _entity(self, item: Any, at: Path, report: Report) -> Node | None:
        if not isinstance(item, dict):
            report.wrong(misplaced("an entity", item, _LAYOUT), at)
            return None
        _check_keys(item, at, report)
        declared = self._type(item, at, report)
        id_ = _id(item, at, report)
        if declared is None:
            return None
        attributes = self._attributes(item.get("attributes", {}), declared, at, report)
        parents = tuple(self._parents(item.get("in", []), declared, at, report))
        if id_ is None:
            return None
        ref = EntityRef(declared.name, id_)
        self._check_self(ref, parents, item, at, report)
        return Node(ref, attributes, parents)

    def _type(self, item: dict[str, Any], at: Path, report: Report) -> EntityType | None:
        try:
            name = item["type"]
        except KeyError:
            _lacking("type", item, at, listed(self.schema.entities), report)
            return None
        try:
            return self.schema.entities[resolve_type(name, self.schema)]
        except Mismatch as wrong:
            report.wrong(wrong, (*at, "type"))
            return None

    # ------------------------------------------------------------------------------------------------------ attributes

    def _attributes(self, given: Any, declared: EntityType, at: Path, report: Report) -> dict[str, Value | Unknown]:
        at = (*at, "attributes")
        if not isinstance(given, dict):
            report.wrong(misplaced("the attributes by name", given), at)
            return {}
        fields = declared.attributes.fields
        found: dict[str, Value | Unknown] = {}
        for name, value in given.items():
            kind = fields.get(name)
            if value is REPORTED or report.full:
                continue
            if kind is None:
                report.wrong(undeclared(name, fields, f"on `{declared.name}`"), at)
                continue
            try:
                found[name] = conform(value, kind.type, self.schema)
            except Mismatch as first:
                # INVARIANT: what does not conform is reported, be it that only `conform` sees why.
                for wrong in [*islice(mismatches(value, kind.type, self.schema), MAX_FAULTS + 1)] or [first]:
                    report.wrong(wrong, (*at, name))
        if not self._required(declared) <= given.keys() and not report.full:
            for wrong in missing(given, declared.attributes):
                report.wrong(wrong, (*at[:-1], "id"))
        return found

    def _required(self, declared: EntityType) -> frozenset[str]:
        known = self.required.get(declared.name)
        if known is None:
            fields = declared.attributes.fields
            known = frozenset(name for name, kind in fields.items() if not kind.optional and not self.partial)
            self.required[declared.name] = known
        return known

    # --------------------------------------------------------------------------------------------------------- parents

    def _parents(self, given: Any, declared: EntityType, at: Path, report: Report) -> Iterator[Membership]:
        if not isinstance(given, list):
            report.wrong(misplaced("a list of parents", given, "parents stand in a list"), (*at, "in"))
            return
        for index, parent in enumerate(given):
            # Few parents have many members: each is read once.
            text = (declared.name, parent) if isinstance(parent, str) else None
            known = self.memberships.get(text)
            if known is None:
                try:
                    known = _membership(parent, declared, self.schema)
                except Mismatch as wrong:
                    report.wrong(wrong, (*at, "in", index))
                    if report.full:
                        return
                    continue
                known = self.memberships.setdefault(text or known, known)
            yield known

    def _check_self(
        self, ref: EntityRef, parents: tuple[Membership, ...], item: dict[str, Any], at: Path, report: Report
    ) -> None:
        if ref.type in self.schema.entities[ref.type].parents and any(parent.parent == ref for parent in parents):
            for index, parent in enumerate(item["in"]):
                if _same(parent, ref, self.schema):
                    message = f"{named(ref)} cannot be in itself"
                    place = Place((*at, "in", index))
                    report.add(Fault(code="self_parent", message=message, place=place, help="remove it"))


def _same(parent: Any, ref: EntityRef, schema: Schema) -> bool:
    try:
        return _membership(parent, None, schema).parent == ref
    except Mismatch:
        return False


def _listed(data: Any, report: Report) -> list[Any]:
    if not isinstance(data, dict):
        report.wrong(misplaced("the key `entities`", data, _LAYOUT), ())
    else:
        for key in data:
            if key != "entities" and not report.full:
                help_ = near(key, ["entities"]) or _LAYOUT
                report.wrong(Mismatch("unknown_key", f"there is no `{clip(key)}` here", help_, (key,)), ())
        if "entities" not in data and not any(meant(key, ["entities"]) for key in data):
            report.wrong(Mismatch("missing_key", "there are no `entities`", _LAYOUT), ())
        elif isinstance(items := data.get("entities"), list):
            return items
        elif "entities" in data:
            report.wrong(misplaced("a list of entities", items, _LAYOUT), ("entities",))
    report.broken = True
    return []


def _check_keys(item: dict[str, Any], at: Path, report: Report) -> None:
    for key in item:
        if key not in _KEYS and not report.full:
            help_ = near(key, _KEYS) or "it has `type`, `id`, `in` and `attributes`"
            report.wrong(Mismatch("unknown_key", f"an entity has no `{clip(key)}`", help_, (key,)), at)


def _lacking(key: str, item: dict[str, Any], at: Path, help: str, report: Report) -> None:
    # A key that is misspelt is one mistake, not two.
    if key not in {meant(other, _KEYS) for other in item if other not in _KEYS}:
        article = "an" if key == "id" else "a"
        report.wrong(Mismatch("missing_key", f"an entity needs {article} `{key}`", help), at)


def _id(item: dict[str, Any], at: Path, report: Report) -> str | None:
    if "id" not in item:
        _lacking("id", item, at, ANY_ID, report)
        return None
    try:
        return check_id(item["id"])
    except Mismatch as wrong:
        report.wrong(wrong, (*at, "id"))
        return None


def _membership(parent: Any, declared: EntityType | None, schema: Schema) -> Membership:
    """Read `Type "id"`, `Type "id" until …`, or the same by keys; check the type where one is given."""
    until: Datetime | None = None
    if isinstance(parent, str):
        match = REFERENCE.match(parent)
        tail = _UNTIL.fullmatch(parent, match.end()) if match is not None else None
        if match is not None and tail is not None:
            parent, until = match[0], _instant(tail[1])
    elif isinstance(parent, dict) and "until" in parent:
        try:
            until = _instant(parent["until"])
        except Mismatch as wrong:
            raise wrong.under("until") from None
        parent = {key: value for key, value in parent.items() if key != "until"}
    ref = reference(parent, schema)
    if declared is not None:
        check_parent(declared, ref)
    return Membership(ref, until)


def _instant(text: Any) -> Datetime:
    if not isinstance(text, str):
        raise misplaced("an instant in quotes", text, _WHEN)
    try:
        return datetime(text)
    except Mismatch as wrong:
        message = wrong.message.replace("is not a Datetime", "is no end of a membership")
        raise Mismatch("invalid_until", message, wrong.help if "zone" in message else _WHEN) from None


_WHEN: Final = "an end is written `2026-12-24` or `2026-12-24T18:00:00Z`"
