"""The words that every layer shares: what is asked, what is known, and what is answered."""

from __future__ import annotations

import copy
import datetime as _datetime
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol

from pdp.classes import dataclass, field
from pdp.values import Datetime, Duration, EntityRef, Unknown, Value


class Effect(StrEnum):
    """What a rule does when it applies."""

    PERMIT = "permit"
    FORBID = "forbid"


class Outcome(StrEnum):
    """The answer to a request."""

    ALLOW = "allow"
    DENY = "deny"


class Reason(StrEnum):
    """Why a decision came out as it did: by rules, by default, or before any rule was looked at."""

    PERMITTED = "permitted"
    FORBIDDEN = "forbidden"
    DEFAULT = "default"
    INVALID_REQUEST = "invalid_request"
    INVALID_SESSION = "invalid_session"
    SESSION_EXPIRED = "session_expired"
    SESSION_NOT_YET_VALID = "session_not_yet_valid"
    SESSION_REVOKED = "session_revoked"
    PRINCIPAL_REVOKED = "principal_revoked"
    SOURCE_FAILED = "source_failed"
    SOURCE_STALE = "source_stale"
    UNKNOWN_ENTITY = "unknown_entity"
    INTERNAL_ERROR = "internal_error"


# ---------------------------------------------------------------------------------------------------- what is known


@dataclass(frozen=True, slots=True)
class Membership:
    """That an entity is in another, until an instant or for good."""

    parent: EntityRef
    until: Datetime | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as a caller or a source states it: plain Python values, read by the schema when a decision needs them.

    `parents` are references, or memberships with an end. Only Cedar's entities have `tags`.

    >>> ada = Entity("User", "ada", {"email": "ada@x.io"}, parents=[EntityRef("Group", "engineers")])
    >>> print(ada.ref)
    User "ada"
    """

    type: str
    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parents: Iterable[EntityRef | Membership] = ()
    tags: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def ref(self) -> EntityRef:
        """The entity's name."""
        return EntityRef(self.type, self.id)


@dataclass(frozen=True, slots=True)
class Node:
    """An entity as the engine holds it: values of the model, what does not conform to the schema as unknown.

    Only Cedar's entities have tags.
    """

    ref: EntityRef
    attributes: Mapping[str, Value | Unknown] = field(hash=False)
    parents: tuple[Membership, ...] = ()
    tags: Mapping[str, Value] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Approval:
    """That somebody approved one action of one principal on one resource; `of` is the value that the rule binds.

    `until` is when it ends, however long the rule lets approvals hold. `asked_by` asked for it, and so does not count
    as an approver. Where it is for what an `actor` does, it counts for no other, nor for the principal alone.

    Where the approver showed a token, `proved` is when they had proved to its issuer who they are, and `names` are what
    the token may be revoked by: an approval is worth no more than what it was given with.
    """

    approver: EntityRef
    principal: EntityRef
    action: str
    resource: EntityRef
    at: Datetime
    of: Value | None = None
    until: Datetime | None = None
    asked_by: EntityRef | None = None
    actor: EntityRef | None = None
    proved: Datetime | None = None
    names: tuple[tuple[RevocationKind, str], ...] = ()

    def __eq__(self, other: object) -> bool:
        # To Python, 1 is True.
        return type(other) is Approval and type(self.of) is type(other.of) and self._told == other._told

    def __hash__(self) -> int:
        return hash(self._told)

    @property
    def _told(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)


# ---------------------------------------------------------------------------------------------------- what is asked


class Request:
    """One question. `principal` and `resource` are references, or entities that the request brings.

    `entities` are further entities that the request brings. What a source of the engine holds goes before what a
    request brings. `context` is None where there is none; `session` is None where nobody proved who asks; `now` is None
    for the engine's clock. It cannot be changed; it can be taken apart in the order of its fields.

    >>> who, action, what, *rest = Request(EntityRef("User", "ada"), "read", EntityRef("Page", "home"))
    >>> print(who, action, what)
    User "ada" read Page "home"
    """

    # No named tuple: one is made for a sink with each decision, and a tuple of a class of its own takes twice as long.
    __slots__ = ("_action", "_context", "_entities", "_now", "_principal", "_resource", "_session")
    __match_args__ = ("principal", "action", "resource", "context", "session", "now", "entities")

    def __init__(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        now: _datetime.datetime | None = None,
        entities: tuple[Entity, ...] = (),
    ) -> None:
        self._principal, self._action, self._resource = principal, action, resource
        self._context, self._session, self._now, self._entities = context, session, now, entities

    @property
    def principal(self) -> Entity | EntityRef:
        """Who asks."""
        return self._principal

    @property
    def action(self) -> str:
        """What for."""
        return self._action

    @property
    def resource(self) -> Entity | EntityRef:
        """On what."""
        return self._resource

    @property
    def context(self) -> Mapping[str, Any] | None:
        """What else is known of the request."""
        return self._context

    @property
    def session(self) -> Mapping[str, Any] | None:
        """How the principal proved who it is."""
        return self._session

    @property
    def now(self) -> _datetime.datetime | None:
        """When it is asked."""
        return self._now

    @property
    def entities(self) -> tuple[Entity, ...]:
        """Further entities that the request brings."""
        return self._entities

    def _replace(self, **changes: Any) -> Request:
        """Return another request: this one but for some fields."""
        return Request(**dict(zip(self.__match_args__, self, strict=True)) | changes)

    def __iter__(self) -> Iterator[Any]:
        return iter(
            (self._principal, self._action, self._resource, self._context, self._session, self._now, self._entities)
        )

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Request) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in zip(self.__match_args__, self, strict=True))
        return f"Request({shown})"

    def __reduce__(self) -> tuple[object, ...]:
        return Request, tuple(self)


class Asked(Request):
    """A request that is made without a call of Python: `decide` fills in the fields, and nobody changes them after."""

    __slots__ = ()
    __init__ = object.__init__


class RevocationKind(StrEnum):
    """What a revocation names. The first three name entities, the others what a session says of itself."""

    PRINCIPAL = "principal"
    GROUP = "group"
    WORKLOAD = "workload"
    SESSION = "session"
    TOKEN = "token"
    KEY = "key"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Revocation:
    """That nothing counts any more that was proved at `not_before` or earlier; without it, nothing ever does.

    `value` is the id of an entity of `type`, of a workload the beginning of it; of a session, token, key or device its
    name, and `type` is empty. `why` is for those who read the record.
    """

    kind: RevocationKind
    value: str
    type: str = ""
    not_before: Datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a reader of a record has come: the number of the last fact, and what tells all up to it from any other.

    The empty digest is that of a reader who has seen no record yet.
    """

    sequence: int = 0
    digest: bytes = b""


class SourceState(StrEnum):
    """Whether a source of facts may be relied on: it was read, or that is too long ago, or it cannot be read."""

    LOADED = "loaded"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no rule may be asked: what is wrong with a source without which nothing may be decided."""

    reason: Reason
    detail: str


# ------------------------------------------------------------------------------------------------- what is answered


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the caller must do along with the decision.

    `unknown` names the arguments that could not be evaluated; only a deny carries such an obligation.
    """

    name: str
    arguments: Mapping[str, Any] = field(hash=False)
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalsMissing:
    """Approvals that a rule asks for and that are not there: how many of how many, from whom, for how long."""

    missing: int
    count: int
    approvers: tuple[str, ...]
    window: Duration
    of: Any = None


@dataclass(frozen=True, slots=True)
class Need:
    """A condition that is not met and that somebody could meet; `text` is its remedy as the rule states it."""

    rule: str
    text: str
    approvals: ApprovalsMissing | None = None


@dataclass(frozen=True, slots=True)
class Lift:
    """A forbid that denies; meeting any one of `one_of` lifts it."""

    rule: str
    one_of: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way out of a deny: the unmet needs of one permit, and of each denying forbid one `unless`. No promise."""

    rule: str
    needs: tuple[Need, ...]
    lifts: tuple[Lift, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of the remedy, needs first."""
        return tuple(need.text for need in self.needs) + tuple(need.text for lift in self.lifts for need in lift.one_of)


class Revised(Protocol):
    """What a decision was made of, and what tells it from all before and after."""

    @property
    def revision(self) -> str:
        """A digest of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """All of a decision that many have in common. `granted` is what the decision is worth as a truth value."""

    outcome: Outcome
    reason: Reason
    determining_rules: tuple[str, ...] = ()
    erring_rules: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    revision: str = ""
    detail: str = ""
    unhandled: tuple[str, ...] = ()

    @property
    def granted(self) -> bool:
        """Whether this is an allow whose every obligation is handled."""
        return self.outcome is Outcome.ALLOW and not self.unhandled


class Decision:
    """The answer to a request, why, and how long it stays true.

    `bool(decision)` is true for an allow whose every obligation the engine was told is handled, and for nothing else.
    `valid_until` is an instant after the decision, exclusive; None where no passing of time alone changes the answer.
    It cannot be changed.
    """

    __slots__ = ("_facts", "_leaf", "_until")

    _facts: Revised | str
    _leaf: Leaf
    _until: int | None

    def __init__(
        self,
        *,
        outcome: Outcome,
        reason: Reason,
        determining_rules: tuple[str, ...] = (),
        erring_rules: tuple[str, ...] = (),
        obligations: tuple[Obligation, ...] = (),
        remedies: tuple[Remedy, ...] = (),
        valid_until: _datetime.datetime | None = None,
        revision: str = "",
        facts_revision: str = "",
        detail: str = "",
        unhandled: tuple[str, ...] = (),
    ) -> None:
        leaf = Leaf(
            outcome=outcome,
            reason=reason,
            determining_rules=determining_rules,
            erring_rules=erring_rules,
            obligations=obligations,
            remedies=remedies,
            revision=revision,
            detail=detail,
            unhandled=unhandled,
        )
        _set_leaf(self, leaf)
        _set_facts(self, facts_revision)
        _set_until(self, None if valid_until is None else Datetime.of(valid_until).micros)

    @classmethod
    def made(cls, leaf: Leaf, facts: Revised | str, until: int | None = None) -> Decision:
        """Return the decision of a leaf: `until` in microseconds since the epoch. `facts` are asked for their revision.

        Only when somebody wants to know: it is a digest of all of them.
        """
        found = _new(cls)
        _set_leaf(found, leaf)
        _set_facts(found, facts)
        _set_until(found, until)
        return found

    @property
    def outcome(self) -> Outcome:
        """Allow or deny."""
        return self._leaf.outcome

    @property
    def reason(self) -> Reason:
        """Why it came out so."""
        return self._leaf.reason

    @property
    def determining_rules(self) -> tuple[str, ...]:
        """The ids of the rules that decided, in their order."""
        return self._leaf.determining_rules

    @property
    def erring_rules(self) -> tuple[str, ...]:
        """The ids of the rules in scope whose condition is unknown."""
        return self._leaf.erring_rules

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """What the caller must do along with the decision."""
        found = self._leaf.obligations
        if any(each.arguments for each in found):
            # Many decisions share them: what one caller does to them reaches nobody else.
            return tuple(Obligation(each.name, copy.deepcopy(each.arguments), each.unknown) for each in found)
        return found

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """The ways out of a deny."""
        return self._leaf.remedies

    @property
    def valid_until(self) -> _datetime.datetime | None:
        """The instant from which the decision may be another one, in UTC; None where time alone changes nothing."""
        return None if self._until is None else Datetime(self._until).to_datetime()

    @property
    def revision(self) -> str:
        """The revision of the policy."""
        return self._leaf.revision

    @property
    def facts_revision(self) -> str:
        """The revision of the entities that the engine held."""
        return self._facts if isinstance(self._facts, str) else self._facts.revision

    @property
    def detail(self) -> str:
        """What was wrong with a request that no rule was asked about."""
        return self._leaf.detail

    @property
    def unhandled(self) -> tuple[str, ...]:
        """The names of the obligations of an allow that nobody is known to handle."""
        return self._leaf.unhandled

    def __bool__(self) -> bool:
        return self._leaf.granted

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a decision cannot be changed: `{name}`")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a decision cannot be changed: `{name}`")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        mine, theirs = (self._leaf, self._until), (other._leaf, other._until)
        return mine == theirs and self.facts_revision == other.facts_revision

    def __hash__(self) -> int:
        return hash((self._leaf, self._until))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _SHOWN)
        return f"Decision({shown})"

    def __reduce__(self) -> tuple[object, ...]:
        return Decision.made, (self._leaf, self.facts_revision, self._until)

    def to_json(self) -> dict[str, Any]:
        """Return the decision as plain data; instants are RFC 3339 text."""
        return {
            "decision": str(self.outcome),
            "reason": str(self.reason),
            **({"detail": self.detail} if self.detail else {}),
            "determining_rules": list(self.determining_rules),
            "erring_rules": list(self.erring_rules),
            "obligations": [_obligation_json(obligation) for obligation in self.obligations],
            "unhandled_obligations": list(self.unhandled),
            "remedies": [_remedy_json(remedy) for remedy in self.remedies],
            "valid_until": None if self.valid_until is None else str(Datetime.of(self.valid_until)),
            "revision": self.revision,
            "facts_revision": self.facts_revision,
        }


_new = object.__new__
# The setters of the slots are the way past what freezes the class.
_set_leaf, _set_facts, _set_until = (vars(Decision)[name].__set__ for name in ("_leaf", "_facts", "_until"))
_SHOWN = (
    "outcome",
    "reason",
    "determining_rules",
    "erring_rules",
    "obligations",
    "remedies",
    "valid_until",
    "revision",
    "facts_revision",
    "detail",
    "unhandled",
)


def _obligation_json(obligation: Obligation) -> dict[str, Any]:
    found: dict[str, Any] = {"name": obligation.name, "arguments": dict(obligation.arguments)}
    if obligation.unknown:
        found["unknown"] = list(obligation.unknown)
    return found


def _remedy_json(remedy: Remedy) -> dict[str, Any]:
    return {
        "rule": remedy.rule,
        "needs": [need_json(need) for need in remedy.needs],
        "lifts": [{"rule": lift.rule, "one_of": [need_json(need) for need in lift.one_of]} for lift in remedy.lifts],
    }


def need_json(need: Need) -> dict[str, Any]:
    """Return a need as plain data."""
    found: dict[str, Any] = {"text": need.text}
    if need.approvals is not None:
        missing = need.approvals
        found["approvals"] = {
            "missing": missing.missing,
            "count": missing.count,
            "from": list(missing.approvers),
            "for": str(missing.window),
        }
        if missing.of is not None:
            found["approvals"]["of"] = missing.of
    return found
