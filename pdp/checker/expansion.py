"""How much the conditions of a policy may come to once defines are written out, and types are told apart.

A few defines that use each other twice come to more than any memory holds, and a few types that differ in all ways
make a rule be looked at a million times. What a rule comes to is counted while it is resolved, and what all of them
come to together is bounded by the length of the policy.
"""

from __future__ import annotations

from typing import Final, Self

from pdp.checker.report import Report
from pdp.classes import dataclass
from pdp.source import Span
from pdp.syntax.limits import MAX_DEPTH

MAX_TERMS: Final = 200_000
"""The terms of the conditions of one rule, with its defines written out."""

MAX_ADDED: Final = 50_000
"""The terms that defines may add to a policy of any length."""

ADDED_PER_CHARACTER: Final = 2
"""The terms that they may add for each character of it."""

MAX_LOOKS: Final = 300_000
"""The terms that may be looked at once more, for another combination of types, in a policy of any length."""

LOOKS_PER_CHARACTER: Final = 5
"""The terms that may be looked at once more for each character of it."""


@dataclass(slots=True)
class Allowance:
    """How many terms there may be beyond those written, how many are left, and whether it was told that none are."""

    total: int
    left: int
    told: bool = False

    @classmethod
    def for_defines(cls, length: int) -> Self:
        """Return what defines may add to a policy of so many characters."""
        total = MAX_ADDED + ADDED_PER_CHARACTER * length
        return cls(total, total)

    @classmethod
    def for_looks(cls, length: int) -> Self:
        """Return what may be looked at once more in a policy of so many characters."""
        total = MAX_LOOKS + LOOKS_PER_CHARACTER * length
        return cls(total, total)


@dataclass(slots=True)
class Count:
    """What the conditions of a rule have come to so far: terms, variables, and the deepest term since it was asked."""

    terms: int = 0
    variables: int = 0
    deepest: int = 0
    told: bool = False

    def add(self, terms: int, depth: int) -> bool:
        """Count terms, the deepest of which stands at that depth; tell whether they still fit."""
        self.terms += terms
        if depth > self.deepest:
            self.deepest = depth
        return self.terms <= MAX_TERMS and depth < MAX_DEPTH


def report_too_large(span: Span, count: Count, allowance: Allowance, report: Report) -> None:
    """Report that a rule, or the policy, is too large with its defines written out: once each."""
    if count.told or (allowance.left < 0 and allowance.told):
        return
    count.told = True
    if count.terms > MAX_TERMS or count.deepest >= MAX_DEPTH:
        message = f"with its defines written out, this is over {MAX_TERMS} terms long or {MAX_DEPTH} deep"
    else:
        allowance.told = True
        message = f"with defines written out, the rules up to here are over {allowance.total} terms longer"
    report.error("expansion_too_large", message, span, "split it, or use fewer defines inside defines")
