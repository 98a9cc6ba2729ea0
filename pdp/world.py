"""What an engine holds at one moment: a policy, entities, approvals, revocations. A change makes the next one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pdp import conform
from pdp.cells import LEAVES, Cell, Program
from pdp.classes import dataclass, replace
from pdp.codegen.support import careful, clock
from pdp.conform import Mismatch
from pdp.entities import Store
from pdp.entities.held import Held, everything_above, lookup, sound
from pdp.entities.objects import action_again, node_of, with_actions
from pdp.errors import RequestError
from pdp.evaluation import FOREVER
from pdp.ids import is_action, wrong_id, wrong_text
from pdp.model import Approval, Decision, Entity, Node
from pdp.revocation.index import Index, Revoked
from pdp.schema import Schema
from pdp.session import Names
from pdp.values import EntityRef, Unknown, label, labelled, show

Asked = tuple[EntityRef, str, EntityRef]

_STRANGERS: Final = 10_000
"""Of so many entities that no source holds, and of which there is nothing to know, something is remembered."""


_STALE: Final = 1_000
"""After so many changes nothing is taken over any more from before the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Facts as the engine was given them, to be read by the schema of each policy that it holds.

    `failure` says what is wrong with the record of revocations: then nothing may be decided.
    """

    approvals: tuple[Approval, ...] | None
    revocations: Index
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Direct:
    """Whether `decide` may answer by what is ready, and whether that is all that there is to `allows`.

    `alone` says that the store is all that is known of entities: there are no providers.
    """

    decide: bool
    allows: bool
    alone: bool


class World:
    """One moment. Nothing that it holds changes; what it remembers (`held`, `ready` …) could be found again.

    Readers take no lock: what two of them find at once is the same.
    """

    __slots__ = (
        "_direct",
        "_labels",
        "_node",
        "_older",
        "_stale",
        "approvals",
        "clean",
        "given",
        "held",
        "held_for_allows",
        "held_for_decide",
        "leased",
        "near",
        "policy",
        "program",
        "ready",
        "revoked",
        "schema",
        "store",
    )

    def __init__(self, program: Program, store: Store, given: Given, direct: Direct) -> None:
        """Put a world together; `direct` says what compiled rules may answer at once."""
        self.program, self.store, self.given, self._direct = program, store, given, direct
        self.policy, self.schema = program.policy, program.schema
        self.approvals = _by_question(given.approvals, self.schema)
        self.revoked = Revoked(given.revocations, self.schema)
        # A session that was found not to be revoked bears this, and is not looked up again.
        self.clean = given.revocations.mark
        self.ready: dict[Cell, dict[Any, Decision]] = {}
        self.leased: dict[Cell, dict[tuple[Any, int], Decision]] = {}
        self._node = lookup(store, self.schema, alone=direct.alone)
        self.held: dict[EntityRef, Held] = {}
        # What attributes lead to, by label.
        self.near: dict[str, Held] = {}
        self._labels: dict[EntityRef, str] = {}
        # Where nothing may be answered at once, nothing is found at once.
        self.held_for_decide = self.held if direct.decide else {}
        self.held_for_allows = self.held if direct.allows else {}
        # What a world before held, and this one but for the stale: taken over one by one, as they are asked for.
        self._older: dict[EntityRef, Held] = {}
        self._stale: frozenset[EntityRef] = frozenset()

    # --------------------------------------------------------------------------------------------------- remembering

    def far(self, ref: EntityRef) -> Held:
        """Return an entity that a condition leads to; raise where there is anything uncertain about it."""
        return self.held.get(ref) or self.hold(ref)

    def reach(self, text: str) -> Held:
        """Return an entity that an attribute leads to, by its label, and remember it; raise as `far` does."""
        found = self.far(labelled(text))
        if len(self.near) < len(self.store) + _STRANGERS:
            self.near[text] = found
        return found

    def hold(self, ref: EntityRef) -> Held:
        """Return an entity, and remember it; raise where there is anything uncertain about it, or it may be revoked."""
        if self.given.failure is not None:
            # INVARIANT: whatever answers goes by what is held, so that nothing answers here.
            careful()
        found = None if ref in self._stale else self._older.get(ref)
        if found is None:
            node = self._node(ref)
            if node is None or self._is_wrong(ref) or not sound(node, self.schema):
                careful()
            program = self.program
            found = Held(
                ref,
                node.attributes,
                everything_above(ref, self._node),
                program.gates[ref.type],
                program.doors[ref.type],
                node.tags,
                self._label,
            )
        # One that was taken over may have been revoked since.
        if self.given.revocations and self._may_be_revoked(found):
            careful()
        if len(self.held) < len(self.store) + _STRANGERS:
            self.held[ref] = found
        return found

    def _may_be_revoked(self, held: Held) -> bool:
        """Tell whether there is any revocation of an entity, whenever it may have proved who it is."""
        revoked = self.revoked
        if revoked.marks(held.ref):
            return True
        return revoked.index.groups and (held.up is None or any(map(revoked.marks_group, held.up)))

    def clears(self, names: Names) -> bool:
        """Tell whether no revocation reaches a session, and remember that of it."""
        for kind, name in names.given:
            if self.revoked.session(kind, name, names.proved):
                return False
        names.clean = self.clean
        return True

    def _is_wrong(self, ref: EntityRef) -> bool:
        return (wrong_text(ref.id) if self.schema.is_cedar else wrong_id(ref.id)) is not None

    def _label(self, ref: EntityRef) -> str:
        """Return the label of a name: the same object where it is asked for again, which saves its room."""
        found = self._labels.get(ref)
        if found is None:
            found = label(ref)
            if len(self._labels) < len(self.store) + _STRANGERS:
                self._labels[ref] = found
        return found

    def lease(self, cell: Cell, key: Any, until: int, at: int | None) -> Decision:
        """Return the decision that a key tells, with its lease; raise where there is no telling.

        `at` is None where no time was read.
        """
        leaf, recheck = cell.leaves[key]
        if leaf is None:
            careful()
        if recheck is not None:
            end = min(until, (clock() if at is None else at) + recheck)
            # What lies beyond the last instant never comes.
            return Decision.made(leaf, self.store, None if end >= FOREVER else end)
        shelf: dict[Any, Decision]
        if until >= FOREVER:
            shelf, place, last = self.ready.setdefault(cell, {}), key, None
        else:
            shelf, place, last = self.leased.setdefault(cell, {}), (key, until), until
        found = shelf.get(place)
        if found is None:
            if len(shelf) >= LEAVES:
                shelf.clear()
            found = shelf[place] = Decision.made(leaf, self.store, last)
        return found

    # ------------------------------------------------------------------------------------------------------ changing

    def with_store(self, store: Store) -> World:
        """Return the world with other entities."""
        return World(self.program, store, self.given, self._direct)

    def with_node(self, node: Node) -> World:
        """Return the world in which an entity stands anew, or instead of what it was."""
        old = self.store.node(node.ref)
        found = self.with_store(self.store.with_node(node))
        if (old is not None and old.parents == node.parents) or not self._holds_others(node.ref.type):
            # No other is in anything else than before: what is remembered of all others still holds.
            found._remember(self, node.ref)
        return found

    def with_revocations(self, index: Index, failure: str | None) -> World:
        """Return the world in which other things are revoked, or nothing may be decided."""
        return self._with_given(replace(self.given, revocations=index, failure=failure))

    def with_approvals(self, approvals: tuple[Approval, ...] | None) -> World:
        """Return the world in which other things are approved, or nobody can tell what is."""
        return self._with_given(replace(self.given, approvals=approvals))

    def _with_given(self, given: Given) -> World:
        found = World(self.program, self.store, given, self._direct)
        found._remember(self)
        # What rules come to is still the same: who is revoked is not asked about them, and where anything is approved
        # of what is asked, or nobody can tell, they come to nothing that is kept.
        found.ready, found.leased = self.ready, self.leased
        return found

    def _remember(self, before: World, *changed: EntityRef) -> None:
        """Take over what a world before remembers of entities, but for the one that changed."""
        # To copy all of it would take longer than all else. Of two worlds, the one that remembers more is taken.
        if 2 * len(before.held) >= len(before._older):
            self._older, self._stale = before.held, frozenset(changed)
        elif len(before._stale) < _STALE:
            self._older, self._stale = before._older, before._stale.union(changed)

    def _holds_others(self, kind: str) -> bool:
        return self.schema.open or any(kind in declared.parents for declared in self.schema.entities.values())

    def with_program(self, program: Program) -> World:
        """Return the world with another policy; raise RequestError where it cannot hold an entity that is there."""
        store, schema = self.store, program.schema
        if schema != self.schema:
            leaves_cedar = self.schema.is_cedar and not schema.is_cedar
            store = read_again(_spelled_out(store) if leaves_cedar else store, schema)
        return World(program, store, self.given, self._direct)


def _spelled_out(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield entities of Cedar with their values as data: the policies of pdp may read another value of it.

    There, an IPv6 address may be an IPv4 address, and a range has no bits of a host.
    """
    for node in nodes:
        attributes = {
            name: value if isinstance(value, Unknown) else conform.plain(value)
            for name, value in node.attributes.items()
        }
        yield Node(node.ref, attributes, node.parents, node.tags)


def read_again(store: Iterable[Node], schema: Schema) -> Store:
    """Return entities as another schema has them; raise RequestError for one that it cannot hold as it is."""
    found: list[Node] = []
    for node in store:
        if schema.is_cedar and is_action(node.ref.type):
            found += action_again(node, schema)
            continue
        entity = Entity(node.ref.type, node.ref.id, node.attributes, node.parents, node.tags)
        try:
            read = node_of(entity, schema)
        except Mismatch as wrong:
            raise RequestError(f"{show(node.ref)} does not fit the policy: {wrong}") from None
        for name, value in node.attributes.items():
            if not isinstance(value, Unknown) and isinstance(read.attributes.get(name, value), Unknown):
                raise RequestError(f"{show(node.ref)} does not fit the policy: `{name}` is of another type there")
        found.append(read)
    return with_actions(Store.of(found), schema)


def resolved(ref: EntityRef, schema: Schema) -> EntityRef:
    """Return a name under the name of its type that is used everywhere."""
    name = schema.resolve(ref.type)
    return ref if name == ref.type else EntityRef(name, ref.id)


def _by_question(approvals: Iterable[Approval] | None, schema: Schema) -> Mapping[Asked, Sequence[Approval]] | None:
    if approvals is None:
        return None
    found: dict[Asked, list[Approval]] = {}
    for each in approvals:
        read = replace(
            each,
            approver=resolved(each.approver, schema),
            principal=resolved(each.principal, schema),
            action=schema.resolve_action(each.action),
            resource=resolved(each.resource, schema),
            asked_by=None if each.asked_by is None else resolved(each.asked_by, schema),
            actor=None if each.actor is None else resolved(each.actor, schema),
        )
        found.setdefault((read.principal, read.action, read.resource), []).append(read)
    return found
