"""Where a term stands: what is known there, and where what is found goes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Final

from pdp import terms
from pdp.checker import presence
from pdp.checker.report import Report
from pdp.schema import Cell, Schema
from pdp.source import Span
from pdp.types import WRONG, RecordType, Type


@dataclass(slots=True)
class Verdicts:
    """What tests on types came out as, over all cells of a rule: what is the same in all of them is constant."""

    seen: dict[Span, set[bool]] = field(default_factory=lambda: defaultdict(set))
    texts: dict[Span, tuple[str, str]] = field(default_factory=dict)

    def note(self, span: Span | None, truth: bool | None, code: str, message: str) -> None:
        """Take note of a test's outcome in one cell; None where it depends on the request."""
        if span is not None:
            self.seen[span] |= {True, False} if truth is None else {truth}
            self.texts[span] = code, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known where a term stands: the types of the roots and variables, and which attributes are there."""

    schema: Schema
    report: Report
    verdicts: Verdicts
    principal: Type
    resource: Type
    context: RecordType
    session: RecordType
    facts: presence.Facts = presence.NOTHING
    lenient: bool = False
    """Whether optional attributes need no `has`: in the `when` of a forbid, where absence denies."""
    variables: tuple[tuple[int, Type], ...] = ()
    cell: Cell | None = None

    def knowing(self, facts: presence.Facts) -> Place:
        """Return the same place with more attributes known to be there."""
        return self if facts <= self.facts else replace(self, facts=self.facts | facts)

    def forgetting(self, term: terms.Term) -> Place:
        """Return the same place without what other conditions say of the type of a term."""
        if not self.facts:
            return self
        where = presence.path(term)
        facts = frozenset(
            fact for fact in self.facts if fact[0] not in (presence.IS, presence.IS_NOT) or fact[2:] != where
        )
        return self if len(facts) == len(self.facts) else replace(self, facts=facts)


def problem(at: Place, code: str, message: str, span: Span | None, help: str | None = None) -> Type:
    """Report an error where a term was written; return the type of what is already reported."""
    if span is not None:
        at.report.error(code, message, span, help)
    return WRONG


_SHOWN: Final = 100


def text(term: terms.Term) -> str:
    """Return a term as it was written, on one line."""
    written = "…" if term.span is None else " ".join(term.span.text[: 2 * _SHOWN].split())
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
