"""Policies at random: each form of scope, conditions, annotations, and templates with their links."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.beside import places
from tests.beside.conditions import Writer
from tests.beside.places import Scene
from tests.beside.text import Piece, quoted, ref
from tests.beside.world import World

Link: TypeAlias = tuple[str, dict[str, tuple[str, str]]]
"""The id of what a template is linked to, and the entity for each slot."""

_NOTES = ('@a("")', '@note("ü\\u{41}")', "@permit", '@if("x\\"y")')


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy: what stands before its conditions, and each of them. A template has links."""

    id: str
    effect: str
    scope: tuple[str, str, str]
    conditions: tuple[tuple[str, Piece], ...] = ()
    notes: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def is_template(self) -> bool:
        """Whether it has slots."""
        return any("?" in part for part in self.scope)

    def __str__(self) -> str:
        conditions = "".join(f"\n  {kind} {{ {text} }}" for kind, text in self.conditions)
        notes = "".join(f"{note}\n" for note in self.notes)
        return f'{notes}@id("{self.id}")\n{self.effect} ({", ".join(self.scope)}){conditions};\n'


@dataclass(slots=True)
class Author:
    """Writes the policies of one case."""

    rng: random.Random
    world: World
    odd: float
    _made: int = field(default=0)

    def policies(self, count: int) -> tuple[Rule, ...]:
        """Return so many policies."""
        found = [self._rule(at) for at in range(count)]
        if self.rng.random() < 0.4:
            # So that it is allowed often enough what a forbid, or what fails, has a say in.
            found[self.rng.randrange(count)] = Rule(f"d{count}", "permit", ("principal", "action", "resource"))
        return tuple(found)

    def _rule(self, at: int) -> Rule:
        rng = self.rng
        scene = places.draw(rng, self.world)
        # Their ids sort otherwise than they stand.
        id = f"{rng.choice('abc')}{at}"
        effect = "forbid" if rng.random() < 0.17 else "permit"
        template = rng.random() < 0.15
        principal = self._scope("principal", scene.principal, template and rng.random() < 0.8)
        resource = self._scope("resource", scene.resource, template and ("?" not in principal or rng.random() < 0.4))
        writer = Writer(rng, scene, self.odd)
        count = rng.choices((0, 1, 2, 3, 4), (22, 43, 20, 10, 5))[0]
        kinds = [rng.choice(("when", "when", "unless")) for _ in range(count)]
        conditions = tuple((kind, writer.condition()) for kind in kinds)
        notes = tuple(rng.sample(_NOTES, rng.choice((0, 0, 0, 1, 2))))
        links = self._links(id, scene, principal, resource)
        return Rule(id, effect, (principal, self._action(scene), resource), conditions, notes, links)

    def _scope(self, root: str, name: str, slot: bool) -> str:
        rng, known = self.rng, self.world.types[name]
        above = self.world.types[rng.choice(known.parents or (name,))]
        one, group = (ref(each.name, rng.choice((*each.ids, "gone")), rng) for each in (known, above))
        if slot:
            return rng.choice((f"{root} == ?{root}", f"{root} in ?{root}", f"{root} is {name} in ?{root}"))
        if self.odd and rng.random() < 0.1:
            name = rng.choice([*self.world.types])
        # Without a schema, other types come to these conditions too.
        forms = (
            *((f"{root}", 60 if self.odd else 6), (f"{root} == {one}", 7), (f"{root} in {group}", 12)),
            *((f"{root} in {one}", 7), (f"{root} is {name}", 50), (f"{root} is {name} in {group}", 10)),
        )
        return rng.choices([form for form, _ in forms], [weight for _, weight in forms])[0]

    def _action(self, scene: Scene) -> str:
        rng = self.rng
        known, kind = [*self.world.acts], self.world.action_type
        own, other = ref(kind, scene.act.id, rng), ref(kind, rng.choice([*known, "fly"] if self.odd else known), rng)
        group = ref(kind, rng.choice(scene.act.parents or ("all",)), rng)
        forms = (
            *(("action", 30 if self.odd else 4), (f"action == {own}", 40), (f"action in {own}", 10)),
            *((f"action in {group}", 12 if scene.act.parents else 2), (f"action in [{own}, {other}]", 12)),
            *((f"action in [{group}]", 6 if scene.act.parents else 1), ("action in []", 2 if self.odd else 0)),
        )
        return rng.choices([form for form, _ in forms], [weight for _, weight in forms])[0]

    def _links(self, id: str, scene: Scene, principal: str, resource: str) -> tuple[Link, ...]:
        found = []
        if "?" in principal + resource:
            for _ in range(self.rng.randint(0, 3)):
                filled = {}
                for scope, name in ((principal, scene.principal), (resource, scene.resource)):
                    if "?" in scope:
                        slot = "?" + scope.rpartition("?")[2]
                        filled[slot] = self._filling(scope, name)
                self._made += 1
                found.append((f"{self.rng.choice('abc')}link{self._made}", filled))
        return tuple(found)

    def _filling(self, scope: str, name: str) -> tuple[str, str]:
        known = self.world.types[name]
        if "==" not in scope and known.parents and self.rng.random() < 0.7:
            known = self.world.types[self.rng.choice(known.parents)]
        return known.name, self.rng.choice((*known.ids, "gone"))


def text(rules: tuple[Rule, ...]) -> str:
    """Return policies as they are read."""
    return "\n".join(map(str, rules))


def shown(kind: str, id: str) -> str:
    """Return a reference as data has it."""
    return f"{kind}::{quoted(id)}"
