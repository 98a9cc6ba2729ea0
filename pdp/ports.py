"""What the engine asks of the world around it. Each port has an embedded default in a higher layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from pdp.model import Approval, Decision, Entity, Failure, Mark, Node, Request, Revocation, RevocationKind
from pdp.values import EntityRef, Unknown


class DecisionPoint(Protocol):
    """Whoever decides: an engine, a client of one in another process, or what answers as one does in a test."""

    def decide(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        *,
        entities: Iterable[Entity] = (),
    ) -> Decision:
        """Answer a request."""


class AttributeProvider(Protocol):
    """A source of entities outside the policy folder: a directory, a database, an inventory (a PIP)."""

    def entity(self, ref: EntityRef) -> Entity | None:
        """Return the entity, or None where the source knows that there is none.

        Any exception means that the source failed or was late: what it would have said is then unknown, never absent.
        It is asked at most once for an entity in one decision.
        """


class DecisionSink(Protocol):
    """Sees every decision, right after it is made and before the caller does."""

    def record(self, request: Request, decision: Decision) -> None:
        """Take note of a decision. An exception makes it a deny: what is not on record did not happen."""


class FactSource(Protocol):
    """A durable record of revocations in one order, which many write and read: a file, or a message bus.

    Each fact has a number, one more than the one before it. Both methods raise RecordError.
    """

    def publish(self, fact: Revocation) -> int:
        """Put a fact on record. Return its number when nothing can lose it any more."""

    def read(self, after: Mark) -> tuple[Sequence[Revocation], Mark]:
        """Return facts that follow a mark, and the mark of the last of them; none where there are no more.

        RecordError is lasting where the record does not hold, as it was, what the reader has seen of it.
        """


class ApprovalSource(Protocol):
    """A record of approvals that others write: `pdp.ApprovalStore`, or what asks a service for them."""

    def read(self, after: Mark) -> tuple[Sequence[Approval] | None, Mark]:
        """Return all approvals that are not withdrawn, and a mark; None instead where nothing changed since a mark.

        Raises RecordError where they cannot be read; it is lasting where the record does not hold, as it was, what the
        reader has seen of it.
        """


class Facts(Protocol):
    """What is known at the moment of one decision."""

    @property
    def approvals(self) -> Sequence[Approval] | None:
        """Every approval of what is asked, lapsed ones included; None where the record cannot be read."""

    def node(self, ref: EntityRef) -> Node | Unknown | None:
        """Return an entity, None where no source holds it, unknown where a source failed or is late."""

    @property
    def failure(self) -> Failure | None:
        """What is wrong with a source without which nothing may be decided; None where nothing is."""

    @property
    def groups_revoked(self) -> bool:
        """Whether any group is revoked."""

    def revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether a principal, an actor or an approver is revoked, by its name or the beginning of it.

        `proved` is when they showed who they are, in microseconds since the epoch; None where nobody can tell.
        """

    def group_revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether those who are in an entity are revoked."""

    def session_revoked(self, kind: RevocationKind, name: str, proved: int | None) -> bool:
        """Tell whether what a session names is revoked."""
