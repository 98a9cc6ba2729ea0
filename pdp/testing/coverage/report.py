"""What tests show of a policy, in all and file by file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby

from pdp import terms
from pdp.classes import dataclass, field, replace
from pdp.source import Source, Span
from pdp.testing.coverage.places import scopes_of
from pdp.testing.coverage.plan import Plan
from pdp.testing.coverage.points import BOTH, FAILED_HIDDEN, FAILS, HELD_HIDDEN, HOLDS, Kind, Mark, Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Points with what was seen of them, and how many of the outcomes that are wanted that is."""

    marks: tuple[Mark, ...] = ()

    @property
    def wanted(self) -> int:
        """How many outcomes are wanted."""
        return sum(mark.wanted for mark in self.marks)

    @property
    def covered(self) -> int:
        """How many of them were seen."""
        return sum(mark.covered for mark in self.marks)

    @property
    def missing(self) -> tuple[Mark, ...]:
        """The points of which something was not seen."""
        return tuple(mark for mark in self.marks if not mark.complete)

    @property
    def ratio(self) -> float:
        """Which part of what is wanted was seen; 1 where nothing is wanted."""
        return self.covered / self.wanted if self.wanted else 1.0

    @property
    def percent(self) -> str:
        """The same in percent, cut off after one place: what is not all is never called 100."""
        tenths = self.covered * 1000 // self.wanted if self.wanted else 1000
        return f"{tenths // 10}.{tenths % 10}"

    def meets(self, threshold: float) -> bool:
        """Tell whether so many percent are covered. Nothing is rounded: 99.96 is not 100.

        Raise ValueError where the threshold is no number from 0 to 100.
        """
        least = Fraction(str(threshold))
        if not 0 <= least <= 100:
            raise ValueError(f"{threshold} is no percentage")
        return self.covered * 100 >= least * self.wanted

    def of_kind(self, kind: Kind) -> Marks:
        """Return those of one kind."""
        return Marks(marks=tuple(mark for mark in self.marks if mark.point.kind is kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport(Marks):
    """What tests show of one file, in the order of its text."""

    source: Source

    @property
    def path(self) -> str:
        """The path of the file in its folder."""
        return self.source.path

    def by_line(self) -> Mapping[int, Sequence[Mark]]:
        """Return the points by the line that each belongs to."""
        found: dict[int, list[Mark]] = {}
        for mark in self.marks:
            found.setdefault(mark.point.line, []).append(mark)
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Marks):
    """What tests show of a policy. Files of which they have nothing to show are left out."""

    files: tuple[FileReport, ...] = field(default=())

    @classmethod
    def of(cls, plan: Plan, seen: Sequence[int]) -> Report:
        """Say what was seen of the points of a plan."""
        marks = [_mark(point, marks) for point, marks in zip(_placed(plan), seen, strict=True)]
        marks.sort(key=_order)
        files = [
            FileReport(source=source, marks=tuple(of))
            for source, of in groupby(marks, key=lambda mark: mark.point.span.source)
        ]
        return cls(marks=tuple(marks), files=tuple(files))


def remarks(marks: Iterable[Mark]) -> Iterator[tuple[Span, str, bool]]:
    """Yield what is to be said of points: where, what, and whether they are complete all the same.

    The actions of one role stand in one place, and are told together.
    """
    actions: dict[Span, list[str]] = {}
    for mark in marks:
        if mark.point.kind is Kind.ROLE and not mark.complete:
            actions.setdefault(mark.point.span, []).append(mark.point.text)
        elif mark.remark:
            yield mark.point.span, mark.remark, mark.complete
    for span, names in actions.items():
        yield span, f"never allowed by a grant of it: {', '.join(names)}", False


def _order(mark: Mark) -> tuple[str, int, int, str]:
    span = mark.point.span
    return span.source.path, span.start, -span.end, mark.point.text


def _mark(point: Point, seen: int) -> Mark:
    """Return what is said of a point.

    What is known of an outcome that was seen, but for that it was, depends on the order of tests: it is not looked for
    any more. So nothing is said of it, but that a clause was unknown at times, since each case tells of clauses.
    """
    if seen & HOLDS:
        seen &= ~HELD_HIDDEN
    if seen & FAILS:
        seen &= ~FAILED_HIDDEN
    if point.wanted & ~seen == 0 and point.kind is not Kind.CLAUSE:
        seen &= BOTH
    return Mark(point, seen)


def _placed(plan: Plan) -> Iterable[Point]:
    """Yield the points, those of scopes at the places where the scopes are written."""
    known: dict[str, Mapping[str, Sequence[Span]]] = {}
    for at, point in enumerate(plan.points):
        if at not in plan.scopes:
            yield point
            continue
        rule, side, nth = plan.scopes[at]
        if rule.id not in known:
            known[rule.id] = scopes_of(rule)
        yield _at(point, rule, known[rule.id].get(side, ()), nth)


def _at(point: Point, rule: terms.Rule, places: Sequence[Span], nth: int) -> Point:
    if nth >= len(places):
        return point
    text = " ".join(places[nth].text.split())
    return replace(point, span=places[nth], text=text)
