"""The entities of a case: in groups of groups, with diamonds, and in some that nobody holds."""

from __future__ import annotations

import random
from typing import Any

from tests.beside.values import UNREADABLE, Drawer
from tests.beside.world import Type, World

Entities = list[dict[str, Any]]


def draw(rng: random.Random, world: World, drawer: Drawer, *, wild: bool) -> Entities:
    """Return entities in Cedar's JSON; `wild` ones are of no schema."""
    found: Entities = []
    for each in world.types.values():
        if not each.closed or wild:
            found += [_entity(rng, each, id, at, drawer) for at, id in enumerate(each.ids) if rng.random() < 0.88]
    if wild:
        found += _actions(rng, world, drawer)
    rng.shuffle(found)
    if rng.random() < 0.03:
        _spoil(rng, found, world)
    return found


def _entity(rng: random.Random, each: Type, id: str, at: int, drawer: Drawer) -> dict[str, Any]:
    parents = [
        {"type": name, "id": above}
        for name in each.parents
        # Only in those that come after it: nothing is in itself.
        for above in ((*drawer.world.types[name].ids[at + 1 if name == each.name else 0 :], "gone"))
        if rng.random() < (0.08 if above == "gone" else 0.45)
    ]
    found = {"uid": {"type": each.name, "id": id}, "attrs": drawer.record(each.fields), "parents": parents}
    if drawer.odd and rng.random() < drawer.odd:
        found["attrs"] = {**found["attrs"], rng.choice(("a", "level", "x1")): drawer.any()}
    if each.tags is not None and rng.random() < 0.8:
        found["tags"] = {name: drawer.of(each.tags) for name in ("a", "b", "", "ü") if rng.random() < 0.5}
    return found


def _actions(rng: random.Random, world: World, drawer: Drawer) -> Entities:
    """Return actions as entities, which without a schema say what they are in."""
    found = []
    for act in world.acts.values():
        if rng.random() < 0.85:
            uid = {"type": world.action_type, "id": act.id}
            parents = [{"type": world.action_type, "id": each} for each in act.parents]
            attrs = {"level": drawer.any()} if rng.random() < 0.2 else {}
            found.append({"uid": uid, "attrs": attrs, "parents": parents})
    return found


def _spoil(rng: random.Random, found: Entities, world: World) -> None:
    """Make something wrong with entities: nobody is to take them then, or both are."""
    if not found:
        return
    one = rng.choice(found)
    match rng.randrange(6):
        case 0:
            one["attrs"] = {**one["attrs"], "level": rng.choice(UNREADABLE)}
        case 1:
            one["parents"] = [*one["parents"], one["uid"]]
        case 2:
            found.append({**one, "attrs": {**one["attrs"], "other": 1}})
        case 3:
            found.append(dict(one))
        case 4:
            one["parents"] = [*one["parents"], {"type": rng.choice([*world.types]), "id": "gone"}]
        case 5:
            one["attrs"] = {name: value for name, value in one["attrs"].items() if rng.random() < 0.7}
