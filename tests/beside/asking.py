"""The requests of a case: about few entities, some of which nobody holds, with contexts that fit or do not."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from tests.beside.values import UNREADABLE, Drawer
from tests.beside.world import Act, World


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, with types and ids, and the context in Cedar's JSON."""

    principal: tuple[str, str]
    action: tuple[str, str]
    resource: tuple[str, str]
    context: Any


def draw(rng: random.Random, world: World, drawer: Drawer, count: int, *, wild: bool) -> list[Asked]:
    """Return so many requests."""
    acts = world.asked()
    found = []
    few = [_one(rng, world, drawer, rng.choice(acts)) for _ in range(4)]
    for _ in range(count):
        act = rng.choice(acts)
        one = _one(rng, world, drawer, act)
        if rng.random() < 0.5:
            # Whom others asked about before, with another context.
            known = rng.choice(few)
            one = replace(known, context=_context(rng, world.acts[known.action[1]], drawer))
        if rng.random() < (0.1 if wild else 0.04):
            one = _odd(rng, world, one)
        found.append(one)
    return found


def _one(rng: random.Random, world: World, drawer: Drawer, act: Act) -> Asked:
    principal, resource = (_entity(rng, world, rng.choice(names)) for names in (act.principals, act.resources))
    return Asked(principal, (world.action_type, act.id), resource, _context(rng, act, drawer))


def _entity(rng: random.Random, world: World, name: str) -> tuple[str, str]:
    ids = world.types[name].ids
    return name, rng.choice(ids) if rng.random() < 0.95 else "gone"


def _context(rng: random.Random, act: Act, drawer: Drawer) -> Any:
    found = drawer.record(act.context)
    draw = rng.random()
    if draw < 0.02 and found:
        found[rng.choice([*found])] = rng.choice(UNREADABLE)
    elif draw < 0.04 and found:
        found[rng.choice([*found])] = drawer.any()
    elif draw < 0.05:
        found["new"] = rng.choice((1, True, "a"))
    elif draw < 0.06 and found:
        del found[rng.choice([*found])]
    elif draw < 0.07:
        return None
    return found


def _odd(rng: random.Random, world: World, one: Asked) -> Asked:
    types = [*world.types]
    match rng.randrange(5):
        case 0:
            return replace(one, principal=(rng.choice(types), "a"))
        case 1:
            return replace(one, resource=(rng.choice((*types, "Nowhere")), "a"))
        case 2:
            return replace(one, action=(world.action_type, rng.choice(("all", "fly", 'a"', ""))))
        case 3:
            return replace(one, principal=one.resource, resource=one.principal)
        case _:
            return replace(one, principal=(world.action_type, one.action[1]), resource=("Other::Action", "read"))
