"""Two clocks: wall time, by which rules decide and which is set, and monotonic time, which only measures."""

from __future__ import annotations

import datetime as _datetime
import math
import threading
import time
from collections.abc import Callable
from typing import Final

from pdp.values import Datetime, Duration

TOLERANCE: Final = 2_000_000
"""Microseconds by which the wall clock may go back without notice: a leap second, and the noise of two readings."""

_DRIFT: Final = 1000
"""Of so many microseconds of monotonic time one is left out: two clocks never run at quite the same speed."""


def wall_clock() -> _datetime.datetime:
    """Return the time of the machine."""
    # As compiled rules read it: no other function rounds in the same way.
    return Datetime(time.time_ns() // 1000).to_datetime()


def passing() -> float:
    """Return seconds since some moment, those that the machine slept included where it can tell them."""
    return time.clock_gettime(_PASSING) if _PASSING is not None else time.monotonic()


# What a machine held before it slept is as old as its sleep was long.
_PASSING: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def _guarded(monotonic: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that gives what compares with nothing where it fails: then everything is too old."""

    def read() -> float:
        try:
            return float(monotonic())
        except Exception:
            return math.nan

    return read


class Clocks:
    """The time that is decided by, which does not go back, and the time that ages are measured with.

    Where the wall clock goes back against monotonic time by more than `TOLERANCE`, time is reckoned from what it was
    before, until it has caught up: what has ended does not come back. `behind` is by how many microseconds it is late,
    `failure` why it could not be read when it was last looked at.

    >>> clocks = Clocks()
    >>> clocks.now() <= clocks.now(), clocks.behind
    (True, 0)
    """

    def __init__(
        self,
        wall: Callable[[], _datetime.datetime] = wall_clock,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._wall, self.monotonic = wall, passing if monotonic is None else _guarded(monotonic)
        self._of_machine = wall is wall_clock
        # Where one of the two is the caller's own, it may stand still while the other goes on, as it does in tests.
        self._comparable = self._of_machine == (monotonic is None)
        self._known: tuple[int, float] | None = None
        self.behind = 0
        self.failure: str | None = None
        self.renew()
        if self._of_machine:
            self.look()

    def renew(self) -> None:
        """Have a lock of its own: in a child that was forked, nobody gives back the one of the parent."""
        # The handler of a signal may ask in the midst of a question.
        self._lock = threading.RLock()

    def now(self) -> _datetime.datetime:
        """Return the time to decide by. What the wall clock raises is raised, and what is no time is returned."""
        before = self.monotonic()
        moment: object = self._wall()
        if not isinstance(moment, _datetime.datetime) or moment.utcoffset() is None:
            return moment  # type: ignore[return-value]  # Whoever asks refuses it.
        wall = Datetime.of(moment).micros
        reckoned = self._reckon(wall, before)
        # Compiled rules read the clock of the machine themselves while it is steady, and so all do.
        return moment if wall >= reckoned or self.is_steady else Datetime(reckoned).to_datetime()

    def micros(self) -> int | None:
        """Return the time to decide by in microseconds since the epoch; None where that is not at hand: ask `now`."""
        return time.time_ns() // 1000 if self._of_machine and self.look() else None

    @property
    def is_steady(self) -> bool:
        """Whether this is the clock of the machine, and was not behind when it was last looked at."""
        return self._of_machine and not self.behind

    def look(self) -> bool:
        """Look at both clocks; return whether a question may read that of the machine for itself now."""
        if self._of_machine:
            before = self.monotonic()
            self._reckon(time.time_ns() // 1000, before)
            return not self.behind
        try:
            moment: object = self.now()
            told = isinstance(moment, _datetime.datetime) and moment.utcoffset() is not None
            self.failure = None if told else "the clock gives no time with a zone"
        except Exception as error:
            self.failure = f"the clock cannot be read: {type(error).__name__}"
        return False

    def accept(self) -> None:
        """Take the wall clock as it is from now on, though it went back."""
        with self._lock:
            self._known, self.behind = None, 0
        self.look()

    @property
    def detail(self) -> str:
        """What is wrong with the wall clock; nothing where nothing is."""
        if self.failure is not None:
            return self.failure
        if not self.behind:
            return ""
        return f"the wall clock went back by {Duration(self.behind // 1000 * 1000)}: time is reckoned from before"

    @property
    def age(self) -> float:
        """For how many seconds the wall clock has not been seen to be right."""
        return 0.0 if self._known is None else self.monotonic() - self._known[1]

    def _reckon(self, wall: int, before: float) -> int:
        """Return what time it must be at least, and remember a wall clock that is there already.

        `before` was read before the wall clock: a thread that had to wait between the two saw nothing go back.
        """
        after = self.monotonic()
        with self._lock:
            top, at = self._known or (wall, before)
            since = before - at if self._comparable else 0.0
            passed = int(since * 1e6) if 0.0 < since < math.inf else 0
            floor = top + passed - passed // _DRIFT
            if wall >= floor:
                self._known, self.behind = (wall, after), 0
            elif self.behind or floor - wall > TOLERANCE:
                self.behind = floor - wall
            return floor
