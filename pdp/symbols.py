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
