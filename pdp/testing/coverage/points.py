"""What tests have to show: points, each one place of the text, with the outcomes that are wanted of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pdp.classes import dataclass
from pdp.source import Source, Span

HOLDS: Final = 1
"""It was seen to hold: a condition true, a question in scope, a rule that applies."""

FAILS: Final = 2
"""It was seen not to hold."""

UNKNOWN: Final = 4
"""It could not be told. That is neither of the two."""

HELD_HIDDEN: Final = 8
"""It held where that made no difference, since something else settled what came of it."""

FAILED_HIDDEN: Final = 16
"""It did not hold where that made no difference."""

BOTH: Final = HOLDS | FAILS

NOWHERE: Final = Span(Source("", ""), 0, 0)
"""Where a rule stands that was never written as text."""


class Kind(StrEnum):
    """What a point is."""

    RULE = "rule"
    SCOPE = "scope"
    CLAUSE = "clause"
    OPERAND = "operand"
    ROLE = "role"
    GRANT = "grant"


WORDS: Final = {
    Kind.RULE: ("applies", "does not apply"),
    Kind.SCOPE: ("in it", "outside of it"),
    Kind.CLAUSE: ("true", "false"),
    Kind.OPERAND: ("true", "false"),
    Kind.ROLE: ("allowed by it", ""),
    Kind.GRANT: ("applies", ""),
}
"""How the two outcomes of each kind are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One place of a policy's text, and the outcomes that tests have to show there: HOLDS, FAILS, or both.

    `owner` is the rule or the role that it was found in. What several share, such as the body of a define, is one point
    of the first of them. Of a role, `text` is the action that is meant.
    """

    kind: Kind
    owner: str
    text: str
    span: Span
    wanted: int = BOTH

    @property
    def path(self) -> str:
        """The file that it is in."""
        return self.span.source.path

    @property
    def line(self) -> int:
        """The one line that it belongs to, counted from 1: where it starts."""
        return self.span.line

    @property
    def outcomes(self) -> tuple[int, ...]:
        """The outcomes that are wanted, one by one."""
        return tuple(each for each in (HOLDS, FAILS) if self.wanted & each)

    def word(self, outcome: int) -> str:
        """Return what an outcome is called here."""
        return WORDS[self.kind][outcome != HOLDS]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point, and what was seen of it."""

    point: Point
    seen: int

    @property
    def complete(self) -> bool:
        """Whether every outcome that is wanted was seen."""
        return self.point.wanted & ~self.seen == 0

    @property
    def covered(self) -> int:
        """How many of the outcomes that are wanted were seen."""
        return (self.point.wanted & self.seen).bit_count()

    @property
    def wanted(self) -> int:
        """How many outcomes are wanted."""
        return self.point.wanted.bit_count()

    @property
    def reached(self) -> bool:
        """Whether any test came to it at all."""
        return self.seen != 0

    @property
    def missing(self) -> tuple[int, ...]:
        """The outcomes that no test shows."""
        return tuple(each for each in self.point.outcomes if not self.seen & each)

    @property
    def remark(self) -> str:
        """What is missing, in words; nothing where nothing is, but for what was unknown.

        >>> from pdp.testing.coverage.points import NOWHERE
        >>> point = Point(kind=Kind.CLAUSE, owner="r", text="when a", span=NOWHERE)
        >>> for seen in (0, HOLDS, UNKNOWN, HOLDS | UNKNOWN, HOLDS | FAILED_HIDDEN, BOTH | UNKNOWN):
        ...     print(Mark(point, seen).remark)
        never looked at
        never false
        only unknown
        never false; unknown at times
        false only where something else settles it
        unknown at times
        """
        if self.seen == 0:
            return _NEVER.get(self.point.kind, "never looked at")
        if self.missing and self.seen == UNKNOWN:
            return "only unknown"
        said = [self._missing(outcome) for outcome in self.missing]
        return "; ".join([*said, *(["unknown at times"] if self.seen & UNKNOWN else [])])

    def _missing(self, outcome: int) -> str:
        hidden = self.seen & (HELD_HIDDEN if outcome == HOLDS else FAILED_HIDDEN)
        word = self.point.word(outcome)
        if hidden:
            return f"{word} only where something else settles it"
        if self.point.kind is Kind.RULE:
            return "never applies" if outcome == HOLDS else "never seen not to apply"
        return f"never {word}"


_NEVER: Final = {
    Kind.RULE: "never in scope",
    Kind.ROLE: "never allowed by a grant of it",
    Kind.GRANT: "never applies",
    Kind.SCOPE: "nobody is ever asked about",
}
