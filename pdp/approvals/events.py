"""What people do about a request for access, each as one signed text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from pdp.approvals.forms import canonical, read_ref, read_value, write_ref, write_value
from pdp.approvals.signing import verify
from pdp.approvals.vouching import Vouched, read_vouched
from pdp.classes import dataclass
from pdp.errors import RecordError
from pdp.journal import Layout
from pdp.values import Datetime, EntityRef, Value

MAX_WHY: Final = 4096
MAX_EVENT: Final = 65_536
"""The characters of an event, all that it says included."""

_DOMAIN: Final = b"pdp.approvals.event.1\0"
"""What is signed for this is never taken for anything else that somebody signs."""


class EventKind(StrEnum):
    """What somebody does."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for: that somebody may do something until then. `of` is the value that a rule binds."""

    principal: EntityRef
    action: str
    resource: EntityRef
    until: Datetime
    of: Value | None = None
    actor: EntityRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that was done: by whom, with which key, about which request. A request says what is `wanted`.

    Where whoever did it showed a token, the key is that of a service that vouches for it, and `vouched` says what for.
    """

    kind: EventKind
    id: str
    by: EntityRef
    key: str
    at: Datetime
    why: str = ""
    wanted: Wanted | None = None
    vouched: Vouched | None = None

    @property
    def text(self) -> str:
        """The one text that says all of it."""
        found: dict[str, Any] = {
            "kind": str(self.kind),
            "id": self.id,
            "by": write_ref(self.by),
            "key": self.key,
            "at": self.at.micros,
            "why": self.why,
        }
        if self.wanted is not None:
            found["wanted"] = {
                "principal": write_ref(self.wanted.principal),
                "action": self.wanted.action,
                "resource": write_ref(self.wanted.resource),
                "until": self.wanted.until.micros,
                "of": None if self.wanted.of is None else write_value(self.wanted.of),
                "actor": None if self.wanted.actor is None else write_ref(self.wanted.actor),
            }
        if self.vouched is not None:
            found["vouched"] = self.vouched.written()
        return canonical(found)


@dataclass(frozen=True, slots=True)
class Signed:
    """An event as it is on record, with the signature of whoever did it, and its number."""

    event: Event
    signature: bytes
    sequence: int = 0


def message(text: str, sequence: int, before: bytes) -> bytes:
    """Return what is signed of an event: all that it says, its place, and with it the store and all that went before.

    So it is of no use in another store, nor elsewhere in this one, nor where anything before it was taken away.
    """
    return _DOMAIN + sequence.to_bytes(8) + before + text.encode()


def read_event(text: str) -> Event:
    """Return what a text says; raise ValueError for one that is no event, or not the one text that says it."""
    if len(text) > MAX_EVENT:
        raise ValueError("the event is too long")
    try:
        data = json.loads(text)
        found = Event(
            kind=EventKind(data["kind"]),
            id=_text(data["id"]),
            by=read_ref(data["by"]),
            key=_text(data["key"]),
            at=_instant(data["at"]),
            why=_text(data["why"]),
            wanted=_wanted(data["wanted"]) if "wanted" in data else None,
            vouched=read_vouched(data["vouched"]) if "vouched" in data else None,
        )
        same = found.text == text
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("this is no event") from error
    if not same or (found.wanted is None) is (found.kind is EventKind.REQUESTED):
        raise ValueError("this is no event")
    return found


def _wanted(data: Any) -> Wanted:
    return Wanted(
        principal=read_ref(data["principal"]),
        action=_text(data["action"]),
        resource=read_ref(data["resource"]),
        until=_instant(data["until"]),
        of=None if data["of"] is None else read_value(data["of"]),
        actor=None if data["actor"] is None else read_ref(data["actor"]),
    )


def _text(data: Any) -> str:
    if type(data) is not str:
        raise ValueError("this is no text")
    return data


def _instant(data: Any) -> Datetime:
    if type(data) is not int:
        raise ValueError("this is no instant")
    return Datetime.checked(data)


# -------------------------------------------------------------------------------------------------------- on record


def _form(sequence: int, row: Sequence[Any]) -> bytes:
    text, signature = row
    if type(text) is not str or type(signature) is not bytes:
        raise RecordError(f"event {sequence} of the record is damaged", lasting=True)
    return f"{sequence},{len(text)}:{text}".encode() + signature


def _fact(sequence: int, row: Sequence[Any], before: bytes) -> Signed:
    text, signature = row
    try:
        event = read_event(text)
    except ValueError as error:
        # A later version may know more kinds: to pass over one could be to pass over a rejection.
        raise RecordError(f"event {sequence} of the record is none that is known", lasting=True) from error
    if not verify(event.key, signature, message(text, sequence, before)):
        # INVARIANT: what nobody signed was written by somebody who had no right to write.
        raise RecordError(f"event {sequence} of the record is not signed by the key that it names", lasting=True)
    return Signed(event, signature, sequence)


LAYOUT: Final = Layout(
    # `pdpa`
    application=0x70647061,
    version=1,
    title="store of approvals",
    columns=("event TEXT NOT NULL", "signature BLOB NOT NULL"),
    row=lambda fact: (fact.event.text, fact.signature),
    fact=_fact,
    form=_form,
    digest=32,
)
