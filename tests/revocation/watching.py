"""Leases that are watched while all else changes: none outlives what ends it, and whoever watches is told all of it."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pdp
from pdp.engine import Engine
from pdp.leases.dependents import Dependents
from pdp.leases.states import state_after
from pdp.leases.watches import Watches
from pdp.model import Request

PATIENCE = 5.0
"""So many seconds a lease may be over before anybody was told."""

ENDING = 20
MANY = 300


class Watched:
    """Requests that are watched from beginning to end, by number, and some whose session ends meanwhile."""

    def __init__(self, engine: Engine, requests: Iterable[tuple[int, Request]], ending: Request) -> None:
        self.engine, self.rng = engine, random.Random(1)
        self.told: dict[int, list[pdp.Change]] = {}
        self.watches = {number: self._watch(number, request) for number, request in requests}
        self.first = {number: watch.state for number, watch in self.watches.items()}
        self.seen = dict(self.first)
        self.over = threading.Semaphore(0)
        self.ends = [datetime.now(UTC) + timedelta(seconds=0.1 * number) for number in range(1, ENDING + 1)]
        # Nothing touches these but time: nobody looks at them, and no change is about them.
        self.ending = [engine.watch(ending._replace(session=self._until(end)), self._ended) for end in self.ends]
        self.early: list[str] = []

    def _watch(self, number: int, request: Request) -> pdp.Watch:
        return self.engine.watch(request, self.told.setdefault(number, []).append)

    def _until(self, end: datetime) -> dict[str, Any]:
        return {"session_id": f"until {end}", "authenticated_at": end - timedelta(hours=1), "expires_at": end}

    def _ended(self, change: pdp.Change) -> None:
        if change.state is not pdp.WatchState.ENDED or change.at < min(self.ends):
            self.early.append(f"a lease whose session ends is {change.state} at {change.at}")
        self.over.release()

    def check(self, *numbers: int) -> list[str]:
        """Tell which of these, and of some others, are not what the engine decides. Nothing may change meanwhile."""
        chosen = {*numbers} & self.watches.keys() | {*self.rng.sample([*self.watches], 4)}
        return [wrong for number in sorted(chosen) if (wrong := self._differs(number)) is not None]

    def _differs(self, number: int) -> str | None:
        watch = self.watches[number]
        found = watch.state
        expected = self.seen[number] = state_after(self.seen[number], self.engine.answer(watch.request))
        return None if found is expected else f"the watch of subject {number} is {found}, and has to be {expected}"

    def close(self) -> list[str]:
        """Tell what was wrong in the end, when nobody looks any more, and close all."""
        wrong = [*self.early, *filter(None, map(self._differs, self.watches))]
        late = sum(not self.over.acquire(timeout=PATIENCE if at == 0 else 0.01) for at in range(ENDING))
        if late:
            wrong.append(f"of {ENDING} leases that time ended, nobody was told of {late}")
        self._hear()
        wrong += filter(None, map(self._misheard, self.watches))
        for watch in (*self.watches.values(), *self.ending):
            watch.close()
            if watch:
                wrong.append(f"{watch} is closed, and yet true")
        return [*wrong, *self._left()]

    def _hear(self) -> None:
        """Wait until all was told that is to be told."""
        told = threading.Event()
        watches = self.engine._watches
        assert watches is not None
        watches._teller.tell(lambda _: told.set(), None)
        assert told.wait(60)

    def _misheard(self, number: int) -> str | None:
        """Tell where the changes of a watch do not lead from the state that it began in to the one that it has."""
        state = self.first[number]
        for change in self.told[number]:
            if change.before is not state or change.state is state:
                return f"subject {number} was {state}, and is told {change.before} to {change.state}"
            state = change.state
        now = self.watches[number].state
        return None if state is now else f"the watch of subject {number} was last told {state}, and is {now}"

    def _left(self) -> list[str]:
        watches = self.engine._watches
        assert watches is not None
        with watches._locked:
            kept = {
                "where leases start": len(watches._held),
                "what these are in": len(watches._held._below),
                "what time ends": watches._wheel.next is not None,
                "what is looked at": len(watches._flying),
            }
        return [f"all is closed, and {count} are left of {name}" for name, count in kept.items() if count]


class Passing:
    """Watches of one thread, each open for a while: it is opened and closed in the middle of all that changes."""

    AT_ONCE = 8

    def __init__(self, engine: Engine, acknowledged: list[bool]) -> None:
        self.engine, self.acknowledged = engine, acknowledged
        self.open: deque[tuple[int, pdp.Watch]] = deque()

    def watch(self, number: int, request: Request) -> list[str]:
        """Watch one more, and let go of the oldest where there are many; tell what was wrong with it."""
        self.open.append((number, self.engine.watch(request)))
        return self._close() if len(self.open) > self.AT_ONCE else []

    def close(self) -> list[str]:
        """Let go of all."""
        return [wrong for _ in range(len(self.open)) for wrong in self._close()]

    def _close(self) -> list[str]:
        number, watch = self.open.popleft()
        told = self.acknowledged[number]
        with watch:
            return [f"a watch of subject {number}, who is revoked, is true"] if told and watch else []


# -------------------------------------------------------------------------------------------------------- breaches

_COMMIT, _DECIDED, _FORGET = Watches._commit, Watches._decided, Watches._forget


def _nothing(*_: object) -> None:
    """Do nothing."""


@contextmanager
def _blind() -> Iterator[None]:
    """Let changes go unseen, and give them the time to come between."""
    with mock.patch.object(Watches, "_commit", _unseeing), mock.patch.object(Watches, "_decided", _slowly):
        yield


def _slowly(self: Watches, world: Any, watch: pdp.Watch) -> Any:
    found = _DECIDED(self, world, watch)
    if not watch.keys:
        time.sleep(0.005)
    return found


def _unseeing(self: Watches, watch: pdp.Watch, world: Any, found: Any) -> bool:
    """Take what was found as if it were of what is held now."""
    return _COMMIT(self, watch, self._world(), found)


# Each watch that was ever opened is looked at with each change, and meanwhile more are opened. It shows at the end.
LASTING = "what is over is kept"

BREACHES: dict[str, Callable[[], Any]] = {
    "no lease is looked at when something changes": lambda: mock.patch.object(Watches, "changed", _nothing),
    "what somebody has come to be in is not noted": lambda: mock.patch.object(Dependents, "renew", _nothing),
    "what a lease depends on is not kept": lambda: mock.patch.object(Dependents, "add", _nothing),
    "what changes while a lease is looked at goes unseen": _blind,
    "nobody looks when the time of a lease is over": lambda: mock.patch.object(Watches, "tick", _nothing),
    LASTING: lambda: mock.patch.object(Watches, "_forget", _nothing),
}
