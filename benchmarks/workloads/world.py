"""What every workload is made of, in the terms of each engine."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pdp

Name = tuple[str, str]
"""A type and an id."""

REQUESTS = 120
"""How many requests a workload asks, half of them allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request, as each engine takes it, and how it has to come out.

    `facts` is the context as Cedar takes it: what pdp has in context, session and `now` at once. `row` is what Casbin
    is asked.
    """

    principal: Name
    action: str
    resource: Name
    allowed: bool
    context: Mapping[str, Any] | None = None
    session: Mapping[str, Any] | None = None
    now: datetime.datetime | None = None
    facts: Mapping[str, Any] | None = None
    row: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One entity. An attribute that is a `Name` refers to an entity."""

    name: Name
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One world in the words of each engine, and the requests that are asked in it.

    `files` are the policy files of pdp, and `cedar` is what Cedar has; where there is a `cedar_schema`, pdp is asked
    with these policies, too. `few` are a part of `asks`: what all engines are asked where one that looks at
    each of very many rules takes 0.1 s for it. `missing` are requests that lack an attribute that a rule needs.
    """

    name: str
    files: Mapping[str, str]
    cedar: str
    things: tuple[Thing, ...]
    asks: tuple[Ask, ...]
    few: tuple[Ask, ...] = ()
    missing: tuple[Ask, ...] = ()
    casbin_rows: tuple[tuple[str, str, str], ...] = ()
    casbin_members: tuple[tuple[str, str], ...] = ()
    cedar_schema: str = ""

    def entities(self) -> list[pdp.Entity]:
        """Return the entities as pdp takes them."""
        return [
            pdp.Entity(*thing.name, _for_pdp(thing.attributes), [pdp.ref(*parent) for parent in thing.parents])
            for thing in self.things
        ]

    def cedar_entities(self) -> list[dict[str, Any]]:
        """Return the entities as Cedar takes them."""
        return [
            {
                "uid": uid(thing.name),
                "attrs": {name: _for_cedar(value) for name, value in thing.attributes.items()},
                "parents": [uid(parent) for parent in thing.parents],
            }
            for thing in self.things
        ]


def uid(name: Name) -> dict[str, str]:
    """Return a name as Cedar's JSON writes it."""
    return {"type": name[0], "id": name[1]}


def _for_pdp(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: pdp.ref(*value) if isinstance(value, tuple) else value for name, value in attributes.items()}


def _for_cedar(value: Any) -> Any:
    return {"__entity": uid(value)} if isinstance(value, tuple) else value


def balanced(seed: str, draw: Callable[[random.Random], Ask], count: int = REQUESTS) -> tuple[Ask, ...]:
    """Draw requests until half of `count` are allowed and half denied, in random order.

    Raises ValueError when one of the two hardly ever comes.
    """
    chance = random.Random(seed)
    found: dict[bool, list[Ask]] = {True: [], False: []}
    for _ in range(count * 2_000):
        ask = draw(chance)
        if len(found[ask.allowed]) < count // 2:
            found[ask.allowed].append(ask)
        if sum(map(len, found.values())) == count:
            break
    else:
        raise ValueError(f"{seed}: {len(found[True])} allowed and {len(found[False])} denied of {count}")
    asks = found[True] + found[False]
    chance.shuffle(asks)
    return tuple(asks)


def some(asks: tuple[Ask, ...], count: int) -> tuple[Ask, ...]:
    """Return the first of the requests, half of them allowed and half denied."""
    chosen = [ask for value in (True, False) for ask in [ask for ask in asks if ask.allowed is value][: count // 2]]
    return tuple(ask for ask in asks if any(ask is each for each in chosen))


def closure(parents: Mapping[Name, Iterable[Name]], name: Name) -> frozenset[Name]:
    """Return an entity and all that it is in."""
    found = {name}
    todo = [name]
    while todo:
        for parent in parents.get(todo.pop(), ()):
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    return frozenset(found)
