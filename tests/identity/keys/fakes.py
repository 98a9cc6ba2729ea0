"""What a store of keys stands on, in the hands of a test: time, a source, and whoever calls when it is due."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from pdp.identity import jwk
from pdp.identity.jwk import KeysError, KeySet
from pdp.identity.keys.source import Found
from pdp.identity.keys.store import KeyStore, Pace
from pdp.identity.keys.web import Answer
from tests.identity.tokens import public_jwk

PACE = Pace(refresh=300.0, cooldown=30.0, max_stale=3600.0)


class Clock:
    """Seconds that go on when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def document(*names: str, algorithm: str = "ES256", **more: Any) -> bytes:
    return json.dumps({"keys": [public_jwk(algorithm, name) for name in names], **more}).encode()


def keys(*names: str, algorithm: str = "ES256", **more: Any) -> KeySet:
    """Return a set of keys as it is read."""
    return jwk.read(document(*names, algorithm=algorithm, **more), use="sig", algorithms=["ES256", "ES384", "RS256"])


class Script:
    """A source that says what a test has it say. `reads` counts how often it was asked."""

    def __init__(self, *names: str) -> None:
        self.says: KeySet | Exception = keys(*names)
        self.fresh: float | None = None
        self.reads = 0
        self.meanwhile: Callable[[], object] = int

    def read(self) -> Found:
        self.reads += 1
        said, fresh = self.says, self.fresh
        self.meanwhile()
        if isinstance(said, Exception):
            raise said
        return Found(said, fresh)

    def fail(self, message: str = "the server is down") -> None:
        self.says = KeysError(message)


class Hand:
    """Calls nothing by itself: a test does that."""

    def __init__(self, tick: Callable[[], float], forked: Callable[[], None]) -> None:
        self.tick = tick
        self.is_idle = False
        self.woken = 0
        self.works = True

    def wake(self) -> bool:
        self.woken += 1
        return self.works

    def stop(self) -> None:
        self.works = False


class Bench:
    """A store over a script, whose time and reads are a test's own."""

    def __init__(self, *names: str, pace: Pace = PACE, jitter: float = 1.0) -> None:
        self.clock, self.source = Clock(), Script(*names)
        self.hands: list[Hand] = []
        self.store = KeyStore(
            self.source, pace, monotonic=self.clock, jitter=lambda least, most: jitter, worker=self._worker
        )

    def _worker(self, tick: Callable[[], float], forked: Callable[[], None]) -> Hand:
        self.hands.append(Hand(tick, forked))
        return self.hands[0]

    def run(self, seconds: float = 0.0) -> None:
        """Let time go on, with a read whenever one is due or asked for."""
        end = self.clock.now + seconds
        for _ in range(100_000):
            wait = self.store.tick()
            if self.clock.now + wait > end:
                break
            self.clock.now += wait
        self.clock.now = end

    def started(self) -> Bench:
        self.store.start()
        self.run()
        return self


class Pages:
    """Documents by address; what is an exception is raised."""

    def __init__(self, pages: dict[str, bytes | Answer | Exception]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def get(self, url: str) -> Answer:
        self.asked.append(url)
        found = self.pages.get(url, KeysError("there is no such page"))
        if isinstance(found, Exception):
            raise found
        return Answer(found) if isinstance(found, bytes) else found


def names_of(found: Iterable[Any]) -> list[str]:
    return sorted(key.kid for key in found)
