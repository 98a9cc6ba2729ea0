"""Answers that a client keeps: each for its lease, of the epoch that was told last, while the sidecar is heard of.

INVARIANT: nothing is found that any of the three does not hold for. All times are those of one clock that only goes on,
and goes on while a machine sleeps.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable
from typing import Final

from pdp.clocks import passing
from pdp.model import Decision
from pdp_sidecar.frames.codec import Reply
from pdp_sidecar.lasting import FLEETING

Kept = tuple[float, bool, Decision]
"""When an answer ends, whether it is a yes, and the answer."""

MISSED_BEATS: Final = 3
"""After so many beats that did not come, nobody relies on those that did."""

_NEVER: Final = -math.inf


class Held:
    """What is kept of one epoch. A new epoch has another of these, so that nothing gets from one into the next.

    What is asked for stays in `young`; when that is full, it becomes `old`, and what was old is forgotten.
    """

    __slots__ = ("epoch", "old", "young")

    def __init__(self, epoch: str | None) -> None:
        self.epoch = epoch
        self.young: dict[Hashable, Kept] = {}
        self.old: dict[Hashable, Kept] = {}


class Leases:
    """Safe from many threads. To find an answer, or to keep one, takes no lock: nobody can see half of what it does."""

    __slots__ = ("_first", "_half", "_lock", "_staleness", "_waits", "clock", "held", "trusted")

    def __init__(self, size: int, staleness: float, clock: Callable[[], float] = passing) -> None:
        """Keep at most so many answers, and rely on the last beat for so many seconds."""
        self._half = size // 2
        self._staleness = staleness
        self._lock = threading.Lock()
        self._first: tuple[str, int] | None = None
        self._waits = _NEVER
        self.clock = clock
        self.held = Held(None)
        self.trusted = _NEVER
        """Until when the last beat is relied on."""

    @property
    def is_trusted(self) -> bool:
        """Whether the last beat is still relied on."""
        return self.clock() < self.trusted

    def find(self, key: Hashable) -> Kept | None:
        """Return what is kept of a question and still holds."""
        held = self.held
        kept = held.young.get(key)
        if kept is None:
            kept = held.old.get(key)
            if kept is None:
                return None
            self._put(held, key, kept)
        # Read once the answer is there: what is not over now was not over when it was found.
        now = self.clock()
        return kept if now < kept[0] and now < self.trusted else None

    def keep(self, key: Hashable, reply: Reply, sent: float) -> None:
        """Keep a reply to a question that was sent at a time or later, if it may be kept."""
        held, decision = self.held, reply.decision
        if held.epoch is None or reply.epoch != held.epoch or decision.reason in FLEETING or self._half < 1:
            return
        end = math.inf if reply.lease is None else sent + reply.lease / 1e6
        # INVARIANT: into what was of its epoch when it was looked at, whatever stands in its place by now.
        self._put(held, key, (end, bool(decision), decision))

    def _put(self, held: Held, key: Hashable, kept: Kept) -> None:
        if len(held.young) >= self._half:
            held.old, held.young = held.young, {}
        held.young[key] = kept

    def told(self, epoch: str, interval: float) -> None:
        """Take note of a beat: its epoch, and in how many seconds the next one comes."""
        at = self.clock()
        with self._lock:
            if self._is_before(epoch):
                return
            if epoch != self.held.epoch:
                self.held = Held(epoch)
            self.trusted = at + min(self._staleness, interval * MISSED_BEATS)

    def _is_before(self, epoch: str) -> bool:
        """Tell whether an epoch is of before what this client itself has changed."""
        first = self._first
        if first is None:
            return False
        told = _parts(epoch)
        if told is None or told[0] != first[0] or told[1] >= first[1] or self.clock() >= self._waits:
            self._first = None
            return False
        return True

    def drop(self, first: str | None = None) -> None:
        """Forget all, and keep nothing before the next beat that is of an epoch, or of a later one."""
        with self._lock:
            epoch = self.held.epoch
            wanted, told = _parts(first or ""), _parts(epoch or "")
            if wanted is not None and told is not None:
                if wanted[0] != told[0]:
                    # It was another worker that was asked. The one that is heard tells a later epoch soon, or has.
                    wanted = told[0], told[1] + 1
                elif told[1] >= wanted[1]:
                    # The beat was here before the answer that names the epoch.
                    return
            self._first, self._waits = wanted, self.clock() + self._staleness
            self.held = Held(None)

    def renew(self) -> None:
        """Forget all, as if nothing was ever heard: in a child that was forked, nobody gives back a lock."""
        self._lock = threading.Lock()
        self.trusted = _NEVER
        self._first = None
        self.held = Held(None)


def _parts(epoch: str) -> tuple[str, int] | None:
    instance, _, number = epoch.rpartition(".")
    return (instance, int(number)) if number.isascii() and number.isdigit() and len(number) < 20 else None
