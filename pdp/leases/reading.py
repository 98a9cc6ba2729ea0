"""What a decision looks at, as it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from pdp.evaluation import Question, revocable
from pdp.facts import Snapshot
from pdp.leases.dependents import Key, Proof
from pdp.model import Approval, Failure, Membership, Node, RevocationKind
from pdp.operators import Found
from pdp.values import EntityRef, Unknown

BEYOND: Final = EntityRef("", "beyond")
"""Stands for all that the engine does not hold: what is in it may be in anything."""


class Reading:
    """The facts of one decision, which remember what they were asked for.

    `entities` are those that were looked at, in their order, and `names` what sessions and approvals were made with;
    `approving` says that approvals were looked at.
    """

    __slots__ = ("_facts", "approving", "entities", "names")

    def __init__(self, facts: Snapshot) -> None:
        self._facts = facts
        self.entities: dict[EntityRef, None] = {}
        self.names: dict[str, None] = {}
        self.approving = False

    @property
    def lent(self) -> bool:
        """Whether a provider was asked: nobody tells when what it says has changed."""
        return self._facts.lent

    @property
    def approvals(self) -> Sequence[Approval] | None:
        """Every approval on record."""
        self.approving = True
        return self._facts.approvals

    def node(self, ref: EntityRef) -> Node | Unknown | None:
        """Return an entity."""
        self._note(ref)
        return self._facts.node(ref)

    @property
    def failure(self) -> Failure | None:
        """What is wrong with a source without which nothing may be decided."""
        return self._facts.failure

    @property
    def groups_revoked(self) -> bool:
        """Whether any group is revoked."""
        return self._facts.groups_revoked

    def revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether an entity is revoked."""
        self._note(ref)
        return self._facts.revoked(ref, proved)

    def group_revoked(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether those who are in an entity are revoked."""
        self._note(ref)
        return self._facts.group_revoked(ref, proved)

    def session_revoked(self, kind: RevocationKind, name: str, proved: int | None) -> bool:
        """Tell whether what a session names is revoked."""
        self.names[name_key(kind, name)] = None
        return self._facts.session_revoked(kind, name, proved)

    def _note(self, ref: EntityRef) -> None:
        self.entities[self._facts.known(ref)] = None


def keys_of(question: Question, reading: Reading, above: Callable[[EntityRef], Iterable[EntityRef]]) -> tuple[Key, ...]:
    """Return where the lease of a decision starts: all that it looked at is one of these, or what one of them is in."""
    found: dict[Key, None] = {}
    covered: set[EntityRef] = set()
    asked = (question.principal, question.resource, question.actor)
    for ref in [*filter(None, asked), *reading.entities]:
        if ref not in covered:
            found[ref] = None
            covered.add(ref)
            covered.update(above(ref))
    proof = proof_of(question.session or {})
    own = () if proof is None else proof.names
    # Approvals may have been given with tokens, each of which ends with its own revocation.
    names = (*own, *(name for name in reading.names if name not in own))
    return (*found, Proof(names)) if names else tuple(found)


def proof_of(session: Mapping[str, Found]) -> Proof | None:
    """Return what a session names, None where it names nothing."""
    names = tuple([name_key(kind, name) for kind, name in revocable(session)])
    return Proof(names) if names else None


def name_key(kind: RevocationKind, name: str) -> str:
    """Return the key of something that a session names."""
    return f"{kind[0]}:{name}"


def above_in(node: Callable[[EntityRef], Node | None]) -> Callable[[EntityRef], tuple[EntityRef, ...]]:
    """Return what tells all that an entity is in, for good or for a time, as far as it is held.

    Where it, or something that it is in, is not held, it is in `BEYOND`, too: a provider may tell what that is in.
    """

    def above(ref: EntityRef) -> tuple[EntityRef, ...]:
        found: dict[EntityRef, None] = {}
        if node(ref) is None:
            found[BEYOND] = None
        work = [ref]
        while work:
            here = node(work.pop())
            parents: Iterable[Membership] = () if here is None else here.parents
            for step in parents:
                if step.parent not in found:
                    found[step.parent] = None
                    if node(step.parent) is None:
                        found[BEYOND] = None
                    work.append(step.parent)
        # One who is in themselves stands for themselves already.
        found.pop(ref, None)
        return tuple(found)

    return above
