"""The small world of a table: what its fixtures, its file, the table and its steps give, one laid over the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from pdp import model, terms
from pdp.classes import dataclass, field, replace
from pdp.conform.mismatch import clip, named, near
from pdp.entities.document import MAX_FAULTS, Range
from pdp.entities.graph import cycles, round_trip
from pdp.entities.objects import actions_of
from pdp.entities.yamlfile import Map, Node, Text
from pdp.testing.tables.facts import FactReader, Placed
from pdp.testing.tables.given import NOTHING, Attribute, Given
from pdp.testing.tables.sheets import Sheet, Spot
from pdp.testing.tables.words import Vocabulary
from pdp.values import Datetime, EntityRef

SHARED: Final = (
    "world",
    "at",
    "entities",
    "unknown",
    "grants",
    "approvals",
    "revocations",
    "sessions",
    "session",
    "contexts",
    "context",
)
"""The keys that fixtures, files and tables have."""

GROUPS: Final = ("principals", "resources")
_FEW: Final = 200
_SESSION: Final = "the session"
_CONTEXT: Final = "the context"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What holds at one place of a file. `mentions` are the entities that have to be there, and who says so.

    It is `broken` where some entities could not be read, so that nobody can tell what is missing.
    """

    placed: Mapping[EntityRef, Placed] = field(default_factory=dict)
    unknown: frozenset[EntityRef] = frozenset()
    mentions: tuple[tuple[Spot, EntityRef], ...] = ()
    grants: tuple[terms.Rule, ...] = ()
    approvals: tuple[model.Approval, ...] = ()
    revocations: tuple[model.Revocation, ...] = ()
    sessions: Mapping[str, Given] = field(default_factory=dict)
    contexts: Mapping[str, Given] = field(default_factory=dict)
    principals: Mapping[str, tuple[EntityRef, ...]] = field(default_factory=dict)
    resources: Mapping[str, tuple[EntityRef, ...]] = field(default_factory=dict)
    session: Given | None = None
    context: Given = NOTHING
    at: Datetime | None = None
    beside: bool = False
    broken: bool = False


class WorldReader:
    """Lays over a world what one file says. `attributes` are all that it gives, `owner` says what each is of."""

    def __init__(self, sheet: Sheet, words: Vocabulary) -> None:
        self.sheet = sheet
        self.words = words
        self.attributes: list[tuple[Attribute, str]] = []
        self._mentions: list[tuple[Spot, EntityRef]] = []
        self.facts = FactReader(sheet, words, lambda spot, ref: self._mentions.append((spot, ref)))

    def over(self, world: World, fields: Mapping[str, Node]) -> World:
        """Return a world in which what a mapping says holds as well."""
        if not fields:
            return world
        self._mentions = []
        sessions = {**world.sessions, **self._named(fields.get("sessions"), _SESSION)}
        contexts = {**world.contexts, **self._named(fields.get("contexts"), _CONTEXT)}
        world = replace(world, sessions=sessions, contexts=contexts)
        at = self.sheet.instant(fields["at"]) if "at" in fields else None
        at = at or world.at
        placed = self.facts.entities(fields["entities"]) if "entities" in fields else {}
        revoked: tuple[model.Revocation, ...] = ()
        for key in ("revocations", "revoke"):
            if key in fields:
                revoked += self.facts.revocations(fields[key], at or terms.TEST_START)
        return replace(
            world,
            at=at,
            beside=self._beside(fields["world"]) if "world" in fields else world.beside,
            broken=world.broken or self.facts.broken,
            placed={**world.placed, **placed} if placed else world.placed,
            unknown=world.unknown | self._refs(fields.get("unknown")),
            grants=world.grants + (self.facts.grants(fields["grants"]) if "grants" in fields else ()),
            approvals=world.approvals + (self.facts.approvals(fields["approvals"]) if "approvals" in fields else ()),
            revocations=world.revocations + revoked,
            session=self.session(fields["session"], world) if "session" in fields else world.session,
            context=world.context.with_others(self.context(fields["context"], world))
            if "context" in fields
            else world.context,
            mentions=world.mentions + tuple(self._mentions),
        )

    def grouped(self, world: World, fields: Mapping[str, Node]) -> World:
        """Return a world with the groups of entities that a file names."""
        principals, resources = (dict(self._groups(fields.get(key))) for key in GROUPS)
        return replace(
            world,
            principals={**world.principals, **principals},
            resources={**world.resources, **resources},
        )

    def _groups(self, node: Node | None) -> Iterator[tuple[str, tuple[EntityRef, ...]]]:
        if node is None:
            return
        for name, where, inner in self.sheet.entries(node, "groups of entities by name", _GROUPS_HELP):
            if ":" in name or '"' in name or self.words.actions(name):
                message = f"a group cannot be called `{clip(name)}`"
                help_ = "an action is called that" if self.words.actions(name) else "a name has no `:` and no quotes"
                self.sheet.wrong("invalid_group", message, where, help_)
            refs = [self.facts.ref(each) for each in self.sheet.items(inner, "a list of entities")]
            yield name, tuple(ref for ref in refs if ref is not None)

    def _refs(self, node: Node | None) -> frozenset[EntityRef]:
        items = [] if node is None else self.sheet.items(node, "a list of entities")
        refs = [self.facts.ref(each, here=False) for each in items]
        return frozenset(ref for ref in refs if ref is not None)

    def _beside(self, node: Node) -> bool:
        word = self.sheet.text(node, "`own` or `folder`")
        if word not in (None, "own", "folder"):
            help_ = near(word, ("own", "folder")) or "it is `own` or `folder`"
            self.sheet.wrong("unreadable_value", f"there is no world `{clip(str(word))}`", node.range, help_)
        return word == "folder"

    # ----------------------------------------------------------------------------------------------------- attributes

    def _named(self, node: Node | None, owner: str) -> dict[str, Given]:
        if node is None:
            return {}
        what = f"{owner.removeprefix('the ')}s by name"
        found = {}
        for name, where, inner in self.sheet.entries(node, what):
            if name == "none":
                message, help_ = "nothing can be called `none`", "`session: none` says that there is no session"
                self.sheet.wrong("invalid_group", message, where, help_)
            found[name] = self.given(inner, owner)
        return found

    def given(self, node: Node, owner: str) -> Given:
        """Return attributes that are written out."""
        found = {
            name: Attribute(name, self.sheet, where, inner)
            for name, where, inner in self.sheet.entries(node, f"the attributes of {owner} by name")
        }
        self.attributes += [(attribute, owner) for attribute in found.values()]
        return Given(found)

    def session(self, node: Node, world: World) -> Given | None:
        """Return a session that is written out, or that a word names; None for `none`."""
        if isinstance(node, Text) and node.text == "none":
            return None
        return self._either(node, world.sessions, _SESSION, "unknown_session")

    def context(self, node: Node, world: World) -> Given:
        """Return a context that is written out, or that a word names."""
        return self._either(node, world.contexts, _CONTEXT, "unknown_context")

    def _either(self, node: Node, named_: Mapping[str, Given], owner: str, code: str) -> Given:
        if isinstance(node, Map):
            return self.given(node, owner)
        word = self.sheet.text(node, f"{owner}, or its name")
        if word is None:
            return NOTHING
        found = named_.get(word)
        if found is None:
            what = owner.removeprefix("the ")
            help_ = near(word, named_) or f"`{what}s` gives them names"
            self.sheet.wrong(code, f"there is no {what} `{clip(word)}`", node.range, help_)
        return NOTHING if found is None else found

    def check(self) -> None:
        """Report attributes that no action has which they were given for, or none at all where they were not used."""
        if self.words.schema.open:
            return
        actions = self.words.schema.actions.values()
        for attribute, owner in self.attributes:
            records = [action.session if owner == _SESSION else action.context for action in actions]
            attribute.check(records, owner)


_GROUPS_HELP: Final = "a file gives groups names, as in `principals: {staff: [User:ada, User:ben]}`"


# ---------------------------------------------------------------------------------------------------- what holds it up


class Holding:
    """Tells what is there in a world, and reports what is not."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._sound: Mapping[EntityRef, Placed] | None = None

    def holds(self, ref: EntityRef, world: World) -> bool:
        """Tell whether somebody holds an entity, or need not, or the file says that nobody does."""
        declared = self._words.schema.entities.get(ref.type)
        return (
            ref in world.placed
            or ref in world.unknown
            or (declared is not None and (declared.bare or (declared.ids is not None and ref.id in declared.ids)))
            or (world.beside and self._words.store.node(ref) is not None)
        )

    def want(self, sheet: Sheet, where: Range, ref: EntityRef, world: World) -> None:
        """Report an entity that nobody holds."""
        if world.broken or self.holds(ref, world):
            return
        known = [*islice((each.id for each in world.placed if each.type == ref.type), _FEW)]
        close = near(ref.id, known)
        help_ = "add it to `entities`, or to `unknown` where nobody is to hold it"
        if close is not None:
            help_ = close.replace("`", f"`{clip(ref.type)}:", 1)
        sheet.wrong("unheld_entity", f"nothing holds {named(ref)}", where, help_)

    def check(self, world: World) -> None:
        """Report what is wrong between the entities of a world, and what is named and not there."""
        for spot, ref in world.mentions:
            self.want(spot.sheet, spot.range, ref, world)
        if self._sound is world.placed:
            return
        self._sound = world.placed
        for placed in world.placed.values():
            for membership in placed.node.parents:
                self._parent(placed, membership.parent, world)
        self._circles(world)

    def _parent(self, placed: Placed, parent: EntityRef, world: World) -> None:
        if self._words.schema.is_cedar or world.broken or self.holds(parent, world):
            return
        known = [*islice((each.id for each in world.placed if each.type == parent.type), _FEW)]
        message = f"{named(placed.node.ref)} is in {named(parent)}, which nothing holds"
        help_ = near(parent.id, known) or "add it, or remove this membership"
        placed.spot.sheet.wrong("dangling_parent", message, placed.spot.range, help_)

    def _circles(self, world: World) -> None:
        parents = {
            ref: [each.parent for each in placed.node.parents if each.parent != ref]
            for ref, placed in world.placed.items()
        }
        for circle in islice(cycles(parents), MAX_FAULTS):
            spot = world.placed[circle[-1]].spot
            spot.sheet.wrong("parent_cycle", round_trip(circle), spot.range, "remove one of these memberships")


def entities_of(world: World, words: Vocabulary) -> tuple[model.Node, ...]:
    """Return the entities of a world; of Cedar's, the actions are among them."""
    found = {ref: placed.node for ref, placed in world.placed.items()}
    if words.schema.is_cedar:
        for ref, parents in actions_of(words.schema).items():
            found.setdefault(ref, model.Node(ref, {}, tuple(model.Membership(parent) for parent in parents)))
    return tuple(found.values())
