"""The keys of one issuer, at hand without a wait, and read again by a thread of their own."""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Protocol

from pdp.classes import dataclass, field
from pdp.clocks import passing
from pdp.identity.issuer import Key, UnknownKeyError
from pdp.identity.jwk import LONGEST_KID, KeysError, KeySet
from pdp.identity.keys.source import Found, Source
from pdp.identity.keys.worker import Worker

MOST_ABSENT: Final = 1024
"""So many keys that there are none of are remembered."""

_FIRST: Final = 1.0
"""Seconds after which keys are read again that could not be had at all, if the cool-down is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often keys are read, in seconds.

    They are read again after `refresh`, and count for `max_stale` after the last read that came to something. Between
    two reads that tokens bring is a `cooldown`, unless there are no keys that count.
    """

    refresh: float = 300.0
    cooldown: float = 30.0
    max_stale: float = 3600.0

    def check(self) -> None:
        """Raise KeysError for a pace that is none."""
        for name in ("refresh", "cooldown", "max_stale"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise KeysError(f"`{name}` is no number of seconds above nothing")
        if self.cooldown > self.refresh:
            raise KeysError("`cooldown` is longer than `refresh`")
        if self.refresh > self.max_stale:
            raise KeysError("`refresh` is longer than `max_stale`: keys would count no more before they are read again")


class Waking(Protocol):
    """What calls `tick` of a store when it is due."""

    @property
    def is_idle(self) -> bool:
        """Whether nobody works here, and somebody could."""

    def wake(self) -> bool:
        """Have it called now; tell whether anybody will."""

    def stop(self) -> None:
        """Have it called no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """Keys as they were read: by name and algorithm, and under no name the only one of an algorithm."""

    named: dict[tuple[str, str], Key] = field(default_factory=dict)
    kids: frozenset[str] = frozenset()
    until: float = -math.inf
    notes: tuple[str, ...] = ()
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class _Absence:
    """A key that a read did not bring brings no other read before `until`, `span` seconds later."""

    until: float
    span: float


class _Flight:
    """One read. `asked` are the keys that it was begun for; `done` is there for all who wait."""

    __slots__ = ("asked", "done", "is_off", "is_over")

    def __init__(self) -> None:
        self.asked: set[tuple[str, str]] = set()
        self.is_off = self.is_over = False
        self.done: Future[None] = Future()
        # Many wait for it: none of them may cancel it.
        self.done.set_running_or_notify_cancel()


class KeyStore:
    """Implements `pdp.identity.issuer.Keys` over a source.

    INVARIANT: `_held` is replaced as a whole, and read without a lock. `_lock` is held for a few steps at a time, and
    never while a source is read.
    """

    def __init__(
        self,
        source: Source,
        pace: Pace,
        *,
        monotonic: Callable[[], float] = passing,
        jitter: Callable[[float, float], float] = random.uniform,
        worker: Callable[[Callable[[], float], Callable[[], None]], Waking] = Worker,
    ) -> None:
        pace.check()
        self._source, self._pace, self._now, self._jitter = source, pace, monotonic, jitter
        self._held = _Held()
        self._failure: str | None = None
        self._failures = 0
        self._absent: dict[tuple[str, str], _Absence] = {}
        self._asked = self._due = -math.inf
        self._is_closed = False
        self._renew()
        self._worker = worker(self.tick, self._renew)

    def _renew(self) -> None:
        # The handler of a signal may ask in the midst of a question.
        self._lock = threading.RLock()
        self._flight: _Flight | None = None

    # ----------------------------------------------------------------------------------------------------------- asking

    def find(self, kid: str, algorithm: str) -> Key:
        """Return a key; raise UnknownKeyError for one that is not there. `kid` is empty for the only one there is."""
        key = self._known(kid, algorithm)
        if key is None:
            return self._missing(kid, algorithm)
        if self._worker.is_idle:
            # Nobody has asked before in this process: it was forked, or not started.
            self._worker.wake()
        return key

    def _known(self, kid: str, algorithm: str) -> Key | None:
        held = self._held
        return held.named.get((kid, algorithm)) if self._now() < held.until else None

    def _missing(self, kid: str, algorithm: str) -> Key:
        coming = self._ask((kid, algorithm)) if len(kid) <= LONGEST_KID else None
        # Keys that came after the first look are there before anybody is told that no more are coming.
        key = self._known(kid, algorithm)
        if key is not None:
            return key
        held = self._held
        if not self._now() < held.until:
            message = "the keys of the issuer are not at hand"
            raise UnknownKeyError(message, code="keys_unavailable", coming=coming)
        if kid in held.kids:
            message = "the key that the token names is for another algorithm"
            raise UnknownKeyError(message, code="wrong_algorithm", coming=coming)
        message = "the issuer has no such key" if kid else "the token names no key, and the issuer has not just one"
        raise UnknownKeyError(message, code="unknown_key", coming=coming)

    def suspect(self, key: Key) -> Future[None] | None:
        """Say that a signature was none of this key; return what is done once the keys are read again, if they are."""
        known = self._known(key.kid, key.algorithm)
        return self._ask(None) if known in (key, None) else _done()

    def _ask(self, name: tuple[str, str] | None) -> Future[None] | None:
        """Return the read that is on its way, or begin one where that may be."""
        with self._lock:
            flight = self._flight
            if flight is None:
                now = self._now()
                if self._is_closed or not self._may(name, now):
                    return None
                flight, self._asked = _Flight(), now
                self._flight = flight
            if name is not None and not flight.is_off and len(flight.asked) < MOST_ABSENT:
                flight.asked.add(name)
        return self._sent(flight)

    def _may(self, name: tuple[str, str] | None, now: float) -> bool:
        absence = None if name is None else self._absent.get(name)
        if absence is not None and now < absence.until:
            return False
        if now >= self._due:
            return True
        # A read that nobody asked for leaves this one free: an issuer may have taken another key right after it.
        return now < self._held.until and now >= self._asked + self._pace.cooldown

    def _sent(self, flight: _Flight) -> Future[None] | None:
        if flight.is_off or self._worker.wake():
            return flight.done
        self._land(flight)
        return None

    # ------------------------------------------------------------------------------------------------------------- life

    def start(self) -> Future[None]:
        """Begin to read the keys; return what is done once they are there, or could not be had.

        Where they could not be had a moment ago, they are read again when that is due.
        """
        is_there = self._now() < self._held.until
        return (None if is_there else self._ask(None)) or _done()

    def close(self) -> None:
        """Read them no more. Nobody waits any longer."""
        self._is_closed = True
        self._worker.stop()
        with self._lock:
            flight = self._flight
        if flight is not None:
            self._land(flight)

    def _land(self, flight: _Flight) -> None:
        with self._lock:
            if self._flight is flight:
                self._flight = None
            was_over, flight.is_over = flight.is_over, True
        if not was_over:
            flight.done.set_result(None)

    # ---------------------------------------------------------------------------------------------------------- reading

    def tick(self) -> float:
        """Read the keys where that is due or asked for; return in how many seconds to come again. For one thread."""
        with self._lock:
            now = self._now()
            if self._flight is None and now < self._due:
                return self._due - now
            flight = self._flight = self._flight or _Flight()
            flight.is_off = True
        try:
            self._read(flight, now)
        finally:
            self._land(flight)
        return max(self._due - self._now(), 0.0)

    def _read(self, flight: _Flight, began: float) -> None:
        try:
            found = self._source.read()
            self._check(found.keys, began)
        except KeysError as error:
            self._fail(str(error), began)
        except Exception as error:
            self._fail(f"reading them failed: {type(error).__name__}", began)
        else:
            self._take(found, flight, began)

    def _check(self, keys: KeySet, now: float) -> None:
        """Raise KeysError for a bundle that is older than the one that counts."""
        held = self._held
        if held.sequence is None or keys.sequence is None or not now < held.until:
            return
        if keys.sequence < held.sequence:
            raise KeysError("what was read is older than what was read before")

    def _take(self, found: Found, flight: _Flight, began: float) -> None:
        held = _held(found.keys, began + self._pace.max_stale)
        pause = self._pace.refresh if found.fresh is None else min(found.fresh, self._pace.refresh)
        with self._lock:
            self._held = held
            self._failure, self._failures = None, 0
            # Many who were told to come again at the same time come at different ones.
            self._due = began + max(self._jitter(0.9, 1.0) * pause, self._pace.cooldown)
            for name in flight.asked - held.named.keys():
                self._miss(name, began)

    def _miss(self, name: tuple[str, str], now: float) -> None:
        """Remember a key that there is none of. Who asks for it on and on brings a read ever more seldom."""
        before = self._absent.pop(name, None)
        span = self._pace.cooldown if before is None else min(2.0 * before.span, self._pace.refresh)
        self._absent[name] = _Absence(now + span, span)
        while len(self._absent) > MOST_ABSENT:
            del self._absent[next(iter(self._absent))]

    def _fail(self, message: str, began: float) -> None:
        counts = began < self._held.until
        first = self._pace.cooldown if counts else min(_FIRST, self._pace.cooldown)
        longest = self._pace.refresh if counts else self._pace.cooldown
        with self._lock:
            self._failure = message
            self._failures += 1
            pause = min(first * 2.0 ** min(self._failures - 1, 32), longest)
            # From now, and not from when it began: a server that lets others wait is not asked again at once.
            self._due = self._now() + pause * self._jitter(1.0, 1.25)

    # ---------------------------------------------------------------------------------------------------------- telling

    @property
    def problem(self) -> str | None:
        """What is wrong with the keys, for those who run this; None where nothing is."""
        held, failure, left = self._held, self._failure, self._held.until - self._now()
        if failure is not None:
            return f"{failure}; {_left(left)}"
        if not left > 0.0:
            return "the keys were not read yet" if held.until == -math.inf else "the keys were not read again in time"
        if not held.named:
            return "; ".join(("the issuer has no key that is taken", *held.notes))
        return "; ".join(held.notes) or None


def _held(found: KeySet, until: float) -> _Held:
    several = Counter(key.algorithm for key in found.keys)
    named = {("", key.algorithm): key for key in found.keys if several[key.algorithm] == 1}
    named |= {(key.kid, key.algorithm): key for key in found.keys if key.kid}
    kids = frozenset(key.kid for key in found.keys if key.kid)
    return _Held(named=named, kids=kids, until=until, notes=found.notes, sequence=found.sequence)


def _left(seconds: float) -> str:
    return f"those at hand count for {seconds:.0f} more seconds" if seconds > 0.0 else "there are none that count"


def _done() -> Future[None]:
    found: Future[None] = Future()
    found.set_result(None)
    return found
