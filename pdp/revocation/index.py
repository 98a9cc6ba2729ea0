"""Revocations in memory: found in the same time however many there are, and added to without a copy of them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pdp.evaluation import FOREVER
from pdp.model import Revocation, RevocationKind
from pdp.schema import Schema
from pdp.values import EntityRef

_SHARDS: Final = 4096
"""A revocation that is added copies one of so many parts; a million of them fill each with some 250."""

_NOTHING: Final[dict[str, int]] = {}


class Index:
    """An immutable set of revocations. Of two of one thing, the one that reaches further counts.

    `mark` is equal for no two sets, and holds neither alive. `groups` says whether any group is revoked, `lengths` how
    long the beginnings of names are that are revoked of a type.

    >>> index = Index.of([Revocation(RevocationKind.TOKEN, "t-1")])
    >>> index.revokes(RevocationKind.TOKEN, "", "t-1", None), index.revokes(RevocationKind.TOKEN, "", "t-2", None)
    (True, False)
    """

    __slots__ = ("_shards", "groups", "lengths", "mark", "size")

    def __init__(
        self, shards: tuple[dict[str, int], ...], size: int, groups: bool, lengths: Mapping[str, frozenset[int]]
    ) -> None:
        self._shards, self.size, self.groups, self.lengths = shards, size, groups, lengths
        self.mark = object()

    @classmethod
    def empty(cls) -> Index:
        """Return the set that holds nothing."""
        return _EMPTY

    @classmethod
    def of(cls, revocations: Iterable[Revocation]) -> Index:
        """Return the set of these revocations."""
        return cls.empty().with_all(revocations)

    def with_all(self, revocations: Iterable[Revocation]) -> Index:
        """Return the set with these as well: the same one where they add nothing."""
        shards, fresh = [*self._shards], set[int]()
        size, groups, lengths = self.size, self.groups, dict(self.lengths)
        changed = False
        for each in revocations:
            key = _key(each.kind, each.type, each.value)
            at, until = hash(key) % _SHARDS, FOREVER if each.not_before is None else each.not_before.micros
            old = shards[at].get(key)
            if old is not None and old >= until:
                continue
            if at not in fresh:
                # Others may hold the part as it was: it is copied once, whatever is added to it here.
                shards[at] = dict(shards[at])
                fresh.add(at)
            shards[at][key] = until
            size, changed = size + (old is None), True
            groups = groups or each.kind is RevocationKind.GROUP
            if each.kind is RevocationKind.WORKLOAD:
                lengths[each.type] = lengths.get(each.type, frozenset()) | {len(each.value)}
        return Index(tuple(shards), size, groups, lengths) if changed else self

    def added(self, before: Index) -> Iterator[tuple[RevocationKind, str, str]]:
        """Yield the kind, the type and the value of what is revoked here, or reaches further, than in a set before."""
        for here, there in zip(self._shards, before._shards, strict=True):
            # A part that nothing was added to is the same one.
            if here is not there:
                yield from (_parts(key) for key, until in here.items() if there.get(key) != until)

    def has(self, kind: RevocationKind, type_: str, value: str) -> bool:
        """Tell whether there is a revocation of something, whatever it reaches."""
        key = _key(kind, type_, value)
        return key in self._shards[hash(key) % _SHARDS]

    def revokes(self, kind: RevocationKind, type_: str, value: str, proved: int | None) -> bool:
        """Tell whether what was proved at an instant is revoked; where nobody knows when, any revocation reaches it."""
        key = _key(kind, type_, value)
        until = self._shards[hash(key) % _SHARDS].get(key)
        return until is not None and (proved is None or proved <= until)

    def __len__(self) -> int:
        return self.size


_EMPTY: Final = Index((_NOTHING,) * _SHARDS, 0, False, {})


def _key(kind: RevocationKind, type_: str, value: str) -> str:
    # No two kinds begin alike. The length keeps a type apart from the id after it. One text takes less room than a
    # tuple of three, and the hash of an enum's member would take longer than all else.
    return f"{kind[0]}{len(type_)}:{type_}{value}"


def _parts(key: str) -> tuple[RevocationKind, str, str]:
    """Return what `_key` has put together."""
    length, _, rest = key[1:].partition(":")
    return _KINDS[key[0]], rest[: int(length)], rest[int(length) :]


_KINDS: Final = {kind[0]: kind for kind in RevocationKind}


class Revoked:
    """The revocations as one schema names things.

    A record outlives many policies, and a type may be called otherwise in each: so each of its names is looked for.
    """

    __slots__ = ("_schema", "_spellings", "index")

    def __init__(self, index: Index, schema: Schema, before: Revoked | None = None) -> None:
        """Look at an index by a schema; `before` did so at another."""
        self.index, self._schema = index, schema
        self._spellings: dict[str, tuple[str, ...]] = (
            before._spellings if before is not None and before._schema is schema else {}
        )

    def marks(self, ref: EntityRef) -> bool:
        """Tell whether there is any revocation of an entity by its name, whatever it reaches."""
        return bool(self.index) and any(self.index.has(kind, name, value) for kind, name, value in self._of(ref))

    def marks_group(self, ref: EntityRef) -> bool:
        """Tell whether there is any revocation of those who are in an entity."""
        group = RevocationKind.GROUP
        return any(self.index.has(group, name, ref.id) for name in self._names(ref.type))

    def entity(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether an entity is revoked, by its name or the beginning of it."""
        return bool(self.index) and any(
            self.index.revokes(kind, name, value, proved) for kind, name, value in self._of(ref)
        )

    def group(self, ref: EntityRef, proved: int | None) -> bool:
        """Tell whether those who are in an entity are revoked."""
        kind = RevocationKind.GROUP
        return any(self.index.revokes(kind, name, ref.id, proved) for name in self._names(ref.type))

    def session(self, kind: RevocationKind, name: str, proved: int | None) -> bool:
        """Tell whether what a session names is revoked."""
        return self.index.revokes(kind, "", name, proved)

    def _of(self, ref: EntityRef) -> Iterable[tuple[RevocationKind, str, str]]:
        lengths = self.index.lengths
        for name in self._names(self._schema.resolve(ref.type)):
            yield RevocationKind.PRINCIPAL, name, ref.id
            for length in lengths.get(name, ()):
                if length <= len(ref.id):
                    yield RevocationKind.WORKLOAD, name, ref.id[:length]

    def _names(self, type_: str) -> tuple[str, ...]:
        """Return each name by which a revocation may call a type."""
        found = self._spellings.get(type_)
        if found is None:
            found = self._spellings[type_] = spellings(type_, self._schema)
        return found


def spellings(type_: str, schema: Schema) -> tuple[str, ...]:
    """Return each name by which others may know a type.

    A short name that came to stand for several types counts for each of them: what it was meant for is among them.
    """
    found = {type_, *(full for full, name in schema.aliases.items() if name == type_)}
    short = type_.rpartition(".")[2]
    if short not in schema.entities:
        found.add(short)
    return tuple(sorted(found))


def full_name(type_: str, schema: Schema) -> str:
    """Return the name of a type that no other will ever have: its short one may be another's after a change."""
    return next((full for full, name in schema.aliases.items() if name == type_), type_)
