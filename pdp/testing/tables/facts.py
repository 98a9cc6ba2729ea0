"""Facts of the world of a table: entities, grants, approvals and revocations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pdp import model, terms
from pdp.cedar.facts import Loaded as LoadedCedar
from pdp.cedar.forms import Forms
from pdp.checker.grants import covered, idle, permit_of
from pdp.checker.rules import time_clause
from pdp.classes import dataclass
from pdp.conform import Mismatch
from pdp.entities.document import Fault, Path, Place, Range, Report
from pdp.entities.reading import Loaded
from pdp.entities.yamlfile import List, Map, Node, data, entity
from pdp.errors import article
from pdp.schema import Role
from pdp.testing.tables.sheets import Sheet, Spot, place_of, plain
from pdp.testing.tables.words import Vocabulary, unknown
from pdp.values import Datetime, EntityRef

_FOR_GOOD: Final = (model.RevocationKind.SESSION, model.RevocationKind.TOKEN, model.RevocationKind.KEY)
_OF_ENTITIES: Final = (model.RevocationKind.PRINCIPAL, model.RevocationKind.GROUP, model.RevocationKind.WORKLOAD)
_KINDS: Final = tuple(str(kind) for kind in model.RevocationKind)
_GRANT: Final = ("role", "on", "to", "from", "until", "standing")
_APPROVAL: Final = ("by", "of", "to", "on", "with", "at")


@dataclass(frozen=True, slots=True)
class Placed:
    """An entity, and where it stands."""

    node: model.Node
    spot: Spot


@dataclass(slots=True)
class FactReader:
    """Reads facts of one file; `mention` is told of entities that have to be there.

    It is `broken` once an entity could not be read.
    """

    sheet: Sheet
    words: Vocabulary
    mention: Callable[[Spot, EntityRef], None]
    broken: bool = False

    # ------------------------------------------------------------------------------------------------------- entities

    def entities(self, node: Node) -> dict[EntityRef, Placed]:
        """Return entities as files of entities write them; any attribute may be missing."""
        report = Report()
        listed = self.sheet.items(node, "a list of entities")
        if self.words.schema.is_cedar:
            found, start = _of_cedar(listed, self.words, report), 0
        else:
            loaded = Loaded(self.words.schema, partial=True)
            loaded.read({"entities": [entity(each, self.words.schema) for each in listed]}, 0, report)
            found = {each.ref: (each, loaded.places[each.ref][1]) for each in loaded.nodes}
            start = 1
        self.broken = self.broken or report.broken or not isinstance(node, List)
        for fault in report.faults:
            self._told(fault, node, start)
        return {ref: Placed(each, Spot(self.sheet, listed[at].range)) for ref, (each, at) in found.items()}

    def _told(self, fault: Fault, node: Node, start: int) -> None:
        note = None
        if fault.note is not None:
            note = (fault.note[0], Spot(self.sheet, _within(node, fault.note[2], start)))
        self.sheet.wrong(fault.code, fault.message, _within(node, fault.place, start), fault.help, note)

    # --------------------------------------------------------------------------------------------------------- grants

    def grants(self, node: Node) -> tuple[terms.Rule, ...]:
        """Return grants, as the permits that they are."""
        found = [self._grant(each) for each in self.sheet.items(node, "a list of grants")]
        return tuple(each for each in found if each is not None)

    def _grant(self, node: Node) -> terms.Rule | None:
        fields = self.sheet.fields(node, "a grant", _GRANT)
        role = self._role(node, fields)
        resource, principal = (self._ref(node, fields, key, "a grant") for key in ("on", "to"))
        start, end = (self.sheet.instant(fields[key]) if key in fields else None for key in ("from", "until"))
        standing = self.sheet.text(fields["standing"], "the reason, in words") if "standing" in fields else None
        self._check_end(node, fields, start, end)
        if role is None or resource is None or principal is None:
            return None
        self._check_grant(fields, role, resource, principal)
        clauses = []
        for kind, at, key in ((terms.ClauseKind.FROM, start, "from"), (terms.ClauseKind.UNTIL, end, "until")):
            if at is not None:
                clauses.append(time_clause(kind, at, self.sheet.span(fields[key].range)))
        return permit_of(
            role,
            principal,
            resource,
            self.words.schema,
            clauses=tuple(clauses),
            start=start,
            standing=standing,
            span=self.sheet.span(node.range),
        )

    def _role(self, node: Node, fields: Mapping[str, Node]) -> Role | None:
        if "role" not in fields:
            self.sheet.lacks("role", "a grant", node, "it is of a role, `on` a resource, `to` a principal")
            return None
        word = self.sheet.text(fields["role"], "the name of a role")
        if word is None:
            return None
        roles = self.words.schema.roles
        role = roles.get(self.words.schema.resolve_action(word))
        if role is None:
            self.sheet.odd(unknown("role", "unknown_role", word, frozenset(roles)), fields["role"])
        return role

    def _check_end(self, node: Node, fields: Mapping[str, Node], start: Datetime | None, end: Datetime | None) -> None:
        if "until" in fields and "standing" in fields:
            help_ = "keep one of them"
            self.sheet.wrong("until_and_standing", "the grant ends and stands", fields["standing"].range, help_)
        if isinstance(node, Map) and "until" not in fields and "standing" not in fields:
            message = "the grant says neither when it ends nor why it stands"
            help_ = "add `until: 2026-12-24`, or `standing: …` with the reason"
            self.sheet.wrong("grant_without_end", message, node.range, help_)
        if start is not None and end is not None and end.micros <= start.micros:
            help_ = "swap the two, or mend one"
            self.sheet.wrong("empty_window", "the grant ends before it starts", fields["until"].range, help_)

    def _check_grant(self, fields: Mapping[str, Node], role: Role, resource: EntityRef, principal: EntityRef) -> None:
        if role.types and not covered(role, resource, self.words.schema):
            message = f"role `{role.name}` is on {', '.join(sorted(role.types))}: "
            message += f"none is ever in {article(resource.type)}"
            help_ = "name a resource of the role's type, or one that such resources are in"
            self.sheet.wrong("grant_covers_nothing", message, fields["on"].range, help_)
        by = idle(role, principal, self.words.schema)
        if by is not None:
            message = f"nobody in {article(principal.type)} can ask for what role `{role.name}` allows"
            help_ = f"its actions are by {', '.join(by) or 'nobody'}"
            self.sheet.wrong("grant_covers_nothing", message, fields["to"].range, help_)

    # ------------------------------------------------------------------------------------------------------ approvals

    def approvals(self, node: Node) -> tuple[model.Approval, ...]:
        """Return approvals on record."""
        found = [self._approval(each) for each in self.sheet.items(node, "a list of approvals")]
        return tuple(each for each in found if each is not None)

    def _approval(self, node: Node) -> model.Approval | None:
        fields = self.sheet.fields(node, "an approval", _APPROVAL)
        approver, principal, resource = (self._ref(node, fields, key, "an approval") for key in ("by", "of", "on"))
        action, at = self._action(node, fields), None
        if "at" in fields:
            at = self.sheet.instant(fields["at"])
        elif isinstance(node, Map):
            self.sheet.lacks("at", "an approval", node, "say when it was given: `at: 2026-11-22T20:00:00Z`")
        if approver is None or principal is None or resource is None or action is None or at is None:
            return None
        of = None
        if "with" in fields:
            try:
                of = self.words.approved(action, principal, resource, fields["with"])
            except Mismatch as odd:
                self.sheet.odd(odd, fields["with"])
        return model.Approval(approver, principal, action, resource, at, of)

    def _action(self, node: Node, fields: Mapping[str, Node]) -> str | None:
        if "to" not in fields:
            self.sheet.lacks("to", "an approval", node, "name the action that is approved: `to: deploy`")
            return None
        word = self.sheet.text(fields["to"], "the name of an action")
        if word is None:
            return None
        found = self.words.actions(word)
        if found and self.words.schema.resolve_action(word) in found:
            return found[0]
        self.sheet.odd(unknown("action", "unknown_action", word, frozenset(self.words.schema.actions)), fields["to"])
        return None

    # ---------------------------------------------------------------------------------------------------- revocations

    def revocations(self, node: Node, at: Datetime) -> tuple[model.Revocation, ...]:
        """Return revocations; those of people and devices are of what was proved up to an instant."""
        found = [self._revocation(each, at) for each in self.sheet.items(node, "a list of revocations")]
        return tuple(each for each in found if each is not None)

    def _revocation(self, node: Node, at: Datetime) -> model.Revocation | None:
        fields = self.sheet.fields(node, "a revocation", (*_KINDS, "at"))
        named = [key for key in fields if key != "at"]
        if len(named) != 1:
            if isinstance(node, Map):
                help_ = f"it is of one of {', '.join(f'`{kind}`' for kind in _KINDS)}"
                self.sheet.wrong("expected_revocation", "a revocation names one thing", node.range, help_)
            return None
        kind = model.RevocationKind(named[0])
        given = self.sheet.instant(fields["at"]) if "at" in fields else at
        # As a revocation elsewhere: whoever holds a session, a token or a key may claim of it whatever time they like.
        until = None if kind in _FOR_GOOD else given
        if kind not in _OF_ENTITIES:
            name = self.sheet.text(fields[kind], f"the name of a {kind}")
            return None if name is None else model.Revocation(kind, name, "", until)
        ref = self._ref(node, fields, kind, "a revocation", here=kind is model.RevocationKind.PRINCIPAL)
        if ref is None:
            return None
        if kind is model.RevocationKind.GROUP and ref.type not in self.words.schema.containers:
            help_ = f"write `principal: {ref.type}:{ref.id}` to revoke it alone"
            self.sheet.wrong("no_group", f"nothing can be in {article(ref.type)}", fields[kind].range, help_)
        return model.Revocation(kind, ref.id, ref.type, until)

    # ---------------------------------------------------------------------------------------------------------- names

    def _ref(
        self, node: Node, fields: Mapping[str, Node], key: str, what: str, *, here: bool = True
    ) -> EntityRef | None:
        if key not in fields:
            if isinstance(node, Map):
                self.sheet.lacks(key, what, node, "name an entity: `User:ada`")
            return None
        return self.ref(fields[key], here=here)

    def ref(self, node: Node, *, here: bool = True) -> EntityRef | None:
        """Return the entity that a text names, which has to be there where `here` says so."""
        text = self.sheet.text(node, "the name of an entity", 'write `Type:id` or `Type "id"`')
        if text is None:
            return None
        try:
            found = self.words.ref(text)
        except Mismatch as odd:
            self.sheet.odd(odd, node)
            return None
        if here:
            self.mention(Spot(self.sheet, node.range), found)
        return found


def _of_cedar(listed: list[Node], words: Vocabulary, report: Report) -> dict[EntityRef, tuple[model.Node, int]]:
    loaded = LoadedCedar(Forms(words.schema))
    loaded.read([_cedar_entity(each, words) for each in listed], 0, report)
    return {ref: (each, loaded.places[ref][1]) for ref, each in loaded.found.items()}


def _cedar_entity(node: Node, words: Vocabulary) -> object:
    # Types are declared under full names, and attributes say by their type what a word means.
    found = plain(node)
    if not isinstance(found, dict) or not isinstance(node, Map) or "attrs" not in node.items:
        return found
    uid = found.get("uid")
    declared = words.schema.entities.get(str(uid.get("type", ""))) if isinstance(uid, dict) else None
    if declared is not None and not words.schema.open:
        found["attrs"] = data(node.items["attrs"][1], declared.attributes)
    return found


def _within(node: Node, place: Place | Range, start: int) -> Range:
    """Return where a part of a list of entities stands; paths of some readers lead from the document that it is in."""
    if not isinstance(place, Place):
        return place
    path: Path = place.path[start:]
    return place_of(node, Place(path, place.key))
