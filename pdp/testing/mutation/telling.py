"""Looks for a request that tells a mutant from the policy: by what it is answered, or by what decides.

It begins with the requests of the suite, and changes one fact after the other. A world is the nearer the fewer things
stand in the way: a clause of the rule that fails, a forbid that denies whatever the rule says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, Final, TypeAlias

from pdp import terms
from pdp.classes import dataclass, replace
from pdp.model import Effect
from pdp.testing.mutation.moves import moves, nowhere, starts
from pdp.testing.mutation.mutants import Mutant
from pdp.testing.mutation.pairs import Pair
from pdp.testing.mutation.worlds import World, needed, with_field

BUDGET: Final = 2500
"""So many worlds are looked at for one mutant."""

_LAST: Final = 600
"""So many once more, for a difference in nothing but how long an answer holds, or which rules err."""

DEPTH: Final = 8
"""So many facts are changed, one after the other."""

_ENOUGH: Final = 12
"""So many requests are found before the one that says most is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A request that a mutant answers otherwise, and what is expected of it."""

    world: World
    expectation: terms.Expectation


class Teller:
    """Tells mutants of one policy from it. `worlds` are those of its tests."""

    def __init__(self, policy: terms.Policy, worlds: Iterable[World], budget: int = BUDGET) -> None:
        self._schema, self._budget = policy.schema, budget
        self._rules = tuple(rule for rule in policy.rules if rule.role is None)
        self._worlds = list(_distinct(worlds))

    def find(self, mutant: Mutant) -> Iterator[Told]:
        """Yield requests that tell a mutant from the policy, those first that say most."""
        for everything in (False, True):
            pair = Pair(self._schema, self._rules, mutant, everything=everything)
            budget = _LAST if everything and not _only_leases(mutant) else self._budget
            found = self._told(pair, budget) if everything or not _only_leases(mutant) else ()
            for _, world in sorted(found, key=lambda each: each[0]):
                less = _least(world, pair)
                yield Told(world=less, expectation=pair.expected(less))

    def _told(self, pair: Pair, budget: int) -> list[tuple[int, World]]:
        told: list[tuple[int, World]] = []
        for world in self._reached(pair, budget):
            told.append((pair.worth(world), world))
            if told[-1][0] == 0 or len(told) >= _ENOUGH:
                break
        return told

    def _reached(self, pair: Pair, budget: int) -> Iterator[World]:
        """Yield worlds in which the answers differ, those first that take the fewest changes."""
        queue: list[tuple[int, int, int, int, World]] = []
        seen: set[str] = set()
        for depth, world in self._tried(queue, pair):
            key = repr(world)
            if key in seen:
                continue
            seen.add(key)
            distance = pair.distance(world)
            if not distance:
                yield world
            elif depth < DEPTH:
                heappush(queue, (depth + distance, distance, len(seen), depth, world))
            if len(seen) >= budget:
                return

    def _tried(self, queue: list[tuple[int, int, int, int, World]], pair: Pair) -> Iterator[tuple[int, World]]:
        yield from ((0, world) for world in self._starts(pair.mutant))
        while queue:
            *_, depth, world = heappop(queue)
            for move in moves(world, pair.concerned(world), self._schema):
                yield depth + 1, move.world

    def _starts(self, mutant: Mutant) -> Iterator[World]:
        own = [world for world in self._worlds if world.action in mutant.actions]
        others = [world for world in self._worlds if world.action not in mutant.actions]
        yield from own
        made = (each for world in (*own, *others) for each in starts(world, mutant.actions, self._schema))
        for world in (*made, *nowhere(self._schema, mutant.actions)):
            yield world
            yield from self._granted(world, mutant)

    def _granted(self, world: World, mutant: Mutant) -> Iterator[World]:
        """Yield worlds in which a role that differs is given to whoever asks."""
        for name in sorted(mutant.roles):
            role = self._schema.roles[name]
            if world.resource.type in role.types:
                yield replace(world, grants=(*world.grants, _grant(name, role.actions, world)))


def _only_leases(mutant: Mutant) -> bool:
    before, after = mutant.before, mutant.after
    return before is not None and after is not None and before.recheck != after.recheck


def _distinct(worlds: Iterable[World]) -> Iterator[World]:
    return iter({repr(world): world for world in worlds}.values())


def _grant(role: str, actions: frozenset[str], world: World) -> terms.Rule:
    return terms.Rule(
        id=f"grant {role} on {world.resource} to {world.principal}",
        effect=Effect.PERMIT,
        principals=(terms.Scope(within=(world.principal,)),),
        actions=actions,
        resources=(terms.Scope(type=world.resource.type, within=(world.resource,)),),
        standing="a test",
        role=role,
    )


# -------------------------------------------------------------------------------------------------------------- less

_Less: TypeAlias = Callable[[World], World]


def _least(world: World, pair: Pair) -> World:
    """Return a world without what makes no difference."""
    worth = pair.worth(world)
    for less in _ways(world):
        smaller = less(world)
        if pair.distance(smaller) == 0 and pair.worth(smaller) == worth:
            world = smaller
    return needed(world)


def _ways(world: World) -> Iterator[_Less]:
    """Yield ways to leave one thing out of a world."""
    for kind in ("grants", "approvals", "revocations"):
        for each in getattr(world, kind):
            yield _without(kind, each)
    yield lambda found: replace(found, session=None)
    for name in world.session or {}:
        yield _unsaid(name)


def _without(kind: str, item: object) -> _Less:
    def less(world: World) -> World:
        kept: Any = {kind: tuple(each for each in getattr(world, kind) if each is not item)}
        return replace(world, **kept)

    return less


def _unsaid(name: str) -> _Less:
    def less(world: World) -> World:
        return world if world.session is None else replace(world, session=with_field(world.session, name, None))

    return less
