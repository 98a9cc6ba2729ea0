"""How `now` may stand: alone on one side of a comparison once terms have moved, or as a calendar field.

While a condition is resolved, `Now`, `Zone` and `Calendar` stand in for terms; a comparison turns them into a
`TimeTest` or a `CalendarTest`. What is left of them afterwards stands where the next change could not be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pdp import terms, zones
from pdp.checker.report import SETTLED_HELP, Report
from pdp.operators import ordered
from pdp.source import Span
from pdp.syntax import tree
from pdp.syntax.tree import ArithmeticOp, CompareOp
from pdp.types import WEEKDAY
from pdp.values import EnumMember


@dataclass(frozen=True, slots=True, kw_only=True)
class Now(terms.Node):
    """`now`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone(terms.Node):
    """`now["Europe/Berlin"]`."""

    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar(terms.Node):
    """`now["Europe/Berlin"].hour`."""

    zone: str
    field: zones.CalendarField


_FLIPPED: Final = {
    CompareOp.EQ: CompareOp.EQ,
    CompareOp.NE: CompareOp.NE,
    CompareOp.LT: CompareOp.GT,
    CompareOp.LE: CompareOp.GE,
    CompareOp.GT: CompareOp.LT,
    CompareOp.GE: CompareOp.LE,
}
_RANGES: Final = {
    zones.CalendarField.YEAR: (1, 9999),
    zones.CalendarField.MONTH: (1, 12),
    zones.CalendarField.DAY: (1, 31),
    zones.CalendarField.WEEKDAY: (0, 6),
    zones.CalendarField.HOUR: (0, 23),
    zones.CalendarField.MINUTE: (0, 59),
}
_HELP: Final = "write a comparison that `now` can stand alone in, such as `now - resource.since < 15m`"


def zone_or_field(expr: tree.Attribute, report: Report) -> Any:
    """Return what `now["…"]` or `now.field` is, or None after an error."""
    if not expr.quoted:
        return calendar_field("UTC", expr, report)
    try:
        zones.zone(expr.name.text)
    except ValueError:
        report.error(
            "unknown_zone",
            f"there is no time zone `{expr.name.text}`",
            expr.name.span,
            report.suggest(expr.name.text, zones.names())
            or "zones have the names of the IANA database, such as `Europe/Berlin`",
        )
        return None
    return Zone(zone=expr.name.text, span=expr.span)


def calendar_field(zone: str, expr: tree.Attribute, report: Report) -> Any:
    """Return a calendar field of `now`, or None after an error."""
    try:
        field = zones.CalendarField(expr.name.text)
    except ValueError:
        known = [str(each) for each in zones.CalendarField]
        report.error(
            "unknown_calendar_field",
            f"`now` has no `{expr.name.text}`",
            expr.name.span,
            report.suggest(expr.name.text, known) or f"it has {', '.join(known)}",
        )
        return None
    return Calendar(zone=zone, field=field, span=expr.span)


# ------------------------------------------------------------------------------------------------------ comparisons


def comparison(op: CompareOp, left: Any, right: Any, span: Span, report: Report) -> terms.Term:
    """Return a comparison; where `now` stands in it, as a test of time."""
    if isinstance(left, Calendar) or isinstance(right, Calendar):
        if isinstance(right, Calendar):
            op, left, right = _FLIPPED[op], right, left
        return _calendar_test(op, left, [right], span, report)
    plain = terms.Compare(op=op, left=left, right=right, span=span)
    if not _mentions_now(left) and not _mentions_now(right):
        return plain
    addends: list[terms.Addend] = []
    slopes = _flatten(left, 1, addends) + _flatten(right, -1, addends)
    if slopes not in ([1], [-1]) or any(_mentions_now(addend.term) for addend in addends):
        # Left as it is, its `now` is reported where it stands.
        return plain
    if op in (CompareOp.EQ, CompareOp.NE):
        report.error(
            "equal_to_now",
            "`now` is compared for order only",
            span,
            "use `<`, `<=`, `>` or `>=`: an instant passes within a microsecond",
        )
    # now + rest op 0 becomes now op -rest; -now + rest op 0 becomes now flipped rest.
    if slopes == [1]:
        addends = [terms.Addend(term=each.term, negative=not each.negative, span=each.span) for each in addends]
    return terms.TimeTest(op=op if slopes == [1] else _FLIPPED[op], bound=tuple(addends), span=span)


def _flatten(term: Any, sign: int, addends: list[terms.Addend]) -> list[int]:
    """Split a sum into addends; return the signs of the `now` in it."""
    match term:
        case Now():
            return [sign]
        case terms.Arithmetic(op=ArithmeticOp.ADD | ArithmeticOp.SUB) if _mentions_now(term):
            right = -sign if term.op is ArithmeticOp.SUB else sign
            return _flatten(term.left, sign, addends) + _flatten(term.right, right, addends)
        case _:
            addends.append(terms.Addend(term=term, negative=sign < 0, span=term.span))
            return []


def membership(left: Any, right: Any, span: Span, report: Report) -> terms.Term:
    """Return a test of membership; of a calendar field, as a test of time."""
    if isinstance(left, Calendar) and isinstance(right, terms.SetOf):
        return _calendar_test(None, left, list(right.items), span, report)
    return terms.In(left=left, right=right, span=span)


def _calendar_test(op: CompareOp | None, calendar: Any, others: list[Any], span: Span, report: Report) -> terms.Term:
    if calendar.field is zones.CalendarField.WEEKDAY and op not in (None, CompareOp.EQ, CompareOp.NE):
        report.error("not_ordered", "weekdays have no order", span, "list the days: `in [mon, tue, wed]`")
    values = [_calendar_value(calendar.field, other, report) for other in others]
    if not values:
        report.error("constant_condition", "nothing is in an empty set", span, "name at least one value")
    known = tuple(value for value in values if value is not None)
    if known and len(known) == len(values):
        _report_settled(calendar.field, op, known, span, report)
    return terms.CalendarTest(zone=calendar.zone, field=calendar.field, op=op, values=known or (0,), span=span)


def _report_settled(
    field: zones.CalendarField, op: CompareOp | None, values: tuple[int, ...], span: Span, report: Report
) -> None:
    low, high = _RANGES[field]
    if op is None:
        settled = set(values) >= set(range(low, high + 1))
    else:
        # What holds, or does not, at both ends and beside the value does so everywhere.
        (value,) = values
        tried = {low, high, *(each for each in (value - 1, value, value + 1) if low <= each <= high)}
        settled = len({ordered(op, each, value) for each in tried}) == 1
    if settled:
        report.error(
            "constant_condition", f"`{' '.join(span.text.split())}` is the same at every time", span, SETTLED_HELP
        )


def _calendar_value(field: zones.CalendarField, term: Any, report: Report) -> int | None:
    value = term.value if isinstance(term, terms.Constant) else None
    if field is zones.CalendarField.WEEKDAY:
        if isinstance(value, EnumMember) and value.enum == WEEKDAY.name:
            return WEEKDAY.members.index(value.name)
        wanted = "a weekday: mon, tue, wed, thu, fri, sat or sun"
    else:
        low, high = _RANGES[field]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        wanted = f"a number from {low} to {high}"
    if term.span is not None:
        never = field is not zones.CalendarField.WEEKDAY and isinstance(value, int) and not isinstance(value, bool)
        message = f"`{field}` is never `{value}`" if never else f"`{field}` is compared with constants only"
        report.error("calendar_value", message, term.span, f"write {wanted}")
    return None


# --------------------------------------------------------------------------------------------------- what is left


def _mentions_now(term: Any) -> bool:
    return any(isinstance(each, Now | Zone | Calendar) for each in terms.walk(term))


def report_misplaced(term: terms.Term, report: Report) -> bool:
    """Report every `now` that stands where its next edge could not be known; tell whether there is one."""
    found = [each for each in terms.walk(term) if isinstance(each, Now | Zone | Calendar)]
    for each in found:
        if each.span is not None:
            report.error("misplaced_now", "`now` cannot stand here", each.span, _HELP)
    return bool(found)


def report_any(term: terms.Term, report: Report) -> bool:
    """Report `now`, and every test of time, where no time may play a part; tell whether there is one."""
    kinds = Now | Zone | Calendar | terms.TimeTest | terms.CalendarTest
    found = [each for each in terms.walk(term) if isinstance(each, kinds)]
    for each in found:
        if each.span is not None:
            report.error(
                "misplaced_now",
                "what is computed here cannot depend on `now`",
                each.span,
                "only conditions depend on time: a decision's lease is made of them",
            )
    return bool(found)
