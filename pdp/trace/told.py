"""What a trace tells: plain data, the same for `engine.explain`, a terminal, JSON and a page."""

from __future__ import annotations

from typing import Any

from pdp import terms
from pdp.classes import dataclass
from pdp.model import Decision, Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A value that a clause met: the path to it, and what was there; None for the value where it is unknown."""

    text: str
    value: str
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalTrace:
    """One approval of what is asked: whose, since when, until when, and why it does not count (None: nobody knows)."""

    approver: str
    at: str
    until: str
    counts: bool | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        names = ("approver", "at", "until", "counts", "why")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseTrace:
    """One clause of a rule. `truth` is True, False, or None for unknown: of the condition as it is written.

    `approvals` are all that there are of what is asked, where it asks for approvals.
    """

    kind: str
    text: str
    truth: bool | None
    values: tuple[Seen, ...]
    remedy: str | None
    place: str
    approvals: tuple[ApprovalTrace, ...] = ()

    @property
    def passes(self) -> bool | None:
        """Whether the clause lets the rule apply; None for unknown. An `unless` does where its condition is false."""
        if self.truth is None:
            return None
        return self.truth is not (self.kind == terms.ClauseKind.UNLESS)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "kind": self.kind,
            "text": self.text,
            "truth": self.truth,
            "remedy": self.remedy,
            "place": self.place,
            **({"approvals": [each.to_json() for each in self.approvals]} if self.approvals else {}),
            "values": [
                {"text": seen.text, "value": seen.value if seen.known else None, "known": seen.known}
                for seen in self.values
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTrace:
    """One side of a rule's scope that a question is out of: `principal`, `resource` or `actor`.

    `text` is what the rule says, nothing where it says nothing of actors; `value` is who that is, and what they are in.
    """

    side: str
    text: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace:
    """One rule: whether it applies (None: unknown), and whether it decided. `out_of` is empty where it is in scope."""

    id: str
    effect: Effect
    applies: bool | None
    determining: bool
    clauses: tuple[ClauseTrace, ...]
    why: str | None
    docs: str
    place: str
    unknown_obligations: tuple[str, ...] = ()
    out_of: tuple[SideTrace, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "id": self.id,
            "effect": str(self.effect),
            "applies": self.applies,
            "determining": self.determining,
            "why": self.why,
            "docs": self.docs,
            "place": self.place,
            "unknown_obligations": list(self.unknown_obligations),
            "out_of": [{"side": each.side, "text": each.text, "value": each.value} for each in self.out_of],
            "clauses": [clause.to_json() for clause in self.clauses],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTrace:
    """A fact as it would have to be, and who can supply it: `caller`, `approver`, `administrator` or `nobody`.

    `kind` is what it is of: `context`, `session`, `approval`, `attribute`, `membership`, `record`, `revocation` or
    `time`. `subject` is the entity that it is about, `name` the attribute, the parent or what is revoked; `value` is
    plain data, and None where it would have to be absent.
    """

    who: str
    kind: str
    subject: str | None
    name: str | None
    value: Any
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in ("who", "kind", "subject", "name", "value", "text")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """The smallest change of facts that makes the decision another one: `to` is which.

    `alone` is the smallest that takes no administrator, where the smallest takes one; both are None where there is
    none that was found. Where not `complete`, less might do, and `reason` says why nobody knows.
    """

    to: str
    smallest: tuple[ChangeTrace, ...] | None = None
    alone: tuple[ChangeTrace, ...] | None = None
    complete: bool = True
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return them as plain data."""
        smallest, alone = (
            None if each is None else [change.to_json() for change in each] for each in (self.smallest, self.alone)
        )
        return {
            "to": self.to,
            "smallest": smallest,
            "without_administrator": alone,
            "complete": self.complete,
            "reason": self.reason or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A decision, what was asked, and every rule in its scope: those that decided first.

    `nearest` is the rule that did not decide and that the fewest changes would let decide, `flips` are these changes.
    """

    decision: Decision
    principal: str
    action: str
    resource: str
    now: str | None
    rules: tuple[RuleTrace, ...]
    actor: str | None = None
    nearest: RuleTrace | None = None
    flips: Flips | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the trace as plain data."""
        return {
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": self.resource,
                "now": self.now,
                **({} if self.actor is None else {"actor": self.actor}),
            },
            "decision": self.decision.to_json(),
            "rules": [rule.to_json() for rule in self.rules],
            "nearest": None if self.nearest is None else self.nearest.to_json(),
            "flips": None if self.flips is None else self.flips.to_json(),
        }
