"""An immutable set of entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pdp.digests import sha256
from pdp.model import Membership, Node
from pdp.values import (
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    Record,
    Unknown,
    Value,
    ValueSet,
    show,
)

_MODULUS: Final = 2**256

_APART: Final = 256
"""So many changes stand beside the nodes of a store, before a store of its own is made of both."""

_UNCHANGED: Final = object()


class Store:
    """Entities by name. Stores of the same entities have the same revision, in whatever order they were put together.

    >>> store = Store.of([Node(EntityRef("Group", "sre"), {})])
    >>> store.node(EntityRef("Group", "sre"))
    Node(ref=EntityRef(type='Group', id='sre'), attributes={}, parents=(), tags={})
    >>> store.revision == Store.empty().revision
    False
    """

    __slots__ = ("_changes", "_names", "_nodes", "_revision", "_size", "_total")

    def __init__(
        self,
        nodes: dict[EntityRef, Node],
        changes: dict[EntityRef, Node | None] | None = None,
        *,
        size: int | None = None,
        total: int | None = None,
    ) -> None:
        """Hold nodes. `changes` stand before them, None where an entity is there no longer."""
        self._nodes = nodes
        self._changes = {} if changes is None else changes
        self._size = len(nodes) if size is None else size
        self._total = total
        self._revision: str | None = None
        self._names: dict[str, tuple[EntityRef, ...]] = {}

    @classmethod
    def empty(cls) -> Store:
        """Return the store that holds nothing."""
        return cls({})

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Store:
        """Return the store of these entities; raise ValueError where two have one name."""
        found: dict[EntityRef, Node] = {}
        for node in nodes:
            if found.setdefault(node.ref, node) is not node:
                raise ValueError(f"{show(node.ref)} is there twice")
        return cls(found)

    def node(self, ref: EntityRef) -> Node | None:
        """Return an entity, or None where the store does not hold it."""
        if self._changes:
            found = self._changes.get(ref, _UNCHANGED)
            if found is not _UNCHANGED:
                return found  # type: ignore[return-value]
        return self._nodes.get(ref)

    def names(self, kind: str) -> Sequence[EntityRef]:
        """Return the names of all entities of a type, in the order of their ids: found when first asked for."""
        found = self._names.get(kind)
        if found is None:
            changes = self._changes
            held = [ref for ref in self._nodes if ref.type == kind and ref not in changes]
            held += [ref for ref, node in changes.items() if ref.type == kind and node is not None]
            found = self._names[kind] = tuple(sorted(held))
        return found

    def with_node(self, node: Node) -> Store:
        """Return the store in which an entity stands anew, or instead of what it was."""
        return self._with(node.ref, self.node(node.ref), node)

    def without(self, ref: EntityRef) -> Store:
        """Return the store without an entity; raise KeyError where it is not there."""
        old = self.node(ref)
        if old is None:
            raise KeyError(ref)
        return self._with(ref, old, None)

    def differing(self, before: Store) -> Iterator[EntityRef]:
        """Yield the names of entities that only one of two stores holds, or that each holds as another node.

        Of two stores that share most of what they hold, nothing but the changes is looked at.
        """
        if self._nodes is before._nodes:
            names: Iterable[EntityRef] = {*self._changes, *before._changes}
        else:
            names = {node.ref for node in self} | {node.ref for node in before}
        for ref in names:
            here, there = self.node(ref), before.node(ref)
            if here is not there and (here is None or there is None or _digest(here) != _digest(there)):
                yield ref

    def _with(self, ref: EntityRef, old: Node | None, new: Node | None) -> Store:
        size = self._size - (old is not None) + (new is not None)
        total = self._changed(old, new)
        if len(self._changes) < _APART:
            # Most of a large store is shared with the one before: a copy of all would take longer than all else.
            return Store(self._nodes, {**self._changes, ref: new}, size=size, total=total)
        nodes = {node.ref: node for node in self if node.ref != ref}
        if new is not None:
            nodes[ref] = new
        return Store(nodes, total=total)

    def _changed(self, old: Node | None, new: Node | None) -> int | None:
        """Return the sum of digests after a change, where it was known before: the others are not summed up again."""
        if self._total is None:
            return None
        less = 0 if old is None else int.from_bytes(_digest(old))
        more = 0 if new is None else int.from_bytes(_digest(new))
        return (self._total - less + more) % _MODULUS

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Node]:
        changes = self._changes
        yield from (node for ref, node in self._nodes.items() if ref not in changes)
        yield from (node for node in changes.values() if node is not None)

    @property
    def revision(self) -> str:
        """A digest of all that the store holds: computed when first asked for."""
        if self._revision is None:
            # A sum does not depend on order, and one changed entity changes one addend.
            if self._total is None:
                self._total = sum(int.from_bytes(_digest(node)) for node in self) % _MODULUS
            form = f"pdp entities 1\n{self._size}\n{self._total:064x}"
            self._revision = sha256(form.encode()).hexdigest()[:16]
        return self._revision

    def __repr__(self) -> str:
        return f"<Store of {len(self)} entities, revision {self.revision}>"


def _digest(node: Node) -> bytes:
    parents = sorted({_membership(parent) for parent in node.parents})
    tags = f"t{_fields(node.tags.items())}" if node.tags else ""
    form = f"{_ref(node.ref)}{_fields(node.attributes.items())}{len(parents)}:{''.join(parents)}{tags}"
    return sha256(form.encode("utf-8", "surrogatepass")).digest()


# Every form starts with the kind of the value and ends where its text says: no two values have the same one.


def _text(text: str) -> str:
    return f"{len(text)}:{text}"


def _ref(ref: EntityRef) -> str:
    return f"e{_text(ref.type)}{_text(ref.id)}"


def _membership(parent: Membership) -> str:
    until = "-" if parent.until is None else str(parent.until.micros)
    return f"{_ref(parent.parent)}{until};"


def _fields(fields: Iterable[tuple[str, Value | Unknown]]) -> str:
    forms = sorted(_text(name) + _form(value) for name, value in fields)
    return f"{len(forms)}:{''.join(forms)}"


def _form(value: Value | Unknown) -> str:
    match value:
        case bool():
            return f"b{value:d}"
        case int():
            return f"i{value};"
        case str():
            return f"s{_text(value)}"
        case EnumMember():
            return f"m{_text(value.enum)}{_text(value.name)}"
        case EntityRef():
            return _ref(value)
        case Decimal():
            return f"d{value.units};"
        case Datetime():
            return f"t{value.micros};"
        case Duration():
            return f"l{value.micros};"
        case Ip():
            written = "" if value.written is None else f",{value.written}"
            return f"a{value.version},{value.first},{value.last}{written};"
        case Record():
            return f"r{_fields(value.items())}"
        case ValueSet():
            forms = sorted(_form(element) for element in value)
            return f"v{len(forms)}:{''.join(forms)}"
        case Unknown():
            return "u"
