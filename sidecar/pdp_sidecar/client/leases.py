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
    """What is kept of one epoch, and until when the last beat of it is relied on.

    A new epoch has another of these, so that nothing gets from one into the next: neither an answer nor a beat. What is
    asked for stays in `young`; when that is full, it becomes `old`, and what was old is forgotten.
    """

    __slots__ = ("epoch", "old", "trusted", "young")

    def __init__(self, epoch: str | None, trusted: float = _NEVER) -> None:
        self.epoch, self.trusted = epoch, trusted
        self.young: dict[Hashable, Kept] = {}
        self.old: dict[Hashable, Kept] = {}


class Leases:
    """Safe from many threads. To find an answer, or to keep one, takes no lock: nobody can see half of what it does."""

    __slots__ = ("_half", "_lock", "_since", "_staleness", "clock", "held")

    def __init__(self, size: int, staleness: float, clock: Callable[[], float] = passing) -> None:
        """Keep at most so many answers, and rely on the last beat for so many seconds."""
        self._half = size // 2
        self._staleness = staleness
        self._lock = threading.Lock()
        self._since = _NEVER
        self.clock = clock
        self.held = Held(None)

    @property
    def trusted(self) -> float:
        """Until when the last beat is relied on."""
        return self.held.trusted

    @property
    def is_trusted(self) -> bool:
        """Whether the last beat is still relied on."""
        return self.clock() < self.held.trusted

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
        return kept if now < kept[0] and now < held.trusted else None

    def keep(self, key: Hashable, reply: Reply, sent: float) -> None:
        """Keep a reply to a question that was sent at a time or later, if it may be kept."""
        held, decision = self.held, reply.decision
        if held.epoch is None or reply.epoch != held.epoch or decision.reason in FLEETING or self._half < 1:
            return
        # INVARIANT: looked at after what it is put into, which another takes the place of once this is set.
        if sent <= self._since:
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
        until = self.clock() + min(self._staleness, interval * MISSED_BEATS)
        with self._lock:
            if epoch == self.held.epoch:
                self.held.trusted = until
            else:
                self.held = Held(epoch, until)

    def drop(self) -> None:
        """Forget all, and keep no answer to a question that was sent until now: this client has changed something."""
        with self._lock:
            self._since = self.clock()
            self.held = Held(self.held.epoch, self.held.trusted)

    def renew(self) -> None:
        """Forget all, as if nothing was ever heard: in a child that was forked, nobody gives back a lock."""
        self._lock = threading.Lock()
        self.held = Held(None)
