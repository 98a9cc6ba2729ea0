"""What leads back to itself: common types, and actions that are groups."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Final, TypeVar

_K = TypeVar("_K", bound=Hashable)

_MOST: Final = 51
"""So many are reported of a file, and one more to say that there are others."""


def in_order(edges: Mapping[_K, Collection[_K]]) -> tuple[list[_K], list[list[_K]]]:
    """Return what leads to no cycle, each after all that it leads to; and cycles, each as the way around it.

    What leads to a cycle and is in none is in neither. Nothing is in two cycles, so that not every one is told.
    """
    order, rest = _settle(edges)
    cycles: list[list[_K]] = []
    while rest and len(cycles) < _MOST:
        here = next(iter(rest))
        way: dict[_K, None] = {}
        while here not in way:
            way[here] = None
            here = next(each for each in edges[here] if each in rest)
        whole = list(way)
        cycles.append(whole[whole.index(here) :])
        for each in cycles[-1]:
            del rest[each]
        _, rest = _settle({each: [to for to in edges[each] if to in rest] for each in rest})
    return order, cycles


def _settle(edges: Mapping[_K, Collection[_K]]) -> tuple[list[_K], dict[_K, None]]:
    """Return what leads to no cycle, in order, and the rest."""
    waiting = {each: len(set(to)) for each, to in edges.items()}
    back: dict[_K, list[_K]] = {each: [] for each in edges}
    for each, to in edges.items():
        for other in set(to):
            back[other].append(each)
    order = [each for each, count in waiting.items() if not count]
    for each in order:
        for other in back[each]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    settled = set(order)
    return order, {each: None for each in edges if each not in settled}
