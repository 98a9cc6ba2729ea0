"""Frames and what is in them.

A frame is a head of nine bytes (how long the rest is, what it is, its number) and one msgpack value. What answers a
frame has its number. The first frame of a client is HELLO, and nothing else is answered before.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

from pdp.classes import dataclass
from pdp.identity.who import Bearer, Shown
from pdp.model import (
    ApprovalsMissing,
    Decision,
    Leaf,
    Lift,
    Need,
    Obligation,
    Outcome,
    Reason,
    Remedy,
    Request,
)
from pdp.values import Duration, EntityRef
from pdp_sidecar.frames.values import Unreadable, careful, pack, unpack

PROTOCOL: Final = 1
HEAD: Final = struct.Struct(">IBI")
MAX_FRAME: Final = 2**20
"""How many bytes follow a head at most, by default."""

MAX_LEAVES: Final = 1024
"""How many parts of answers that recur a connection numbers at a time."""

TARGETS: Final = frozenset(
    ("principal", "group", "workload", "session", "token", "key", "device", "issuer", "not_before", "why")
)
"""What REVOKE names."""


class Kind(IntEnum):
    """What a frame is. Those from WELCOME on are of the server."""

    HELLO = 0
    CHECK = 1
    MANY = 2
    EXPLAIN = 3
    REVOKE = 4
    STATUS = 5
    BEATS = 6
    SUBSCRIBE = 7
    UNSUBSCRIBE = 8
    SEARCH = 9
    WELCOME = 64
    ANSWER = 65
    ANSWERS = 66
    RESULT = 67
    BEAT = 68
    CHANGE = 69
    ERROR = 70


def frame(kind: int, number: int, body: bytes) -> bytes:
    """Return a frame."""
    return HEAD.pack(len(body), kind, number) + body


# ------------------------------------------------------------------------------------------------------------ questions


def question(request: tuple[Any, ...] | Request, packer: Any) -> bytes:
    """Return a question as bytes, by what packs values in this thread; equal bytes are the same question.

    The fields are those of a Request, in its order. Raises Unreadable where a part has no form.
    """
    principal, action, resource, context, session, now, entities = request
    if type(principal) is Bearer:
        fields: list[Any] = [None, action, resource, context, session, now, [*entities], *_packed_bearer(principal)]
    elif type(principal) is EntityRef is type(resource) and type(action) is str and not entities:
        if context is None is session and now is None:
            fields = [*principal, action, *resource]
        else:
            # Names as they are: what is of a kind of ours takes longer.
            fields = [*principal, action, *resource, context, session, now]
    else:
        fields = [principal, action, resource, context, session, now, [*entities]]
    try:
        packed: bytes = packer.pack(fields)
        return packed
    except Exception:
        # What was begun is left.
        packer.reset()
        return careful_question(fields)


def _packed_bearer(bearer: Bearer) -> tuple[str, list[Any]]:
    shown = bearer.shown
    certificate = None if shown.certificate is None else shown.certificate.hex()
    return bearer.token, [certificate, [*shown.proofs], shown.method, shown.url]


def careful_question(fields: Sequence[Any]) -> bytes:
    """Return a question as bytes part by part: what is odd about one leaves the others as they are."""
    if type(fields[0]) is Bearer:
        fields = [None, *fields[1:], *_packed_bearer(fields[0])]
    return bytes((0x90 + len(fields),)) + b"".join(careful([*each] if type(each) is tuple else each) for each in fields)


def asked(fields: Any) -> Request:
    """Return the request of a question; raise Unreadable for what is none.

    Only its outline is looked at: what is odd within it is for the engine, which denies it.
    """
    if type(fields) is not list:
        raise Unreadable("a question is a list")
    if len(fields) == 7 and type(fields[6]) is list:
        principal, action, resource, context, session, now, entities = fields
        return Request(principal, action, resource, context, session, now, tuple(entities))
    if len(fields) == 9:
        return _asked_of_token(*fields)
    if len(fields) not in (5, 8):
        raise Unreadable("a question has five, seven, eight or nine parts")
    for text in fields[:5]:
        if type(text) is not str:
            raise Unreadable("a question by names is of texts")
    return Request(EntityRef(fields[0], fields[1]), fields[2], EntityRef(fields[3], fields[4]), *fields[5:])


def _asked_of_token(principal: Any, *rest: Any) -> Request:
    action, resource, context, session, now, entities, token, shown = rest
    try:
        certificate, proofs, method, url = shown
        texts = [token, *proofs, method, url]
    except (TypeError, ValueError):
        raise Unreadable("a token comes with what was shown with it") from None
    if principal is not None or type(entities) is not list or not all(type(each) is str for each in texts):
        raise Unreadable("a question of a token is for nobody else")
    try:
        certificate = None if certificate is None else bytes.fromhex(certificate)
    except (TypeError, ValueError):
        raise Unreadable("the digest of a certificate is written in hexadecimal") from None
    bearer = Bearer(token, Shown(certificate=certificate, proofs=tuple(proofs), method=method, url=url))
    # A client may send it in place of a principal, and nothing that decides takes it for one.
    return Request(bearer, action, resource, context, session, now, tuple(entities))  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a client has it: the decision, how long it lasts in microseconds, and of which epoch it is.

    `lease` is None where no passing of time alone changes the answer.
    """

    decision: Decision
    lease: int | None
    epoch: str


def packed_leaf(leaf: Leaf, handles: frozenset[str]) -> list[Any]:
    """Return what many decisions have in common as plain data, for a caller that handles some obligations."""
    unhandled = [name for name in leaf.unhandled if name not in handles]
    return [
        leaf.outcome is Outcome.ALLOW and not unhandled,
        str(leaf.outcome),
        str(leaf.reason),
        list(leaf.determining_rules),
        list(leaf.erring_rules),
        [[each.name, dict(each.arguments), list(each.unknown)] for each in leaf.obligations],
        [[each.rule, _packed_needs(each.needs), _packed_lifts(each)] for each in leaf.remedies],
        leaf.revision,
        leaf.detail,
        unhandled,
    ]


def _packed_needs(needs: tuple[Need, ...]) -> list[Any]:
    return [[each.rule, each.text, _packed_missing(each.approvals)] for each in needs]


def _packed_lifts(remedy: Remedy) -> list[Any]:
    return [[each.rule, _packed_needs(each.one_of)] for each in remedy.lifts]


def _packed_missing(given: ApprovalsMissing | None) -> list[Any] | None:
    if given is None:
        return None
    return [given.missing, given.count, list(given.approvers), given.window.micros, given.of]


def leaf_of(given: Any) -> Leaf:
    """Return what a server says of many decisions; raise Unreadable for anything that it cannot have meant."""
    try:
        granted, outcome, reason, determining, erring, obligations, remedies, revision, detail, unhandled = given
        leaf = Leaf(
            outcome=Outcome(outcome),
            reason=Reason(reason),
            determining_rules=_texts(determining),
            erring_rules=_texts(erring),
            obligations=tuple(_obligation(*each) for each in obligations),
            remedies=tuple(_remedy(*each) for each in remedies),
            revision=_text(revision),
            detail=_text(detail),
            unhandled=_texts(unhandled),
        )
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"this is no answer: {type(error).__name__}") from error
    # INVARIANT: an allow is said twice, in two ways; what a server does not say twice is none.
    if granted is not leaf.granted or (leaf.outcome is Outcome.ALLOW) is not (leaf.reason is Reason.PERMITTED):
        raise Unreadable("this answer contradicts itself")
    return leaf


def _text(given: Any) -> str:
    if type(given) is not str:
        raise Unreadable("this is no text")
    return given


def _texts(given: Any) -> tuple[str, ...]:
    if type(given) is not list:
        raise Unreadable("these are no texts")
    return tuple(map(_text, given))


def _obligation(name: Any, arguments: Any, unknown: Any) -> Obligation:
    if type(arguments) is not dict:
        raise Unreadable("these are no arguments")
    return Obligation(_text(name), arguments, _texts(unknown))


def _remedy(rule: Any, needs: Any, lifts: Any) -> Remedy:
    found = (Lift(_text(name), tuple(_need(*each) for each in one_of)) for name, one_of in lifts)
    return Remedy(_text(rule), tuple(_need(*each) for each in needs), tuple(found))


def _need(rule: Any, text: Any, missing: Any) -> Need:
    approvals = None
    if missing is not None:
        lacking, count, approvers, window, of = missing
        approvals = ApprovalsMissing(_count(lacking), _count(count), _texts(approvers), Duration(_count(window)), of)
    return Need(_text(rule), _text(text), approvals)


def _count(given: Any) -> int:
    if type(given) is not int:
        raise Unreadable("this is no number")
    return given


class Written:
    """The leaves that a connection has told, each by a number; the other end has the same in `Read`."""

    __slots__ = ("_handles", "_next", "_numbers", "_told")

    def __init__(self, handles: frozenset[str]) -> None:
        self._handles = handles
        # By what it is, not by what is in it: that would take longer than to tell it anew.
        self._numbers: dict[int, int] = {}
        self._told: list[Leaf | None] = [None] * MAX_LEAVES
        self._next = 0

    def number(self, leaf: Leaf) -> tuple[int, list[Any] | None]:
        """Return the number of a leaf, and what it is where it was not told yet."""
        found = self._numbers.get(id(leaf))
        if found is not None:
            return found, None
        number = self._next
        self._next = (number + 1) % MAX_LEAVES
        if (old := self._told[number]) is not None:
            del self._numbers[id(old)]
        # Held, so that nothing else comes to be known by its id.
        self._told[number], self._numbers[id(leaf)] = leaf, number
        return number, packed_leaf(leaf, self._handles)


class Read:
    """The leaves that the other end has told."""

    __slots__ = ("_leaves",)

    def __init__(self) -> None:
        self._leaves: dict[int, Leaf] = {}

    def leaf(self, number: Any, given: Any) -> Leaf:
        """Return a leaf by its number, after taking note of what is told; raise Unreadable for a number never told."""
        if given is not None:
            if type(number) is not int or not 0 <= number < MAX_LEAVES:
                raise Unreadable("this is no number of an answer")
            self._leaves[number] = found = leaf_of(given)
            return found
        try:
            return self._leaves[number]
        except (KeyError, TypeError):
            raise Unreadable("an answer was never told") from None

    def reply(self, fields: Any) -> Reply:
        """Return the reply that an ANSWER says; raise Unreadable for what is none."""
        try:
            number, told, until, lease, epoch, facts = fields
        except (TypeError, ValueError):
            raise Unreadable("this is no answer") from None
        return _reply(self.leaf(number, told), until, lease, epoch, facts)

    def replies(self, fields: Any) -> list[Reply]:
        """Return the replies that ANSWERS say; raise Unreadable for what is none."""
        try:
            epoch, facts, told, answers = fields
            for number, given in told:
                self.leaf(number, given)
            flat = iter(answers)
            return [
                _reply(self.leaf(number, None), until, lease, epoch, facts)
                for number, until, lease in zip(flat, flat, flat, strict=True)
            ]
        except (TypeError, ValueError) as error:
            raise Unreadable(f"these are no answers: {error}") from error


def _reply(leaf: Leaf, until: Any, lease: Any, epoch: Any, facts: Any) -> Reply:
    if type(epoch) is not str or type(facts) is not str:
        raise Unreadable("this is no answer")
    if (until is not None and type(until) is not int) or (lease is not None and (type(lease) is not int or lease < 0)):
        raise Unreadable("this is no lease")
    if until is not None and lease is None:
        raise Unreadable("an answer that ends has a lease")
    return Reply(Decision.made(leaf, facts, until), lease, epoch)


def fields_of(body: bytes | memoryview) -> Any:
    """Return what is in a frame."""
    return unpack(body)


def options(given: Any) -> Mapping[str, Any]:
    """Return what is in HELLO or WELCOME; raise Unreadable where it is of another protocol."""
    if type(given) is not dict or given.get("protocol") != PROTOCOL or type(given.get("protocol")) is not int:
        raise Unreadable(f"the other end does not speak protocol {PROTOCOL}")
    return given


def body(value: Any) -> bytes:
    """Return plain data as the inside of a frame."""
    return pack(value)
