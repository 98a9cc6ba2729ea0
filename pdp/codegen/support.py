"""What generated code calls: each function gives what the interpreter would, or raises, and then that answers."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from pdp.model import Approval
from pdp.operators import Found, contains
from pdp.symbols import ContainsOp
from pdp.values import INT_MAX, INT_MIN, EntityRef, Ip, Unknown, Value
from pdp.zones import CalendarField, next_edge, read


class Careful(Exception):
    """That a question is not for the fast form. It says nothing of the answer."""


def careful() -> NoReturn:
    """Leave the question to the interpreter."""
    raise Careful


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


def unapproved(principal: EntityRef, action: str, resource: EntityRef, world: Any) -> bool:
    """Return false where nobody ever approved anything of the kind; raise where somebody did, or nobody can tell."""
    approvals: dict[tuple[EntityRef, str, EntityRef], list[Approval]] | None = world.approvals
    if approvals is None or (approvals and (principal, action, resource) in approvals):
        raise Careful
    return False


NEVER: Final = -(2**63)
"""An instant before all others, for what does not change."""


class Calendar:
    """A test of the calendar that remembers the span of time for which its last answer holds."""

    __slots__ = ("_field", "_known", "_test", "_zone")

    def __init__(self, zone: str, field: CalendarField, test: Any) -> None:
        self._zone, self._field, self._test = zone, field, test
        self._known = (0, 0, False, 0)

    def at(self, now: int) -> tuple[int, int, bool, int]:
        """Return the span of time around `now`, the answer in it, and when it changes next (`NEVER` for never)."""
        known = self._known
        if known[0] <= now < known[1]:
            return known
        answer = self._test(read(now, self._zone, self._field))
        edge = next_edge(now, self._zone, self._field, self._test)
        # Where no change is near, one that comes near must not be missed.
        known = (now, now + 1 if edge is None else edge, answer, NEVER if edge is None else edge)
        self._known = known
        return known

    def holds(self, now: int) -> bool:
        """Tell whether the test holds."""
        return self.at(now)[2]

    def edge(self, now: int) -> int:
        """Return when the answer changes next, or `NEVER`."""
        return self.at(now)[3]
