"""What is asked over a socket: worlds of the benchmarks, and batches of what one principal asks in them."""

from __future__ import annotations

import datetime
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import workloads
from benchmarks.workloads import Ask, Workload, conditions, roles
from benchmarks.workloads.world import Name, Thing

NAMES = ("roles_10", "roles_1000", "roles_10000", "conditions_8")
BATCH = 50
"""How many questions a batch has: Cerbos takes no more by default."""

BATCHES = 6


@dataclass(frozen=True, slots=True)
class World:
    """A workload with the entities of the batches, what is asked of it one by one, and what is asked at once.

    All questions of a batch are of one principal at one time, each for another resource, as when a list is narrowed to
    what somebody may see: a request to Cerbos has no more than one principal, and takes longer with a resource more.
    """

    workload: Workload
    singles: tuple[Ask, ...]
    batches: tuple[tuple[Ask, ...], ...]

    @property
    def name(self) -> str:
        """The name of the workload."""
        return self.workload.name

    @property
    def parents(self) -> dict[Name, tuple[Name, ...]]:
        """What each entity is in."""
        return {thing.name: thing.parents for thing in self.workload.things}

    @property
    def attributes(self) -> dict[Name, dict[str, Any]]:
        """What each entity is like."""
        return {thing.name: dict(thing.attributes) for thing in self.workload.things}


def build(name: str) -> World:
    """Build a world by the name of its workload."""
    workload = workloads.build(name)
    if name.startswith("conditions"):
        workload = replace(workload, asks=_current(workload))
    batch = _roles if name.startswith("roles") else _conditions
    chance = random.Random(f"batches of {name}")
    # As many allowed as denied, each in turn, so that any few of them are half and half.
    sides = [[ask for ask in workload.asks if ask.allowed is allowed] for allowed in (True, False)]
    singles = tuple(itertools.chain.from_iterable(zip(*sides, strict=False)))
    found: list[tuple[Ask, ...]] = []
    things = list(workload.things)
    while len(found) < BATCHES:
        asks, more = batch(workload, chance.choice(singles), chance, f"batch{len(found)}")
        if {ask.allowed for ask in asks} == {True, False}:
            found.append(asks)
            things += more
    return World(replace(workload, things=tuple(things)), singles, tuple(found))


def _current(workload: Workload) -> tuple[Ask, ...]:
    """Return the questions of conditions as they are asked now, by the clock of the server.

    Who signed in a day ago is answered the same at any hour; the rules look at the time all the same.
    """
    now = datetime.datetime.now(datetime.UTC)
    attributes = {thing.name: dict(thing.attributes) for thing in workload.things}
    found = []
    for ask in workload.asks:
        assert ask.session is not None and ask.facts is not None
        signed_in = now - datetime.timedelta(days=1)
        facts = {"authenticated_at": int(signed_in.timestamp()), "now": int(now.timestamp()), "hour": now.hour}
        asked = replace(
            ask, now=None, session={**ask.session, "authenticated_at": signed_in}, facts={**ask.facts, **facts}
        )
        found.append(replace(asked, allowed=_allowed(attributes, asked, now)))
    return tuple(found)


def _allowed(attributes: Mapping[Name, dict[str, Any]], ask: Ask, now: datetime.datetime) -> bool:
    assert ask.session is not None and ask.context is not None
    return conditions.expected(
        attributes[ask.principal],
        attributes[ask.resource],
        ask.principal,
        int(attributes[ask.resource]["team"].removeprefix("team")),
        now,
        ask.session["authenticated_at"],
        ask.session["mfa"],
        ask.context["ip"],
    )


Batch = tuple[tuple[Ask, ...], list[Thing]]


def _roles(workload: Workload, ask: Ask, chance: random.Random, name: str) -> Batch:
    rules = roles.rules(int(workload.name.partition("_")[2]))
    groups = {group for thing in workload.things if thing.name == ask.principal for _, group in thing.parents}
    mine = [rule for rule in rules if rule[0] in groups]
    projects = sorted({project for _, _, project in rules})
    asks, things = [], []
    for number in range(BATCH):
        target = ("Service", f"{name}-{number}")
        project = chance.choice(mine)[2] if chance.random() < 0.8 else chance.choice(projects)
        action = chance.choice(roles.ROLES["deployer"])
        allowed = any(action in roles.ROLES[role] and project == where for _, role, where in mine)
        asks.append(replace(ask, action=action, resource=target, allowed=allowed, row=None))
        things.append(Thing(name=target, parents=(("Project", project),)))
    return tuple(asks), things


def _conditions(workload: Workload, ask: Ask, chance: random.Random, name: str) -> Batch:
    attributes = {thing.name: dict(thing.attributes) for thing in workload.things}
    services = [thing for thing in attributes if thing[0] == "Service"]
    now = datetime.datetime.now(datetime.UTC)
    asked = [replace(ask, resource=target) for target in chance.sample(services, BATCH)]
    return tuple(replace(each, allowed=_allowed(attributes, each, now)) for each in asked), []
