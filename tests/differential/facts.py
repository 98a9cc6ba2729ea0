"""Random facts: entities in the store, from providers, brought by requests, or nowhere; approvals and revocations."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pdp.conform import plain
from pdp.model import Approval, Entity, Membership, Node
from pdp.types import Type
from pdp.values import UNKNOWN, Datetime, EntityRef, Unknown, Value, ValueSet
from tests.differential import world
from tests.differential.conditions import kind_of
from tests.differential.wild import NAMES, wild_attribute, wild_value

SPOILT = 0.25
"""The share of entities that may have attributes of no type, or of another than theirs."""

GROUPS = world.REFS["Group"]
FOLDERS = world.REFS["Folder"]
# What is above a group or a folder comes later in the list: no cycles, many diamonds.
KINDS_OF = {
    kind: tuple(
        (name, kind_of(each.type), each.optional, each.type) for name, each in declared.attributes.fields.items()
    )
    for kind, declared in world.WORLD.entities.items()
}


@dataclass(slots=True)
class Elsewhere:
    """A source of entities outside the store; it is late where it is asked for one of `failing`."""

    held: Mapping[EntityRef, Entity]
    failing: frozenset[EntityRef]

    def entity(self, ref: EntityRef) -> Entity | None:
        if ref in self.failing:
            raise TimeoutError("the source is late")
        return self.held.get(ref)


@dataclass(slots=True)
class Facts:
    """All that is known besides the request, and the options of an engine that knows it."""

    nodes: list[Node] = field(default_factory=list)
    provided: list[Entity] = field(default_factory=list)
    failing: list[EntityRef] = field(default_factory=list)
    brought: list[Entity] = field(default_factory=list)
    approvals: list[Approval] | None = field(default_factory=list)
    revoked: list[EntityRef] = field(default_factory=list)
    revoked_sessions: list[str] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    clock: int | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of an engine."""
        found: dict[str, Any] = {
            "approvals": self.approvals,
            "revoked": self.revoked,
            "revoked_sessions": self.revoked_sessions,
            "handles": self.handles,
        }
        if self.provided or self.failing:
            held = {EntityRef(each.type, each.id): each for each in self.provided}
            found["providers"] = [Elsewhere(held, frozenset(self.failing))]
        if self.clock is not None:
            now = world.moment(self.clock)
            found["clock"] = lambda: now
        return found


def draw_value(rng: random.Random, kind: str, now: int, declared: Type | None = None) -> Value:
    """Return a value of a type; sets are as large as policies test for, instants are near."""
    if kind == "Datetime":
        return Datetime(now + rng.randint(-12, 12) * world.STEP)
    if kind.startswith("["):
        pool = world.POOLS[kind[1:-1]]
        return ValueSet(rng.choice(pool) for _ in range(rng.choice((0, 1, 1, 2, 3))))
    if kind == "holder":
        kind = rng.choice(world.PRINCIPALS)
    return rng.choice(world.POOLS[kind])


@dataclass(slots=True)
class Surveyor:
    """Draws facts. `wild` data is of any type, `odd` is the share of attributes that are unknown or missing."""

    rng: random.Random
    now: int
    wild: bool = False
    odd: float = 0.02
    codes: tuple[str, ...] = world.CODES[:6]

    def facts(self) -> Facts:
        """Return the facts of one case."""
        rng, found = self.rng, Facts()
        for kind, refs in world.REFS.items():
            for ref in refs:
                self._place(found, kind, ref)
        found.approvals = None if rng.random() < 0.03 else self._approvals()
        if rng.random() < 0.08:
            found.revoked = [rng.choice((*world.REFS["User"], *world.REFS["Agent"]))]
        if rng.random() < 0.15:
            found.revoked_sessions = ["t2"]
        found.handles = rng.choice((["log", "tell", "keep"], ["log", "tell", "keep"], ["log"], []))
        if rng.random() < 0.1:
            found.clock = self.now
        return found

    def _place(self, found: Facts, kind: str, ref: EntityRef) -> None:
        draw = self.rng.random()
        if draw < 0.95:
            found.nodes.append(self.node(kind, ref))
        elif draw < 0.965:
            found.provided.append(self.entity(kind, ref))
        elif draw < 0.98:
            found.brought.append(self.entity(kind, ref))
        elif draw < 0.985:
            found.failing.append(ref)
        # Else nothing holds it: whatever leads there dangles.

    def node(self, kind: str, ref: EntityRef) -> Node:
        """Return an entity as a store holds it."""
        found: dict[str, Value | Unknown] = {}
        # Compiled rules leave whatever is spoilt to the interpreter: most entities have to be theirs.
        spoilt = self.rng.random() < SPOILT
        for name, each, optional, declared in KINDS_OF[kind]:
            draw = self.rng.random()
            if draw < (0.4 if optional else self.odd * 2.2):
                continue
            if name == "code":
                found[name] = self.rng.choice(self.codes)
            else:
                found[name] = draw_value(self.rng, each, self.now, declared)
            if spoilt and draw > 1 - self.odd / 2:
                found[name] = wild_attribute(self.rng) if self.wild else UNKNOWN
        if self.wild and spoilt and self.rng.random() < 0.4:
            found[self.rng.choice(NAMES)] = wild_value(self.rng)
        return Node(ref, found, self.parents(kind, ref))

    def entity(self, kind: str, ref: EntityRef) -> Entity:
        """Return an entity as callers and providers state it."""
        node = self.node(kind, ref)
        attributes: dict[str, Any] = {
            name: self._stated(value) for name, value in node.attributes.items() if not isinstance(value, Unknown)
        }
        for name, value in node.attributes.items():
            if isinstance(value, Unknown):
                attributes[name] = self.rng.choice((None, 1.5, [], "?", float("nan")))
        return Entity(kind, ref.id, attributes, node.parents)

    def _stated(self, value: Value) -> Any:
        return value if self.rng.random() < 0.5 else plain(value)

    def parents(self, kind: str, ref: EntityRef) -> tuple[Membership, ...]:
        """Return what an entity is in, at times until an instant."""
        above = FOLDERS if kind in ("Folder", "Doc") else GROUPS
        if ref in above:
            above = above[above.index(ref) + 1 :]
        if not above or kind in ("Robot", "Site"):
            return ()
        chosen = self.rng.sample(above, min(len(above), self.rng.choice((0, 1, 1, 2, 2))))
        if self.wild and self.rng.random() < 0.02:
            # No file may say so, but a provider can: a way that leads back, or to what is not there.
            chosen.append(self.rng.choice((ref, EntityRef(above[0].type, "gone"), world.REFS[above[0].type][0])))
        return tuple(Membership(parent, self._end()) for parent in chosen)

    def _end(self) -> Datetime | None:
        if self.rng.random() < 0.8:
            return None
        return Datetime(self.now + self.rng.randint(-3, 12) * world.STEP)

    def _approvals(self) -> list[Approval]:
        rng = self.rng
        principals = [rng.choice(world.REFS[rng.choice(world.PRINCIPALS)]) for _ in range(2)]
        resources = [rng.choice(world.REFS[rng.choice(world.RESOURCES)]) for _ in range(2)]
        values = (None, None, 1, 0, True, False, 1, True, "x", world.MODES[0])
        return [
            Approval(
                rng.choice(world.REFS["User"]),
                rng.choice(principals),
                rng.choice(world.ACTIONS),
                rng.choice(resources),
                Datetime(self.now + rng.randint(-14, 2) * world.STEP),
                rng.choice(values),
                None if rng.random() < 0.7 else Datetime(self.now + rng.randint(-6, 8) * world.STEP),
                None if rng.random() < 0.7 else rng.choice(world.REFS["User"]),
                None if rng.random() < 0.9 else rng.choice(world.REFS["Agent"]),
            )
            for _ in range(rng.choice((0, 0, 20, 40)))
        ]
