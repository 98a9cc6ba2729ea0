"""The changes worth trying of the facts that conditions look at, each to a value of its declared type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from pdp.evaluation import Scene
from pdp.flips.changes import (
    ApprovedBy,
    Change,
    Fact,
    InContext,
    InSession,
    Lifted,
    OfEntity,
    OnRecord,
    Time,
    Within,
    current,
)
from pdp.flips.known import Known
from pdp.flips.pool import fitting, usual
from pdp.flips.wishes import Wishes
from pdp.model import Node
from pdp.schema import Schema
from pdp.terms import Term
from pdp.types import EntityTypes, FieldType, Type
from pdp.values import Datetime, EntityRef, Ip, Unknown, Value, equal

MAX_VALUES: Final = 200
"""So many values are tried for one fact."""


def candidates(fact: Fact, conditions: Iterable[Term], scene: Scene, schema: Schema, known: Known) -> Iterator[Change]:
    """Yield the changes of a fact that may turn one of some conditions around, in a fixed order.

    For an attribute these are the values that a condition compares it with and those right beside them, the edges of a
    range, such as match a pattern and such as do not, what its type alone has, and its absence.
    """
    wishes = Wishes(scene, schema, known)
    for condition in conditions:
        wishes.condition(condition)
    yield from changes_of(fact, wishes, scene, schema, known)


def changes_of(fact: Fact, wishes: Wishes, scene: Scene, schema: Schema, known: Known) -> Iterator[Change]:
    """Yield the changes of a fact that are wished for, and those that its type alone suggests."""
    declared = declared_type(fact, scene, schema)
    if declared is not None:
        values: Iterable[Value | None] = _values(fact, declared, wishes, scene, schema, known)
    elif isinstance(fact, InContext | InSession | OfEntity):
        return
    elif isinstance(fact, Lifted | OnRecord):
        values = (True,)
    else:
        values = wishes.of(fact)
    now, done = current(fact, scene), set[tuple[type, Value | None]]()
    # A session that lacks something is another one than none.
    brought = isinstance(fact, InSession) and scene.question.session is None
    for value in values:
        key = value.__class__, value
        if key in done or not _possible(fact, value, scene, schema) or (_same(now, value) and not brought):
            continue
        done.add(key)
        if len(done) > MAX_VALUES:
            known.cut = True
            return
        yield Change(fact, value)


def declared_type(fact: Fact, scene: Scene, schema: Schema) -> FieldType | None:
    """Return the declared type of an attribute; None for what is none, or not declared."""
    action = schema.actions.get(scene.question.action)
    match fact:
        case InContext(name=name):
            return None if action is None else action.context.fields.get(name)
        case InSession(name=name):
            found = None if action is None else action.session.fields.get(name)
            if name == "actor" and found is not None and _is_any(found.type, schema):
                # Where no policy says who may act for somebody else, it is nothing to suggest.
                return None
            return found
        case OfEntity(entity=entity, name=name):
            return schema.attribute(entity.type, name)
        case _:
            return None


def _is_any(kind: Type, schema: Schema) -> bool:
    return isinstance(kind, EntityTypes) and kind.names == schema.entities.keys()


def _values(
    fact: Fact, declared: FieldType, wishes: Wishes, scene: Scene, schema: Schema, known: Known
) -> Iterator[Value | None]:
    now = scene.question.now
    plain = list(usual(declared.type, schema, known, now))
    # The time of the request is a better one than an instant at the edge of what would do.
    first = plain[:1] if plain and isinstance(plain[0], Datetime) else []
    # An address is what somebody may come from, a range is not.
    for value in sorted(chain(first, wishes.of(fact, plain), plain), key=_is_range):
        found = None if value is None else fitting(value, declared.type, schema, known, now)
        if found is not None:
            yield found
    # A file that an administrator keeps has to have what is not optional. Callers may leave out anything.
    if declared.optional or not isinstance(fact, OfEntity):
        yield None


def _is_range(value: Value | None) -> bool:
    return isinstance(value, Ip) and value.first != value.last


def _possible(fact: Fact, value: Value | None, scene: Scene, schema: Schema) -> bool:
    """Tell whether a fact could come to be so: time goes on, and what is on record stays there."""
    match fact:
        case Time():
            return isinstance(value, Datetime) and value.micros > scene.question.now
        case Lifted():
            return _revoked(fact, scene)
        case Within(entity=entity):
            return isinstance(scene.facts.node(entity), Node)
        case OfEntity(entity=entity):
            return isinstance(scene.facts.node(entity), Node)
        case OnRecord(entity=entity):
            return scene.facts.node(entity) is None and _is_of(entity, schema)
        case InContext() | InSession() | ApprovedBy():
            return True


def _is_of(ref: EntityRef, schema: Schema) -> bool:
    declared = schema.entities.get(ref.type)
    return declared is not None and (declared.ids is None or ref.id in declared.ids)


def _revoked(fact: Lifted, scene: Scene) -> bool:
    # When somebody proved who they are makes no difference to what could be lifted.
    if fact.entity is None:
        return scene.facts.session_revoked(fact.kind, fact.name, None)
    if fact.kind == "group":
        return scene.facts.group_revoked(fact.entity, None)
    return scene.facts.revoked(fact.entity, None)


def _same(now: object, value: Value | None) -> bool:
    if now is None or value is None or isinstance(now, Unknown):
        return now is value
    return now.__class__ is value.__class__ and equal(now, value)
