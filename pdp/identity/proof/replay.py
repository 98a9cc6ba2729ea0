"""Proofs that were used, each remembered for as long as it could be used again."""

from __future__ import annotations

import heapq
import os
import threading
import weakref
from typing import Final, Protocol

from pdp.digests import sha256
from pdp.errors import TokenError

MOST: Final = 100_000


class Replays(Protocol):
    """What remembers proofs. Instants are in microseconds since the epoch."""

    def use(self, thumbprint: str, jti: str, until: int, now: int) -> None:
        """Remember the proof of a key until it counts no more; raise TokenError where it was used, or may have been.

        What cannot be remembered is not taken: nothing is forgotten for it that still counts.
        """


class MemoryReplays:
    """Proofs that were used, in the memory of one process: `most` at a time, and a quarter of these of one key.

    Without the latter, one holder of a key could have the proofs of all others refused. Other processes know nothing of
    these, nor does this one after it was started anew: `FileReplays` is for them.

    >>> replays = MemoryReplays(most=100)
    >>> replays.use("a-thumbprint", "a-jti", until=60_000_000, now=0)
    >>> replays.use("a-thumbprint", "a-jti", until=60_000_000, now=1_000_000)
    Traceback (most recent call last):
    pdp.errors.TokenError: the proof was used before
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._share = most, share_of(most)
        self._used: set[bytes] = set()
        self._ends: list[tuple[int, bytes, str]] = []
        self._by_key: dict[str, int] = {}
        self._forgotten = 0
        self.begin_again()
        inherit(self)

    def use(self, thumbprint: str, jti: str, until: int, now: int) -> None:
        """Remember a proof; raise TokenError where that cannot be, or it was used."""
        proof = digest(thumbprint, jti)
        with self._lock:
            self._forget(now)
            # INVARIANT: what was forgotten ended at `_forgotten` or before. Where the clock is put back, a proof that
            # ends no later may be one of those.
            if proof in self._used or until <= max(self._forgotten, now):
                raise replayed()
            held = self._by_key.get(thumbprint, 0)
            if len(self._used) >= self._most or held >= self._share:
                raise full()
            # In this order: a fork, or a failure, in between leaves what is never missed when it is forgotten.
            self._by_key[thumbprint] = held + 1
            heapq.heappush(self._ends, (until, proof, thumbprint))
            self._used.add(proof)

    def _forget(self, now: int) -> None:
        while self._ends and self._ends[0][0] <= now:
            self._forgotten, proof, thumbprint = heapq.heappop(self._ends)
            self._used.discard(proof)
            held = self._by_key[thumbprint] - 1
            if held:
                self._by_key[thumbprint] = held
            else:
                del self._by_key[thumbprint]

    def begin_again(self) -> None:
        """Take a lock that nobody holds: in a child that was forked, whoever held the other one is not there."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._used)


def digest(thumbprint: str, jti: str) -> bytes:
    """Return what a proof of a key is remembered by: of one length, however long its name is."""
    # A thumbprint has none of this character, so no other pair comes to the same.
    return sha256(f"{thumbprint}.{jti}".encode()).digest()


def share_of(most: int) -> int:
    """Return how many of the proofs remembered may be of one key."""
    return max(most // 4, 1)


def replayed() -> TokenError:
    """Return what is raised for a proof that was used."""
    return TokenError("the proof was used before", code="proof_replayed")


def full() -> TokenError:
    """Return what is raised where no more can be remembered."""
    return TokenError(
        "as many proofs as can be remembered were used, and they still count", code="proofs_full", passing=True
    )


class _Inherited(Protocol):
    def begin_again(self) -> None: ...


_ALL: Final[weakref.WeakSet[_Inherited]] = weakref.WeakSet()


def inherit(replays: _Inherited) -> None:
    """Have each child that is forked begin again with what its parent had."""
    _ALL.add(replays)


def _forked() -> None:
    for each in list(_ALL):
        each.begin_again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
