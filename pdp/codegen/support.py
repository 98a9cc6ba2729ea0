"""What generated code calls: each function gives what the interpreter would, or raises, and then that answers."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from pdp.model import Approval
from pdp.operators import Found, contains
from pdp.symbols import ContainsOp
from pdp.values import INT_MAX, INT_MIN, EntityRef, Ip, Record, Unknown, Value, ValueSet
from pdp.zones import CalendarField, next_edge, read


class Careful(Exception):
    """That a question is not for the fast form. It says nothing of the answer."""


def careful() -> NoReturn:
    """Leave the question to the interpreter."""
    raise Careful


def clock() -> int:
    """Return the time of the wall clock, in microseconds since the epoch."""
    return time.time_ns() // 1000


def known(found: Found) -> Value:
    """Return a value; raise where it is unknown."""
    if isinstance(found, Unknown):
        raise Careful
    return found


def truth(found: Found) -> bool:
    """Return a truth value; raise for anything else."""
    if found is True or found is False:
        return found
    raise Careful


def fitting(number: int) -> int:
    """Return a number of 64 bits; raise for one that is out of range."""
    if INT_MIN <= number <= INT_MAX:
        return number
    raise Careful


def in_any(address: Ip, ranges: Any) -> bool:
    """Tell whether an address is in one of some ranges."""
    return any(address in each for each in ranges)


def shares(left: Any, right: Any, op: ContainsOp) -> bool:
    """Tell whether a set holds all, or any, of another."""
    return truth(contains(op, left, right))


def text(found: Value) -> str:
    """Return a text; raise for anything else."""
    if isinstance(found, str):
        return found
    raise Careful


def entity(found: Value) -> EntityRef:
    """Return the name of an entity; raise for any other value."""
    if isinstance(found, EntityRef):
        return found
    raise Careful


def attributes(world: Any, found: Value) -> Mapping[str, Any]:
    """Return the attributes of a record or of an entity; raise for anything else."""
    if isinstance(found, Record):
        return found
    return known_entity(world, found).a  # type: ignore[no-any-return]


def tags(world: Any, found: Value) -> Mapping[str, Value]:
    """Return the tags of an entity; raise for anything else."""
    return known_entity(world, found).t  # type: ignore[no-any-return]


def within(world: Any, left: Value, right: Value) -> bool:
    """Tell whether an entity is in another one, or in one of a set of entities; raise for any other values."""
    up = known_entity(world, left).up
    if up is None or not isinstance(right, EntityRef | ValueSet):
        raise Careful
    if isinstance(right, EntityRef):
        return right in up
    if not all(isinstance(each, EntityRef) for each in right):
        raise Careful
    return any(each in up for each in right)


def known_entity(world: Any, found: Value) -> Any:
    """Return what is held of an entity; raise for any other value."""
    if found.__class__ is not EntityRef:
        raise Careful
    return world.far(found)


def unapproved(principal: EntityRef, action: str, resource: EntityRef, world: Any) -> bool:
    """Return false where nobody ever approved anything of the kind; raise where somebody did, or nobody can tell."""
    approvals: dict[tuple[EntityRef, str, EntityRef], list[Approval]] | None = world.approvals
    if approvals is None or (approvals and (principal, action, resource) in approvals):
        raise Careful
    return False


NEVER: Final = -(2**63)
"""An instant before all others, for what does not change."""


Span = tuple[int, int, bool, int]
"""A span of time, the answer in it, and when it changes next: `NEVER` for never."""

_SPANS: Final = 64


class Calendar:
    """A test of the calendar that remembers the spans of time for which its last answers hold."""

    __slots__ = ("_field", "_known", "_test", "_zone", "last")

    def __init__(self, zone: str, field: CalendarField, test: Callable[[int], bool]) -> None:
        self._zone, self._field, self._test = zone, field, test
        self.last: Span = (0, 0, False, NEVER)
        self._known: tuple[list[int], list[Span]] = ([], [])

    def at(self, now: int) -> Span:
        """Return the span of time around an instant."""
        last = self.last
        if last[0] <= now < last[1]:
            return last
        starts, spans = self._known
        place = bisect_right(starts, now) - 1
        found = spans[place] if place >= 0 else last
        if not found[0] <= now < found[1]:
            found = self._find(now, starts, spans)
        self.last = found
        return found

    def _find(self, now: int, starts: list[int], spans: list[Span]) -> Span:
        edge = next_edge(now, self._zone, self._field, self._test)
        answer = self._test(read(now, self._zone, self._field))
        # Where no change is near, one that comes near must not be missed.
        found = (now, now + 1, answer, NEVER) if edge is None else (now, edge, answer, edge)
        place = bisect_right(starts, now)
        # What is known of a later part of the same span is in this one. Both lists are new: others may be reading.
        after = place + (edge is not None and place < len(spans) and spans[place][1] == edge)
        if len(spans) >= _SPANS:
            starts, spans, place, after = [], [], 0, 0
        self._known = [*starts[:place], now, *starts[after:]], [*spans[:place], found, *spans[after:]]
        return found

    def holds(self, now: int) -> bool:
        """Tell whether the test holds."""
        last = self.last
        return last[2] if last[0] <= now < last[1] else self.at(now)[2]
