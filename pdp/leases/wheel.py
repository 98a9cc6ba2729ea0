"""A timer wheel: what is due when, for a million things at the cost of a few."""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar


class Due(Protocol):
    """A thing that is due at an instant, in microseconds since the epoch: the same one for as long as it is held."""

    due: int


T = TypeVar("T", bound=Due)

_TICK: Final = 1000
"""Microseconds. What is due within one tick is due at its end."""

_BITS: Final = 8
_MASK: Final = 255


class Wheel(Generic[T]):
    """Things by the instant at which they are due.

    Each level has 256 slots, and a slot spans 256 slots of the level below. A thing waits on the level of the highest
    digit in which its tick differs from that of the wheel, so that where it waits can be told from both: nothing has to
    be remembered of it. The next slot is opened in its turn, and what is in it moves down.

    >>> from types import SimpleNamespace
    >>> class Egg(SimpleNamespace):
    ...     __hash__ = object.__hash__
    >>> wheel = Wheel()
    >>> wheel.add(Egg(due=5_000_000))
    >>> wheel.add(Egg(due=9_000_000))
    >>> wheel.advance(6_000_000), wheel.advance(8_000_000), wheel.advance(9_000_000)
    ([Egg(due=5000000)], [], [Egg(due=9000000)])
    """

    __slots__ = ("_filled", "_now", "_slots")

    def __init__(self, now: int = 0) -> None:
        """Begin at an instant."""
        self._now = now // _TICK
        self._slots: dict[tuple[int, int], set[T]] = {}
        # One number for each level, with a bit for each slot that holds anything.
        self._filled: list[int] = []

    def add(self, thing: T) -> None:
        """Hold a thing until it is due; what is due already is so at the next tick."""
        place = self._place(thing.due)
        level, slot = place
        while len(self._filled) <= level:
            self._filled.append(0)
        self._filled[level] |= 1 << slot
        self._slots.setdefault(place, set()).add(thing)

    def remove(self, thing: T) -> None:
        """Hold a thing no longer; nothing happens where it is not held."""
        place = self._place(thing.due)
        held = self._slots.get(place)
        if held is not None:
            held.discard(thing)
            if not held:
                self._empty(place)

    def advance(self, now: int) -> list[T]:
        """Return what is due, earliest first, and hold it no longer. Time never goes back."""
        found: list[T] = []
        until = max(now // _TICK, self._now)
        while (place := self._first()) is not None and (start := self._start(place)) <= until:
            self._now = start
            opened = self._slots[place]
            self._empty(place)
            if place[0] == 0:
                found += opened
            else:
                # INVARIANT: the digit of this level is now that of the wheel, so that all of these move down.
                for thing in opened:
                    self.add(thing)
        self._now = until
        return found

    @property
    def next(self) -> int | None:
        """The instant at which to look again: the next slot's, at which nothing may be due yet."""
        place = self._first()
        return None if place is None else self._start(place) * _TICK

    def _first(self) -> tuple[int, int] | None:
        for level, filled in enumerate(self._filled):
            if filled:
                # All that waits on a level lies beyond what waits on those below it.
                return level, (filled & -filled).bit_length() - 1
        return None

    def _start(self, place: tuple[int, int]) -> int:
        level, slot = place
        shift = level * _BITS
        return (self._now >> (shift + _BITS) << (shift + _BITS)) + (slot << shift)

    def _place(self, due: int) -> tuple[int, int]:
        # A tick is over at its end: what is due in the middle of one is due then.
        tick = max(-(-due // _TICK), self._now + 1)
        level = ((tick ^ self._now).bit_length() - 1) // _BITS
        return level, tick >> (level * _BITS) & _MASK

    def _empty(self, place: tuple[int, int]) -> None:
        del self._slots[place]
        self._filled[place[0]] &= ~(1 << place[1])
