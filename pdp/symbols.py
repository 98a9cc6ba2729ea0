"""The operators of the language, by the way they are written."""

from __future__ import annotations

from enum import StrEnum


class CompareOp(StrEnum):
    """The comparisons."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class ArithmeticOp(StrEnum):
    """The arithmetic of two operands."""

    ADD = "+"
    SUB = "-"
    MUL = "*"


class ContainsOp(StrEnum):
    """The comparisons of two sets."""

    ALL = "containsAll"
    ANY = "containsAny"


class QuantifierOp(StrEnum):
    """Which quantifier."""

    ANY = "any"
    ALL = "all"


class Semantics(StrEnum):
    """Whose meaning a set of policies has. It is a property of the set, and no option of anybody who loads or asks.

    For Cedar, a rule whose condition cannot be evaluated is skipped, a forbid included; an entity that nothing holds
    has no attributes and is in nothing; and a request brings values in Cedar's JSON.
    """

    PDP = "pdp"
    CEDAR = "cedar"


class Function(StrEnum):
    """The functions on values that Cedar has and that are no operators of pdp; each takes values of exact types."""

    DECIMAL = "decimal"
    IP = "ip"
    DATETIME = "datetime"
    DURATION = "duration"
    LESS_THAN = "lessThan"
    LESS_THAN_OR_EQUAL = "lessThanOrEqual"
    GREATER_THAN = "greaterThan"
    GREATER_THAN_OR_EQUAL = "greaterThanOrEqual"
    IS_IPV4 = "isIpv4"
    IS_IPV6 = "isIpv6"
    IS_LOOPBACK = "isLoopback"
    IS_MULTICAST = "isMulticast"
    IS_IN_RANGE = "isInRange"
    OFFSET = "offset"
    DURATION_SINCE = "durationSince"
    TO_DATE = "toDate"
    TO_TIME = "toTime"
    TO_MILLISECONDS = "toMilliseconds"
    TO_SECONDS = "toSeconds"
    TO_MINUTES = "toMinutes"
    TO_HOURS = "toHours"
    TO_DAYS = "toDays"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    ADD = "+"
    SUB = "-"
    MUL = "*"
    NEG = "neg"
