"""Tokens that were verified, under their exact text."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from cachetools import FIFOCache

from pdp.identity.issuer import Verified
from pdp.identity.who import Identity

_SWEEP: Final = 60_000_000
"""Microseconds after which those that have run out are looked for."""


class Known(NamedTuple):
    """A token that was verified, and whom it speaks for, by the key that it is bound to."""

    identity: Identity
    verified: Verified
    key: str | None


class Tokens(FIFOCache[str, Known]):
    """The last `most` tokens that were verified. What was refused is never among them.

    INVARIANT: to read one changes nothing, so whoever reads takes no lock. Whoever writes does.
    """

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.at_once: dict[str, tuple[Identity, int, int]] = {}
        """Those that are answered without another look, since when and until when: read by Python itself, with no call
        between. A clock that was put back is before that, and has them looked at."""
        self._sweep = 0
        self.renew()

    def __delitem__(self, token: str) -> None:
        # Whatever is taken out comes by here: by age, by room, or by hand.
        self.at_once.pop(token, None)
        super().__delitem__(token)

    def renew(self) -> None:
        """Make the lock anew, in a child that was forked: who held it in the parent never gives it back here."""
        # The handler of a signal may bring a token in the midst of another.
        self._lock = threading.RLock()

    def find(self, token: str) -> Known | None:
        """Return what is known of a token, None for nothing.

        INVARIANT: what another thread takes out meanwhile is not there. `get` looks twice, and what it raises holds the
        token.
        """
        try:
            return self[token]
        except KeyError:
            return None

    def keep(self, token: str, known: Known, now: int, at_once: tuple[int, int] | None) -> None:
        """Keep a token, in place of the oldest where there is no more room; forget those that have run out.

        `at_once` is since when and until when it is answered without another look, None where it never is.
        """
        if self.maxsize < 1:
            return
        with self._lock:
            self[token] = known
            if at_once is not None:
                self.at_once[token] = known.identity, *at_once
            if now >= self._sweep:
                self._sweep = now + _SWEEP
                for each in [text for text, other in self.items() if other.identity.until <= now]:
                    del self[each]

    def forget(self, token: str) -> None:
        """Keep a token no longer."""
        with self._lock:
            self.pop(token, None)
