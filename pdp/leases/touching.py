"""What a change touches: from two worlds to the leases that may be other ones in the second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pdp.leases.dependents import Dependents, Key
from pdp.leases.reading import BEYOND, name_key
from pdp.model import RevocationKind
from pdp.revocation.index import spellings
from pdp.schema import Schema
from pdp.values import EntityRef
from pdp.world import World


def everything(before: World, after: World) -> bool:
    """Tell whether a change may touch anything: what there is, or whether anything may be decided at all."""
    return before.schema != after.schema or before.given.failure != after.given.failure


def nothing_but_revocations(before: World, after: World) -> bool:
    """Tell whether all else is the same."""
    old, new = before.given, after.given
    return (
        before.program is after.program
        and before.store is after.store
        and old.approvals is new.approvals
        and old.unsure is new.unsure
        and old.failure == new.failure
    )


def actions(before: World, after: World) -> frozenset[str]:
    """Return the actions whose rules are other ones."""
    old, new = before.policy, after.policy
    if old is new:
        return frozenset()
    return frozenset(
        name for name in {*old.by_action, *new.by_action} if old.by_action.get(name) != new.by_action.get(name)
    )


def changed_entities(before: World, after: World) -> Iterable[EntityRef]:
    """Return the names of entities that are other ones, or that only one of two worlds holds."""
    return after.store.differing(before.store)


def approvals_known(before: World, after: World) -> bool:
    """Tell whether approvals are known in one of two worlds and not in the other."""
    return (before.approvals is None) is not (after.approvals is None)


def questions(before: World, after: World) -> Iterator[tuple[EntityRef, str, EntityRef]]:
    """Yield what was approved otherwise: principal, action, resource."""
    old, new = before.approvals or {}, after.approvals or {}
    if old is not new:
        yield from (asked for asked in {*old, *new} if old.get(asked) != new.get(asked))


def revoked(before: World, after: World, held: Dependents[Any]) -> Iterator[Key]:
    """Yield where leases start, or might, of which anything more is revoked."""
    index = after.given.revocations
    if index is before.given.revocations:
        return
    for kind, type_, value in index.added(before.given.revocations):
        if kind not in _ENTITIES:
            yield from held.starts(name_key(kind, value))
            continue
        if kind is RevocationKind.GROUP:
            yield from held.starts(BEYOND)
        for name in _types(type_, after.schema):
            ref = EntityRef(name, value)
            if kind is RevocationKind.PRINCIPAL:
                yield ref
            else:
                yield from held.starts(ref) if kind is RevocationKind.GROUP else held.beginning(name, value)


_ENTITIES: Final = (RevocationKind.PRINCIPAL, RevocationKind.GROUP, RevocationKind.WORKLOAD)


def _types(spelled: str, schema: Schema) -> Iterator[str]:
    """Yield the types that a revocation may mean by a name."""
    if schema.open:
        yield spelled
        return
    yield from (name for name in schema.entities if spelled in spellings(name, schema, (spelled,)))
