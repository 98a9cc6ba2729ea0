"""Revocations against decisions and leases on many threads, and against kill -9: all that is acknowledged has effect.

`BREACHES` are ways to break that; each has to be noticed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pdp
from pdp.engine import Engine
from pdp.folder import load_sources
from pdp.model import Mark, Request, Revocation, RevocationKind
from pdp.revocation.log import RevocationLog
from pdp.session import Names
from pdp.source import Source
from pdp.values import EntityRef
from pdp.world import World
from tests.revocation import watching
from tests.revocation.watching import Passing, Watched

TEXT = """
type Group
type User in Group {{ level: Int }}
type Page
action read, write on Page by User
rule writes: permit User to write on Page
rule reads: permit User to read on Page when principal.level >= {level}
"""
PAGE = EntityRef("Page", "home")
KINDS = [*RevocationKind]
HOUR = timedelta(hours=1)


class Arena:
    """Subjects, each of whom is revoked once by one of what names it."""

    def __init__(self, count: int, path: Path) -> None:
        self.count = count
        self.policies = [load_sources([Source("p.pdp", TEXT.format(level=level))]).require()[0] for level in (1, 2)]
        groups = [pdp.Entity("Group", f"{letter}{number}") for letter in "gh" for number in range(count)]
        self.homes = ["g"] * count
        self.entities = [*[self._user(number, 5) for number in range(count)], *groups, pdp.Entity("User", "timed")]
        self.engine = Engine.from_text(
            TEXT.format(level=1), entities=self.entities, revocations=RevocationLog(path, create=True)
        )
        then = datetime.now(UTC) - HOUR
        names = {"session_id": "s", "token_id": "t", "key_id": "k", "device_id": "d"}
        self.sessions = [
            self.engine.session({**{key: f"{value}{number}" for key, value in names.items()}, "authenticated_at": then})
            for number in range(count)
        ]
        self.acknowledged = [False] * count
        self.asked = [0] * 64
        self.turn = 0
        self.allowed = 0
        self.wrong: list[str] = []
        self.over = False

    def _user(self, number: int, level: int) -> pdp.Entity:
        group = EntityRef("Group", f"{self.homes[number]}{number}")
        return pdp.Entity("User", f"u{number}-x", {"level": level}, [group])

    def request(self, number: int) -> Request:
        """Return what a subject asks."""
        return Request(EntityRef("User", f"u{number}-x"), "read", PAGE, session=self.sessions[number])

    def revoke(self, number: int) -> None:
        """Revoke one, and say that it is acknowledged when `revoke` has returned."""
        kind = KINDS[number % len(KINDS)]
        if kind is RevocationKind.GROUP:
            # It is revoked by what it has come to be in just now.
            self.homes[number] = "h"
            self.entities[number] = self._user(number, 5)
            self.engine.upsert_entity(self.entities[number])
        what: Any = {
            RevocationKind.PRINCIPAL: EntityRef("User", f"u{number}-x"),
            RevocationKind.GROUP: EntityRef("Group", f"h{number}"),
            RevocationKind.WORKLOAD: EntityRef("User", f"u{number}-"),
            RevocationKind.SESSION: f"s{number}",
            RevocationKind.TOKEN: f"t{number}",
            RevocationKind.KEY: f"k{number}",
            RevocationKind.DEVICE: f"d{number}",
        }[kind]
        self.engine.revoke(**{str(kind): what})
        self.acknowledged[number] = True

    def change(self, turn: int) -> None:
        """Change something else of what the engine holds."""
        match turn % 5:
            case 0:
                self.engine.replace_policy(self.policies[turn // 5 % 2])
            case 1:
                self.engine.replace_entities(self.entities)
            case 2:
                # One who is not revoked yet may read no longer, and in the next turn may again.
                self.engine.upsert_entity(self._user((turn + 10) % self.count, 0))
            case 3:
                self.engine.upsert_entity(self._user((turn + 9) % self.count, 5 + turn % 3))
            case _:
                self.engine.refresh()

    def ask(self, place: int) -> None:
        """Ask until all is over; an allow that began after the acknowledgement is wrong."""
        rng, engine, passing = random.Random(place), self.engine, Passing(self.engine, self.acknowledged)
        try:
            while not self.over and len(self.wrong) < 5:
                number = rng.randrange(self.count)
                user, session = EntityRef("User", f"u{number}-x"), self.sessions[number]
                told = self.acknowledged[number]
                if self.asked[place] % 2:
                    allowed = engine.allows(user, "read", PAGE, session=session)
                else:
                    allowed = bool(engine.decide(user, "read", PAGE, session=session))
                if told and allowed:
                    self.wrong.append(f"subject {number}, revoked by {KINDS[number % len(KINDS)]}, is allowed")
                self.allowed += allowed
                self.asked[place] += 1
                if self.asked[place] % 64 == 0:
                    # Whoever is revoked next: that may happen while a watch of it begins.
                    self.wrong += passing.watch(self.turn, self.request(self.turn))
            self.wrong += passing.close()
        except BaseException as error:
            self.wrong.append(f"{type(error).__name__}: {error}")

    def run(self, decisions: int, threads: int = 8) -> Arena:
        """Spread the revocations over so many decisions."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        step = max(1, self.count // watching.MANY)
        watched = Watched(
            self.engine,
            [(number, self.request(number)) for number in range(0, self.count, step)],
            Request(EntityRef("User", "timed"), "write", PAGE),
        )
        asking = [threading.Thread(target=self.ask, args=(place,), daemon=True) for place in range(threads)]
        try:
            for thread in asking:
                thread.start()
            for number in range(self.count):
                # Whatever a disk takes: so many are asked after each step.
                self._wait(decisions // self.count // 2)
                self.turn = number
                self.revoke(number)
                self.wrong += watched.check(number)
                self._wait(decisions // self.count // 2)
                self.change(number)
                self.wrong += watched.check((number + 10) % self.count, (number + 9) % self.count)
        finally:
            self.over = True
            for thread in asking:
                thread.join(60)
            sys.setswitchinterval(before)
        self.wrong += watched.close()
        if not self.allowed:
            self.wrong.append("nothing was ever allowed")
        # With nobody in between: each is denied, here and where the record is read anew.
        self.wrong += [f"subject {each} comes back" for each in range(self.count) if self._comes_back(each)][:5]
        return self

    def _wait(self, decisions: int) -> None:
        enough = sum(self.asked) + decisions
        while sum(self.asked) < enough and len(self.wrong) < 5:
            time.sleep(0.0005)

    def _comes_back(self, number: int) -> bool:
        user = EntityRef("User", f"u{number}-x")
        return self.engine.allows(user, "read", PAGE, session=self.sessions[number])


# --------------------------------------------------------------------------------------------------------- kill -9


def lost(path: Path, kills: int, seed: int = 1) -> list[str]:
    """Kill so many writers at random points; tell what they acknowledged and the record does not hold."""
    rng, acknowledged, wrong = random.Random(seed), list[tuple[int, str]](), list[str]()
    RevocationLog(path, create=True).close()
    for turn in range(kills):
        acknowledged += _killed(path, f"w{turn}", rng.random() * 0.03)
    facts: dict[int, str] = {}
    log, mark = RevocationLog(path), Mark()
    while True:
        found, after = log.read(mark)
        facts.update((mark.sequence + 1 + at, fact.value) for at, fact in enumerate(found))
        if not found:
            break
        mark = after
    wrong += [
        f"fact {number} is acknowledged as {name}, and on record is {facts.get(number)}"
        for number, name in acknowledged
        if facts.get(number) != name
    ]
    if len(acknowledged) < kills:
        wrong.append(f"{kills} writers have acknowledged no more than {len(acknowledged)} facts")
    return wrong


def _killed(path: Path, name: str, after: float) -> list[tuple[int, str]]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            log = RevocationLog(path)
            for number in range(1_000_000):
                fact = Revocation(RevocationKind.TOKEN, f"{name}-{number}")
                # One write, so that no half of it is ever read.
                os.write(writer, f"{log.publish(fact)} {fact.value}\n".encode())
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as told:
        first = told.readline()
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        lines = [first, *told]
    os.waitpid(child, 0)
    return [(int(number), value) for number, value in (line.split() for line in lines)]


# -------------------------------------------------------------------------------------------------------- breaches


def _ahead(self: RevocationLog, fact: Revocation) -> int:
    """Acknowledge a fact, and write it with the next three."""
    waiting: list[Revocation] = self.__dict__.setdefault("waiting", [])
    waiting.append(fact)
    number = self.__dict__.setdefault("next", self.read(Mark())[1].sequence) + 1
    self.__dict__["next"] = number
    if len(waiting) == 4:
        while waiting:
            _PUBLISH(self, waiting.pop(0))
    return number


def _still_clean(self: World, names: Names) -> bool:
    if names.clean is not None:
        return True
    names.clean = self.clean
    return _CLEARS(self, names)


def _late(self: Engine, world: World) -> World:
    later = threading.Timer(0.5, lambda: setattr(self, "_world", _REVISED(self, self._world)))
    later.daemon = True
    later.start()
    return world


_PUBLISH, _CLEARS, _REVISED = RevocationLog.publish, World.clears, Engine._revised

BREACHES: dict[str, Callable[[], Any]] = watching.BREACHES | {
    "it is acknowledged before it is applied": lambda: mock.patch.object(Engine, "_revised", _late),
    "what is taken over of entities is not looked at again": lambda: mock.patch.object(
        World, "_may_be_revoked", lambda *_: False
    ),
    "a session that was clean once stays so": lambda: mock.patch.object(World, "clears", _still_clean),
    "a change of entities forgets what is revoked": lambda: mock.patch.object(World, "with_store", _forgetting),
    "it is acknowledged before it is on the disk": lambda: mock.patch.object(RevocationLog, "publish", _ahead),
}


def _forgetting(self: World, store: Any) -> World:
    from pdp.revocation.index import Index, Revoked

    found = World(self.program, store, self.given, self._direct)
    found.revoked = Revoked(Index.empty(), found.schema)
    return found


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Break the mechanism in one way."""
    with BREACHES[name]():
        yield


def wrongs(folder: Path, *, count: int, decisions: int, kills: int) -> list[str]:
    """Do all of it, and tell what went wrong."""
    arena = Arena(count, folder / "threads.db").run(decisions)
    return [*arena.wrong, *lost(folder / "kills.db", kills)]
