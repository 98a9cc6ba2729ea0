"""A case: policies, links, a schema or none, entities and requests. Seed and number give the same one anywhere."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import Any

from tests.beside import asking, facts, rules, world
from tests.beside.asking import Asked
from tests.beside.rules import Rule
from tests.beside.text import piece
from tests.beside.values import Drawer

REQUESTS = 25
"""So many requests are asked of each policy set."""


@dataclass(frozen=True, slots=True)
class Case:
    """`typed` conditions are of their types; `schema` is None where entities and requests are held to none."""

    seed: str
    number: int
    rules: tuple[Rule, ...]
    schema: str | None
    entities: list[dict[str, Any]]
    requests: list[Asked]
    typed: bool

    @property
    def text(self) -> str:
        """The policies as they are read."""
        return rules.text(self.rules)

    @property
    def places(self) -> dict[str, str]:
        """For the name that Cedar gives a policy by its place, its own."""
        return {f"policy{at}": rule.id for at, rule in enumerate(self.rules)}

    @property
    def links(self) -> list[dict[str, Any]]:
        """The links, as pdp takes them."""
        return [
            {"template_id": rule.id, "link_id": id, "args": {slot: rules.shown(*one) for slot, one in filled.items()}}
            for rule in self.rules
            for id, filled in rule.links
        ]

    def message(self, *, validate: bool = True) -> dict[str, Any]:
        """Return what Cedar's engine is asked."""
        links = [
            {"template_id": f"policy{at}", "new_id": id, "values": {slot: _uid(*one) for slot, one in filled.items()}}
            for at, rule in enumerate(self.rules)
            for id, filled in rule.links
        ]
        return {
            "policies": self.text,
            "links": links,
            "schema": self.schema,
            "entities": json.dumps(self.entities),
            "requests": [_request(each) for each in self.requests],
            "validate": validate,
        }


def _uid(kind: str, id: str) -> dict[str, str]:
    return {"type": kind, "id": id}


def _request(each: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {name: _uid(*getattr(each, name)) for name in ("principal", "action", "resource")}
    return found if each.context is None else {**found, "context": json.dumps(each.context)}


_SIGNS = (*"()[]{}<>=!&|.,;:*+-?@\"\\ 01ae'/#", "&&", "||", "==", "//", " in ", " is ", " has ", " like ", "if ", "::")


def _mistyped(rng: random.Random, found: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return policies with something typed wrong in a condition: both are to read it, or neither."""
    at = [number for number, rule in enumerate(found) if rule.conditions]
    if not at:
        return found
    rule = found[chosen := rng.choice(at)]
    (kind, whole), *others = rule.conditions
    old = str(whole)
    place = rng.randrange(len(old) + 1)
    text = old[:place] + rng.choice(("", *_SIGNS)) + old[place + rng.choice((0, 0, 1, 2)) :]
    wrong = replace(rule, conditions=((kind, piece(text)), *others))
    return (*found[:chosen], wrong, *found[chosen + 1 :])


def draw(seed: str, number: int, requests: int = REQUESTS) -> Case:
    """Return a case."""
    # A text as seed is hashed by SHA-512: the same in each process, whatever the seed of Python's own hashes is.
    rng = random.Random(f"{seed}:{number}")
    here = world.draw(rng)
    declared = rng.random() < 0.55
    # What validates, what nearly does, and anything anywhere.
    odd = rng.choices((0.0, 0.01, 0.08), (60, 25, 15) if declared else (20, 35, 45))[0]
    drawer = Drawer(rng, here, short=declared, odd=0.0 if declared else rng.choice((0.0, 0.05, 0.15)))
    count = rng.choices((rng.randint(1, 3), rng.randint(4, 9), rng.randint(10, 20)), (30, 45, 25))[0]
    found = rules.Author(rng, here, odd).policies(count)
    if rng.random() < 0.03:
        found = _mistyped(rng, found)
    entities = facts.draw(rng, here, drawer, wild=not declared)
    asked = asking.draw(rng, here, drawer, requests, wild=not declared)
    return Case(seed, number, found, world.schema(here) if declared else None, entities, asked, not odd)
