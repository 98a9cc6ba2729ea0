"""What the engine asks of the world around it. Each port has an embedded default in a higher layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pdp.model import Approval, Decision, Entity, Node, Request
from pdp.values import EntityRef, Unknown


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


class Facts(Protocol):
    """What is known at the moment of one decision."""

    @property
    def approvals(self) -> Sequence[Approval] | None:
        """Every approval on record, lapsed ones included; None where the record cannot be read."""

    def node(self, ref: EntityRef) -> Node | Unknown | None:
        """Return an entity, None where no source holds it, unknown where a source failed or is late."""

    def revoked(self, principal: EntityRef) -> bool:
        """Tell whether a principal, an actor or an approver is revoked."""

    def session_revoked(self, token_id: str) -> bool:
        """Tell whether the session that came with this token is revoked."""
