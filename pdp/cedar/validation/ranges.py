"""Between which numbers what is computed lies, and whether it may leave the 64 bits that a number has."""

from __future__ import annotations

from typing import Final, NamedTuple

from pdp.cedar import tree
from pdp.values import INT_MAX, INT_MIN


class Range(NamedTuple):
    """Whole numbers, both ends included."""

    low: int
    high: int

    def __or__(self, other: tuple[int, ...]) -> Range:
        return Range(min(self.low, other[0]), max(self.high, other[1]))


FULL: Final = Range(INT_MIN, INT_MAX)

DAY: Final = 86_400_000

UNITS: Final = {"toMilliseconds": 1, "toSeconds": 1000, "toMinutes": 60_000, "toHours": 3_600_000, "toDays": DAY}
"""The methods of a duration, with the length of their unit in milliseconds."""


def combine(op: str, left: Range, right: Range) -> tuple[Range, tuple[int, int] | None]:
    """Return the range of `left op right`, and two operands of which the result has more than 64 bits, if any."""
    found: dict[int, tuple[int, int]] = {}
    for mine in left:
        for theirs in right:
            found[_apply(op, mine, theirs)] = (mine, theirs)
    low, high = min(found), max(found)
    if low < INT_MIN or high > INT_MAX:
        return FULL, found[high if high > INT_MAX else low]
    return Range(low, high), None


def _apply(op: str, left: int, right: int) -> int:
    if op == tree.BinaryOp.ADD:
        return left + right
    return left - right if op == tree.BinaryOp.SUB else left * right


def shrink(range: Range, unit: int) -> Range:
    """Return the range of a number that is divided by a unit, towards zero."""
    return Range(_towards_zero(range.low, unit), _towards_zero(range.high, unit))


def _towards_zero(number: int, unit: int) -> int:
    return number // unit if number >= 0 else -(-number // unit)
