"""Which entities there are: those of a type, and those that are in another. Nobody else is invented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pdp.model import Node
from pdp.schema import Schema
from pdp.values import EntityRef, Record, Value, ValueSet, show

MAX_HELD: Final = 5_000
"""Where more entities are held than this, only those that are named are tried."""

MAX_TRIED: Final = 24
"""So many entities of one kind are tried in one place."""


class Known:
    """The entities that are held, and those that a question or a rule names, in the order of their names.

    `cut` says that there are more than are tried, so that one that would do may have been passed over.
    """

    def __init__(self, held: Iterable[Node], size: int, schema: Schema, named: Iterable[EntityRef] = ()) -> None:
        self._schema = schema
        self.cut = False
        self._few = size <= MAX_HELD
        self._nodes = list(held) if self._few else []
        self._named = dict.fromkeys(named)
        self._types: dict[str, list[EntityRef]] | None = None
        self._children: dict[EntityRef, list[EntityRef]] | None = None

    def name(self, refs: Iterable[EntityRef]) -> None:
        """Take note of entities that are named somewhere."""
        fresh = [ref for ref in refs if ref not in self._named]
        if fresh:
            self._named.update(dict.fromkeys(fresh))
            self._types = None

    def of_types(self, names: Iterable[str]) -> list[EntityRef]:
        """Return the entities of some types that are tried."""
        if self._types is None:
            self._types = {}
            for ref in {**{node.ref: None for node in self._nodes}, **self._named}:
                self._types.setdefault(ref.type, []).append(ref)
            for refs in self._types.values():
                refs.sort()
        found: list[EntityRef] = []
        for name in sorted(names):
            declared = self._schema.entities.get(name)
            if declared is not None and declared.ids is not None:
                found += [EntityRef(name, each) for each in sorted(declared.ids)]
            else:
                found += self._types.get(name, ())
                self.cut = self.cut or not self._few
        return self.few(found)

    def below(self, parent: EntityRef) -> list[EntityRef]:
        """Return the entities that are in another one, as far as they are tried; for how long they are is not asked."""
        if self._children is None:
            self._children = {}
            for node in self._nodes:
                for step in node.parents:
                    self._children.setdefault(step.parent, []).append(node.ref)
        self.cut = self.cut or not self._few
        found: dict[EntityRef, None] = {}
        work = [parent]
        while work:
            for child in self._children.get(work.pop(), ()):
                if child not in found:
                    found[child] = None
                    work.append(child)
        return self.few(sorted(found))

    def few(self, found: list[EntityRef]) -> list[EntityRef]:
        """Return the first of some entities, so many as are tried."""
        self.cut = self.cut or len(found) > MAX_TRIED
        return found[:MAX_TRIED]


def named_in(value: object) -> Iterator[EntityRef]:
    """Yield the entities that a value names."""
    if isinstance(value, EntityRef):
        yield value
    elif isinstance(value, ValueSet):
        for element in value:
            yield from named_in(element)
    elif isinstance(value, Record):
        for inner in value.values():
            yield from named_in(inner)


def sample(values: Iterable[Value]) -> list[Value]:
    """Return values in an order that does not depend on how a set was put together."""
    return sorted(values, key=show)
