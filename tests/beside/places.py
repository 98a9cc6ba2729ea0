"""Where a condition finds values: what is reached from principal, action, resource and context, with its type."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.beside.text import Piece, is_word, piece, quoted
from tests.beside.world import Act, Field, Kind, Type, World


@dataclass(frozen=True, slots=True)
class Place:
    """A path to a value; `asked` are the tests for presence that it needs, each a base and a name."""

    text: Piece
    kind: Kind
    asked: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """For what a condition is written: an action, and the types of principal and resource."""

    world: World
    act: Act
    principal: str
    resource: str

    def places(self, deep: int = 3) -> list[Place]:
        """Return every place."""
        roots = (
            Place(piece("principal"), ("entity", self.principal)),
            Place(piece("resource"), ("entity", self.resource)),
            Place(piece("context"), ("record", self.act.context)),
            Place(piece("action"), ("entity", self.world.action_type)),
        )
        return [found for root in roots for found in _below(self.world, root, deep)]


def _below(world: World, place: Place, deep: int) -> Iterator[Place]:
    yield place
    if deep:
        for field in fields_of(world, place.kind):
            asked = place.asked if field.required else (*place.asked, (str(place.text), field.name))
            yield from _below(world, Place(access(place.text, field.name), field.kind, asked), deep - 1)


def fields_of(world: World, kind: Kind) -> tuple[Field, ...]:
    """Return the attributes of an entity or a record."""
    match kind:
        case ("entity", str(name)):
            return world.types.get(name, Type(name)).fields
        case ("record", fields):
            return fields  # type: ignore[return-value]
    return ()


def access(base: Piece, name: str, rng: random.Random | None = None) -> Piece:
    """Return an attribute of something."""
    if is_word(name) and (rng is None or rng.random() < 0.8):
        return piece(base, f".{name}")
    return piece(base, f"[{quoted(name, rng)}]")


def draw(rng: random.Random, world: World) -> Scene:
    """Return a scene of an action of a world."""
    act = rng.choice(world.asked())
    return Scene(world, act, rng.choice(act.principals), rng.choice(act.resources))
