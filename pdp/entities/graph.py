"""What holds entities together: that every parent is there, and that nothing is in itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from pdp.conform.mismatch import named, near
from pdp.entities.document import MAX_FAULTS, Fault, Place, Report
from pdp.entities.reading import Loaded
from pdp.model import Membership, Node
from pdp.schema import Schema
from pdp.values import EntityRef

_SHOWN: Final = 6
_FEW: Final = 200


def check(loaded: Loaded, reports: list[Report]) -> None:
    """Report what is wrong between entities, to the files where it stands."""
    # Where entities could not be read, a parent that is not there may be one of them: that would be noise.
    if not any(report.broken for report in reports):
        _check_dangling(loaded, reports)
    _check_cycles(loaded, reports)


def _check_dangling(loaded: Loaded, reports: list[Report]) -> None:
    # Memberships are shared between entities, so that few are looked at where all is well.
    absent = {each.parent for each in loaded.memberships.values() if _dangles(each.parent, loaded)}
    if not absent:
        return
    ids: dict[str, list[str]] = {}
    for ref in loaded.places:
        ids.setdefault(ref.type, []).append(ref.id)
    for node in loaded.nodes:
        file, index = loaded.places[node.ref]
        for number, membership in enumerate(node.parents):
            if membership.parent in absent and not reports[file].full:
                reports[file].add(_dangling(node, membership, index, number, ids))


def _dangles(ref: EntityRef, loaded: Loaded) -> bool:
    return ref not in loaded.places and not loaded.schema.entities[ref.type].bare


def _dangling(node: Node, membership: Membership, index: int, number: int, ids: dict[str, list[str]]) -> Fault:
    parent = membership.parent
    # To look for a similar id among very many would take longer than to read them.
    known = ids.get(parent.type, [])
    return Fault(
        code="dangling_parent",
        message=f"{named(node.ref)} is in {named(parent)}, which no file holds",
        place=Place(("entities", index, "in", number)),
        help=near(parent.id, known if len(known) <= _FEW else []) or "add it, or remove this membership",
    )


def _check_cycles(loaded: Loaded, reports: list[Report]) -> None:
    looping = _looping(loaded.schema)
    parents = {
        node.ref: [each.parent for each in node.parents if each.parent.type in looping and each.parent != node.ref]
        for node in loaded.nodes
        if node.ref.type in looping
    }
    nodes = {node.ref: node for node in loaded.nodes} if parents else {}
    for cycle in islice(cycles(parents), MAX_FAULTS + 1):
        child, parent = cycle[-1], cycle[0]
        file, index = loaded.places[child]
        if not reports[file].full:
            number = [each.parent for each in nodes[child].parents].index(parent)
            place = Place(("entities", index, "in", number))
            reports[file].add(Fault(code="parent_cycle", message=round_trip(cycle), place=place, help=_REMOVE))


_REMOVE: Final = "remove one of these memberships"


def _looping(schema: Schema) -> frozenset[str]:
    """Return the types of which an entity could be in itself."""
    return frozenset(
        name
        for name, declared in schema.entities.items()
        if any(schema.can_be_in(parent, name) for parent in declared.parents)
    )


def cycles(parents: Mapping[EntityRef, Sequence[EntityRef]]) -> Iterator[list[EntityRef]]:
    """Yield cycles, at least one wherever there are any, each from a parent along the way that leads back to it."""
    done: set[EntityRef] = set()
    for start in parents:
        if start in done:
            continue
        way: dict[EntityRef, Iterator[EntityRef]] = {start: iter(parents[start])}
        while way:
            here = next(reversed(way))
            parent = next(way[here], None)
            if parent is None:
                done.add(here)
                way.popitem()
            elif parent in way:
                above = list(way)
                yield above[above.index(parent) :]
            elif parent not in done and parent in parents:
                way[parent] = iter(parents[parent])


def round_trip(cycle: list[EntityRef]) -> str:
    """Say of which entities a circle is made."""
    names = [named(ref) for ref in (cycle if len(cycle) <= _SHOWN else [*cycle[:3], *cycle[-3:]])]
    if len(cycle) > _SHOWN:
        names.insert(3, f"… {len(cycle) - _SHOWN} more …")
    return f"{names[0]} is in itself: it is in " + ", which is in ".join([*names[1:], names[0]])
