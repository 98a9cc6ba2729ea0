"""The operators on values, by the kinds of the values found. What cannot be computed is unknown, never an exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Final, TypeAlias

from pdp.symbols import ArithmeticOp, CompareOp, ContainsOp
from pdp.values import (
    DATETIME_MAX,
    DATETIME_MIN,
    INT_MAX,
    INT_MIN,
    UNKNOWN,
    Datetime,
    Decimal,
    Duration,
    EnumMember,
    Unknown,
    Value,
    ValueSet,
    equal,
)

Found: TypeAlias = Value | Unknown
Truth: TypeAlias = bool | Unknown


def invert(operand: Found) -> Truth:
    """Negate a truth value; anything else is unknown."""
    return (not operand) if isinstance(operand, bool) else UNKNOWN


def conjunction(operands: list[Found]) -> Truth:
    """Kleene's `and` of any number of operands: false decides, else unknown, else true."""
    found: Truth = True
    for operand in operands:
        if operand is False:
            return False
        if operand is not True:
            found = UNKNOWN
    return found


def disjunction(operands: list[Found]) -> Truth:
    """Kleene's `or` of any number of operands: true decides, else unknown, else false."""
    found: Truth = False
    for operand in operands:
        if operand is True:
            return True
        if operand is not False:
            found = UNKNOWN
    return found


def compare(op: CompareOp, left: Found, right: Found) -> Truth:
    """Compare two values of one kind; of different kinds, unknown."""
    if left.__class__ is not right.__class__ or isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    if isinstance(left, EnumMember) and isinstance(right, EnumMember) and left.enum != right.enum:
        return UNKNOWN
    if op is _EQ:
        return equal(left, right)
    if op is _NE:
        return not equal(left, right)
    low, high = _rank(left), _rank(right)
    if low is None or high is None:
        return UNKNOWN
    return ordered(op, low, high)


def ordered(op: CompareOp, left: int, right: int) -> bool:
    """Compare two numbers."""
    return _ORDERED[op](left, right)


# To look up a member of an enum takes longer than to compare two numbers.
_EQ: Final = CompareOp.EQ
_NE: Final = CompareOp.NE

_ORDERED: Final[Mapping[CompareOp, Callable[[int, int], bool]]] = {
    CompareOp.EQ: eq,
    CompareOp.NE: ne,
    CompareOp.LT: lt,
    CompareOp.LE: le,
    CompareOp.GT: gt,
    CompareOp.GE: ge,
}


def _rank(value: Value) -> int | None:
    """Return the number by which values of an ordered kind are ordered."""
    match value:
        case bool():
            return None
        case int():
            return value
        case Decimal():
            return value.units
        case Datetime() | Duration():
            return value.micros
        case _:
            return None


def same(left: Found, right: Found) -> Truth:
    """Tell whether two values are the same one, of whatever kinds they are."""
    return UNKNOWN if isinstance(left, Unknown) or isinstance(right, Unknown) else equal(left, right)


def holds(left: Found, right: Found) -> Truth:
    """Tell whether a set has a value of any kind as an element."""
    return UNKNOWN if not isinstance(left, ValueSet) or isinstance(right, Unknown) else right in left


def arithmetic(op: ArithmeticOp, left: Found, right: Found) -> Found:
    """Compute `left op right`, checked: out of range is unknown, and so are kinds that do not go together."""
    if isinstance(left, bool) or isinstance(right, bool):
        return UNKNOWN
    sign = -1 if op is ArithmeticOp.SUB else 1
    match op, left, right:
        case ArithmeticOp.MUL, int(), int():
            return _int(left * right)
        case ArithmeticOp.MUL, Duration(), int():
            return _duration(left.micros * right)
        case ArithmeticOp.MUL, int(), Duration():
            return _duration(left * right.micros)
        case ArithmeticOp.MUL, _, _:
            return UNKNOWN
        case _, int(), int():
            return _int(left + sign * right)
        case _, Decimal(), Decimal():
            return _decimal(left.units + sign * right.units)
        case _, Duration(), Duration():
            return _duration(left.micros + sign * right.micros)
        case _, Datetime(), Duration():
            return _datetime(left.micros + sign * right.micros)
        case ArithmeticOp.ADD, Duration(), Datetime():
            return _datetime(left.micros + right.micros)
        case ArithmeticOp.SUB, Datetime(), Datetime():
            return _duration(left.micros - right.micros)
        case _:
            return UNKNOWN


def negate(operand: Found) -> Found:
    """Compute `-operand`, checked."""
    match operand:
        case bool():
            return UNKNOWN
        case int():
            return _int(-operand)
        case Decimal():
            return _decimal(-operand.units)
        case Duration():
            return _duration(-operand.micros)
        case _:
            return UNKNOWN


def _fits(number: int) -> bool:
    return INT_MIN <= number <= INT_MAX


def _int(number: int) -> Found:
    return number if _fits(number) else UNKNOWN


def _decimal(units: int) -> Found:
    return Decimal(units) if _fits(units) else UNKNOWN


def _duration(micros: int) -> Found:
    return Duration(micros) if _fits(micros) else UNKNOWN


def _datetime(micros: int) -> Found:
    return Datetime(micros) if DATETIME_MIN <= micros <= DATETIME_MAX else UNKNOWN


def is_empty(operand: Found) -> Truth:
    """Tell whether a set is empty."""
    return len(operand) == 0 if isinstance(operand, ValueSet) else UNKNOWN


def contains(op: ContainsOp, left: Found, right: Found) -> Truth:
    """Tell whether the left set holds all, or any, of the right."""
    if not isinstance(left, ValueSet) or not isinstance(right, ValueSet):
        return UNKNOWN
    found = (element in left for element in right)
    return all(found) if op is ContainsOp.ALL else any(found)


def like(operand: Found, parts: tuple[str, ...]) -> Truth:
    """Match a whole string against literal parts with any text between them, in linear time.

    >>> like("refs/heads/main", ("refs/", "/main"))
    True
    """
    if not isinstance(operand, str):
        return UNKNOWN
    if len(parts) == 1:
        return operand == parts[0]
    first, last = parts[0], parts[-1]
    if len(operand) < len(first) + len(last) or not operand.startswith(first) or not operand.endswith(last):
        return False
    at, end = len(first), len(operand) - len(last)
    # The leftmost place of each part leaves the most room for the rest, so no place has to be tried twice.
    for part in parts[1:-1]:
        at = operand.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
