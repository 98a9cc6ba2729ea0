"""Coverage on a terminal: what is missing, at its place in the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pdp.cli.terminal import Terminal, plain
from pdp.syntax.messages import cut
from pdp.testing.coverage.points import Kind, Mark
from pdp.testing.coverage.report import FileReport, Marks, Report, remarks

_PLURALS: Final = {
    Kind.RULE: ("rule", "rules"),
    Kind.SCOPE: ("scope", "scopes"),
    Kind.CLAUSE: ("clause", "clauses"),
    Kind.OPERAND: ("operand", "operands"),
    Kind.ROLE: ("action of a role", "actions of roles"),
    Kind.GRANT: ("grant", "grants"),
}


def text_lines(report: Report, terminal: Terminal, *, everything: bool = False) -> Iterator[str]:
    """Yield the lines of a report: each file, and each place of which something is missing.

    With `everything`, the whole source is shown, each line marked.
    """
    width = max((len(plain(file.path)) for file in report.files), default=0)
    for file in report.files:
        name = plain(file.path)
        yield f"{_mark(file, terminal)} {terminal.paint(name, 'strong')}{' ' * (width - len(name))}  {_sum(file)}"
        shown = list(_source(file, terminal) if everything else _places(file, terminal))
        if shown:
            yield from ["", *shown, ""]
    yield f"{_mark(report, terminal)} {terminal.paint('coverage', 'strong')}: {_sum(report)}"
    counted = [text for kind in Kind if (text := count(kind, report.of_kind(kind).marks))]
    if counted:
        yield f"  complete: {', '.join(counted)}"


def _mark(marks: Marks, terminal: Terminal) -> str:
    return terminal.mark(not marks.missing)


def _sum(marks: Marks) -> str:
    if not marks.wanted:
        return "nothing to cover"
    return f"{marks.percent:>5} %  {marks.covered} of {marks.wanted} outcomes"


def count(kind: Kind, marks: Sequence[Mark]) -> str:
    """Say how many points of a kind are complete; nothing where there are none."""
    complete = sum(mark.complete for mark in marks)
    return f"{complete} of {len(marks)} {_PLURALS[kind][len(marks) != 1]}" if marks else ""


def _places(file: FileReport, terminal: Terminal) -> Iterator[str]:
    """Yield each line of which something is missing, with what that is."""
    gutter = len(str(max((mark.point.line for mark in file.missing), default=1)))
    owner = None
    for number, marks in file.by_line().items():
        missing = [mark for mark in marks if not mark.complete]
        if not missing:
            continue
        if missing[0].point.owner != owner:
            owner = missing[0].point.owner
            yield f"  {_owner(missing[0])} {terminal.paint(plain(owner), 'strong')}"
        yield _line(file, number, gutter, terminal)
        yield from _remarks(file, number, missing, gutter, terminal)


def _owner(mark: Mark) -> str:
    return "role" if mark.point.kind in (Kind.ROLE, Kind.GRANT) else "rule"


def _line(file: FileReport, number: int, gutter: int, terminal: Terminal) -> str:
    shown, _, _ = cut(file.source.line(number), 0, 0)
    return f"  {terminal.paint(f'{number:>{gutter}} |', 'note')} {shown}".rstrip()


def _remarks(file: FileReport, number: int, marks: Sequence[Mark], gutter: int, terminal: Terminal) -> Iterator[str]:
    line, bar = file.source.line(number), terminal.paint(" " * gutter + " |", "note")
    for span, remark, complete in remarks(marks):
        column = span.source.position(span.start)[1] - 1
        _, before, width = cut(line, column, column + span.end - span.start)
        under = terminal.paint("^" * width, "unknown" if complete else "false")
        yield f"  {bar} {' ' * before}{under} {plain(remark)}"


def _source(file: FileReport, terminal: Terminal) -> Iterator[str]:
    """Yield every line of a file: marked where tests have something to show of it."""
    lines = file.source.text.count("\n") + (not file.source.text.endswith("\n"))
    gutter, points = len(str(lines)), file.by_line()
    for number in range(1, lines + 1):
        marks = points.get(number, ())
        mark = terminal.mark(all(each.complete for each in marks)) if marks else " "
        yield f"{mark} {_line(file, number, gutter, terminal)[2:]}"
        yield from _remarks(file, number, marks, gutter, terminal)
