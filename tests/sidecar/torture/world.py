"""What is asked, of which policy, and what is right."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pdp
from pdp.engine import Engine
from pdp.folder import load_sources
from pdp.source import Source
from pdp.terms import Policy
from pdp.values import EntityRef

POLICIES = 3
SUBJECTS = 4_000
TEXT = """
type User {{ level: Int }}
type Page
action read, write on Page by User
grant writer on Page "home" to User "timed" until {until}
role writer on Page: write
rule levels: permit User to read on Page when principal.level == {level}
rule subjects: permit User to write on Page when principal.level == 99
"""
PAGE = EntityRef("Page", "home")
USERS = tuple(EntityRef("User", f"u{number}") for number in range(POLICIES))
TIMED = EntityRef("User", "timed")
FAR = "2100-01-01"


def subject(number: int) -> EntityRef:
    """Return somebody who may write until revoked."""
    return EntityRef("User", f"s{number}")


@functools.cache
def policies(until: str = FAR) -> tuple[Policy, ...]:
    """Return policies that differ in whom they let read: each lets one of `USERS`, and nobody else."""
    texts = [TEXT.format(level=level, until=until) for level in range(POLICIES)]
    return tuple(load_sources([Source("policy.pdp", text)]).require()[0] for text in texts)


@functools.cache
def allowed_by_revision() -> dict[str, EntityRef]:
    """Return who may read, by the revision of the policy."""
    return {policy.revision: user for policy, user in zip(policies(), USERS, strict=True)}


def entities() -> list[pdp.Entity]:
    """Return everybody."""
    found = [pdp.Entity("User", ref.id, {"level": number}) for number, ref in enumerate(USERS)]
    found += [pdp.Entity("User", f"s{number}", {"level": 99}) for number in range(SUBJECTS)]
    return [*found, pdp.Entity("User", "timed", {"level": 98})]


def engine(until: str = FAR) -> Engine:
    """Return an engine of the first policy."""
    from pdp.engine import store_of

    policy = policies(until)[0]
    return Engine(policy, store_of(entities(), policy.schema))


class Turns:
    """Lets whoever changes the engine wait until somebody has asked since."""

    def __init__(self) -> None:
        self._moved = threading.Event()

    def record(self, *_: Any) -> None:
        """Take note of a decision."""
        self._moved.set()

    def wait(self) -> None:
        """Wait for the next."""
        self._moved.clear()
        self._moved.wait(60)


TURNS = Turns()


def reload(engine: Engine, count: int) -> str:
    """Swap the policy so many times, each time once somebody was answered since."""
    for number in range(count):
        engine.replace_policy(policies()[(number + 1) % POLICIES])
        TURNS.wait()
    return f"reloaded {count}"
