"""Worlds that are swapped under threads that ask: each answer has to be the one of the revisions that it names."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pdp
from pdp.engine import Engine, store_of
from pdp.folder import load_sources
from pdp.model import Entity, Request
from pdp.source import Source
from pdp.values import EntityRef
from tests.differential.comparing import Seen, allows, decide, exactly

CHANGES = hasattr(Engine, "replace_policy")
"""Whether an engine can be told that its world is another one."""

TEXT = """
context {{ size: Int }}
type Team in Team
type User in Team {{ level: Int }}
type Page in Book {{ title: String, rank: Int }}
type Book in Book
action read on Page by User
action write on Page by User
obligation mark {{ of: String }}
rule levels: permit User to read on Page when principal.level == {level} oblige mark {{ of: "{name}" }}
rule titles: permit User to write on Page when resource.title == "{name}"
rule teams: permit User in Team "{name}" to read on Page needs context.size < {level} else "{name}"
rule sizes: forbid User to write on Page when context.size > {level} because "{name}"
{many}
"""
NAMES = ("one", "two", "three")
USERS = tuple(EntityRef("User", f"u{number}") for number in range(4))
PAGES = tuple(EntityRef("Page", f"p{number}") for number in range(4))


def policies() -> list[pdp.terms.Policy]:
    """Return policies whose answers to nearly every request differ; their rules go by the same names."""
    found = []
    for level, name in enumerate(NAMES):
        many = "".join(
            f"rule many{number}: permit User to read on Page\n"
            f"  when resource.rank == {number} and context.size == {level}\n"
            for number in range(24)
        )
        text = TEXT.format(level=level, name=name, many=many)
        found.append(load_sources([Source("policy.pdp", text)]).require()[0])
    return found


def entities(at: int) -> list[Entity]:
    """Return entities, in one of three states."""
    name = NAMES[at]
    teams = [Entity("Team", each) for each in NAMES]
    users = [
        Entity("User", ref.id, {"level": (at + number) % 3}, [EntityRef("Team", NAMES[(at + number) % 3])])
        for number, ref in enumerate(USERS)
    ]
    pages = [Entity("Page", ref.id, {"title": name, "rank": (at + number) % 5}) for number, ref in enumerate(PAGES)]
    return [*teams, *users, *pages]


def requests() -> list[Request]:
    """Return every request that is asked."""
    return [
        Request(user, action, page, {"size": size})
        for user, action, page, size in itertools.product(USERS, ("read", "write"), PAGES, (0, 1, 2))
    ]


Right = Mapping[tuple[str, str], list[Seen]]


@dataclass(slots=True)
class Arena:
    """One engine, everything that it may be told, and what is right for each pair of revisions."""

    policies: list[pdp.terms.Policy] = field(default_factory=policies)
    states: list[list[Entity]] = field(default_factory=lambda: [entities(at) for at in range(3)])
    requests: list[Request] = field(default_factory=requests)
    right: dict[tuple[str, str], list[Seen]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    asked: int = 0
    worlds: set[tuple[str, str]] = field(default_factory=set)
    _begin: threading.Event = field(default_factory=threading.Event)
    _moved: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def engine(self, policy: int = 0, state: int = 0, **options: Any) -> Engine:
        """Return an engine in one of the worlds."""
        held = self.policies[policy]
        return Engine(held, store_of(self.states[state], held.schema), handles=["mark"], **options)

    def learn(self, state: list[Entity]) -> None:
        """Find out what is right with these entities, for each policy."""
        options: dict[str, Any] = {"compiled": False} if CHANGES else {}
        for policy in self.policies:
            judge = Engine(policy, store_of(state, policy.schema), handles=["mark"], **options)
            answers = [exactly(judge.answer(request)) for request in self.requests]
            self.right[answers[0][-2], answers[0][-1]] = answers

    def steps(self) -> list[list[Entity]]:
        """Return the states on the way from the first to the second, one entity after the other."""
        found, state = [], list(self.states[0])
        for at, entity in enumerate(self.states[1]):
            state[at] = entity
            found.append(list(state))
        return found

    def check(self, index: int, found: pdp.Decision) -> None:
        """Hold an answer to what is right for the revisions that it names."""
        seen = exactly(found)
        world = (seen[-2], seen[-1])
        answers = self.right.get(world)
        self.worlds.add(world)
        if answers is None:
            self.wrong.append(f"no such world: {world}")
        elif answers[index] != seen:
            self.wrong.append(f"{self.requests[index]}:\n  expected {answers[index]}\n  found {seen}")

    def ask(self, engine: Engine, start: int) -> None:
        """Ask until all is over, in turn by each way."""
        self._begin.wait(60)
        try:
            for turn in itertools.count(start):
                index = turn * 7 % len(self.requests)
                if turn % 16 == 15 and hasattr(engine, "decide_many"):
                    answers = engine.decide_many(self.requests[:8])
                    if len({(each.revision, each.facts_revision) for each in answers}) != 1:
                        self.wrong.append("decide_many answered of more than one world")
                    for at, each in enumerate(answers):
                        self.check(at, each)
                elif turn % 4 == 3:
                    allows(engine, self.requests[index])
                else:
                    self.check(index, decide(engine, self.requests[index]))
                self.asked += 1
                self._moved.set()
                if self._stop.is_set() or len(self.wrong) > 5:
                    return
        except BaseException as error:
            self.wrong.append(f"{type(error).__name__}: {error}")

    def let_ask(self) -> None:
        """Wait until somebody has asked since now."""
        self._moved.clear()
        self._moved.wait(60)

    @contextmanager
    def asking(self, engine: Engine, count: int) -> Iterator[list[threading.Thread]]:
        """Have so many threads ask meanwhile, with the interpreter switching between them as often as it can."""
        threads = [
            threading.Thread(target=self.ask, args=(engine, 11 * number), daemon=True) for number in range(count)
        ]
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            self._begin.set()
            yield threads
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(60)
            sys.setswitchinterval(before)
            self._begin.clear()
            self._stop.clear()
        if any(thread.is_alive() for thread in threads):
            self.wrong.append("a thread does not come back")


def reload(count: int, threads: int = 8) -> Arena:
    """Swap policy, entities, and single entities so many times under threads that ask."""
    arena = Arena()
    for state in (*arena.states, *arena.steps()):
        arena.learn(state)
    engine = arena.engine()
    steps = itertools.cycle(range(len(arena.states[1]) + 1))
    with arena.asking(engine, threads):
        done = 0
        while done < count and len(arena.wrong) <= 5:
            engine.replace_policy(arena.policies[done % 3])
            arena.let_ask()
            at = next(steps)
            if at == 0:
                engine.replace_entities(arena.states[2])
                engine.replace_entities(arena.states[0])
            else:
                engine.upsert_entity(arena.states[1][at - 1])
            arena.let_ask()
            done += 2
    return arena


def fork(engine: Engine, arena: Arena, count: int) -> list[int]:
    """Fork so many times; each child asks everything and ends. Returns how they ended."""
    found = []
    for turn in range(count):
        child = os.fork()
        if child == 0:
            # No test framework, no handler: the child says what it found by how it ends.
            code = 1
            try:
                here = Arena(arena.policies, arena.states, arena.requests, arena.right)
                for index in range(turn % 5, len(here.requests), 5):
                    here.check(index, decide(engine, here.requests[index]))
                if CHANGES:
                    engine.replace_policy(arena.policies[turn % 3])
                    here.check(0, decide(engine, here.requests[0]))
                code = 2 if here.wrong else 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        found.append(os.waitstatus_to_exitcode(status))
    return found
