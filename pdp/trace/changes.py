"""Changes of facts in words, and as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, assert_never

from pdp.conform import plain
from pdp.flips.changes import (
    ApprovedBy,
    Change,
    InContext,
    InSession,
    Lifted,
    OfEntity,
    OnRecord,
    Time,
    Who,
    Within,
    who,
)
from pdp.trace.told import ChangeTrace
from pdp.values import EntityRef, Value, quote, show


def told(changes: Iterable[Change], brought: frozenset[EntityRef]) -> tuple[ChangeTrace, ...]:
    """Tell changes; what is `brought` is the caller's to say."""
    found = [_told(change, brought) for change in changes]
    return tuple(sorted(found, key=lambda each: (_ORDER.index(each.who), each.kind != "context")))


_ORDER: Final = tuple(map(str, Who))


def _told(change: Change, brought: frozenset[EntityRef]) -> ChangeTrace:
    fact, value = change.fact, change.value
    by = who(fact)
    match fact:
        case InContext(name=name):
            return _attribute(by, "context", None, name, value, f"context.{name}")
        case InSession(name=name):
            return _attribute(by, "session", None, name, value, f"session.{name}")
        case OfEntity(entity=entity, name=name):
            return _attribute(_by(entity, brought), "attribute", entity, name, value, f"{entity}.{name}")
        case ApprovedBy(approver=approver, of=of):
            bound = "" if of is None else f" of {show(of)}"
            text = f"{'approval' if value else 'no approval'}{bound} by {approver}"
            return _other(by, "approval", approver, None if of is None else show(of), value, text)
        case Within(entity=entity, parent=parent):
            text = f"{entity} {'in' if value else 'no longer in'} {parent}"
            return _other(_by(entity, brought), "membership", entity, str(parent), value, text)
        case OnRecord(entity=entity):
            return _other(by, "record", entity, None, value, f"{entity} on record")
        case Lifted(entity=None, name=name, kind=kind):
            return _other(by, "revocation", None, name, False, f"{kind} {quote(name)} no longer revoked")
        case Lifted(entity=entity):
            return _other(by, "revocation", entity, None, False, f"{entity} no longer revoked")
        case Time():
            return _attribute(by, "time", None, "now", value, "now")
        case _:
            assert_never(fact)


def _by(entity: EntityRef, brought: frozenset[EntityRef]) -> Who:
    return Who.CALLER if entity in brought else Who.ADMINISTRATOR


def _attribute(by: Who, kind: str, subject: EntityRef | None, name: str, value: Value | None, path: str) -> ChangeTrace:
    return ChangeTrace(
        who=str(by),
        kind=kind,
        subject=None if subject is None else str(subject),
        name=name,
        value=None if value is None else plain(value),
        text=f"no {path}" if value is None else f"{path} = {show(value)}",
    )


def _other(by: Who, kind: str, subject: EntityRef | None, name: str | None, value: Any, text: str) -> ChangeTrace:
    return ChangeTrace(
        who=str(by),
        kind=kind,
        subject=None if subject is None else str(subject),
        name=name,
        value=value,
        text=text,
    )
