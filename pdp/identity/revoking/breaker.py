"""What keeps whoever does not answer from costing each question its timeout."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final

from pdp.clocks import passing

PATIENCE: Final = 3
"""So many questions in a row go without an answer before fewer are asked."""

FIRST: Final = 1.0
LONGEST: Final = 30.0


class Breaker:
    """Lets questions through. After some that nobody answered, it lets one through after each pause, ever longer ones.

    `chance` gives what pauses differ by, from 0 to 1, so that many who ask do not come back at once.

    >>> now = [0.0]
    >>> breaker = Breaker(lambda: now[0], lambda: 1.0)
    >>> for _ in range(PATIENCE):
    ...     breaker.failed()
    >>> breaker.admits()
    False
    >>> now[0] = FIRST
    >>> breaker.admits(), breaker.admits()
    (True, False)
    """

    def __init__(self, monotonic: Callable[[], float] = passing, chance: Callable[[], float] = random.random) -> None:
        self._monotonic, self._chance = monotonic, chance
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def admits(self) -> bool:
        """Tell whether to ask now. Whoever is told so asks."""
        if self._failures < PATIENCE:
            return True
        with self._lock:
            now = self._monotonic()
            # Not by `<`: where a clock fails, what it gives compares with nothing.
            if not now >= self._until:
                return False
            # One alone tries it, and the others wait for another pause, whatever becomes of that one.
            self._until = now + self._pause()
            return True

    def succeeded(self) -> None:
        """Take note of an answer."""
        self._failures = 0

    def failed(self) -> None:
        """Take note that there was none."""
        with self._lock:
            self._failures += 1
            if self._failures >= PATIENCE:
                self._until = self._monotonic() + self._pause()

    def _pause(self) -> float:
        longest = min(FIRST * 2.0 ** min(self._failures - PATIENCE, 16), LONGEST)
        return longest * (0.5 + self._chance() / 2)
