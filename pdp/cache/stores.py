"""Entities to data and back, as fast as can be: there may be very many."""

from __future__ import annotations

from typing import Any

import msgpack

from pdp.cache.forms import NOWHERE, Corrupt, listed, packed
from pdp.cache.schemas import FOUND, MEMBERSHIP, TAGS
from pdp.entities.store import Store
from pdp.model import Membership, Node
from pdp.values import EntityRef

_PLAIN = (str, bool)


def write_store(store: Store) -> bytes:
    """Return a store as data. Names that many entities have in common, types above all, are written once."""
    words: dict[str, int] = {}
    parents: dict[Membership, int] = {}
    rows = []
    for node in store:
        attributes: list[Any] = []
        for name, value in node.attributes.items():
            attributes += [words.setdefault(name, len(words)), FOUND.write(value, NOWHERE)]
        inside = [parents.setdefault(each, len(parents)) for each in node.parents]
        row = [words.setdefault(node.ref.type, len(words)), node.ref.id, attributes, inside]
        rows.append([*row, TAGS.write(node.tags, NOWHERE)] if node.tags else row)
    return packed([list(words), [MEMBERSHIP.write(each, NOWHERE) for each in parents], rows])


def read_store(data: bytes, revision: str) -> Store:
    """Return the store that data holds."""
    words, kept, rows = listed(msgpack.unpackb(data), 3)
    if any(word.__class__ is not str for word in listed(words)):
        raise Corrupt
    memberships = [MEMBERSHIP.read(each, NOWHERE) for each in listed(kept)]
    nodes: dict[EntityRef, Node] = {}
    read = FOUND.read
    for kind, id_, attributes, inside, *rest in listed(rows):
        # Bytes are numbers to what goes through them.
        if (
            id_.__class__ is not str
            or kind.__class__ is not int
            or not attributes.__class__ is inside.__class__ is list
        ):
            raise Corrupt
        ref = EntityRef(words[kind], id_)
        values = iter(attributes)
        fields = {
            words[name if name.__class__ is int else _wrong()]: value
            if value.__class__ in _PLAIN
            else read(value, NOWHERE)
            for name, value in zip(values, values, strict=True)
        }
        above = tuple([memberships[each if each.__class__ is int else _wrong()] for each in inside])
        if rest:
            # Only Cedar's entities have tags, and few of those.
            (tags,) = rest
            nodes[ref] = Node(ref, fields, above, TAGS.read(tags, NOWHERE))
        else:
            nodes[ref] = Node(ref, fields, above)
    if len(nodes) != len(rows):
        raise Corrupt
    store = Store(nodes)
    store._revision = revision  # it takes as long to compute as the entities to read
    return store


def _wrong() -> int:
    # A list takes True for 1.
    raise Corrupt
