"""What an evaluation looks at, fact by fact: as long as none of it changes, neither does what it comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from pdp.classes import dataclass, replace
from pdp.evaluation import Question, Scene
from pdp.flips.changes import (
    NOW,
    ApprovedBy,
    Fact,
    InContext,
    InSession,
    Lifted,
    OfEntity,
    OnRecord,
    Time,
    Within,
)
from pdp.model import Approval, Failure, Membership, Node, RevocationKind
from pdp.operators import Found
from pdp.ports import Facts
from pdp.values import EntityRef, Unknown, Value


@dataclass(frozen=True, slots=True)
class Parents:
    """All that an entity is in directly."""

    entity: EntityRef


@dataclass(frozen=True, slots=True)
class Approvals:
    """All approvals."""


Place: TypeAlias = InContext | InSession | OfEntity | OnRecord | Lifted | Time | Parents | Approvals
APPROVALS = Approvals()


def place_of(fact: Fact) -> Place:
    """Return what is looked at by whoever a fact makes a difference to."""
    match fact:
        case Within(entity=entity):
            return Parents(entity)
        case ApprovedBy():
            return APPROVALS
        case _:
            return fact


class Steps(dict[int, Value]):
    """The variables of a scene, which count the elements that quantifiers go through."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def __setitem__(self, index: int, element: Value) -> None:
        self.taken += 1
        super().__setitem__(index, element)


class Reading:
    """A question and what is known, which remember what they were asked for."""

    __slots__ = ("_facts", "_nodes", "_steps", "question", "seen", "unsure")

    def __init__(self, question: Question, facts: Facts, steps: Steps) -> None:
        self._facts, self._steps = facts, steps
        self._nodes: dict[EntityRef, Node | Unknown | None] = {}
        self.seen: set[Place] = set()
        self.unsure = False
        """Whether nobody could tell something: a source failed, or the record of approvals."""
        context = _Watched(question.context, InContext, self.seen)
        session = None if question.session is None else _Watched(question.session, InSession, self.seen)
        self.question = replace(question, context=context, session=session)

    def scene(self) -> Scene:
        """Return a scene in which nothing has been looked at yet."""
        return Scene(self.question, self, variables=self._steps)

    @property
    def approvals(self) -> Sequence[Approval] | None:
        """Every approval."""
        self.seen.update((APPROVALS, NOW))
        self.unsure = self.unsure or self._facts.approvals is None
        return self._facts.approvals

    @property
    def failure(self) -> Failure | None:
        """What is wrong with a source without which nothing may be decided."""
        return self._facts.failure

    @property
    def groups_revoked(self) -> bool:
        """Whether any group is revoked."""
        return self._facts.groups_revoked

    def node(self, ref: EntityRef) -> Node | Unknown | None:
        """Return an entity."""
        self.seen.add(OnRecord(ref))
        if ref not in self._nodes:
            node = self._facts.node(ref)
            self.unsure = self.unsure or isinstance(node, Unknown)
            self._nodes[ref] = _watched(node, self.seen) if isinstance(node, Node) else node
        return self._nodes[ref]

    def revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether an entity is revoked."""
        return self._noted(self._facts.revoked(ref, proved), Lifted(RevocationKind.PRINCIPAL, ref))

    def group_revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether those who are in an entity are revoked."""
        return self._noted(self._facts.group_revoked(ref, proved), Lifted(RevocationKind.GROUP, ref))

    def session_revoked(self, kind: RevocationKind, name: str, proved: int | None) -> bool:
        """Tell whether what a session names is revoked."""
        return self._noted(self._facts.session_revoked(kind, name, proved), Lifted(kind, None, name))

    def _noted(self, found: bool, fact: Lifted) -> bool:
        # What is not revoked is not to be lifted.
        if found:
            self.seen.add(fact)
        return found


class _Watched(Mapping[str, Found]):
    """Attributes of a context or a session."""

    __slots__ = ("_fields", "_made", "_seen")

    def __init__(self, fields: Mapping[str, Found], made: type[InContext] | type[InSession], seen: set[Place]) -> None:
        self._fields, self._made, self._seen = fields, made, seen

    def __getitem__(self, name: str) -> Found:
        self._seen.add(self._made(name))
        return self._fields[name]

    def __contains__(self, name: object) -> bool:
        self._seen.add(self._made(str(name)))
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class _Attributes(Mapping[str, Value | Unknown]):
    """Attributes of an entity."""

    __slots__ = ("_node", "_seen")

    def __init__(self, node: Node, seen: set[Place]) -> None:
        self._node, self._seen = node, seen

    def __getitem__(self, name: str) -> Value | Unknown:
        self._seen.add(OfEntity(self._node.ref, name))
        return self._node.attributes[name]

    def __contains__(self, name: object) -> bool:
        self._seen.add(OfEntity(self._node.ref, str(name)))
        return name in self._node.attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self._node.attributes)

    def __len__(self) -> int:
        return len(self._node.attributes)


class _Seen(Node):
    """An entity that takes note when somebody looks at what it is in."""

    __slots__ = ("held", "noted")
    held: tuple[Membership, ...]
    noted: set[Place]

    @property
    def parents(self) -> tuple[Membership, ...]:
        """What the entity is in directly."""
        self.noted.add(Parents(self.ref))
        if any(each.until is not None for each in self.held):
            self.noted.add(NOW)
        return self.held


_set_ref, _set_attributes, _set_tags = (vars(Node)[name].__set__ for name in ("ref", "attributes", "tags"))
_set_held, _set_noted = (vars(_Seen)[name].__set__ for name in ("held", "noted"))


def _watched(node: Node, seen: set[Place]) -> Node:
    # The constructor of a node would set what is a property here.
    found = object.__new__(_Seen)
    _set_ref(found, node.ref)
    _set_attributes(found, _Attributes(node, seen))
    _set_tags(found, node.tags)
    _set_held(found, node.parents)
    _set_noted(found, seen)
    return found
