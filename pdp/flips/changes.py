"""Facts that can be other than they are, who can make them so, and what is known once they are.

Who asks, for what and on what, is the question, and no fact of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from pdp.classes import dataclass, replace
from pdp.evaluation import Question, Scene
from pdp.model import Approval, Membership, Node, RevocationKind
from pdp.schema import Schema
from pdp.values import UNKNOWN, Datetime, EntityRef, Unknown, Value, equal

if TYPE_CHECKING:
    from pdp.model import Failure
    from pdp.operators import Found
    from pdp.ports import Facts


class Who(StrEnum):
    """Who can supply a fact. Time is nobody's: it passes."""

    CALLER = "caller"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class InContext:
    """An attribute of the context."""

    name: str


@dataclass(frozen=True, slots=True)
class InSession:
    """What a session says. Where there is no session, all that one says is brought together, as one fact."""

    name: str


@dataclass(frozen=True, slots=True)
class ApprovedBy:
    """That somebody approved what is asked, now, of a value where one is bound."""

    approver: EntityRef
    of: Value | None = None

    def __eq__(self, other: object) -> bool:
        # To Python, 1 is True.
        if type(other) is not ApprovedBy or self.approver != other.approver:
            return False
        return self.of is other.of or (self.of is not None and other.of is not None and equal(self.of, other.of))

    def __hash__(self) -> int:
        return hash((self.approver, self.of))


@dataclass(frozen=True, slots=True)
class OfEntity:
    """An attribute of an entity that is on record."""

    entity: EntityRef
    name: str


@dataclass(frozen=True, slots=True)
class Within:
    """That an entity is in another, directly and for good."""

    entity: EntityRef
    parent: EntityRef


@dataclass(frozen=True, slots=True)
class OnRecord:
    """That an entity, which nothing holds, is held. Its attributes and memberships come with it, as one fact."""

    entity: EntityRef


@dataclass(frozen=True, slots=True)
class Lifted:
    """That something is revoked no longer: an entity, or what a session names."""

    kind: RevocationKind
    entity: EntityRef | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Time:
    """The time of the request."""


Fact: TypeAlias = InContext | InSession | ApprovedBy | OfEntity | Within | OnRecord | Lifted | Time
NOW: Final = Time()


@dataclass(frozen=True, slots=True)
class Change:
    """A fact as it would have to be. An attribute is None where it would have to be absent."""

    fact: Fact
    value: Value | None


def who(fact: Fact) -> Who:
    """Tell who can supply a fact.

    >>> str(who(InSession("mfa")))
    'caller'
    """
    match fact:
        case InContext() | InSession():
            return Who.CALLER
        case ApprovedBy():
            return Who.APPROVER
        case OfEntity() | Within() | OnRecord() | Lifted():
            return Who.ADMINISTRATOR
        case Time():
            return Who.NOBODY
        case _:
            assert_never(fact)


def part(fact: Fact, question: Question, facts: Facts) -> Fact:
    """Return the fact that another one is part of: a session that is not there yet, an entity that nothing holds."""
    match fact:
        case InSession() if question.session is None:
            return InSession("")
        case OfEntity(entity=entity) | Within(entity=entity) if facts.node(entity) is None:
            return OnRecord(entity)
        case _:
            return fact


def size(changes: Iterable[Change], question: Question, facts: Facts) -> int:
    """Return how many facts some changes are: what is part of another counts with it."""
    return len({part(change.fact, question, facts) for change in changes})


def apply(changes: Iterable[Change], question: Question, facts: Facts, schema: Schema) -> tuple[Question, Changed]:
    """Return what is asked, and what is known, once some facts are others.

    What an entity has to have besides, when it is put on record, is unknown: the answer holds whatever it is.
    """
    context, session, now = dict(question.context), question.session, question.now
    given: dict[str, Found] = {} if session is None else dict(session)
    nodes: dict[EntityRef, Node] = {}
    approved: dict[ApprovedBy, bool] = {}
    lifted: set[Lifted] = set()
    for change in changes:
        match change.fact:
            case InContext(name=name):
                _set(context, name, change.value)
            case InSession(name=name):
                _set(given, name, change.value)
                session = given
            case ApprovedBy():
                approved[change.fact] = change.value is True
            case Lifted():
                lifted.add(change.fact)
            case Time():
                assert isinstance(change.value, Datetime)
                now = change.value.micros
            case OfEntity(entity=entity) | Within(entity=entity) | OnRecord(entity=entity):
                node = nodes.get(entity) or _held(entity, facts, schema)
                if node is not None:
                    nodes[entity] = _changed(node, change)
            case _:
                assert_never(change.fact)
    question = replace(question, context=context, session=session, now=now)
    return question, Changed(facts, nodes, _approvals(facts, approved, question), frozenset(lifted))


def _set(fields: dict[str, Found], name: str, value: Value | None) -> None:
    if value is None:
        fields.pop(name, None)
    else:
        fields[name] = value


def _held(ref: EntityRef, facts: Facts, schema: Schema) -> Node | None:
    """Return an entity as it is, or as it is put on record; None where nobody can tell what it is."""
    node = facts.node(ref)
    if node is None:
        declared = schema.entities.get(ref.type)
        fields = {} if declared is None else declared.attributes.fields
        return Node(ref, {name: UNKNOWN for name, each in fields.items() if not each.optional})
    return None if isinstance(node, Unknown) else node


def _changed(node: Node, change: Change) -> Node:
    match change.fact:
        case OfEntity(name=name):
            attributes = dict(node.attributes)
            _set(attributes, name, change.value)
            return Node(node.ref, attributes, node.parents, node.tags)
        case Within(parent=parent):
            parents = [each for each in node.parents if each.parent != parent]
            if change.value is True:
                parents.append(Membership(parent))
            return Node(node.ref, node.attributes, tuple(parents), node.tags)
        case _:
            return node


def _approvals(facts: Facts, changes: dict[ApprovedBy, bool], question: Question) -> Sequence[Approval] | None:
    found = facts.approvals
    if found is None or not changes:
        return found
    asked = (question.principal, question.action, question.resource)
    kept = [
        each
        for each in found
        if (each.principal, each.action, each.resource) != asked or ApprovedBy(each.approver, each.of) not in changes
    ]
    given = [
        Approval(fact.approver, *asked, Datetime(question.now), fact.of)
        for fact, is_given in changes.items()
        if is_given
    ]
    return (*kept, *given)


class Changed:
    """What is known, with some of it changed."""

    __slots__ = ("_base", "_lifted", "_nodes", "approvals")

    def __init__(
        self,
        base: Facts,
        nodes: dict[EntityRef, Node],
        approvals: Sequence[Approval] | None,
        lifted: frozenset[Lifted],
    ) -> None:
        self._base, self._nodes, self._lifted = base, nodes, lifted
        self.approvals = approvals

    @property
    def failure(self) -> Failure | None:
        """What is wrong with a source without which nothing may be decided."""
        return self._base.failure

    @property
    def groups_revoked(self) -> bool:
        """Whether any group is revoked."""
        return self._base.groups_revoked

    def node(self, ref: EntityRef) -> Node | Unknown | None:
        """Return an entity."""
        return self._nodes[ref] if ref in self._nodes else self._base.node(ref)

    def revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether an entity is revoked."""
        return self._base.revoked(ref, proved) and Lifted(RevocationKind.PRINCIPAL, ref) not in self._lifted

    def group_revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether those who are in an entity are revoked."""
        return self._base.group_revoked(ref, proved) and Lifted(RevocationKind.GROUP, ref) not in self._lifted

    def session_revoked(self, kind: RevocationKind, name: str, proved: int | None) -> bool:
        """Tell whether what a session names is revoked."""
        return self._base.session_revoked(kind, name, proved) and Lifted(kind, None, name) not in self._lifted


def current(fact: Fact, scene: Scene) -> Found | None:
    """Return what an attribute is now; None where it is absent, unknown where nobody can tell."""
    match fact:
        case InContext(name=name):
            return scene.question.context.get(name)
        case InSession(name=name):
            return None if scene.question.session is None else scene.question.session.get(name)
        case OfEntity(entity=entity, name=name):
            node = scene.facts.node(entity)
            return node.attributes.get(name) if isinstance(node, Node) else None
        case Within(entity=entity, parent=parent):
            node = scene.facts.node(entity)
            steps = node.parents if isinstance(node, Node) else ()
            now = scene.question.now
            return any(each.parent == parent and (each.until is None or each.until.micros > now) for each in steps)
        case OnRecord(entity=entity):
            return scene.facts.node(entity) is not None
        case _:
            return None
