"""What depends on what: from an entity, or what a session names, to the answers that would change with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

from pdp.classes import dataclass
from pdp.values import EntityRef

L = TypeVar("L", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Proof:
    """All that one session names: its leases start here once, rather than once for each name."""

    names: tuple[str, ...]


Key = EntityRef | Proof | str
"""An entity, what a session names, or one of its names."""

Above = Callable[[EntityRef], tuple[EntityRef, ...]]
"""Tells all that an entity is in, as it is now."""

_SHARED: Final = 4096
"""Of so many ways to be in something, entities that have one in common share it."""


class _Start:
    """Where leases begin: who holds them here, and what this is in."""

    __slots__ = ("above", "leases")

    def __init__(self) -> None:
        self.above: tuple[Key, ...] = ()
        self.leases: Any = None


class Dependents(Generic[L]):
    """Leases by what they depend on.

    A lease hangs on few things, where it *starts*; what these are in is kept once for all leases that start there. A
    proof is in each of its names.
    A change is looked for by what has changed, so that its cost grows with what it touches. Not for several threads.

    >>> held = Dependents[str]()
    >>> ada, staff = EntityRef("User", "ada"), EntityRef("Group", "staff")
    >>> held.add("a lease", [ada, Proof(("s:42",))], lambda _: (staff,))
    >>> [*held.of(staff)], [*held.of("s:42")], [*held.of("s:43")]
    (['a lease'], ['a lease'], [])
    """

    __slots__ = ("_below", "_shared", "_starts")

    def __init__(self) -> None:
        self._starts: dict[Key, _Start] = {}
        # What is in an entity, of what leases start at.
        self._below: dict[Key, Any] = {}
        self._shared: dict[tuple[EntityRef, ...], tuple[EntityRef, ...]] = {}

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, lease: L, keys: Iterable[Key], above: Above) -> None:
        """Let a lease depend on what these are and on all that they are in."""
        for key in keys:
            start = self._starts.get(key)
            if start is None:
                start = self._starts[key] = _Start()
                self._link(key, start, above)
            start.leases = _with(start.leases, lease)

    def remove(self, lease: L, keys: Iterable[Key]) -> None:
        """Let a lease depend on these no longer."""
        for key in keys:
            start = self._starts.get(key)
            if start is None:
                continue
            start.leases = _without(start.leases, lease)
            if start.leases is None:
                del self._starts[key]
                self._unlink(key, start)

    def all(self) -> Iterator[L]:
        """Yield every lease, once for each place where it starts."""
        for start in tuple(self._starts.values()):
            yield from _each(start.leases)

    def of(self, key: Key) -> Iterator[L]:
        """Yield the leases that depend on something, a lease once for each way."""
        for each in self.starts(key):
            yield from self.at(each)

    def at(self, key: Key) -> Iterator[L]:
        """Yield the leases that start at something."""
        start = self._starts.get(key)
        if start is not None:
            yield from _each(start.leases)

    def starts(self, key: Key) -> list[Key]:
        """Return where leases start that depend on something."""
        here = [key] if key in self._starts else []
        return here + list(_each(self._below.get(key)))

    def beginning(self, type_: str, beginning: str) -> list[EntityRef]:
        """Return where leases start at entities of a type whose ids begin so. It looks at all that there are."""
        return [
            key
            for key in self._starts
            if isinstance(key, EntityRef) and key.type == type_ and key.id.startswith(beginning)
        ]

    def renew(self, ref: EntityRef, above: Above) -> None:
        """Take note of what an entity, and all that is in it, is in now."""
        for key in self.starts(ref):
            self._relink(key, above)

    def renew_all(self, above: Above) -> None:
        """Take note of what everything is in now."""
        for key in tuple(self._starts):
            self._relink(key, above)

    def _relink(self, key: Key, above: Above) -> None:
        start = self._starts[key]
        self._unlink(key, start)
        self._link(key, start, above)

    def _link(self, key: Key, start: _Start, above: Above) -> None:
        if isinstance(key, Proof):
            start.above = key.names
        elif isinstance(key, EntityRef):
            found = above(key)
            if len(self._shared) >= _SHARED:
                self._shared.clear()
            start.above = self._shared.setdefault(found, found)
        for each in start.above:
            self._below[each] = _with(self._below.get(each), key)

    def _unlink(self, key: Key, start: _Start) -> None:
        for each in start.above:
            left = _without(self._below.get(each), key)
            if left is None:
                self._below.pop(each, None)
            else:
                self._below[each] = left
        start.above = ()


# One thing stands for itself: a set of it would take as much room as all else that is kept of a lease.


def _with(held: Any, thing: Any) -> Any:
    if held is None:
        return thing
    if type(held) is set:
        held.add(thing)
        return held
    return held if held == thing else {held, thing}


def _without(held: Any, thing: Any) -> Any:
    if type(held) is not set:
        return None if held == thing else held
    held.discard(thing)
    return held.pop() if len(held) == 1 else held


def _each(held: Any) -> Iterator[Any]:
    if held is None:
        return iter(())
    return iter(tuple(held)) if type(held) is set else iter((held,))
