"""What is known at the moment of one decision, from all that can know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pdp.conform import Mismatch
from pdp.entities import Store
from pdp.entities.objects import node_of
from pdp.errors import EndlessSourceError, FailedSourceError, RequestError
from pdp.model import Approval, Entity, Failure, Node, RevocationKind
from pdp.ports import AttributeProvider
from pdp.revocation.index import Index, Revoked
from pdp.schema import Schema
from pdp.values import UNKNOWN, EntityRef, Unknown, Value, equal, show

MAX_ASKED: Final = 100_000
"""The entities that providers are asked for in one decision."""


class Snapshot:
    """The facts of one decision. The store goes before the providers, in their order, and these before the request.

    Nothing changes under a decision: a provider is asked at most once for an entity, whatever it answers. Raise
    RequestError where the request brings an entity that is none of the schema's, or one entity in two versions.

    >>> from pdp.schema import EntityType
    >>> from pdp.types import RecordType
    >>> agent = EntityType(name="Agent", parents=frozenset(), attributes=RecordType({}))
    >>> world = Schema(entities={"Agent": agent}, enums={}, actions={}, groups={}, roles={}, obligations={})
    >>> Snapshot(Store.empty(), world).node(EntityRef("Agent", "builder"))
    Node(ref=EntityRef(type='Agent', id='builder'), attributes={}, parents=(), tags={})
    """

    def __init__(
        self,
        store: Store,
        schema: Schema,
        *,
        providers: Sequence[AttributeProvider] = (),
        entities: Iterable[Entity] = (),
        approvals: Sequence[Approval] | None = (),
        revocations: Index | None = None,
        failure: Failure | None = None,
    ) -> None:
        self._store = store
        self._schema = schema
        self._providers = tuple(providers)
        self._brought = _brought(entities, schema)
        self._approvals = None if approvals is None else tuple(approvals)
        self._revoked = Revoked(Index.empty() if revocations is None else revocations, schema)
        self.failure = failure
        self._answers: dict[EntityRef, Node | Unknown | None] = {}
        self._held: dict[EntityRef, Node] = {}
        # Whether a provider was asked for anything.
        self.lent = False

    @property
    def brought(self) -> frozenset[EntityRef]:
        """The entities of which the request has the say, since nothing else holds them."""
        return frozenset(ref for ref, node in self._brought.items() if self.node(ref) is node)

    @property
    def approvals(self) -> Sequence[Approval] | None:
        """Every approval of what is asked, lapsed ones included; None where the record cannot be read."""
        return self._approvals

    def node(self, ref: EntityRef) -> Node | Unknown | None:
        """Return an entity, None where nothing holds it, unknown where a provider failed or gave no sense."""
        held = self._held.get(ref)
        if held is not None:
            return held
        asked, ref = ref, self.known(ref)
        held = self._store.node(ref)
        if held is not None:
            # Every rule asks for the same few: whatever they are called, a store that does not change has them.
            self._held[asked] = held
            return held
        if ref not in self._answers:
            if self._providers and len(self._answers) >= MAX_ASKED:
                # A provider that puts each entity into a new one would be asked for ever. That no answer comes of it,
                # rather than an unknown entity, keeps the order in which entities are asked for out of the answer.
                raise EndlessSourceError
            self._answers[ref] = self._find(ref)
        return self._answers[ref]

    @property
    def groups_revoked(self) -> bool:
        """Whether any group is revoked."""
        return self._revoked.index.groups

    def revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether a principal, an actor or an approver is revoked, by its name or the beginning of it."""
        return self._revoked.entity(ref, proved)

    def group_revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether those who are in an entity are revoked."""
        return self._revoked.group(ref, proved)

    def session_revoked(self, kind: RevocationKind, name: str, proved: int | None) -> bool:
        """Tell whether what a session names is revoked."""
        return self._revoked.session(kind, name, proved)

    def known(self, ref: EntityRef) -> EntityRef:
        """Return an entity's name as all sources know it."""
        name = self._schema.resolve(ref.type)
        return ref if name == ref.type else EntityRef(name, ref.id)

    def _find(self, ref: EntityRef) -> Node | Unknown | None:
        declared = self._schema.entities.get(ref.type)
        cedar = self._schema.is_cedar
        if not cedar and declared is None:
            return None
        if not cedar and declared is not None and declared.bare:
            return Node(ref, {})
        for provider in self._providers:
            found = self._ask(provider, ref)
            if found is not None:
                if cedar and isinstance(found, Unknown):
                    # Cedar would skip a forbid that cannot tell. No answer at all is a deny.
                    raise FailedSourceError(f"the source of {show(ref)} failed")
                return found
        brought = self._brought.get(ref)
        # For Cedar, an entity that nothing holds has no attributes and is in nothing.
        return Node(ref, {}) if cedar and brought is None else brought

    def _ask(self, provider: AttributeProvider, ref: EntityRef) -> Node | Unknown | None:
        self.lent = True
        try:
            # What comes back is not taken for what the port promises.
            answer: object = provider.entity(ref)
            if answer is None:
                return None
            found = node_of(answer, self._schema) if isinstance(answer, Entity) else None
        except Exception:
            # A source that failed or is late might have held anything: not even the request may stand in for it.
            return UNKNOWN
        return found if found is not None and found.ref == ref else UNKNOWN


def _brought(entities: Iterable[Entity], schema: Schema) -> dict[EntityRef, Node]:
    found: dict[EntityRef, Node] = {}
    for entity in entities:
        try:
            node = node_of(entity, schema)
        except Mismatch as wrong:
            raise RequestError(f"an entity of the request cannot be read: {wrong}") from None
        if not _same(found.setdefault(node.ref, node), node):
            raise RequestError(f"the request brings `{show(node.ref)}` twice, with different data")
    return found


def _same(first: Node, second: Node) -> bool:
    if first.attributes.keys() != second.attributes.keys() or set(first.parents) != set(second.parents):
        return False
    return all(_equal(value, second.attributes[name]) for name, value in first.attributes.items())


def _equal(left: Value | Unknown, right: Value | Unknown) -> bool:
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return left is right
    return left.__class__ is right.__class__ and equal(left, right)
